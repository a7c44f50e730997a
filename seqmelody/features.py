"""What the network is shown of a waveform: a log-frequency spectrogram, and attacks.

The spectrogram, (B, S, T, F), says what sounds. It has three bands a semitone, so that a tone a
third of a semitone off is still told apart and transposing a melody shifts its picture along F.
Each of the S planes is one STFT window length: long windows part neighbouring low notes, and hold
on to steady tones in noise; short ones show onsets.

The attack bands, (B, T', A), say when: the level in a few broad bands every 5 ms, in windows of
10 ms. The gap between two equal notes may be as short, and a window of 32 ms hardly shows it.

Levels are made relative by a *local* mean (not the file's), so that every frame depends on a few
seconds around it only: a file decoded whole or in chunks gives the same features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchaudio.functional import melscale_fbanks

A4_HZ, A4_MIDI = 440.0, 69
FRAMES_AT_ONCE = 256  # of one STFT; what they need on the way fits the processor's cache


@dataclass(frozen=True, slots=True)
class FeatureConfig:
    """Settings of the spectrogram; part of every checkpoint."""

    sample_rate: int = 16_000
    hop: int = 320  # samples: 20 ms, so that the shortest notes of interest (80 ms) last 4 frames
    windows: tuple[int, ...] = (4096, 2048, 1024, 512)  # samples: 256, 128, 64, 32 ms
    lowest: float = 27.0  # MIDI pitch of the first band
    n_bands: int = 276  # 92 semitones: up to just under 8 kHz
    bands_per_semitone: int = 3
    level_frames: int = 101  # 2 s over which levels are averaged
    attack_bands: int = 12  # broad bands; 0 leaves attacks out
    attack_window: int = 160  # samples: 10 ms
    attack_steps: int = 4  # from frame to frame: every 5 ms

    def __post_init__(self) -> None:
        sizes = (
            self.sample_rate, self.hop, self.n_bands, self.bands_per_semitone, self.level_frames,
            self.attack_window, self.attack_steps, *self.windows,
        )  # fmt: skip
        if not all(isinstance(n, int) for n in (*sizes, self.attack_bands)):
            raise ValueError(f"sizes of features must be whole numbers, not {self}")
        if min(sizes) < 1 or not self.windows or self.attack_bands < 0:
            raise ValueError(f"sizes of features must be 1 or more, not {self}")
        if self.level_frames % 2 == 0 or any(n % 2 for n in (self.attack_window, *self.windows)):
            raise ValueError(f"windows must be even and level frames odd, not {self}")
        if not 0.0 <= self.lowest <= 127.0:
            raise ValueError(f"the lowest band must be at a MIDI pitch, not {self.lowest}")
        if self.hop % self.attack_steps:
            raise ValueError(f"{self.attack_steps} attack steps do not divide a hop of {self.hop}")

    @property
    def hop_seconds(self) -> float:
        """Seconds from frame to frame."""
        return self.hop / self.sample_rate

    @property
    def radius_samples(self) -> int:
        """Samples on either side of a frame's centre that it depends on."""
        return max(self.windows) // 2 + (self.level_frames // 2) * self.hop


class LogFrequencySpectrogram(nn.Module):
    """Waveform (B, samples) to log power in dB/20 relative to the surroundings, (B, S, T, F).

    Frame t is centred at sample t * hop; T = samples // hop + 1. Plane 0 (the longest window) is
    relative to the local mean of all bands, which keeps the spectrum's shape; the others are
    relative to the local mean of each band, which removes steady noise and the room's colour.
    """

    def __init__(self, config: FeatureConfig) -> None:
        super().__init__()
        self.config = config
        self.parts: list[list[tuple[slice, slice]]] = []
        for i, size in enumerate(config.windows):
            window, bank = torch.hann_window(size), filterbank(config, size)
            self.parts.append(_occupied(bank, 12 * config.bands_per_semitone))
            self.register_buffer(f"window_{i}", window / window.sum(), persistent=False)
            self.register_buffer(f"bank_{i}", bank, persistent=False)

    def forward(self, waveform: Tensor, frames: Tensor | None = None) -> Tensor:
        """Features of a batch of waveforms (B, samples).

        ``frames`` (B,) of each are filled; the others, which pad the batch, are 0 and change no
        features. What comes after is not told of them: biases make the encoder's and the heads'
        vectors of padding other than the nothing that lies beyond the end of a clip alone, so the
        last frames of a padded clip differ a little, as far as the encoder's radius reaches.
        """
        planes = []
        for i, size in enumerate(self.config.windows):
            log_power = self._log_power(waveform, i, size)  # (B, T, F)
            local = local_mean(log_power, self.config.level_frames, frames)
            if i == 0:
                local = local.mean(dim=2, keepdim=True)
            planes.append(_filled(log_power - local, frames))
        return torch.stack(planes, dim=1)  # (B, S, T, F)

    def _log_power(self, waveform: Tensor, i: int, size: int) -> Tensor:
        hop = self.config.hop
        padded = F.pad(waveform, (size // 2, size // 2))
        begins = range(0, padded.shape[1] - size + 1, FRAMES_AT_ONCE * hop)
        reach = (FRAMES_AT_ONCE - 1) * hop + size
        bands = [self._bands(padded[:, b : b + reach], i, size) for b in begins]
        # The floor, 20 dB above the quantisation noise of 16 bits, hides it in digital silence.
        return 0.5 * torch.log10(torch.cat(bands, dim=1) + 1e-10)

    def _bands(self, padded: Tensor, i: int, size: int) -> Tensor:
        """Power in each band, (B, T, F)."""
        window, bank = self.get_buffer(f"window_{i}"), self.get_buffer(f"bank_{i}")
        spectrum = torch.stft(
            padded, size, self.config.hop, window=window, center=False, return_complex=True
        )  # (B, bins, T)
        power = (spectrum.real.square() + spectrum.imag.square()).transpose(1, 2)
        # Octave by octave: a band is made of few bins, and most of the bank is zeros.
        parts = [power[..., bins] @ bank[bins, octave] for bins, octave in self.parts[i]]
        return torch.cat(parts, dim=2)


class AttackBands(nn.Module):
    """Waveform (B, samples) to log power in broad bands, (B, T', A), relative to the surroundings.

    Step k is centred at sample k * hop / attack_steps, so frame t of the spectrogram is step
    t * attack_steps; T' = (T - 1) * attack_steps + 1. Levels are relative to the local mean power,
    and the floor lies 50 dB under it: silence looks the same in a loud recording and a soft one.
    """

    FLOOR = 1e-5  # of the local mean power

    def __init__(self, config: FeatureConfig) -> None:
        super().__init__()
        self.config = config
        window = torch.hann_window(config.attack_window)
        self.register_buffer("window", window / window.sum(), persistent=False)
        bank = melscale_fbanks(
            config.attack_window // 2 + 1,
            50.0,
            config.sample_rate / 2,
            config.attack_bands,
            config.sample_rate,
        )
        self.register_buffer("bank", bank, persistent=False)  # (bins, A)

    def forward(self, waveform: Tensor, frames: Tensor | None = None) -> Tensor:
        """Attack bands of a batch of waveforms (B, samples); ``frames`` (B,) of each are filled."""
        config, size = self.config, self.config.attack_window
        step = config.hop // config.attack_steps
        padded = F.pad(waveform, (size // 2, size // 2))
        spectrum = torch.stft(
            padded, size, step, window=self.get_buffer("window"), center=False, return_complex=True
        )  # (B, bins, steps)
        power = spectrum.real.square() + spectrum.imag.square()
        power = power[..., : waveform.shape[1] // config.hop * config.attack_steps + 1]
        bands = power.transpose(1, 2) @ self.get_buffer("bank")  # (B, T', A)
        around = config.level_frames * config.attack_steps | 1  # odd, so that it has a middle
        steps = None if frames is None else (frames - 1) * config.attack_steps + 1
        local = local_mean(bands, around, steps) + 1e-10
        return _filled(0.5 * torch.log10(bands / local + self.FLOOR), steps)


def _filled(x: Tensor, frames: Tensor | None) -> Tensor:
    """(B, T, F) with 0 from the frame on that ``frames`` (B,) says."""
    if frames is None:
        return x
    place = torch.arange(x.shape[1], device=x.device)
    return x.masked_fill((place >= frames[:, None])[..., None], 0.0)


def local_mean(x: Tensor, size: int, frames: Tensor | None = None) -> Tensor:
    """Mean of (B, T, F) over the ``size`` frames around each, an odd number; fewer at the ends.

    With ``frames`` (B,), the ends are where it says.

    Sums of 1, 2, 4, ... frames, each from two of the last, are put together as the binary digits of
    ``size`` say. Pooling would add ``size`` numbers for each mean.
    """
    length, half = x.shape[1], size // 2
    sums, width = (
        F.pad(_filled(x, frames), (0, 0, half, half)),
        1,
    )  # of ``width`` frames, from each on
    total, done = torch.zeros_like(x), 0
    while True:
        if size & width:
            total += sums[:, done : done + length]
            done += width
        if 2 * width > size:
            break
        sums, width = sums[:, :-width] + sums[:, width:], 2 * width
    place = torch.arange(length, device=x.device)
    ends = (place + half + 1).clamp(max=length)
    if frames is not None:
        ends = torch.minimum(ends, frames[:, None])  # (B, T)
    count = (ends - (place - half).clamp(min=0)).clamp(min=1)
    return total / count[..., None]


def _occupied(bank: Tensor, size: int) -> list[tuple[slice, slice]]:
    """For each ``size`` columns of a filterbank (bins, F): the bins that they are made of, and the
    columns."""
    parts = []
    for begin in range(0, bank.shape[1], size):
        columns = slice(begin, min(begin + size, bank.shape[1]))
        rows = bank[:, columns].any(dim=1).nonzero().flatten().tolist()
        parts.append((slice(rows[0], rows[-1] + 1) if rows else slice(0, 0), columns))
    return parts


def filterbank(config: FeatureConfig, window: int) -> Tensor:
    """Triangular bands spaced evenly in pitch, shape (bins, F).

    Where the bands lie closer than the STFT's bins (low pitches) a triangle is widened to two bins,
    which interpolates between them.
    """
    bins = np.arange(window // 2 + 1) * config.sample_rate / window  # Hz
    steps = np.arange(-1, config.n_bands + 1) / config.bands_per_semitone
    edges = A4_HZ * 2 ** ((config.lowest + steps - A4_MIDI) / 12)
    resolution = config.sample_rate / window
    centre = edges[1:-1]
    down = np.maximum(centre - edges[:-2], resolution)
    up = np.maximum(edges[2:] - centre, resolution)
    distance = bins[:, None] - centre[None, :]
    weight = np.where(distance < 0, 1 + distance / down, 1 - distance / up)
    return torch.from_numpy(np.maximum(weight, 0.0).astype(np.float32))
