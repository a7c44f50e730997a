"""Notes from a pitch contour (f0), for sets whose authors give no notes.

This is a rule, not an annotation. A running median of 0.15 s, about a period of vibrato, takes the
vibrato off and keeps steps sharp. A note is a stretch of it that stays within 0.75 semitone of a
semitone for 60 ms; shorter stretches (glides, scoops) belong to the note before them, at the start
of a phrase to the note after. A repeated note is seen only where the contour is silent in between,
and notes shorter than half the median only between silences.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqmelody.notes import Note

MEDIAN_SECONDS = 0.15
STAY = (
    0.75  # semitones from the note's semitone; more than 0.5, so that out of tune does not flicker
)
SHORTEST_SECONDS = 0.06
SILENT = 0  # in place of a semitone, which is 8 Hz and none of music


class _Run(NamedTuple):
    """Frames ``first`` up to, not with, ``last`` at one semitone."""

    first: int
    last: int
    semitone: int


def contour_notes(times: NDArray[np.float64], hertz: NDArray[np.float64]) -> list[Note]:
    """Notes of a contour.

    Args:
        times: of the frames, in seconds, evenly spaced, shape (T,).
        hertz: frequency of each frame, 0 or less where nothing sounds, shape (T,).

    Returns:
        Notes by onset; the pitch is the median of the note's frames.
    """
    if len(times) < 2:
        return []
    hop = float(times[1] - times[0])  # seconds
    voiced = hertz > 0
    pitch = np.zeros(len(hertz))
    pitch[voiced] = 69.0 + 12.0 * np.log2(hertz[voiced] / 440.0)
    semitones = np.full(len(hertz), SILENT)
    for first, last in _stretches(voiced):
        semitones[first:last] = _semitones(_running_median(pitch[first:last], hop))
    shortest = max(1, round(SHORTEST_SECONDS / hop))
    notes = []
    for first, last, semitone in _join(_runs(semitones), shortest):
        if last - first >= shortest:
            steady = pitch[first:last][semitones[first:last] == semitone]
            onset = float(times[first])
            notes.append(Note(onset, onset + (last - first) * hop, float(np.median(steady))))
    return notes


def _running_median(pitch: NDArray[np.float64], hop: float) -> NDArray[np.float64]:
    half = round(MEDIAN_SECONDS / hop / 2)
    padded = np.pad(pitch, half, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)  # (T, window)
    return np.asarray(np.median(windows, axis=1))


def _semitones(pitch: NDArray[np.float64]) -> list[int]:
    """Semitone of each frame; it holds until the contour leaves it by more than ``STAY``."""
    held = round(float(pitch[0]))
    semitones = []
    for value in pitch.tolist():
        if abs(value - held) > STAY:
            held = round(value)
        semitones.append(held)
    return semitones


def _stretches(values: NDArray[Any]) -> Iterator[tuple[int, int]]:
    """First and last + 1 of each stretch of one value, where that is no silence."""
    edges = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    for first, last in itertools.pairwise(edges):
        if values[first] != SILENT:
            yield first, last


def _runs(semitones: NDArray[np.int64]) -> Iterator[_Run]:
    for first, last in _stretches(semitones):
        yield _Run(first, last, int(semitones[first]))


def _join(runs: Iterator[_Run], shortest: int) -> list[_Run]:
    """Runs with the short ones given to a neighbour."""
    joined: list[_Run] = []
    for run in runs:
        before = joined[-1] if joined and joined[-1].last == run.first else None
        if before is None:
            joined.append(run)
        elif run.semitone == before.semitone or run.last - run.first < shortest:
            joined[-1] = before._replace(last=run.last)
        elif before.last - before.first < shortest:
            joined[-1] = run._replace(first=before.first)
        else:
            joined.append(run)
    return joined
