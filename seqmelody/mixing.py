"""Listed recordings as training clips: cut to length, heard anew each time, and mixed with composed
clips in a given proportion.

Which example has which number follows from the number, the proportion and a seed alone. So a run
that was stopped goes on with just the examples it would have seen, and processes and workers need
not agree on anything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from seqmelody.acoustics import AcousticsConfig, Surroundings, record
from seqmelody.audio import SAMPLE_RATE
from seqmelody.clip_cutting import cut, known_times
from seqmelody.datasets import Example
from seqmelody.errors import InputError
from seqmelody.list_checks import too_long
from seqmelody.noise import melody_mask

# The last of the numbers that seed random choices: of a listed example, and of a round's order.
# Composed clips have none, which is as good as 0; zeros at the end do not count.
_LISTED, _ROUND = 1, 2


def _milder_acoustics() -> AcousticsConfig:
    """A recording has been through a room and a microphone already, and has noise of its own."""
    return AcousticsConfig(
        clean_share=0.4,
        snr_low_db=-10.0,
        room_share=0.2,
        colour_share=0.4,
        band_limit_share=0.05,
        clip_share=0.02,
        codec_share=0.02,
        dropout_share=0.01,
    )


@dataclass(frozen=True, slots=True)
class MixConfig:
    """What becomes of listed recordings, and how many composed clips come between them."""

    bank_share: float = 0.5  # of examples: composed; the rest is listed
    augment: bool = True  # spoil recordings on the fly, as composed clips are
    clip_seconds: float = 8.0  # longer recordings with known times are cut
    whole_seconds: float = 30.0  # longer ones without times are refused: memory
    acoustics: AcousticsConfig = field(default_factory=_milder_acoustics)

    def __post_init__(self) -> None:
        if not 0.0 <= self.bank_share < 1.0:
            raise InputError(
                f"the bank's share must be at least 0 and below 1, not {self.bank_share:g}; "
                "with composed clips alone leave the lists out"
            )


class Counted(Protocol):
    """Examples with numbers and an end."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Example: ...


class MixedClips(Dataset[Example]):
    """Endless: listed clips, in a new order each time round, and composed ones between them.

    Among any n examples in a row the number of composed ones differs from ``bank_share`` n by less
    than one, so every batch has its part of both.
    """

    def __init__(
        self,
        listed: Counted,
        composed: Dataset[Example] | None,
        config: MixConfig,
        *,
        seed: int,
        places: Surroundings | None = None,
    ) -> None:
        """Without ``composed`` there are listed clips only. ``places`` have the noises to add."""
        self.listed, self.composed, self.config, self.seed = listed, composed, config, seed
        self.places = places or Surroundings()
        self._round, self._order = -1, np.empty(0, dtype=np.int64)

    def composed_before(self, index: int) -> int:
        """How many of the first ``index`` examples are composed."""
        if self.composed is None:
            return 0
        return math.floor(index * self.config.bank_share + 1e-9)

    def __getitem__(self, index: int) -> Example:
        before = self.composed_before(index)
        if self.composed is not None and self.composed_before(index + 1) > before:
            return self.composed[before]
        rng = np.random.default_rng([self.seed, index, _LISTED])
        example = shorten(self.listed[self._listed(index - before)], self.config, rng)
        return (
            heard_anew(example, self.config, self.places, rng) if self.config.augment else example
        )

    def _listed(self, number: int) -> int:
        """Index of the ``number``-th listed example: every one once a round."""
        turn, place = divmod(number, len(self.listed))
        if turn != self._round:
            rng = np.random.default_rng([self.seed, turn, _ROUND])
            self._round, self._order = turn, rng.permutation(len(self.listed))
        return int(self._order[place])


def shorten(example: Example, config: MixConfig, rng: np.random.Generator) -> Example:
    """One clip of a long recording whose times are known, cut between notes; others stay whole.

    Raises:
        InputError: the recording is long, and nobody knows its times.
    """
    seconds = len(example.waveform) / SAMPLE_RATE
    if example.notes is None:
        if seconds > config.whole_seconds:
            raise InputError(too_long("a recording", seconds, config.whole_seconds))
        return example
    if seconds <= 1.5 * config.clip_seconds or not example.notes or example.untimed:
        return example  # what is partly timed has been cut where it could be
    clips = cut(known_times(example.notes), seconds, config.clip_seconds)
    clip = clips[int(rng.integers(len(clips)))]
    samples = example.waveform[round(clip.begin * SAMPLE_RATE) : round(clip.end * SAMPLE_RATE)]
    return Example(samples, clip.pitches, tuple(clip.notes))


def heard_anew(
    example: Example, config: MixConfig, places: Surroundings, rng: np.random.Generator
) -> Example:
    """The recording as if played in another place; where no times are known, the SNR is taken over
    the whole of it."""
    active: NDArray[np.bool_] = np.ones(len(example.waveform), dtype=np.bool_)
    if example.notes is not None:
        active = melody_mask(example.notes, len(example.waveform))
    waveform = record(example.waveform, active, config.acoustics, places, rng)
    return replace(example, waveform=waveform)
