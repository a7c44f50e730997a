"""How far anyone could go: a matched filter that knows the notes' times and every clean sample.

The oracle is told where each note begins and ends, and has the clean sample s_p of every pitch p of
the instrument, cut as the clip cuts it. It decides for the pitch whose sample correlates best with
what it hears, x:

    argmax over p of <x, s_p> / |s_p|

In white Gaussian noise, with the loudness unknown, that is the most likely of the candidates: no
recogniser with the same knowledge errs less often (Turin, An Introduction to Matched Filters, IRE
Trans. Information Theory 6(3), 1960; North 1943). Noise of another colour is whitened first, x and
s_p alike, by the noise's spectrum (Turin, sec. V). That spectrum the oracle has to estimate: from
the clip itself, then again from what remains after the notes that it first decided for are taken
off. In noise that is neither Gaussian nor steady (ambience, babble) it is a strong reference and
not a limit.

Knowing the times, it makes substitutions only. A recogniser has to find the notes as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.clips import Clip
from benchmarks.peers.base import SAMPLE_RATE, FloatArray, Options, package_version
from benchmarks.sample_bank import SampleBank, cached_bank
from seqmelody import InputError, Note

Signal = NDArray[np.float64]
BLOCK = 1024  # samples of the spectra that the noise is estimated from
ROUNDS = 2  # decisions: with the spectrum of the clip, then with that of the residual
FLOOR = 1e-6  # of the strongest frequency: where there is no noise at all, whitening would explode


class Oracle:
    """Loads what it is to be told of a clip."""

    version = f"matched filter 1, {package_version('numpy')}"

    def told(self, clip: Clip) -> Listener:
        """The oracle for one clip. Raises InputError if the clip's samples are unknown."""
        if clip.sample_bank is None:
            raise InputError(f"{clip.set_name}/{clip.name}: its samples are unknown to the oracle")
        return Listener(clip.notes, cached_bank(Path(clip.sample_bank)), self.version)


class Listener:
    """The oracle, told of a clip."""

    def __init__(self, notes: Sequence[Note], bank: SampleBank, version: str) -> None:
        """``notes``: of which only the times are used; ``bank``: the instrument's samples."""
        self._times = [(note.onset, note.offset) for note in notes]
        self._bank = bank
        self.version = version

    def transcribe(self, samples: FloatArray) -> list[Note]:
        """Decide for a pitch in each span."""
        heard = samples.astype(np.float64)
        residual, chosen = heard, [0] * len(self._times)
        for _ in range(ROUNDS):
            spectrum = noise_spectrum(residual)
            chosen = [self._decide(heard, on, off, spectrum) for on, off in self._times]
            residual = self._without(heard, chosen)
        return [
            Note(onset, offset, pitch)
            for (onset, offset), pitch in zip(self._times, chosen, strict=True)
        ]

    def _decide(self, heard: Signal, onset: float, offset: float, spectrum: Signal) -> int:
        first = round(onset * SAMPLE_RATE)
        candidates = self._bank.candidates(offset - onset)  # (pitches, samples)
        span = heard[first : first + candidates.shape[1]]
        candidates = candidates[:, : len(span)]
        white = whiten(np.vstack([span, candidates]), spectrum)
        energy = np.sum(white[1:] ** 2, axis=1)
        match = white[1:] @ white[0] / np.sqrt(np.maximum(energy, np.finfo(float).tiny))
        return int(self._bank.lowest + match.argmax())

    def _without(self, heard: Signal, pitches: Sequence[int]) -> Signal:
        """What remains after each note's sample is taken off at the level that fits best."""
        residual: Signal = heard.copy()
        for (onset, offset), pitch in zip(self._times, pitches, strict=True):
            first = round(onset * SAMPLE_RATE)
            sample = self._bank.candidates(offset - onset)[pitch - self._bank.lowest]
            span = residual[first : first + len(sample)]
            sample = sample[: len(span)]
            span -= sample * (sample @ span) / max(float(sample @ sample), np.finfo(float).tiny)
        return residual


def noise_spectrum(signal: Signal) -> Signal:
    """Mean power in each of BLOCK // 2 + 1 frequencies (Welch 1967: Hann windows, half over)."""
    padded = np.pad(signal, (0, max(0, BLOCK - len(signal))))
    blocks = np.lib.stride_tricks.sliding_window_view(padded, BLOCK)[:: BLOCK // 2]
    power = np.mean(np.abs(np.fft.rfft(blocks * np.hanning(BLOCK), axis=1)) ** 2, axis=0)
    return np.asarray(np.maximum(power, FLOOR * max(float(power.max()), np.finfo(float).tiny)))


def whiten(signals: Signal, spectrum: Signal) -> Signal:
    """Divide by the root of a power spectrum; signals have the shape (n, samples)."""
    length = signals.shape[1] + BLOCK  # zeros behind, so that nothing wraps around
    frequencies = np.linspace(0, 1, length // 2 + 1)
    power = np.interp(frequencies, np.linspace(0, 1, len(spectrum)), spectrum)
    return np.asarray(np.fft.irfft(np.fft.rfft(signals, length, axis=1) / np.sqrt(power), length))


def load(options: Options) -> Oracle:
    """Always at hand."""
    return Oracle()
