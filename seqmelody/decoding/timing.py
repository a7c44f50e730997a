"""When did the notes of a known sequence begin and end? About when is known, from spikes mostly.

The sequence is aligned to the window head's emission (:mod:`seqmelody.alignment`), each note within
reach of the moment at which it is thought to have begun.
"""

from __future__ import annotations

from collections.abc import Sequence

from seqmelody.alignment import Range, Span, align_labels
from seqmelody.decoding.spans import notes_of_spans
from seqmelody.emission import Emission
from seqmelody.notes import Note, Vocabulary

MIN_SECONDS = 0.06  # no note is shorter
REACH_SECONDS = 1.0  # how far from where a note is thought to begin it may do so


def time_labels(
    timing: Emission,
    labels: Sequence[int],
    seconds: Sequence[float],
    confidences: Sequence[float],
    vocabulary: Vocabulary,
    *,
    min_seconds: float = MIN_SECONDS,
    early_seconds: float = REACH_SECONDS,
    late_seconds: float = REACH_SECONDS,
    gap_seconds: float | None = None,
    onset_weight: float = 1.0,
) -> list[Note]:
    """Classes that begin at about these times, as notes; arguments as place_labels'."""
    spans = place_labels(
        timing,
        labels,
        seconds,
        min_seconds=min_seconds,
        early_seconds=early_seconds,
        late_seconds=late_seconds,
        gap_seconds=gap_seconds,
        onset_weight=onset_weight,
    )
    pitches = [vocabulary.to_pitch(label) for label in labels]
    return notes_of_spans(spans, pitches, confidences, timing)


def place_labels(
    timing: Emission,
    labels: Sequence[int],
    seconds: Sequence[float],
    *,
    min_seconds: float = MIN_SECONDS,
    early_seconds: float = REACH_SECONDS,
    late_seconds: float = REACH_SECONDS,
    gap_seconds: float | None = None,
    onset_weight: float = 1.0,
) -> list[Span]:
    """Best frames for classes that begin at about these times.

    Args:
        timing: window-head emission of as many frames as there are classes, or more.
        labels: classes 1..n in order.
        seconds: about when each begins.
        min_seconds: no note is shorter, unless they would not fit.
        early_seconds: how long before that time a note may begin.
        late_seconds: how long after.
        gap_seconds: from one note's beginning to the next, where that can be had.
        onset_weight: how much the onset cue counts.
    """
    hop = timing.hop_seconds
    min_frames = max(1, round(min_seconds / hop))
    if len(labels) * min_frames > len(timing):
        min_frames = 1
    centre = [round(timing.seconds_to_frame(at)) for at in seconds]
    early, late = round(early_seconds / hop), round(late_seconds / hop)
    return align_labels(
        timing,
        labels,
        begin_ranges(centre, len(timing), early, late, min_frames),
        min_frames=min_frames,
        gap_frames=0 if gap_seconds is None else round(gap_seconds / hop),
        onset_weight=onset_weight,
    )


def begin_ranges(
    centre: Sequence[int], n_frames: int, early: int, late: int, min_frames: int
) -> list[Range]:
    """Frames in which each note may begin: from ``early`` before its centre to ``late`` after.

    However long the rest before it, so that a long rest costs no memory. The next note's centre is
    no bound, since all spikes may fire early. Only where notes of ``min_frames`` would not fit
    otherwise, the range is wider.
    """
    ranges: list[Range] = []
    first = last = 0
    earliest = -min_frames
    for k, at in enumerate(centre):
        latest = n_frames - (len(centre) - k) * min_frames  # later, the others would not fit
        first = max(first, min(max(0, at - early), latest))
        earliest = max(first, earliest + min_frames)
        last = max(last, earliest, min(at + late, latest))
        ranges.append(Range(first, last))
    return ranges
