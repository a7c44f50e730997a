"""Frame encoders: features in, one vector of D numbers for each frame out (B, T, D).

Features are a spectrogram (B, S, T, F) and, where the configuration has any, attack bands
(B, T', A); see :mod:`seqmelody.features`.

``ENCODERS`` is the registry; an encoder states its ``output_size`` and the ``radius`` (frames on
either side) that an output frame depends on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqmelody.features import FeatureConfig
from seqmelody.linear import Linear, linear
from seqmelody.notes import Vocabulary

FRAMES_AT_ONCE = 128  # that the harmonic front gathers; their bands fit the processor's cache


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """Settings of the default encoder; part of every checkpoint."""

    name: str = "conv"
    harmonics: tuple[float, ...] = (0.5, 1, 2, 3, 4, 5, 6, 8)
    pitch_channels: int = 24
    salience_channels: int = 2
    attack_channels: int = 48
    width: int = 256
    expansion: int = 2
    kernel: int = 5
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 1, 2, 4)

    def __post_init__(self) -> None:
        if not all(isinstance(n, int) and n > 0 for n in (self.kernel, *self.dilations)):
            raise ValueError(f"kernel and dilations must be whole and 1 or more, not {self}")
        if self.kernel % 2 == 0 or not all(0 < h < np.inf for h in self.harmonics):
            raise ValueError(f"the kernel must be odd and harmonics positive, not {self}")


class HarmonicFront(nn.Module):
    """From bands to pitches: the same small network looks at every pitch and its harmonics.

    For a candidate pitch the bands at its harmonics are brought side by side (as in the harmonic
    CQT of Bittner et al., "Deep salience representations for F0 estimation", ISMIR 2017), so that
    weights are shared by all pitches: what is learned at one is known at all. Gathering comes
    first, before any weights: nothing has to flow back through it, which halves training's cost.
    """

    radius = 1  # frames that the convolution sees on either side

    def __init__(self, config: EncoderConfig, features: FeatureConfig, vocabulary: Vocabulary):
        super().__init__()
        self.n_pitches, self.n_planes = vocabulary.n_pitches, len(features.windows)
        self.bands = features.bands_per_semitone
        self.first, self.pad = _harmonic_bands(config, features, vocabulary)
        self.look = Linear(self.n_planes * len(self.first) * self.bands, config.pitch_channels)
        self.mix = nn.Conv2d(config.pitch_channels, config.pitch_channels, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, S, T, F) to (B, T, n, C)."""
        device = features.device.type
        if torch.is_autocast_enabled(device):  # before there are many times as many of them
            features = features.to(torch.get_autocast_dtype(device))
        weight = self._weight()
        parts = torch.split(features, FRAMES_AT_ONCE, dim=2)
        pitches = torch.cat([self._look(part, weight) for part in parts], dim=1)
        mixed = self.mix(pitches.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)  # channels last in memory
        return F.relu(mixed.add_(pitches), inplace=True)

    def _look(self, features: Tensor, weight: Tensor) -> Tensor:
        return F.relu(linear(self._around(features), weight, self.look.bias), inplace=True)

    def _around(self, features: Tensor) -> Tensor:
        """The bands of every pitch's harmonics, (B, T, n, H * bands * S).

        With the planes of a band side by side, those of a harmonic of all pitches are one run.
        """
        frames = F.pad(features, self.pad).permute(0, 2, 3, 1).flatten(2)  # (B, T, padded F * S)
        semitone = self.bands * self.n_planes
        begins = [band * self.n_planes for band in self.first]
        runs = [frames[..., b : b + self.n_pitches * semitone] for b in begins]
        sizes = (*frames.shape[:2], self.n_pitches, semitone)
        return torch.stack([run.reshape(sizes) for run in runs], dim=3).flatten(3)

    def _weight(self) -> Tensor:
        """Of ``look``, whose inputs are (S, H, bands), for the order that they are gathered in."""
        weight = self.look.weight.view(-1, self.n_planes, len(self.first), self.bands)
        return weight.permute(0, 2, 3, 1).flatten(1)


def _harmonic_bands(
    config: EncoderConfig, features: FeatureConfig, vocabulary: Vocabulary
) -> tuple[list[int], tuple[int, int]]:
    """For each harmonic of the lowest pitch, the first band of its semitone, counted in padded F;
    and the padding of F (below, above) that harmonics of all pitches reach into."""
    per_semitone = features.bands_per_semitone
    harmonic = vocabulary.low - features.lowest + 12 * np.log2(np.asarray(config.harmonics))
    first = np.round(harmonic * per_semitone).astype(int) - per_semitone // 2
    below = max(0, -int(first.min()))
    above = max(0, int(first.max()) + vocabulary.n_pitches * per_semitone - features.n_bands)
    return [int(band) + below for band in first], (below, above)


class AttackFront(nn.Module):
    """From attack bands, several steps a frame, to a vector a frame: two convolutions over time."""

    radius = 2  # frames on either side that a frame's vector depends on
    kernel = 5  # steps

    def __init__(self, config: EncoderConfig, features: FeatureConfig) -> None:
        super().__init__()
        self.steps, channels = features.attack_steps, config.attack_channels
        self.look = nn.Conv1d(
            features.attack_bands, channels, self.kernel, padding=self.kernel // 2
        )
        self.join = nn.Conv1d(channels, channels, 2 * self.steps, self.steps)

    def forward(self, attacks: Tensor) -> Tensor:
        """(B, T', A) to (B, T, C), T' = (T - 1) * steps + 1."""
        steps = F.gelu(self.look(attacks.transpose(1, 2)))
        padded = F.pad(steps, (self.steps, self.steps - 1))  # a frame sees the steps around it
        return F.gelu(self.join(padded)).transpose(1, 2)


class DilatedBlock(nn.Module):
    """Residual block over time: dilated depthwise convolution, then a two-layer network a frame.

    After ConvNeXt (Liu et al., 2022) and the dilated stacks of WaveNet (van den Oord et al., 2016).
    """

    def __init__(self, width: int, expansion: int, kernel: int, dilation: int) -> None:
        super().__init__()
        padding = dilation * (kernel // 2)
        self.depthwise = nn.Conv1d(
            width, width, kernel, padding=padding, dilation=dilation, groups=width
        )
        self.norm = nn.LayerNorm(width)
        self.expand = Linear(width, expansion * width)
        self.reduce = Linear(expansion * width, width)
        nn.init.zeros_(self.reduce.weight)  # the block starts as the identity
        nn.init.zeros_(self.reduce.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) to (B, T, D)."""
        y = self.depthwise(x.transpose(1, 2)).transpose(1, 2)
        update: Tensor = self.reduce(F.gelu(self.expand(self.norm(y))))
        return x + update


class ConvEncoder(nn.Module):
    """The default: harmonic and attack front, then dilated convolutions over time; finite
    receptive field.

    The output of a frame is the trunk's vector and, beside it, the front's salience of every pitch.
    """

    def __init__(self, config: EncoderConfig, features: FeatureConfig, vocabulary: Vocabulary):
        super().__init__()
        n = vocabulary.n_pitches
        self.front = HarmonicFront(config, features, vocabulary)
        self.salience = Linear(config.pitch_channels, config.salience_channels)
        self.enter = Linear(config.pitch_channels * n, config.width)
        self.attack: AttackFront | None = None
        if features.attack_bands:
            self.attack = AttackFront(config, features)
            self.enter_attack = Linear(config.attack_channels, config.width, bias=False)
        self.blocks = nn.Sequential(
            *(
                DilatedBlock(config.width, config.expansion, config.kernel, d)
                for d in config.dilations
            )
        )
        self.norm = nn.LayerNorm(config.width)
        self.output_size = config.width + config.salience_channels * n
        fronts = max(HarmonicFront.radius, AttackFront.radius if self.attack else 0)
        self.radius = fronts + (config.kernel // 2) * sum(config.dilations)

    def forward(self, features: Tensor, attacks: Tensor | None = None) -> Tensor:
        """(B, S, T, F) and (B, T', A) to (B, T, D)."""
        pitches = self.front(features)  # (B, T, n, C)
        salience = self.salience(pitches).flatten(2)
        entered = self.enter(pitches.flatten(2))
        if self.attack is not None and attacks is not None:
            entered = entered + self.enter_attack(self.attack(attacks))
        trunk = self.norm(self.blocks(entered))
        return torch.cat([trunk, salience], dim=2)


class RecurrentEncoder(nn.Module):
    """For comparison: a gated recurrent network over the same features, both ways in time.

    It looks at bands, not at pitches with their harmonics, and shares no weights between pitches:
    the usual acoustic model (bidirectional recurrent layers, Graves & Schmidhuber, 2005, with the
    gated units of Cho et al., 2014). Of the configuration only ``width`` matters. What it hears has
    no end in principle; ``radius`` is how far it is taken to matter, so a recording decoded in
    chunks differs a little from one decoded whole.
    """

    layers = 2
    radius = 50  # frames: 1 s

    def __init__(self, config: EncoderConfig, features: FeatureConfig, vocabulary: Vocabulary):
        super().__init__()
        self.enter = Linear(len(features.windows) * features.n_bands, config.width)
        self.recur = nn.GRU(
            config.width, config.width // 2, self.layers, batch_first=True, bidirectional=True
        )
        self.output_size = 2 * (config.width // 2)

    def forward(self, features: Tensor, attacks: Tensor | None = None) -> Tensor:
        """(B, S, T, F) to (B, T, D); attacks are not heeded."""
        frames: Tensor = self.recur(F.gelu(self.enter(features.transpose(1, 2).flatten(2))))[0]
        return frames


ENCODERS: dict[str, type[ConvEncoder] | type[RecurrentEncoder]] = {
    "conv": ConvEncoder,
    "recurrent": RecurrentEncoder,
}
