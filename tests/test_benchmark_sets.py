"""Sets that are unfit: one line that names the file and the line, and no traceback."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from benchmarks.accuracy import app as accuracy
from benchmarks.clips import Condition, NoiseBench, load_set
from benchmarks.noise_robustness import app
from seqmelody import InputError, Note
from seqmelody.audio import SAMPLE_RATE

GOOD = json.dumps({"audio": "a.flac", "notes": [[0.5, 0.9, 62], [0.1, 0.4, 60]]})


def write_set(folder: Path, manifest: str, level: float = 0.2) -> Path:
    """A set of one tone."""
    folder.mkdir()
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    soundfile.write(folder / "a.flac", level * np.sin(2 * np.pi * 262 * time), SAMPLE_RATE)
    (folder / "manifest.jsonl").write_text(manifest)
    return folder


def test_blank_lines_are_passed_over(tmp_path: Path) -> None:
    (clip,) = load_set(write_set(tmp_path / "set", f"\n{GOOD}\n \n\n"))
    assert (clip.set_name, clip.index, clip.name) == ("set", 0, "a.flac")
    assert clip.notes == [Note(0.1, 0.4, 60), Note(0.5, 0.9, 62)]


UNFIT = {
    "[1, 2]": r"line 3: not a manifest entry",
    '{"audio": "a.flac", "notes": 5}': r"line 3: not a manifest entry",
    '{"audio": "a.flac", "notes": [[0.4, 0.1, 60]]}': r"line 3: not a manifest entry",
    '{"audio": "a.flac", "pitches": [60]}': r"line 3: not every note has its times",
    '{"audio": "a.flac", "notes": [], "samples": 1}': r'line 3: "samples" names no file',
    '{"audio": "b.flac", "notes": []}': r"b\.flac is missing",
    '{"audio": "manifest.jsonl", "notes": []}': r"manifest\.jsonl: no audio that can be read",
    GOOD: r"names a\.flac 2 times",
}


@pytest.mark.parametrize("line", UNFIT)
def test_unfit_lines_are_named(tmp_path: Path, line: str) -> None:
    folder = write_set(tmp_path / "set", f"{GOOD}\n\n{line}\n")
    with pytest.raises(InputError, match=UNFIT[line]):
        load_set(folder)


def test_an_empty_recording_is_named(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", GOOD)
    soundfile.write(folder / "a.flac", np.zeros(0), SAMPLE_RATE, format="WAV")
    with pytest.raises(InputError, match=r"a\.flac holds no sound"):
        load_set(folder)


def test_a_silent_recording_is_named(tmp_path: Path) -> None:
    (clip,) = load_set(write_set(tmp_path / "set", GOOD, level=0.0))
    with pytest.raises(InputError, match=r"set/a\.flac in white: the clean signal is silent"):
        NoiseBench(tmp_path, 0).apply(clip, Condition("white", 0.0))


@pytest.mark.parametrize(("manifest", "level"), [("{", 0.2), ("", 0.2), (GOOD, 0.0)])
def test_a_sweep_of_an_unfit_set_ends_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manifest: str, level: float
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # the command sets it: this sets it back
    folder = write_set(tmp_path / "set", manifest, level)
    options = ["--systems", "rules", "--noises", "white", "--output", str(tmp_path / "a.csv")]
    result = CliRunner().invoke(app, ["run", "--sets", f"{folder}/", *options])
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    (line,) = (line for line in result.output.splitlines() if line.startswith("error: "))
    assert "set/" in line


def test_brackets_of_a_message_are_printed(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", "{")
    options = ["--sets", f"{folder}/", "--systems", "rules", "--output", str(tmp_path / "out")]
    assert '"notes": [[onset, offset, pitch], ...]' in CliRunner().invoke(accuracy, options).output
