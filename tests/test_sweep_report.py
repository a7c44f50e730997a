"""Reports of unusual rows: recordings without notes, files of another kind."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.accuracy import app as accuracy
from benchmarks.head_to_head import losses, match_table
from benchmarks.intervals import rate_interval
from benchmarks.noise_report import snr_table, write_noise_report
from benchmarks.noise_robustness import app as noise_robustness
from benchmarks.rows import Journal, Row, read_csv, write_csv
from seqmelody import InputError


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


MANIFEST = '{"audio": "a.flac", "notes": [[0.1, 0.4, 60]]}\n'
FOREIGN = {
    "manifest.jsonl": MANIFEST.encode(),
    "long.jsonl": f'{{"audio": "{"a" * 200_000}"}}\n'.encode(),  # more than a field may hold
    "other.csv": b"system,reading,seed\na,b,1\n",
    "newer.csv": b"",  # see below
    "picture.png": b"\x89PNG\r\n\x1a\n",
}


@pytest.fixture(params=FOREIGN)
def foreign(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / str(request.param)
    path.write_bytes(FOREIGN[path.name])
    if path.name == "newer.csv":
        write_csv(path, WITHOUT_NOTES)
        path.write_text("colour," + path.read_text())
    return path


def one_error(output: str) -> str:
    assert "Traceback" not in output
    (line,) = (line for line in output.splitlines() if line.startswith("error: "))
    return line


def test_a_file_of_another_kind_is_no_table(foreign: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(noise_robustness, ["report", str(foreign)])
    assert result.exit_code == 1
    assert f"{foreign} is not a table of this benchmark" in one_error(result.output)


def test_nor_can_it_be_used_again(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    manifest = tmp_path / "mine" / "manifest.jsonl"
    manifest.write_text(MANIFEST)
    options = ["--sets", "mine", "--systems", "rules", "--reuse", str(manifest)]
    options += ["--dev", str(tmp_path), "--output", str(tmp_path / "output")]
    result = CliRunner().invoke(accuracy, options)
    assert result.exit_code == 1
    assert "is not a table of this benchmark" in one_error(result.output)


def test_a_report_of_nothing_says_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    result = CliRunner().invoke(noise_robustness, ["report", str(path)])
    assert f"{path}: no such file" in one_error(result.output)
    write_csv(path, [])
    result = CliRunner().invoke(noise_robustness, ["report", str(path)])
    assert f"{path}: holds no rows" in one_error(result.output)


def test_a_spoilt_row_is_another_matter_and_an_empty_file_a_start(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_csv(path, WITHOUT_NOTES)
    path.write_text(path.read_text() + "rules,1,set\n")
    with pytest.raises(InputError, match="a row is not of this benchmark"):
        read_csv(path)
    path.write_text("")
    assert Journal(path).rows == []
