"""The alignment benchmark: which corrupted places count as marked, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.alignment import KINDS, Corrupted, Mistake, Tally, _count_marks, corrupt
from seqmelody import AlignedNote


def note(mark: str, listed: int | None, heard: int | None) -> AlignedNote:
    return AlignedNote(mark, listed, heard, 0.0, 0.1, 1.0)  # type: ignore[arg-type]


# What is played: 60 62 64 65. What the list says, what the alignment makes of it, and what counts.
@pytest.mark.parametrize(
    ("pitches", "mistake", "aligned", "marked", "alarms"),
    [
        ([60, 69, 64], Mistake("pitch", 1, 69), ["ok 60", "wrong 69 62", "ok 64"], 1, 0),
        ([60, 69, 64], Mistake("pitch", 1, 69), ["ok 60", "ok 69", "wrong 64 67"], 0, 1),
        ([60, 64, 65], Mistake("left out", 1, 62), ["ok 60", "extra 62", "ok 64", "ok 65"], 1, 0),
        ([60, 64, 65], Mistake("left out", 1, 62), ["ok 60", "wrong 64 62", "ok 65"], 1, 0),
        ([60, 64, 65], Mistake("left out", 1, 62), ["ok 60", "wrong 64 61", "ok 65"], 0, 1),
        ([60, 64, 65], Mistake("left out", 1, 62), ["ok 60", "ok 64", "extra 62", "ok 65"], 0, 1),
        ([60, 62, 62, 64, 65], Mistake("too many", 2, 62),
         ["ok 60", "missing 62", "ok 62", "ok 64", "ok 65"], 1, 0),  # nobody could tell which
    ],
)  # fmt: skip
def test_marks_are_counted(
    pitches: list[int], mistake: Mistake, aligned: list[str], marked: int, alarms: int
) -> None:
    notes = []
    for text in aligned:
        mark, *numbers = text.split()
        first, last = int(numbers[0]), int(numbers[-1])
        listed = None if mark == "extra" else first
        notes.append(note(mark, listed, None if mark == "missing" else last))
    tally = Tally()
    _count_marks(tally, Corrupted(pitches, [None] * len(pitches), [mistake]), notes)
    assert tally.places[mistake.kind] == 1
    assert (sum(tally.marked.values()), tally.false_alarms) == (marked, alarms)


def test_corruption_keeps_track_of_what_is_true() -> None:
    pitches = list(range(40, 90)) * 8
    corrupted = corrupt(pitches, 0.2, np.random.default_rng(0))
    assert len(corrupted.mistakes) == pytest.approx(80, abs=25)
    assert {m.kind for m in corrupted.mistakes} == set(KINDS)
    for listed, true in zip(corrupted.pitches, corrupted.true, strict=True):
        assert true is None or pitches[true] == listed
    left_out = sum(m.kind != "too many" for m in corrupted.mistakes)
    assert sum(t is not None for t in corrupted.true) == len(pitches) - left_out
