"""CTC to notes: which notes, from the CTC head; when, from the window head.

CTC decides on the sequence, but nothing makes it fire at onsets: a spike may come anywhere in its
note, even a little before it. So the sequence is read from the spikes, and each note is then timed
by aligning the whole sequence to the window head's emission around them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqmelody.alignment import Range, align_labels
from seqmelody.decoding.spans import notes_of_spans
from seqmelody.emission import Emission
from seqmelody.notes import NO_NOTE, Note, Vocabulary


class Spike(NamedTuple):
    """A run of frames in which one class leads: its class, its highest frame, its probability."""

    label: int
    frame: int
    prob: float


def decode_ctc(
    emission: Emission,
    vocabulary: Vocabulary,
    *,
    timing: Emission | None = None,
    blank_penalty: float = 1.0,
    min_seconds: float = 0.06,
    early_seconds: float = 1.0,
    late_seconds: float = 1.0,
    onset_weight: float = 1.0,
) -> list[Note]:
    """Best path (Graves et al., 2006, section 3.2), timed.

    Args:
        emission: CTC-head log-probabilities, shape (T, n + 1).
        vocabulary: the pitches of the classes.
        timing: the window head's emission; None leaves each note at its spike, until the next.
        blank_penalty: nats taken off the blank's log-probability: more finds fainter notes.
        min_seconds: no note is shorter.
        early_seconds: how long before its spike a note may begin.
        late_seconds: how long after its spike a note may begin.
        onset_weight: how much the onset cue counts in timing.

    Returns:
        Notes by onset. Confidence is the probability at the spike.
    """
    spikes = best_path(emission.log_probs, blank_penalty)
    if timing is None:
        return _notes_at_spikes(spikes, emission, vocabulary)
    if len(timing) == 0:
        return []
    min_frames = max(1, round(min_seconds / timing.hop_seconds))
    if len(spikes) * min_frames > len(timing):
        min_frames = 1  # a spike a frame is at most a note a frame
    centre = [round(timing.seconds_to_frame(emission.frame_to_seconds(s.frame))) for s in spikes]
    early, late = (round(s / timing.hop_seconds) for s in (early_seconds, late_seconds))
    ranges = begin_ranges(centre, len(timing), early, late, min_frames)
    spans = align_labels(
        timing,
        [s.label for s in spikes],
        ranges,
        min_frames=min_frames,
        onset_weight=onset_weight,
    )
    pitches = [vocabulary.to_pitch(s.label) for s in spikes]
    return notes_of_spans(spans, pitches, [s.prob for s in spikes], timing)


def best_path(log_probs: NDArray[np.float32], blank_penalty: float = 0.0) -> list[Spike]:
    """Collapse the most probable class of each frame: repeats joined, blanks dropped."""
    best = 1 + log_probs[:, 1:].argmax(axis=1)
    beats_blank = log_probs[np.arange(len(best)), best] > log_probs[:, NO_NOTE] - blank_penalty
    classes = np.where(beats_blank, best, NO_NOTE)
    changes = np.flatnonzero(np.diff(classes, prepend=-1))
    ends = np.append(changes[1:], len(classes))
    spikes = []
    for first, last in zip(changes, ends, strict=True):
        label = int(classes[first])
        if label != NO_NOTE:
            frame = int(first + log_probs[first:last, label].argmax())
            spikes.append(Spike(label, frame, float(np.exp(log_probs[frame, label]))))
    return spikes


def begin_ranges(
    centre: list[int], n_frames: int, early: int, late: int, min_frames: int
) -> list[Range]:
    """Frames in which each note may begin, given its spike.

    A note begins at most ``early`` frames before its spike and ``late`` after, and not before the
    previous note's spike less ``late``; the next note's spike is no bound, since all spikes may
    fire early. Ranges are widened where notes of ``min_frames`` would not fit otherwise.
    """
    n_notes = len(centre)
    ranges: list[Range] = []
    first = last = 0
    earliest = -min_frames
    for k, at in enumerate(centre):
        latest = n_frames - (n_notes - k) * min_frames  # later, the others would not fit
        before = centre[k - 1] - late if k else 0
        first = max(first, min(max(0, at - early, before), latest))
        earliest = max(first, earliest + min_frames)
        last = max(last, earliest, min(at + late, latest))
        ranges.append(Range(first, last))
    return ranges


def _notes_at_spikes(spikes: list[Spike], emission: Emission, vocabulary: Vocabulary) -> list[Note]:
    begins = [emission.frame_to_seconds(s.frame) for s in spikes]
    ends = [*begins[1:], emission.frame_to_seconds(len(emission))]
    return [
        Note(begin, end, vocabulary.to_pitch(s.label), s.prob)
        for s, begin, end in zip(spikes, begins, ends, strict=True)
    ]
