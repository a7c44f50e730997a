"""Where two readings of a recording agree, and where they differ.

Two note lists are aligned: a note of one and a note of the other are the same if their pitches
are equal and they overlap in time. Of all pairings in order the one with the most pairs counts, of
those the one that overlaps longest (an edit alignment without substitutions; found in linear time,
since two lists of notes that follow each other overlap in a chain). What is left between two agreed
notes is a *place of disagreement*; where nothing sounds for APART_SECONDS, another one begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from seqmelody.notes import Note

APART_SECONDS = 0.05  # of silence part two places
MOST_NOTES = 16  # of a place, of both readings together; longer ones are taken in parts


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A place where the two decoders read different notes.

    Attributes:
        onset: of its first note, in seconds.
        offset: of its last note, in seconds.
        ctc: the notes that only the CTC head reads there.
        window: the notes that only the window head reads there.
    """

    onset: float
    offset: float
    ctc: tuple[Note, ...]
    window: tuple[Note, ...]


class Step(NamedTuple):
    """A stretch of two aligned lists: one agreed note, or a place of disagreement.

    Attributes:
        ctc: indices of its notes in the first list.
        window: indices of its notes in the second list.
        agreed: it is one and the same note.
    """

    ctc: range
    window: range
    agreed: bool


def compare(ctc: Sequence[Note], window: Sequence[Note]) -> list[Step]:
    """Align two lists of notes, each by onset and one note at a time; their steps in order."""
    steps: list[Step] = []
    i = j = 0
    for a, b in [*pair_notes(ctc, window), (len(ctc), len(window))]:
        steps += _places(ctc, window, range(i, a), range(j, b))
        if a < len(ctc):
            steps.append(Step(range(a, a + 1), range(b, b + 1), True))
        i, j = a + 1, b + 1
    return steps


def pair_notes(ctc: Sequence[Note], window: Sequence[Note]) -> list[tuple[int, int]]:
    """Indices of the notes that are the same; see the module for what that means."""
    same = list(_same(ctc, window))
    # best[k]: pairs and seconds of overlap of the best choice among the first k of ``same``
    best: list[tuple[int, float]] = [(0, 0.0)]
    before: list[int] = []  # how many of ``same`` come wholly before the k-th
    first = 0
    for i, j, overlap in same:
        while same[first][0] < i and same[first][1] < j:
            first += 1
        before.append(first)
        pairs, seconds = best[first]
        best.append(max(best[-1], (pairs + 1, seconds + overlap)))
    chosen = []
    k = len(same)
    while k:
        if best[k] == best[k - 1]:
            k -= 1
        else:
            chosen.append(same[k - 1][:2])
            k = before[k - 1]
    return chosen[::-1]


def _same(ctc: Sequence[Note], window: Sequence[Note]) -> Iterable[tuple[int, int, float]]:
    """Notes of equal pitch that overlap: indices, seconds of overlap. Neither index ever falls."""
    i = j = 0
    while i < len(ctc) and j < len(window):
        a, b = ctc[i], window[j]
        overlap = min(a.offset, b.offset) - max(a.onset, b.onset)
        if overlap > 0 and round(a.pitch) == round(b.pitch):
            yield i, j, overlap
        if a.offset <= b.offset:
            i += 1
        else:
            j += 1


def _places(
    ctc: Sequence[Note], window: Sequence[Note], left: range, right: range
) -> Iterable[Step]:
    """Places among the notes between two agreed ones."""
    i, j = left.start, right.start
    while i < left.stop or j < right.stop:
        first_i, first_j = i, j
        end = np.inf  # of the notes so far; the first one always belongs
        while i + j - first_i - first_j < MOST_NOTES and (i < left.stop or j < right.stop):
            is_ctc = j == right.stop or (i < left.stop and ctc[i].onset <= window[j].onset)
            note = ctc[i] if is_ctc else window[j]
            if note.onset > end + APART_SECONDS:
                break
            end = note.offset if np.isinf(end) else max(end, note.offset)
            i, j = (i + 1, j) if is_ctc else (i, j + 1)
        yield Step(range(first_i, i), range(first_j, j), False)


def disagreements(ctc: Sequence[Note], window: Sequence[Note]) -> list[Disagreement]:
    """Places where two lists of notes differ, by onset."""
    return [described(step, ctc, window) for step in compare(ctc, window) if not step.agreed]


def described(step: Step, ctc: Sequence[Note], window: Sequence[Note]) -> Disagreement:
    """A step of :func:`compare` that is not agreed, with its notes."""
    readings = notes_at(ctc, step.ctc), notes_at(window, step.window)
    onset = min(note.onset for notes in readings for note in notes)
    offset = max(note.offset for notes in readings for note in notes)
    return Disagreement(onset, offset, *readings)


def notes_at(notes: Sequence[Note], places: range) -> tuple[Note, ...]:
    """The notes of a step."""
    return tuple(notes[places.start : places.stop])


def agreed(ctc: Sequence[Note], window: Sequence[Note]) -> list[Note]:
    """Notes on which both agree, timed as the window decoder has them.

    Confidence is the mean of the two.
    """
    return [
        mean_confidence(window[step.window.start], ctc[step.ctc.start])
        for step in compare(ctc, window)
        if step.agreed
    ]


def mean_confidence(note: Note, other: Note) -> Note:
    """The first note, as sure as both together."""
    return replace(note, confidence=(note.confidence + other.confidence) / 2)
