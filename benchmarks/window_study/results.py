"""Rows of the study in a CSV that grows, and the measures that they hold."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from benchmarks.clips import Clip, Condition, NoiseBench
from benchmarks.rows import write_whole
from benchmarks.window_study.data import HOP, HOP_SECONDS, VOCABULARY
from seqmelody.datasets import window_targets
from seqmelody.decoding.window import decode_window
from seqmelody.emission import Emission
from seqmelody.metrics import EditCounts, edit_counts, note_f1
from seqmelody.notes import Note

FloatArray = NDArray[np.float32]
CHANGE_COST = 1.0  # nats: without an onset cue something must speak against a new note


@dataclass(frozen=True, slots=True)
class Row:
    """A system with one seed in one condition; shares of 1.

    Attributes:
        system: what was trained, or not.
        reading: how its answers were used; empty for the plain way.
        seed: of its weights and of the order of clips.
        noise: clean, or the kind of noise.
        snr_db: None if clean.
        weights: trained numbers; 0 where that says nothing.
        train_seconds: by the clock.
        wrong_windows: share of windows of another class than said; NaN where there is no such.
        note_error_rate: by edits.
        conp_f1: correct onset and pitch.
    """

    system: str
    reading: str
    seed: int
    noise: str
    snr_db: float | None
    weights: int
    train_seconds: float
    wrong_windows: float
    note_error_rate: float
    conp_f1: float


class Table:
    """The CSV; rows of a finished (system, seed) are written together, so it can be resumed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = _read(path) if path.exists() else []

    def has(self, system: str, seed: int) -> bool:
        """Whether that was measured."""
        return any((row.system, row.seed) == (system, seed) for row in self.rows)

    def add(self, rows: Iterable[Row]) -> None:
        """Add rows and write the file."""
        self.rows += rows
        text = io.StringIO()
        writer = csv.DictWriter(text, [f.name for f in fields(Row)], lineterminator="\n")
        writer.writeheader()
        for row in self.rows:
            values = asdict(row)
            rounded = {k: round(v, 5) for k, v in values.items() if isinstance(v, float)}
            writer.writerow(values | rounded)
        write_whole(self.path, text.getvalue())


def _read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Row(
                r["system"],
                r["reading"],
                int(r["seed"]),
                r["noise"],
                float(r["snr_db"]) if r["snr_db"] else None,
                int(r["weights"]),
                *(float(r[f.name]) for f in fields(Row)[6:]),
            )
            for r in csv.DictReader(file)
        ]


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """The test clips in one condition; ``waveforms`` (N, samples), ``classes`` (N, T)."""

    condition: Condition
    clips: list[Clip]
    waveforms: FloatArray
    classes: NDArray[np.int64]


def hear(clips: Sequence[Clip], todo: Iterable[Condition], bench: NoiseBench) -> list[Heard]:
    """All clips in all conditions."""
    n_windows = len(clips[0].samples) // HOP + 1
    classes = [window_targets(c.notes, VOCABULARY, n_windows, HOP_SECONDS)[0] for c in clips]
    return [
        Heard(c, list(clips), np.stack([bench.apply(clip, c) for clip in clips]), np.stack(classes))
        for c in todo
    ]


@dataclass(frozen=True, slots=True)
class Measures:
    """How right a system is in one condition."""

    wrong_windows: float
    note_error_rate: float
    conp_f1: float


def judge(log_probs: FloatArray, heard: Heard, stride: int = 1) -> Measures:
    """Measures of log-probabilities (N, T', n + 1) for every ``stride``-th window."""
    wrong = float(np.mean(log_probs.argmax(axis=2) != heard.classes[:, ::stride]))
    found = [
        decode_window(Emission(one, HOP_SECONDS * stride), VOCABULARY, change_cost=CHANGE_COST)
        for one in log_probs
    ]
    return Measures(wrong, *_note_measures(found, heard.clips))


def judge_notes(found: Sequence[list[Note]], heard: Heard) -> Measures:
    """Measures of a system that answers with notes; windows follow from them."""
    shape = heard.classes.shape[1]
    inside = [[n for n in notes if n.pitch in VOCABULARY] for notes in found]
    said = [window_targets(notes, VOCABULARY, shape, HOP_SECONDS)[0] for notes in inside]
    wrong = float(np.mean(np.stack(said) != heard.classes))
    return Measures(wrong, *_note_measures(found, heard.clips))


def _note_measures(found: Sequence[list[Note]], clips: Sequence[Clip]) -> tuple[float, float]:
    """Note error rate, equal neighbours joined on both sides, and COnP F1 as it is."""
    edits = sum(
        (
            edit_counts(_joined(clip.notes), _joined(notes))
            for clip, notes in zip(clips, found, strict=True)
        ),
        EditCounts(),
    )
    scores = [note_f1(clip.notes, notes) for clip, notes in zip(clips, found, strict=True)]
    return edits.note_error_rate, fmean(scores)


def _joined(notes: Sequence[Note]) -> list[float]:
    """Pitches in order, each once where it comes several times in a row."""
    pitches = [note.pitch for note in notes]
    return [p for k, p in enumerate(pitches) if k == 0 or p != pitches[k - 1]]


def rows_of(
    system: str,
    seed: int,
    measured: Iterable[tuple[str, Condition, Measures]],
    weights: int = 0,
    seconds: float = 0.0,
) -> list[Row]:
    """Rows of (reading, condition, measures)."""
    return [
        Row(
            system,
            reading,
            seed,
            condition.noise,
            condition.snr_db,
            weights,
            seconds,
            m.wrong_windows,
            m.note_error_rate,
            m.conp_f1,
        )
        for reading, condition, m in measured
    ]
