"""Windows to notes by rules on each window's class: simple joining, and joining with hysteresis.

Simple joining is what the study behind this project began with: equal neighbours are one note. Two
equal notes with no pause between them become one, and one wrong window breaks a note in two.

Hysteresis mends both. As in edge detection (Canny, IEEE PAMI 1986) there are two thresholds: it
takes a sure window to begin a note, and a less sure one to go on. Gaps too short to be a rest are
bridged, and a peak of the onset cue parts equal notes.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seqmelody.alignment import Span, onset_scores
from seqmelody.decoding.spans import notes_of_spans
from seqmelody.emission import Emission
from seqmelody.notes import NO_NOTE, Note, Vocabulary


def join_equal(
    emission: Emission, vocabulary: Vocabulary, *, min_seconds: float = 0.06
) -> list[Note]:
    """Runs of windows with the same most probable class, as notes.

    Args:
        emission: window-head log-probabilities, shape (T, n + 1); the onset cue says no more than
            where in its window a note began.
        vocabulary: the pitches of the classes.
        min_seconds: shorter runs are dropped.

    Returns:
        Notes by onset. Confidence is the mean posterior of the note's windows.
    """
    if len(emission) == 0:
        return []
    best = emission.log_probs.argmax(axis=1)
    edges = [0, *(np.flatnonzero(best[1:] != best[:-1]) + 1).tolist(), len(best)]
    runs = [Span(a, b) for a, b in itertools.pairwise(edges)]
    shortest = shortest_run(min_seconds, emission)
    kept = [r for r in runs if best[r.begin] != NO_NOTE and r.end - r.begin >= shortest]
    return labelled_notes(kept, [int(best[r.begin]) for r in kept], emission, vocabulary)


def join_hysteresis(
    emission: Emission,
    vocabulary: Vocabulary,
    *,
    high: float = 0.4,
    low: float = 0.1,
    gap_seconds: float = 0.02,
    onset_threshold: float = 0.4,
    min_seconds: float = 0.06,
) -> list[Note]:
    """Notes that begin in a sure window and last while windows are not too unsure.

    Args:
        emission: window-head log-probabilities, shape (T, n + 1), with or without onset_probs.
        vocabulary: the pitches of the classes.
        high: a note begins where the posterior of the best pitch reaches this, and stays above
            ``low`` for ``min_seconds``.
        low: it lasts while its own posterior reaches this, and no other note begins.
        gap_seconds: it may fall below for so long.
        onset_threshold: a peak of the onset cue as probable as this begins a note anew.
        min_seconds: shorter notes are dropped; nor does a cue part a note before it is that long.

    Returns:
        Notes by onset. Confidence is the mean posterior of the note's windows.
    """
    if len(emission) == 0:
        return []
    posteriors = np.exp(emission.log_probs)
    onsets = onset_peaks(emission, onset_threshold)
    shortest = shortest_run(min_seconds, emission)
    gap = round(gap_seconds / emission.hop_seconds)
    spans, labels = _hysteresis(posteriors, onsets, high, low, gap, shortest)
    kept = [k for k, span in enumerate(spans) if span.end - span.begin >= shortest]
    return labelled_notes([spans[k] for k in kept], [labels[k] for k in kept], emission, vocabulary)


def _hysteresis(
    posteriors: NDArray[np.float32],
    onsets: NDArray[np.bool_],
    high: float,
    low: float,
    gap: int,
    shortest: int,
) -> tuple[list[Span], list[int]]:
    """Spans and their classes, from left to right; linear in time.

    A note ends after its last window above ``low``, so a gap that is not bridged is no part of it.
    """
    top = posteriors[:, NO_NOTE + 1 :].argmax(axis=1) + NO_NOTE + 1
    sure = posteriors[np.arange(len(top)), top] >= high
    for ahead in range(1, shortest):  # a flicker of another class shall not end a note
        sure[:-ahead] &= posteriors[ahead:][np.arange(len(top) - ahead), top[:-ahead]] >= low
    spans: list[Span] = []
    labels: list[int] = []
    label, begin, end = NO_NOTE, 0, 0  # the note at hand, and the end of what is surely of it
    for t in range(len(posteriors)):
        if label != NO_NOTE and t - end > gap:
            spans.append(Span(begin, end))
            labels.append(label)
            label = NO_NOTE
        again = bool(onsets[t]) and t - begin >= shortest
        if sure[t] and (top[t] != label or again):
            if label != NO_NOTE:
                spans.append(Span(begin, end))
                labels.append(label)
            label, begin = int(top[t]), t
        if label != NO_NOTE and posteriors[t, label] >= low:
            end = t + 1
    if label != NO_NOTE:
        spans.append(Span(begin, end))
        labels.append(label)
    return spans, labels


def onset_peaks(emission: Emission, threshold: float) -> NDArray[np.bool_]:
    """Frames in which the onset cue peaks with at least this probability, shape (T,); none of them
    without a cue."""
    if emission.onset_probs is None:
        return np.zeros(len(emission), dtype=np.bool_)
    begin, _ = onset_scores(emission)
    return np.asarray(np.exp(begin) >= threshold)


def shortest_run(min_seconds: float, emission: Emission) -> int:
    """Frames of the shortest note, 1 at least."""
    return max(1, round(min_seconds / emission.hop_seconds))


def labelled_notes(
    spans: Sequence[Span], labels: Sequence[int], emission: Emission, vocabulary: Vocabulary
) -> list[Note]:
    """Notes of spans in order that do not overlap; confidence is the mean posterior of a span."""
    posteriors = [
        float(np.exp(emission.log_probs[span.begin : span.end, label]).mean())
        for span, label in zip(spans, labels, strict=True)
    ]
    pitches = [vocabulary.to_pitch(label) for label in labels]
    notes = notes_of_spans(spans, pitches, posteriors, emission)
    # The cue can place an onset up to a frame late: after the end of a note of a single frame.
    return [note for note in notes if note.duration > 0]
