"""Paired comparison of two runs."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.compare import Result, changes, compare, read_results
from seqmelody.errors import InputError

HEADER = (
    "system,set_name,noise,snr_db,seed,clip,"
    "insertions,deletions,substitutions,reference_notes,conp_f1"
)


def test_changes_by_hand() -> None:
    pairs = [(Result(2, 8, 0.5), Result(1, 8, 0.75)), (Result(0, 12, 1.0), Result(0, 12, 1.0))]
    error, f1 = changes(pairs)
    assert (error.before, error.after) == pytest.approx((10.0, 5.0))
    assert (f1.before, f1.after) == pytest.approx((75.0, 87.5))
    assert error.low <= -5.0 <= error.high <= 0.0


def test_there_is_no_rate_without_notes() -> None:
    error, f1 = changes([(Result(2, 0, 0.0), Result(1, 0, 0.0))])
    assert str(error) == "– | – | –"
    assert str(f1).startswith("0.0 | 0.0 | +0.0")


def test_the_interval_covers_what_it_should() -> None:
    """Differences of known mean and deviation: the interval is near mean ± 1.96 s / √n."""
    rng = np.random.default_rng(0)
    gains = rng.normal(0.02, 0.1, 400)
    pairs = [(Result(0, 1, 0.5), Result(0, 1, 0.5 + float(g))) for g in gains]
    _, f1 = changes(pairs)
    half = 100 * 1.96 * gains.std() / np.sqrt(400)
    assert f1.low == pytest.approx(100 * gains.mean() - half, abs=0.1)
    assert f1.high == pytest.approx(100 * gains.mean() + half, abs=0.1)


def test_files_are_compared(tmp_path: Path) -> None:
    for name, errors in (("a.csv", 4), ("b.csv", 1)):
        row = f"seqmelody_ctc,piano8,clean,,0,000.flac,0,{errors},0,8,0.5"
        (tmp_path / name).write_text(f"{HEADER}\n{row}\n")
    compare(tmp_path / "a.csv", tmp_path / "b.csv", output=tmp_path / "out.md")
    assert "| 50.0 | 12.5 | -37.5 [-37.5, -37.5] |" in (tmp_path / "out.md").read_text()


def test_what_only_one_run_heard_does_not_count(tmp_path: Path) -> None:
    """Seed 1 was measured before and not after: the change is that of seed 0 alone."""
    rows = {
        seed: f"seqmelody_ctc,real,white,0.0,{seed},a.flac,0,{10 * seed},0,8,0.5" for seed in (0, 1)
    }
    (tmp_path / "a.csv").write_text("\n".join([HEADER, *rows.values()]))
    (tmp_path / "b.csv").write_text(f"{HEADER}\n{rows[0]}\n")
    compare(tmp_path / "a.csv", tmp_path / "b.csv", output=tmp_path / "out.md")
    assert "| 0.0 | 0.0 | +0.0 [+0.0, +0.0] |" in (tmp_path / "out.md").read_text()
    (tmp_path / "b.csv").write_text((tmp_path / "a.csv").read_text().replace(",10,0,8", ",2,0,8"))
    compare(tmp_path / "a.csv", tmp_path / "b.csv", output=tmp_path / "out.md")
    assert "| 62.5 | 12.5 | -50.0 [-50.0, -50.0] |" in (tmp_path / "out.md").read_text()


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"x\.csv: not a clips\.csv"):
        read_results(tmp_path / "x.csv")
