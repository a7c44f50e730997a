"""Reports of unusual rows: recordings without notes, files of another kind."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from benchmarks.head_to_head import losses, match_table
from benchmarks.intervals import rate_interval
from benchmarks.noise_report import snr_table, write_noise_report
from benchmarks.rows import Row


def row(system: str, clip: str, notes: int, estimated: int, set_name: str = "set") -> Row:
    counts = {"insertions": estimated, "deletions": notes, "substitutions": 0, "octave_errors": 0}
    return Row(
        system, "1", set_name, "clean", None, 0, clip, notes, estimated, **counts,
        repeats=0, repeats_found=0, exact=not notes + estimated, conp_f1=0.0, con_f1=0.0,
        audio_seconds=1.0, compute_seconds=1.0,
    )  # fmt: skip


WITHOUT_NOTES = [row("seqmelody_ctc", "0", 0, 1), row("rules", "0", 0, 2)]
BOTH = [*WITHOUT_NOTES, row("seqmelody_ctc", "1", 8, 0, "other"), row("rules", "1", 8, 0, "other")]


def test_there_is_no_rate_where_there_is_no_note() -> None:
    assert all(map(math.isnan, rate_interval([1, 2], [0, 0])))
    assert "| set | rules | 1 | – | 60.00 |" in snr_table(WITHOUT_NOTES)
    assert "| set | rules | 1 | 1 | – | – | – |" in match_table(WITHOUT_NOTES, "seqmelody_ctc")
    assert list(losses(WITHOUT_NOTES, "rules")) == []


@pytest.mark.parametrize("rows", [WITHOUT_NOTES, BOTH], ids=["alone", "beside others"])
def test_a_report_of_recordings_without_notes_is_written(tmp_path: Path, rows: list[Row]) -> None:
    pytest.importorskip("matplotlib", reason="figures need matplotlib")
    report, *figures = write_noise_report(tmp_path, rows)
    text = report.read_text()
    assert "| set | rules | 1 | – |" in text
    assert "nan" not in text
    assert all(path.stat().st_size > 1000 for path in figures)
