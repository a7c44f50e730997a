"""A recogniser of rules alone, written the classical way: what learned systems have to beat.

1. *Noise floor*: the median power of each frequency over time and over its neighbours. Partials of
   a melody come and go and are narrow; what is always and everywhere there is noise.
2. *Pitch*: subharmonic summation (Hermes 1988): the salience of a pitch is the sum over its
   harmonics h of DECAY ** (h - 1) times the compressed power above the floor.
3. *Voicing*: a frame sounds if its greatest salience exceeds a threshold.
4. *Onsets*: peaks of the spectral flux above the floor (Dixon 2006), over an adaptive threshold,
   part repeated notes; a step of the pitch parts others (:mod:`benchmarks.peers.segmenter`).
5. *Decision*: a note's pitch is that of the greatest mean salience over its span, which gains on
   the noise with its length; a note too weak on average is dropped.

Thresholds were tuned as those of the segmenter were, by ``python -m benchmarks.peers.tune``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.base import SAMPLE_RATE, FloatArray, Options, package_version
from benchmarks.peers.segmenter import Contour, SegmenterConfig, split
from seqmelody import Note

Matrix = NDArray[np.float64]
WINDOW, HOP, FFT = 2048, 160, 4096  # samples: 128 ms, 10 ms, zero-padded
LOWEST, HIGHEST = 28.0, 108.0  # MIDI pitches
STEPS = 4  # pitch candidates in a semitone
HARMONICS = 10
DECAY = 0.84  # of the weight from one harmonic to the next (Hermes 1988)
FLOOR_HZ = 400.0  # neighbourhood that a frequency's noise floor is taken from
MEDIAN_OF_NOISE = np.log(2)  # of the power of Gaussian noise in a bin, relative to its mean
SILENCE = 1e-10  # power of a bin below which nothing sounds: -100 dB


@dataclass(frozen=True, slots=True)
class RulesConfig:
    """Thresholds; saliences are in units of log power ratios.

    Attributes:
        smooth_frames: spectra are averaged over so many frames before they are judged.
        floor_factor: power within this multiple of the noise floor counts as noise.
        frame_salience: a frame with less is silent.
        note_salience: a note with less on average is dropped.
        flux_factor: an onset's flux exceeds the median around it this many times ...
        flux_share: ... and this share of the clip's strongest onset.
        segmenter: how the pitch parts notes.
    """

    smooth_frames: int = 5
    floor_factor: float = 2.0
    frame_salience: float = 6.0
    note_salience: float = 5.0
    flux_factor: float = 10.0
    flux_share: float = 0.25
    segmenter: SegmenterConfig = field(default_factory=SegmenterConfig)


class Rules:
    """The recogniser; nothing is learned and nothing is loaded."""

    def __init__(self, config: RulesConfig | None = None) -> None:
        self.config = config or RulesConfig()
        self.version = f"rules 1, {package_version('numpy')}"
        self._pitches = np.arange(LOWEST, HIGHEST + 0.5 / STEPS, 1 / STEPS)
        self._weights = harmonic_weights(self._pitches)

    def transcribe(self, samples: FloatArray) -> list[Note]:
        """Floor, salience, voicing, onsets, decision."""
        power = spectrogram(samples)
        excess = self._excess(power)
        salience = excess @ self._weights.T  # (T, candidates)
        best = salience.argmax(axis=1)
        voiced = salience.max(axis=1) > self.config.frame_salience
        contour = Contour(np.where(voiced, self._pitches[best], np.nan), HOP / SAMPLE_RATE)
        attacks = flux_onsets(excess, self.config.flux_factor, self.config.flux_share)
        notes: list[Note] = []
        for first, end, _ in split(contour, attacks, self.config.segmenter):
            mean = salience[first:end].mean(axis=0)
            if mean.max() > self.config.note_salience:
                pitch = round(float(self._pitches[mean.argmax()]))
                onset = contour.seconds(_attack_of(first, end, attacks))
                notes.append(Note(onset, contour.seconds(end), pitch))
        return notes

    def _excess(self, power: Matrix) -> Matrix:
        """Compressed power above the noise floor, shape (T, bins), 0 where it is noise."""
        half = self.config.smooth_frames // 2
        padded = np.pad(power, ((half, half), (0, 0)), mode="edge")
        smooth = sum(padded[lag : lag + len(power)] for lag in range(2 * half + 1))
        ratio = smooth / ((2 * half + 1) * self.config.floor_factor * noise_floor(power))
        return np.log(np.maximum(ratio, 1.0))


def _attack_of(first: int, end: int, attacks: Sequence[int]) -> int:
    """Where a span was struck: half a window before that, its sound is in the window already."""
    late = min(first + WINDOW // 2 // HOP + 2, end - 1)
    return next((frame for frame in attacks if first <= frame <= late), first)


def spectrogram(samples: FloatArray) -> Matrix:
    """Power spectra of Hann windows centred at multiples of the hop, shape (T, bins)."""
    padded = np.pad(samples.astype(np.float64), WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    window = np.hanning(WINDOW)
    spectra = np.fft.rfft(frames * window, FFT, axis=1)
    return np.asarray(np.abs(spectra) ** 2 / np.sum(window**2))


def noise_floor(power: Matrix) -> Matrix:
    """Mean noise power of each bin, shape (bins,), from medians over time and frequency."""
    over_time = np.median(power, axis=0)
    half = round(FLOOR_HZ / 2 * FFT / SAMPLE_RATE)
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(over_time, half, mode="reflect"), 2 * half + 1
    )
    return np.asarray(np.maximum(np.median(windows, axis=1) / MEDIAN_OF_NOISE, SILENCE))


def harmonic_weights(pitches: NDArray[np.float64]) -> Matrix:
    """Weight of each bin for each pitch, shape (pitches, bins).

    Each harmonic looks at the bins beside its place; what lies beyond Nyquist counts nothing.
    """
    weights = np.zeros((len(pitches), FFT // 2 + 1))
    hertz = 440 * 2 ** ((pitches - 69) / 12)
    rows = np.arange(len(pitches))
    for harmonic in range(1, HARMONICS + 1):
        place = harmonic * hertz * FFT / SAMPLE_RATE
        inside = place < FFT // 2
        low = np.floor(place[inside]).astype(int)
        share = place[inside] - low
        weight = DECAY ** (harmonic - 1)
        np.add.at(weights, (rows[inside], low), weight * (1 - share))
        np.add.at(weights, (rows[inside], low + 1), weight * share)
    return weights


def flux_onsets(excess: Matrix, factor: float, share: float) -> list[int]:
    """Frames whose spectral flux is a peak, exceeds ``factor`` times the median around it, and
    ``share`` of the greatest."""
    lag, around = 3, 25  # frames: 30 ms, 250 ms either way
    flux = np.zeros(len(excess))
    flux[lag:] = np.maximum(excess[lag:] - excess[:-lag], 0.0).sum(axis=1)
    flux -= np.median(flux)
    # The click of a release has flux too, but what stands above the noise grows softer in it.
    level = np.expm1(excess).sum(axis=1)
    flux[lag:][level[lag:] <= level[:-lag]] = 0.0
    least = share * flux.max()
    onsets = []
    for frame in np.flatnonzero(flux > max(least, 0.0)):
        near = flux[max(0, frame - lag) : frame + lag + 1]
        usual = np.median(np.abs(flux[max(0, frame - around) : frame + around + 1]))
        if flux[frame] == near.max() and flux[frame] > factor * usual:
            onsets.append(int(frame))
    return onsets


def load(options: Options) -> Rules:
    """Always at hand."""
    return Rules()
