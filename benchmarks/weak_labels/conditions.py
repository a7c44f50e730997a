"""What each condition may see of the labels, and how it is trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.alignment import corrupt
from seqmelody.manifests import ManifestEntry
from seqmelody.notes import Vocabulary
from seqmelody.training import TrainConfig


@dataclass(frozen=True, slots=True)
class Labels:
    """What a condition may see.

    Attributes:
        aligned: share of the clips whose times are known.
        listed: whether the others are seen at all, as lists.
        mistakes: share of the places of each list that are wrong.
        rounds: that follow the first training.
        plain: CTC as it is, without what makes it more stable.
    """

    aligned: float = 0.0
    listed: bool = True
    mistakes: float = 0.0
    rounds: int = 0
    plain: bool = False


CONDITIONS = {
    "aligned": Labels(aligned=1.0),
    "aligned, 1 round": Labels(aligned=1.0, rounds=1),
    "aligned, 3 rounds": Labels(aligned=1.0, rounds=3),
    "aligned, 6 rounds": Labels(aligned=1.0, rounds=6),
    "lists, plain CTC": Labels(plain=True),
    "lists": Labels(),
    "lists, 1 round": Labels(rounds=1),
    "lists, 2 rounds": Labels(rounds=2),
    "lists, 3 rounds": Labels(rounds=3),
    "lists, 6 rounds": Labels(rounds=6),
    "5 % aligned, 95 % lists": Labels(aligned=0.05),
    "5 % aligned, 95 % lists, 3 rounds": Labels(aligned=0.05, rounds=3),
    "5 % aligned only": Labels(aligned=0.05, listed=False),
    "lists with 5 % mistakes, 3 rounds": Labels(mistakes=0.05, rounds=3),
    "lists with 10 % mistakes, 3 rounds": Labels(mistakes=0.1, rounds=3),
}


def allowed(
    entries: Sequence[ManifestEntry], labels: Labels, seed: int, vocabulary: Vocabulary
) -> list[ManifestEntry]:
    """The entries as a condition may see them; which are aligned depends on the seed."""
    rng = np.random.default_rng(seed)
    count = math.ceil(labels.aligned * len(entries))
    with_times = set(rng.permutation(len(entries))[:count].tolist())
    seen = []
    for index, entry in enumerate(entries):
        if index in with_times:
            seen.append(entry)
        elif labels.listed:
            pitches = corrupt(entry.pitches, labels.mistakes, rng).pitches or entry.pitches
            inside = tuple(min(max(p, vocabulary.low), vocabulary.high) for p in pitches)
            seen.append(ManifestEntry(entry.audio, inside, None))
    return seen


def recipe(labels: Labels, config: TrainConfig) -> TrainConfig:
    """The settings of a condition: all that lists need where most clips have no times."""
    if labels.aligned == 1.0 or not labels.listed or labels.plain:
        return config
    return replace(
        config, blank_bias=-1.0, label_prior=0.3, curriculum_steps=max(1, config.steps // 4)
    )
