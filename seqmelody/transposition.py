"""In which key was a list played? CTC's own likelihood of the list decides, shift by shift."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seqmelody.emission import Emission
from seqmelody.errors import InputError
from seqmelody.notes import NO_NOTE, Vocabulary


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


def ctc_log_likelihoods(
    log_probs: NDArray[np.float32], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Log-probability of label sequences, summed over all paths: the forward pass of Graves et al.
    (2006, section 4.1). Memory does not grow with T, as it does in a loss that can be
    differentiated.

    Args:
        log_probs: shape (T, n + 1), T at least 1.
        labels: classes 1..n, shape (sequences, L), L at least 1.

    Returns:
        Shape (sequences,); minus infinity where the frames cannot hold the sequence.
    """
    n_rows, n_labels = labels.shape
    states = np.full((n_rows, 2 * n_labels + 1), NO_NOTE)  # a blank before, between and after
    states[:, 1::2] = labels
    may_skip = np.zeros(states.shape, dtype=bool)  # the blank between two different notes
    may_skip[:, 3::2] = labels[:, 1:] != labels[:, :-1]
    total = np.full(states.shape, -np.inf)
    total[:, 0] = 0.0  # as after a blank before the first frame
    for frame in log_probs.astype(np.float64):
        fresh = total.copy()
        fresh[:, 1:] = np.logaddexp(fresh[:, 1:], total[:, :-1])
        fresh[:, 2:] = np.where(
            may_skip[:, 2:], np.logaddexp(fresh[:, 2:], total[:, :-2]), fresh[:, 2:]
        )
        total = fresh + frame[states]
    return np.asarray(np.logaddexp(total[:, -1], total[:, -2]))
