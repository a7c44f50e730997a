"""From frames to seconds: the last step of both decoders."""

from __future__ import annotations

from collections.abc import Sequence

from seqmelody.alignment import ONSET_MASS, Span
from seqmelody.emission import Emission
from seqmelody.notes import Note

SURE_MASS = ONSET_MASS / 3  # an onset cue weaker than this says too little about the moment


def notes_of_spans(
    spans: Sequence[Span],
    pitches: Sequence[int],
    confidences: Sequence[float],
    emission: Emission,
) -> list[Note]:
    """Notes of frame spans in order. They touch at most, last half a hop or more, and end at most
    half a hop after the last frame."""
    onsets: list[float] = []
    for span in spans:
        # A cue beside a note of one frame must not move it out of the frame.
        latest = emission.frame_to_seconds(span.end - 1)
        earliest = onsets[-1] + emission.hop_seconds / 2 if onsets else 0.0
        onsets.append(max(earliest, min(onset_seconds(emission, span.begin), latest)))
    notes = []
    for k, span in enumerate(spans):
        offset = emission.frame_to_seconds(span.end - 0.5)
        if k + 1 < len(spans):
            offset = min(offset, onsets[k + 1])
        notes.append(Note(onsets[k], offset, pitches[k], confidences[k]))
    return notes


def onset_seconds(emission: Emission, frame: int) -> float:
    """When, within the frames around it, a note first seen in ``frame`` began.

    The cue of an onset is a triangle around it, so its centre of gravity over three frames tells
    the moment finer than a frame. Without a clear cue: half a hop before the frame's centre, the
    middle of where it can have been.
    """
    begin = max(0, frame - 1)
    cue = [] if emission.onset_probs is None else emission.onset_probs[begin : frame + 2].tolist()
    if sum(cue) < SURE_MASS:
        return max(0.0, emission.frame_to_seconds(frame - 0.5))
    centre = sum(weight * (begin + k) for k, weight in enumerate(cue)) / sum(cue)
    return max(0.0, emission.frame_to_seconds(centre))
