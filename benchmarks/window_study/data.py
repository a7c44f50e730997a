"""Clips to learn from, and clips of other tunes and instruments to be judged on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.clips import Clip
from benchmarks.window_study.instruments import held_out_names
from seqmelody.acoustics import AcousticsConfig
from seqmelody.audio import SAMPLE_RATE
from seqmelody.banks import FULL_SCALE
from seqmelody.datasets import ClipConfig, ComposedClips, window_targets
from seqmelody.errors import InputError
from seqmelody.features import FeatureConfig
from seqmelody.notes import Vocabulary

VOCABULARY = Vocabulary(60, 83)  # two octaves, C4 to B5
HOP = FeatureConfig().hop  # samples between the middles of two windows
HOP_SECONDS = HOP / SAMPLE_RATE
SILENT_SHARE = 0.04  # of the clips to train on; the first seed had it
UNSPOILT = AcousticsConfig(
    clean_share=1, room_share=0, colour_share=0, band_limit_share=0,
    clip_share=0, codec_share=0, dropout_share=0,
)  # fmt: skip
TEST_SEED, TRAIN_SEED = 4_242, 77


@dataclass(frozen=True, slots=True, eq=False)
class TrainClips:
    """What all systems learn from.

    Attributes:
        samples: shape (N, samples), int16: floats would take twice the memory.
        classes: shape (N, T), the class at the middle of each window.
    """

    samples: NDArray[np.int16]
    classes: NDArray[np.int64]

    def waveforms(self, which: NDArray[np.int64]) -> NDArray[np.float32]:
        """Some of the clips, shape (len(which), samples), within -1..1."""
        return np.asarray(self.samples[which].astype(np.float32) / np.float32(FULL_SCALE))


def compose_train(bank: Path, count: int, seconds: float) -> TrainClips:
    """Clips spoilt as those of the shipped weights were, of the instruments not held out."""
    config = ClipConfig(seconds=seconds, silent_share=SILENT_SHARE, take_share=0)
    data = ComposedClips(bank, VOCABULARY, seed=TRAIN_SEED, config=config)
    _restrict(data, held_out=False)
    samples, classes = [], []
    for index in range(count):
        example = data[index]
        samples.append(np.round(np.clip(example.waveform, -1, 1) * FULL_SCALE).astype(np.int16))
        assert example.notes is not None
        n_windows = len(example.waveform) // HOP + 1
        classes.append(window_targets(example.notes, VOCABULARY, n_windows, HOP_SECONDS)[0])
    return TrainClips(np.stack(samples), np.stack(classes))


def compose_test(bank: Path, count: int, seconds: float) -> list[Clip]:
    """Unspoilt clips of test tunes, played on the instruments held out."""
    return _compose(bank, count, seconds, VOCABULARY, everything=False)


def compose_wide(bank: Path, count: int, seconds: float, vocabulary: Vocabulary) -> list[Clip]:
    """Unspoilt clips of test tunes on every instrument over all pitches."""
    return _compose(bank, count, seconds, vocabulary, everything=True)


def _compose(
    bank: Path, count: int, seconds: float, vocabulary: Vocabulary, *, everything: bool
) -> list[Clip]:
    config = ClipConfig(
        seconds=seconds, silent_share=0, accompanied_share=0, take_share=0, acoustics=UNSPOILT
    )
    data = ComposedClips(bank, vocabulary, seed=TEST_SEED, config=config, part="test")
    if not everything:
        _restrict(data, held_out=True)
    clips: list[Clip] = []
    index = 0
    while len(clips) < count:
        example = data[index]
        if example.notes:  # without a melody there is no SNR
            name = f"{index:05d}"
            clips.append(Clip("composed", len(clips), name, example.waveform, list(example.notes)))
        index += 1
    return clips


def _restrict(data: ComposedClips, *, held_out: bool) -> None:
    """Leave only the instruments that are held out, or only the others."""
    names = [source.name for source in data.notes.sources]
    chosen = held_out_names(names)
    data.struck, data.sustained = (
        np.array([s for s in group if (names[s] in chosen) == held_out], dtype=np.int64)
        for group in (data.struck, data.sustained)
    )
    if not len(data.struck) and not len(data.sustained):
        raise InputError("the bank has too few instruments to hold some out; use a larger one")
