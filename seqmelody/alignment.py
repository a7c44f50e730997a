"""When was each note of a known sequence played? Exact dynamic programming on window emissions.

Each note is a stretch of its own class, followed by a stretch (possibly empty) of "no note"; its
onset gains what the onset cue says there. The best times for all notes together are found by going
through the notes once, keeping a score for every frame at which the next note could begin
(a semi-Markov Viterbi search; cf. Sarawagi & Cohen, NIPS 2004).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqmelody.emission import Emission
from seqmelody.notes import NO_NOTE

ONSET_FLOOR = 0.01  # a missed cue makes an onset unlikely, not impossible
ONSET_MASS = 1.5  # what the cue of a certain onset adds up to over its frames (see window_targets)
ONSET_REACH = 1  # frames on either side of a peak that belong to it
TOO_CLOSE = 1e6  # nats: worse than anything an emission says, and better than no alignment
FloatArray = NDArray[np.float64]


class Span(NamedTuple):
    """Frames of a note: from ``begin`` up to, not including, ``end``."""

    begin: int
    end: int


class Range(NamedTuple):
    """Frames in which a note may begin: from ``first`` to ``last``, both included."""

    first: int
    last: int


def onset_scores(emission: Emission, weight: float = 1.0) -> tuple[FloatArray, FloatArray]:
    """Log-probability that a note begins, and that none does, in each frame: two (T,) arrays.

    The cue spreads an onset over the frames around it, the more so the less sure it is of the
    frame. So what it says is summed around each peak, where one decision is taken: begin or not.
    Elsewhere nothing speaks for an onset, and nothing needs to be denied. Without an onset cue
    both are 0 everywhere: nothing is known.
    """
    begin, stay = np.zeros(len(emission)), np.zeros(len(emission))
    if emission.onset_probs is None or len(emission) == 0:
        return begin, stay
    cue = emission.onset_probs.astype(np.float64)
    around = np.convolve(cue, np.ones(2 * ONSET_REACH + 1), mode="full")[ONSET_REACH:-ONSET_REACH]
    before, after = np.append(-np.inf, cue[:-1]), np.append(cue[1:], -np.inf)
    peak = (cue >= before) & (cue > after)
    onset = np.clip(around / ONSET_MASS, ONSET_FLOOR, 1 - ONSET_FLOOR)
    begin[:] = weight * np.log(ONSET_FLOOR)
    begin[peak] = weight * np.log(onset[peak])
    stay[peak] = weight * np.log1p(-onset[peak])
    return begin, stay


def align_labels(
    emission: Emission,
    labels: Sequence[int],
    ranges: Sequence[Range],
    *,
    min_frames: int = 1,
    gap_frames: int = 0,
    onset_weight: float = 1.0,
) -> list[Span]:
    """Best frames for each of a sequence of classes.

    Args:
        emission: window-head emission of T frames.
        labels: classes 1..n in the order played, L of them.
        ranges: for each note, the frames in which it may begin; both ends must not fall from note
            to note, and must leave ``min_frames`` for every note.
        min_frames: no note is shorter.
        gap_frames: from one note's beginning to the next, where the ranges allow it.
        onset_weight: how much the onset cue counts.

    Returns:
        L spans in order, not overlapping. Time and memory grow with the squares of the ranges, and
        with the number of frames.
    """
    if not labels:
        return []
    begin, stay = onset_scores(emission, onset_weight)
    gain = begin - stay
    log_probs = emission.log_probs
    silent = _cumulative(log_probs[:, NO_NOTE])
    firsts = [r.first for r in ranges] + [len(emission)]
    lasts = [r.last for r in ranges] + [len(emission)]
    # score[j]: best total of all before, with the current note beginning at frame firsts[k] + j
    score = silent[firsts[0] : lasts[0] + 1] + gain[firsts[0] : lasts[0] + 1]
    back: list[NDArray[np.int64]] = []
    ends: list[NDArray[np.int64]] = []
    for k, label in enumerate(labels):
        low, high = firsts[k], lasts[k + 1]
        sung = _cumulative(log_probs[low:high, label])
        quiet = silent[low : high + 1] - silent[low]
        total, end = _segment_scores(sung, quiet, len(score), firsts[k + 1] - low, min_frames)
        total += score[:, None]
        if k + 1 < len(labels):
            apart = firsts[k + 1] + np.arange(total.shape[1]) - low
            total[apart[None, :] - np.arange(len(score))[:, None] < gap_frames] -= TOO_CLOSE
        best = total.argmax(axis=0)
        back.append(best + low)
        ends.append(end[best, np.arange(len(best))] + low)
        score = total[best, np.arange(len(best))]
        if k + 1 < len(labels):
            score = score + gain[firsts[k + 1] : lasts[k + 1] + 1]
    return _trace(back, ends, firsts)


def _cumulative(values: NDArray[np.floating]) -> FloatArray:
    """Sums of the first 0, 1, 2, ... values."""
    return np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])


def _segment_scores(
    sung: FloatArray, quiet: FloatArray, n_begins: int, first_next: int, min_frames: int
) -> tuple[FloatArray, NDArray[np.int64]]:
    """Best score, and end of the note, for each (begin, begin of the next note) of one segment.

    A note from b to e and silence from e to the next begin f scores
    sung[e] - sung[b] + quiet[f] - quiet[e]; the best e maximises sung[e] - quiet[e] over
    b + min_frames <= e <= f, a running maximum. Only ends near the begins depend on b: of later
    ones, which may be an hour of rest, one running maximum serves all.
    """
    lead = sung - quiet
    near = min(len(sung), n_begins - 1 + min_frames)  # from there on, every note may end
    begins, frames = np.arange(n_begins)[:, None], np.arange(near)[None, :]
    allowed = np.where(frames >= begins + min_frames, lead[None, :near], -np.inf)
    best, end = _running(allowed)
    late, late_end = _running(lead[None, near:])
    # Before the first late end, the best of the near ones; -inf where a note has none.
    so_far = best[:, -1:]
    so_far_end = end[:, -1:]
    from_late = slice(max(0, first_next - near), None)
    late, late_end = late[:, from_late], late_end[:, from_late] + near
    takes_late = late >= so_far  # the latest of equals, so that a note rather lasts
    totals = [best[:, first_next:], np.where(takes_late, late, so_far)]
    ends = [end[:, first_next:], np.where(takes_late, late_end, so_far_end)]
    total = np.concatenate(totals, axis=1) + quiet[None, first_next:] - sung[:n_begins][:, None]
    return total, np.concatenate(ends, axis=1)


def _running(scores: FloatArray) -> tuple[FloatArray, NDArray[np.int64]]:
    """Of each row, the largest value so far and the latest place of it."""
    largest = np.maximum.accumulate(scores, axis=1)
    places = np.arange(scores.shape[1])[None, :]
    is_new = (scores == largest) & np.isfinite(scores)
    return largest, np.maximum.accumulate(np.where(is_new, places, 0), axis=1)


def _trace(
    back: list[NDArray[np.int64]], ends: list[NDArray[np.int64]], firsts: list[int]
) -> list[Span]:
    spans: list[Span] = []
    following = firsts[-1]
    for k in range(len(back) - 1, -1, -1):
        column = following - firsts[k + 1]
        begin = int(back[k][column])
        spans.append(Span(begin, int(ends[k][column])))
        following = begin
    return spans[::-1]
