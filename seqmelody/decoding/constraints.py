"""What a user knows of a melody before it is recognised: its key, range, shortest note, length."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqmelody.errors import InputError
from seqmelody.notes import NO_NOTE, Vocabulary, parse_pitch

BLOCK_FRAMES = 4096  # normalised at a time
LONGEST_SECONDS = 3600.0  # that a shortest note may be asked to last
OFF_KEY_COST = 3.0  # nats: melodies leave their key now and then
# Semitones above the tonic. Minor has its sixth and seventh both raised and not.
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 9, 10, 11)}
_KEY = re.compile(r"\s*([A-Ga-g][#♯b♭]?)\s*((?i:major|maj|minor|min)|m)?\s*")
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Constraints:
    """What is known; None says nothing.

    Attributes:
        key: e.g. "D minor" or "Bb"; notes outside must be the more probable by OFF_KEY_COST.
        lowest: MIDI pitch; there is no note below.
        highest: MIDI pitch; there is no note above.
        shortest_seconds: from one note's beginning to the next; best path cannot heed it.
        expected_notes: how many notes there are; as near to it as a search comes.
    """

    key: str | None = None
    lowest: int | None = None
    highest: int | None = None
    shortest_seconds: float | None = None
    expected_notes: int | None = None

    def __post_init__(self) -> None:
        if self.key is not None:
            pitch_classes(self.key)
        if self.lowest is not None and self.highest is not None and self.lowest > self.highest:
            raise InputError(
                f"no pitch is from {self.lowest} to {self.highest}; give the lower one first"
            )
        if self.shortest_seconds is not None and not (0 < self.shortest_seconds <= LONGEST_SECONDS):
            raise InputError(
                f"a shortest note of {self.shortest_seconds:g} s makes no sense; use more than 0 "
                f"and at most {LONGEST_SECONDS:g} s"
            )
        if self.expected_notes is not None and self.expected_notes < 0:
            raise InputError(f"{self.expected_notes} notes cannot be expected; use 0 or more")


def pitch_classes(key: str) -> frozenset[int]:
    """Pitches modulo 12 of a key: "C", "f# minor", "Am". Raises InputError for what is no key."""
    match = _KEY.fullmatch(key)
    if not match:
        raise InputError(f"{key!r} is no key; write a tonic and major or minor, e.g. 'F# minor'")
    tonic = parse_pitch(f"{match[1]}4")
    is_minor = (match[2] or "major").lower().startswith("mi") or match[2] == "m"
    return frozenset((tonic + step) % 12 for step in SCALES["minor" if is_minor else "major"])


def constrain(
    log_probs: NDArray[np.floating],
    vocabulary: Vocabulary,
    constraints: Constraints,
    blank_penalty: float,
) -> FloatArray:
    """An emission under constraints, each row a distribution again; shape (T, n + 1).

    Raises:
        InputError: the vocabulary has no pitch between ``lowest`` and ``highest``.
    """
    pitches = np.arange(vocabulary.low, vocabulary.high + 1)
    cost = np.zeros(vocabulary.n_classes)
    cost[NO_NOTE] = blank_penalty
    if constraints.key is not None:
        inside = np.isin(pitches % 12, list(pitch_classes(constraints.key)))
        cost[1:][~inside] = OFF_KEY_COST
    if constraints.lowest is not None:
        cost[1:][pitches < constraints.lowest] = np.inf
    if constraints.highest is not None:
        cost[1:][pitches > constraints.highest] = np.inf
    if np.isinf(cost[1:]).all():
        raise InputError(
            f"the model knows the pitches {vocabulary.low}..{vocabulary.high} and none in the "
            "range asked for; widen it"
        )
    constrained = np.empty(log_probs.shape)
    for first in range(0, len(log_probs), BLOCK_FRAMES):  # an hour at once would take much memory
        scores = log_probs[first : first + BLOCK_FRAMES] - cost
        scores -= scores.max(axis=1, keepdims=True)
        scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
        constrained[first : first + BLOCK_FRAMES] = scores
    return constrained
