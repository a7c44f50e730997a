"""Tolerant forced alignment: which notes of a list were played, and when?

A list may be slightly wrong. Plain forced alignment has to put every listed note somewhere, and so
smears a wrong one over its neighbours; here the most probable reading, by
:mod:`seqmelody.list_reading`, says which notes were played as written, and wrong, missing and extra
ones are marked. CTC says which notes; when each began is then read from the window head's emission
around them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from seqmelody.decoding.timing import MIN_SECONDS, REACH_SECONDS, time_labels
from seqmelody.emission import Emission
from seqmelody.errors import InputError
from seqmelody.list_reading import EditCosts, Step, best_reading
from seqmelody.notes import NO_NOTE, Note, Vocabulary

Mark = Literal["ok", "wrong", "missing", "extra"]


@dataclass(frozen=True, slots=True)
class AlignedNote:
    """A note of the list, or one that the list lacks.

    Attributes:
        mark: "ok", "wrong" (played at another pitch), "missing" (not played) or "extra" (not in
            the list).
        listed: MIDI number in the list; None for an extra note.
        heard: MIDI number that was played; None for a missing note.
        onset: in seconds. A missing note has the moment at which it would have been due, twice.
        offset: in seconds.
        confidence: posterior of the pitch heard at its strongest frame, 0 for a missing note;
            :func:`seqmelody.align` makes it the probability that such a note is right.
    """

    mark: Mark
    listed: int | None
    heard: int | None
    onset: float
    offset: float
    confidence: float


def align_list(
    emission: Emission,
    pitches: Sequence[int],
    vocabulary: Vocabulary,
    *,
    timing: Emission | None = None,
    costs: EditCosts | None = None,
    blank_penalty: float = 2.0,
) -> list[AlignedNote]:
    """Find the notes of a list in a recording, and mark where the two differ.

    Args:
        emission: CTC-head log-probabilities, shape (T, n + 1).
        pitches: the list, MIDI numbers.
        vocabulary: the pitches of the classes.
        timing: the window head's emission; None leaves each note at its spike, until the next.
        costs: of the three kinds of mistake.
        blank_penalty: nats taken off the blank's log-probability: more hears fainter notes.

    Returns:
        Every listed note once, in order, with the extra notes between them.

    Raises:
        InputError: the list is empty, a pitch lies outside the vocabulary, or there are more notes
            than frames.
    """
    n_frames = len(emission) if timing is None else min(len(emission), len(timing))
    labels = list_labels(pitches, vocabulary, n_frames)
    log_probs = emission.log_probs.copy()
    log_probs[:, NO_NOTE] -= blank_penalty
    steps = best_reading(log_probs, labels, costs or EditCosts())
    steps = _that_fit(steps, emission, n_frames)
    sounding = [step for step in steps if step.label != NO_NOTE]
    probs = [math.exp(emission.log_probs[step.frame, step.label]) for step in sounding]
    notes = time_notes(sounding, probs, emission, vocabulary, timing)
    return _marked(steps, notes, pitches, emission.frame_to_seconds(len(emission) - 1))


def _that_fit(steps: Sequence[Step], emission: Emission, n_frames: int) -> list[Step]:
    """Without the least probable extra notes, where a striding window head has too few frames for
    all; the list itself fits."""
    spare = sum(step.label != NO_NOTE for step in steps) - n_frames
    extras = sorted(
        (k for k, step in enumerate(steps) if step.listed is None),
        key=lambda k: emission.log_probs[steps[k].frame, steps[k].label],
    )
    dropped = set(extras[: max(0, spare)])
    return [step for k, step in enumerate(steps) if k not in dropped]


def list_labels(pitches: Sequence[int], vocabulary: Vocabulary, n_frames: int) -> list[int]:
    """Classes of a note list that ``n_frames`` frames can hold. Raises InputError for others."""
    if not pitches:
        raise InputError("the note list is empty; write at least one note")
    if len(pitches) > n_frames:
        raise InputError(
            f"{n_frames} frames cannot hold the {len(pitches)} notes of the list; "
            "is it the right list for this recording?"
        )
    return [vocabulary.to_class(pitch) for pitch in pitches]


def time_notes(
    steps: Sequence[Step],
    probs: Sequence[float],
    emission: Emission,
    vocabulary: Vocabulary,
    timing: Emission | None,
    *,
    min_seconds: float = MIN_SECONDS,
    reach_seconds: float = REACH_SECONDS,
) -> list[Note]:
    """Onsets and offsets of sounding notes whose strongest CTC frames are known.

    Args:
        steps: of ``emission``, each with a class.
        probs: their confidences.
        emission: of the CTC head.
        vocabulary: the pitches of the classes.
        timing: the window head's emission; None leaves each note at its frame, until the next.
        min_seconds: no note is shorter, unless they would not fit.
        reach_seconds: how long before and after its frame a note may begin.
    """
    pitches = [vocabulary.to_pitch(step.label) for step in steps]
    if timing is None:
        begins = [emission.frame_to_seconds(step.frame) for step in steps]
        ends = [*begins[1:], emission.frame_to_seconds(len(emission))]
        return [Note(*values) for values in zip(begins, ends, pitches, probs, strict=True)]
    return time_labels(
        timing,
        [step.label for step in steps],
        [emission.frame_to_seconds(step.frame) for step in steps],
        probs,
        vocabulary,
        min_seconds=min_seconds,
        early_seconds=reach_seconds,
        late_seconds=reach_seconds,
    )


def _marked(
    steps: Sequence[Step], notes: Sequence[Note], pitches: Sequence[int], end_seconds: float
) -> list[AlignedNote]:
    """Steps with the times of those that sound; a missing note was due where the next begins."""
    following, due = list(notes), end_seconds
    marked: list[AlignedNote] = []
    for step in reversed(steps):
        listed = None if step.listed is None else pitches[step.listed]
        if step.label == NO_NOTE:
            marked.append(AlignedNote("missing", listed, None, due, due, 0.0))
            continue
        note = following.pop()
        heard, due = round(note.pitch), note.onset
        mark: Mark = "extra" if listed is None else "ok" if listed == heard else "wrong"
        marked.append(AlignedNote(mark, listed, heard, due, note.offset, note.confidence))
    return marked[::-1]
