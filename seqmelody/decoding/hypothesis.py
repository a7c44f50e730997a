"""What searches through a CTC emission return, whichever of them was asked."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqmelody.notes import NO_NOTE


class Spike(NamedTuple):
    """Where a note is read from: its class, a frame, the class's probability in that frame."""

    label: int
    frame: int
    prob: float


class Hypothesis(NamedTuple):
    """A note sequence that the recording may hold.

    Attributes:
        spikes: its notes in order.
        log_score: what it is ranked by, in nats: CTC log-probability and all bonuses.
        log_prob: CTC log-probability of the sequence, summed over the paths that were followed.
    """

    spikes: tuple[Spike, ...]
    log_score: float
    log_prob: float

    @property
    def labels(self) -> tuple[int, ...]:
        """Classes of the notes in order."""
        return tuple(spike.label for spike in self.spikes)


class Alternative(NamedTuple):
    """Another reading of a note: a class (NO_NOTE: none) and its probability in the frame."""

    label: int
    prob: float


def alternatives(
    log_probs: NDArray[np.floating], spike: Spike, count: int = 3
) -> tuple[Alternative, ...]:
    """What else could stand at a spike, the most probable first; (T, n + 1) log-probabilities."""
    row = log_probs[spike.frame]
    ranked = [int(c) for c in np.argsort(-row, kind="stable")[: count + 1] if c != spike.label]
    return tuple(Alternative(c, float(np.exp(row[c]))) for c in ranked[:count])


def spikes_from(
    log_probs: NDArray[np.floating], labels: list[int], frames: list[int]
) -> tuple[Spike, ...]:
    """Spikes of notes, given a frame of each to begin at: from there on while the class grows more
    probable, and before the next note's frame."""
    spikes = []
    for label, (frame, following) in zip(
        labels, itertools.pairwise([*frames, len(log_probs)]), strict=True
    ):
        while frame + 1 < following and log_probs[frame + 1, label] > log_probs[frame, label]:
            frame += 1
        spikes.append(Spike(label, frame, float(np.exp(log_probs[frame, label]))))
    return tuple(spikes)


def best_path(log_probs: NDArray[np.floating], blank_penalty: float = 0.0) -> list[Spike]:
    """Collapse the most probable class of each frame: repeats joined, blanks dropped."""
    best = 1 + log_probs[:, 1:].argmax(axis=1)
    beats_blank = log_probs[np.arange(len(best)), best] > log_probs[:, NO_NOTE] - blank_penalty
    classes = np.where(beats_blank, best, NO_NOTE)
    changes = np.flatnonzero(np.diff(classes, prepend=-1))
    spikes = []
    for first, last in itertools.pairwise(np.append(changes, len(classes))):
        label = int(classes[first])
        if label != NO_NOTE:
            frame = int(first + log_probs[first:last, label].argmax())
            spikes.append(Spike(label, frame, float(np.exp(log_probs[frame, label]))))
    return spikes


def most_probable(spikes: Sequence[Spike], count: int) -> list[Spike]:
    """The ``count`` spikes that are most probable, in order; of fewer, all.

    A window head that strides over the frames may have fewer windows than the CTC head has spikes.
    """
    ranked = sorted(spikes, key=lambda spike: -spike.prob)[:count]
    return sorted(ranked, key=lambda spike: spike.frame)
