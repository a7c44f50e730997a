"""The networks of the study: waveforms (B, samples) to logits of T windows, (B, T, outputs).

Window t is centred at sample t * HOP; T = samples // HOP + 1.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.window_study.data import HOP, VOCABULARY
from seqmelody.audio import SAMPLE_RATE
from seqmelody.encoders import ENCODERS, EncoderConfig
from seqmelody.features import FeatureConfig, LogFrequencySpectrogram, filterbank
from seqmelody.heads import WindowConfig, WindowHead

SHORTEST_SECONDS = 0.05  # of the windows inside a window
QUIET = 1e-10  # power, 20 dB above the quantisation noise of 16-bit audio in a band
CHANNELS = 2  # the origin's recordings were stereo


class SpectralWindows(nn.Module):
    """Log-frequency spectra of a window and of its middle half, quarter, ..., not under 50 ms.

    So a longer window tells all that a shorter one does. Nothing outside it is looked at: levels
    are relative to the mean of the bands.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.config = FeatureConfig()
        self.lengths = [round(seconds * SAMPLE_RATE)]
        while self.lengths[-1] // 2 >= round(SHORTEST_SECONDS * SAMPLE_RATE):
            self.lengths.append(self.lengths[-1] // 2)
        for length in self.lengths:
            window = torch.hann_window(length)
            self.register_buffer(f"window_{length}", window / window.sum(), persistent=False)
            bank = filterbank(self.config, _fft_size(length))
            self.register_buffer(f"bank_{length}", bank, persistent=False)
        self.output_size = len(self.lengths) * self.config.n_bands

    def forward(self, waveform: Tensor) -> Tensor:
        """(B, samples) to (B, T, spectra * bands)."""
        planes = [self._spectrum(waveform, length) for length in self.lengths]
        return torch.cat([p - p.mean(dim=2, keepdim=True) for p in planes], dim=2)

    def _spectrum(self, waveform: Tensor, length: int) -> Tensor:
        size = _fft_size(length)
        padded = F.pad(waveform, (size // 2, size // 2))
        window = self.get_buffer(f"window_{length}")
        spectrum = torch.stft(
            padded, size, HOP, length, window, center=False, return_complex=True
        )  # (B, bins, T)
        power = spectrum.real.square() + spectrum.imag.square()
        return 0.5 * torch.log10(power.transpose(1, 2) @ self.get_buffer(f"bank_{length}") + QUIET)


def _fft_size(length: int) -> int:
    """The next power of 2: the window lies in the middle of so many samples."""
    return 1 << (length - 1).bit_length()


class Network(nn.Module):
    """Of the windows, a network answers every ``stride``-th from ``first`` on."""

    train_stride = 1  # how many windows apart are those it learns from

    def forward(self, waveform: Tensor, first: int = 0, stride: int = 1) -> Tensor:
        """(B, samples) to logits (B, T', outputs)."""
        return self.all_windows(waveform)[:, first::stride]

    def all_windows(self, waveform: Tensor) -> Tensor:
        """(B, samples) to logits (B, T, outputs)."""
        raise NotImplementedError


class WindowNetwork(Network):
    """Sees one window's spectra and nothing around it: two hidden layers."""

    def __init__(self, outputs: int, hidden: int, seconds: float) -> None:
        super().__init__()
        self.features = SpectralWindows(seconds)
        self.layers = nn.Sequential(
            nn.Linear(self.features.output_size, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, outputs),
        )

    def all_windows(self, waveform: Tensor) -> Tensor:
        """(B, samples) to logits (B, T, outputs)."""
        logits: Tensor = self.layers(self.features(waveform))
        return logits


class FrameNetwork(Network):
    """The package's features, one of its encoders, small, and its window head of 100 ms."""

    def __init__(self, outputs: int, width: int, encoder: str) -> None:
        super().__init__()
        features = FeatureConfig(attack_bands=0)
        config = EncoderConfig(
            encoder, pitch_channels=12, width=width, dilations=(1, 2, 4, 8)
        )  # the other settings are those of the shipped weights
        self.features = LogFrequencySpectrogram(features)
        self.encoder = ENCODERS[encoder](config, features, VOCABULARY)
        self.head = WindowHead(WindowConfig(hidden=width), self.encoder.output_size, outputs)
        self.head.onset.requires_grad_(False)  # the study's labels are classes only

    def all_windows(self, waveform: Tensor) -> Tensor:
        """(B, samples) to logits (B, T, outputs)."""
        frames: Tensor = self.encoder(self.features(waveform))
        logits: Tensor = self.head(frames)[0]
        return logits


class RawNetwork(Network):
    """The origin's: an LSTM (Hochreiter & Schmidhuber, 1997) over the raw two-channel samples of a
    window; notes from its state after the last one.

    Our clips are mono, so *stereo* means the same samples in both channels, as in a mono recording
    saved as stereo: the second channel costs weights and tells nothing. Other systems hear the one
    channel. ``fold`` samples of both channels make one step; the origin's fold is 1.
    """

    def __init__(
        self, outputs: int, hidden: int, seconds: float, fold: int = 1, train_stride: int = 1
    ) -> None:
        super().__init__()
        self.fold, self.train_stride = fold, train_stride
        self.length = round(seconds * SAMPLE_RATE / fold) * fold
        self.recur = nn.LSTM(CHANNELS * fold, hidden, batch_first=True)
        self.classify = nn.Linear(hidden, outputs)
        # Open forget gates: hundreds of steps back must matter before they are learned to.
        nn.init.ones_(self.recur.get_parameter("bias_ih_l0")[hidden : 2 * hidden])

    def all_windows(self, waveform: Tensor) -> Tensor:
        """(B, samples) to logits (B, T, outputs)."""
        return self.forward(waveform)

    def forward(self, waveform: Tensor, first: int = 0, stride: int = 1) -> Tensor:
        """(B, samples) to logits (B, T', outputs); only the windows asked for are computed."""
        rms = waveform.square().mean(dim=1, keepdim=True).sqrt()
        half = self.length // 2
        padded = F.pad(waveform / (rms + 1e-4), (half, self.length - half))
        windows = padded.unfold(1, self.length, HOP)[:, first::stride]  # (B, T', length)
        batch, count = windows.shape[:2]
        stereo = torch.stack([windows] * CHANNELS, dim=3)  # (B, T', length, channels)
        steps = stereo.reshape(batch * count, self.length // self.fold, CHANNELS * self.fold)
        states, _ = self.recur(steps)
        logits: Tensor = self.classify(states[:, -1])
        return logits.reshape(batch, count, -1)


class TwoStages(Network):
    """A detector of "a note sounds", and a recogniser of n notes that has learned from notes only.

    The composed log-probabilities' cross-entropy is the sum of the two parts', so the two, which
    share no weight, learn apart.
    """

    def __init__(self, make: Callable[[int, int], Network], size: int) -> None:
        """``make``: a network of some outputs and a size."""
        super().__init__()
        self.detector, self.recogniser = make(2, size), make(VOCABULARY.n_pitches, size)

    def all_windows(self, waveform: Tensor) -> Tensor:
        """(B, samples) to log-probabilities (B, T, n + 1)."""
        sounds = F.log_softmax(self.detector(waveform), dim=2)  # no note, note
        notes = F.log_softmax(self.recogniser(waveform), dim=2)
        return torch.cat([sounds[..., :1], sounds[..., 1:] + notes], dim=2)


def decided(log_probs: Tensor) -> Tensor:
    """What is left of (B, T, n + 1) log-probabilities when the detector has the last word: where
    "no note" has more than half of the probability it gets all, elsewhere none."""
    silent = log_probs[..., :1].exp() > 0.5
    notes = log_probs[..., 1:] - torch.logsumexp(log_probs[..., 1:], dim=2, keepdim=True)
    sure, never = torch.tensor(0.999).log(), torch.tensor(0.001).log()
    by_pitch = torch.where(silent, never + notes, sure + notes)
    return torch.cat([torch.where(silent, sure, never), by_pitch], dim=2)


def count_weights(network: nn.Module) -> int:
    """Trained numbers."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def two_stages_alike(make: Callable[[int, int], Network], target: int) -> TwoStages:
    """Two stages of equal size whose weights together come nearest to ``target``."""
    sizes = range(4, 400)

    def weights(size: int) -> int:
        parts = make(2, size), make(VOCABULARY.n_pitches, size)
        return sum(count_weights(part) for part in parts)

    low, high = 0, len(sizes) - 1
    while low < high:  # weights grow with the size
        middle = (low + high) // 2
        low, high = (middle + 1, high) if weights(sizes[middle]) < target else (low, middle)
    nearest = min(sizes[max(0, low - 1) : low + 1], key=lambda s: abs(weights(s) - target))
    return TwoStages(make, nearest)
