"""Windows to notes by non-maximum suppression, as object detectors part overlapping boxes.

Every stretch in which a class stays above a low level is a candidate (class, span, score). The best
is kept, those that overlap it too much are dropped, then the best of the rest is kept, and so on
(greedy suppression over spans: Neubeck & Van Gool, ICPR 2006; over class scores as in Felzenszwalb
et al., IEEE PAMI 2010). This is how the study behind this project combined its windows; bridged
gaps and the parting of equal notes at onset cues are added here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqmelody.alignment import Span
from seqmelody.decoding.window_joining import labelled_notes, onset_peaks, shortest_run
from seqmelody.emission import Emission
from seqmelody.notes import NO_NOTE, Note, Vocabulary


class Candidate(NamedTuple):
    """A note that might be: a class, its frames, and how much speaks for it."""

    label: int
    span: Span
    score: float


def suppress(
    emission: Emission,
    vocabulary: Vocabulary,
    *,
    level: float = 0.15,
    chance: float = 0.35,
    overlap: float = 0.2,
    gap_seconds: float = 0.02,
    onset_threshold: float = 0.35,
    min_seconds: float = 0.06,
) -> list[Note]:
    """Notes that no better note overlaps.

    Args:
        emission: window-head log-probabilities, shape (T, n + 1), with or without onset_probs.
        vocabulary: the pitches of the classes.
        level: a candidate is a stretch in which the class's posterior stays at or above this.
        chance: a candidate's score is the sum, over its frames, of the posterior less this; so a
            frame weighs against it that is less sure.
        overlap: share of a candidate's frames that better ones may hold; it then loses those.
        gap_seconds: a stretch may fall below the level for so long.
        onset_threshold: a peak of the onset cue as probable as this parts equal notes.
        min_seconds: no note is shorter.

    Returns:
        Notes by onset. Confidence is the mean posterior of the note's windows.
    """
    if len(emission) == 0:
        return []
    posteriors = np.exp(emission.log_probs)
    shortest = shortest_run(min_seconds, emission)
    cuts = onset_peaks(emission, onset_threshold)
    gap = round(gap_seconds / emission.hop_seconds)
    found = _candidates(posteriors, level, chance, cuts, gap, shortest)
    kept = sorted(_keep_best(found, len(emission), overlap, shortest), key=lambda c: c.span)
    return labelled_notes([c.span for c in kept], [c.label for c in kept], emission, vocabulary)


def _candidates(
    posteriors: NDArray[np.float32],
    level: float,
    chance: float,
    cuts: NDArray[np.bool_],
    gap: int,
    shortest: int,
) -> list[Candidate]:
    """Stretches above the level, parted at the cuts, of ``shortest`` frames or more; short gaps
    are bridged."""
    found: list[Candidate] = []
    for label in range(NO_NOTE + 1, posteriors.shape[1]):
        score = posteriors[:, label]
        if score.max() < level:
            continue
        gain = np.concatenate([[0.0], np.cumsum(score - chance, dtype=np.float64)])
        for span in _bridged(_stretches(score >= level, cuts), cuts, gap):
            if span.end - span.begin >= shortest:
                found.append(Candidate(label, span, float(gain[span.end] - gain[span.begin])))
    return found


def _stretches(inside: NDArray[np.bool_], cuts: NDArray[np.bool_]) -> list[Span]:
    """Runs of True, begun anew at every cut."""
    before = np.concatenate([[False], inside[:-1]])
    after = np.concatenate([inside[1:], [False]])
    cut_after = np.concatenate([cuts[1:], [False]])
    begins = np.flatnonzero(inside & (~before | cuts))
    ends = np.flatnonzero(inside & (~after | cut_after)) + 1
    return [Span(int(a), int(b)) for a, b in zip(begins, ends, strict=True)]


def _bridged(spans: Sequence[Span], cuts: NDArray[np.bool_], gap: int) -> list[Span]:
    """Spans with those joined that lie ``gap`` frames apart at most, unless a cut parts them."""
    joined: list[Span] = []
    for span in spans:
        end = joined[-1].end if joined else -1
        if joined and span.begin - end <= gap and not cuts[end : span.begin + 1].any():
            joined[-1] = Span(joined[-1].begin, span.end)
        else:
            joined.append(span)
    return joined


def _keep_best(
    candidates: Sequence[Candidate], n_frames: int, overlap: float, shortest: int
) -> list[Candidate]:
    """Greedy suppression; among equal scores the earlier, then the lower class, is better."""
    taken = np.zeros(n_frames, dtype=np.bool_)
    kept = []
    for candidate in sorted(candidates, key=lambda c: (-c.score, c.span, c.label)):
        begin, end = candidate.span
        if taken[begin:end].mean() > overlap:
            continue
        free = _longest(~taken[begin:end])
        span = Span(begin + free.begin, begin + free.end)
        if span.end - span.begin >= shortest and candidate.score > 0:
            taken[span.begin : span.end] = True
            kept.append(candidate._replace(span=span))
    return kept


def _longest(free: NDArray[np.bool_]) -> Span:
    """The longest run of True; empty if there is none."""
    runs = _stretches(free, np.zeros_like(free))
    return max(runs, key=lambda run: run.end - run.begin, default=Span(0, 0))
