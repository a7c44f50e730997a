"""In which key was a list played? CTC's own likelihood of the list decides, shift by shift."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqmelody.emission import Emission
from seqmelody.errors import InputError
from seqmelody.likelihood import ctc_log_likelihoods
from seqmelody.notes import Vocabulary


def best_shift(
    emission: Emission, pitches: Sequence[int], vocabulary: Vocabulary, limit: int
) -> int:
    """Semitones, at most ``limit`` up or down, that make a list most probable; the smallest of
    equals.

    Args:
        emission: CTC-head log-probabilities, shape (T, n + 1).
        pitches: the list, MIDI numbers; at least one.
        vocabulary: the pitches of the classes.
        limit: semitones; 12 covers every key, 24 octaves too.

    Raises:
        InputError: no shift brings the list into the vocabulary.
    """
    low, high = vocabulary.low - min(pitches), vocabulary.high - max(pitches)
    shifts = sorted(range(max(-limit, low), min(limit, high) + 1), key=abs)
    if not shifts:
        raise InputError(
            f"pitches {min(pitches)}..{max(pitches)} lie outside the vocabulary {vocabulary.low}.."
            f"{vocabulary.high}; transpose the list or use a model with a wider vocabulary"
        )
    if len(shifts) == 1:
        return shifts[0]
    labels = np.array([[vocabulary.to_class(p + s) for p in pitches] for s in shifts])
    return shifts[int(ctc_log_likelihoods(emission.log_probs, labels).argmax())]
