"""A sweep that is run again: what stays, what is measured anew, and what it says of both."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from rich.console import Console

from benchmarks import clips, measurement
from benchmarks.measurement import Settings
from benchmarks.peers import SYSTEMS, Options
from benchmarks.rows import Journal, Row, read_csv, read_finished_and_part, write_csv
from benchmarks.sweep import Sweep, run_sweep
from benchmarks.workers import by_processes
from seqmelody import Note
from seqmelody.audio import SAMPLE_RATE
from seqmelody.noise import FloatArray

ROWS = 2 * 3  # two clips, clean and in one noise at two SNRs


class Deaf:
    """Recognises nothing."""

    version = "deaf 1"

    def transcribe(self, samples: FloatArray) -> list[Note]:
        return []


def write_clip(folder: Path, name: str, hertz: float) -> None:
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    soundfile.write(folder / name, 0.2 * np.sin(2 * np.pi * hertz * time), SAMPLE_RATE)


def write_labels(folder: Path, first: list[list[float]]) -> None:
    labels = {"a.flac": first, "b.flac": [[0.1, 0.4, 60]]}
    lines = [json.dumps({"audio": name, "notes": notes}) for name, notes in labels.items()]
    (folder / "manifest.jsonl").write_text("\n".join(lines))


@pytest.fixture
def clip_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setitem(SYSTEMS, "deaf", lambda options: Deaf())
    folder = tmp_path / "set"
    folder.mkdir()
    write_clip(folder, "a.flac", 262)
    write_clip(folder, "b.flac", 262)
    write_labels(folder, [[0.1, 0.4, 60]])
    yield folder
    measurement.system.cache_clear()


def run(folder: Path) -> tuple[list[Row], str]:
    """The rows, and what was said."""
    clips.cached_set.cache_clear()  # as a new process would find it
    csv, said = folder.parent / "a.csv", io.StringIO()
    plan = Sweep(("deaf",), (folder,), ("white",), (0.0, -10.0), (0,))
    settings = Settings(folder.parent / "none", Options(), "abc")
    run_sweep(plan, settings, Journal(csv), partial(by_processes, jobs=1), Console(file=said))
    return read_csv(csv), said.getvalue()


CHANGES: dict[str, Callable[[Path], None]] = {
    "a note more": lambda folder: write_labels(folder, [[0.1, 0.4, 60], [0.5, 0.8, 60]]),
    "another pitch": lambda folder: write_labels(folder, [[0.1, 0.4, 62]]),
    "another sound": lambda folder: write_clip(folder, "a.flac", 294),
}


@pytest.mark.parametrize("change", CHANGES)
def test_rows_of_a_changed_clip_are_measured_again(clip_set: Path, change: str) -> None:
    first, said = run(clip_set)
    assert f"0 of {ROWS} rows are there already\n" in said
    CHANGES[change](clip_set)
    again, said = run(clip_set)
    assert f"3 of {ROWS} rows are there already; 3 are of another version" in said
    marks = [{row.clip: row.fingerprint for row in rows} for rows in (first, again)]
    assert marks[0]["a.flac"] != marks[1]["a.flac"]
    assert marks[0]["b.flac"] == marks[1]["b.flac"]
    assert len(again) == ROWS


def test_rows_of_before_the_fingerprint_stay(clip_set: Path) -> None:
    first, _ = run(clip_set)
    old = [replace(row, fingerprint="", compute_seconds=99.0) for row in first]
    path = clip_set.parent / "a.csv"
    write_csv(path, old)
    lines = [line.rsplit(",", 1)[0] for line in path.read_text().splitlines()]
    path.write_text("\n".join(lines) + "\n")  # as it was written before
    again, said = run(clip_set)
    assert f"{ROWS} of {ROWS} rows are there already\n" in said
    assert again == old


def test_but_not_those_of_other_numbers_of_notes_or_lengths(clip_set: Path) -> None:
    first, _ = run(clip_set)
    for change in ({"reference_notes": 2}, {"audio_seconds": 1.5}):
        old = [replace(row, fingerprint="", **change) for row in first]  # type: ignore[arg-type]
        write_csv(clip_set.parent / "a.csv", old)
        again, _ = run(clip_set)
        assert {(r.reference_notes, r.audio_seconds) for r in again} == {(1, 1.0)}


def test_an_unfinished_run_of_before_the_fingerprint_is_read(clip_set: Path) -> None:
    first, _ = run(clip_set)
    path = clip_set.parent / "a.csv"
    _, *lines = path.read_text().splitlines()
    part = path.with_name("a.csv.part")
    part.write_text("".join(line.rsplit(",", 1)[0] + "\n" for line in lines))
    path.unlink()
    assert read_finished_and_part(path) == [replace(row, fingerprint="") for row in first]
