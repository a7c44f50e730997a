"""Notes of our own synthesis: harmonics under random resonances, for timbres no SoundFont has.

Additive synthesis: amplitudes fall with a random tilt and are shaped by a few random formants
fixed in frequency (as in voices and instrument bodies); struck tones let high harmonics die first;
some tones have odd harmonics only, a little inharmonicity, or breath.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from seqmelody.audio import SAMPLE_RATE
from seqmelody.banks import Sound, Source


@dataclass(frozen=True)
class Timbre:
    """A random instrument."""

    struck: bool
    tilt_db: float  # per octave
    formants: list[tuple[float, float, float]]  # centre Hz, width in octaves, gain dB
    even: float  # weight of even harmonics
    inharmonicity: float
    breath: float
    decay_seconds: float
    attack_seconds: float
    low: int
    high: int


def tone_sources(n_timbres: int, seed: int) -> list[Source]:
    """One source for each timbre."""
    return [
        Source(f"tones/{i:03d}", "seqmelody data_tools.tones", "MIT", not t.struck)
        for i, t in enumerate(_timbres(n_timbres, seed))
    ]


def synthesise_tones(
    n_timbres: int, first_source: int, *, pitch_step: int, seconds: float, seed: int
) -> Iterator[Sound]:
    """Every ``pitch_step``-th semitone of every timbre."""
    rng = np.random.default_rng([seed, 1])
    for number, timbre in enumerate(_timbres(n_timbres, seed)):
        for pitch in range(timbre.low, timbre.high + 1, pitch_step):
            yield Sound(_tone(timbre, pitch, seconds, rng), float(pitch), first_source + number)


def _timbres(n_timbres: int, seed: int) -> list[Timbre]:
    rng = np.random.default_rng([seed, 0])
    return [_timbre(rng) for _ in range(n_timbres)]


def _timbre(rng: np.random.Generator) -> Timbre:
    struck = bool(rng.random() < 0.35)
    voice_like = not struck and rng.random() < 0.7
    low = int(rng.integers(36, 56) if voice_like else rng.integers(28, 66))
    return Timbre(
        struck=struck,
        tilt_db=float(rng.uniform(-14, -2)),
        formants=_vowel(rng) if voice_like else _body(rng),
        even=float(rng.choice([1.0, 1.0, 1.0, 0.3, 0.05])),
        inharmonicity=float(10 ** rng.uniform(-5, -3.3)) if struck else 0.0,
        breath=0.0 if struck else float(10 ** rng.uniform(-3.5, -1.3)),
        decay_seconds=float(10 ** rng.uniform(-0.7, 0.5)),
        attack_seconds=float(rng.uniform(0.001, 0.005) if struck else rng.uniform(0.005, 0.08)),
        low=low,
        high=min(108, low + int(rng.integers(28, 44))),
    )


def _vowel(rng: np.random.Generator) -> list[tuple[float, float, float]]:
    """Formants of some vowel (after Peterson & Barney 1952), for some length of vocal tract."""
    size = rng.uniform(0.85, 1.3)
    centres = (rng.uniform(270, 850), rng.uniform(800, 2400), rng.uniform(2300, 3100), 3600.0)
    return [
        (size * centre, float(rng.uniform(0.15, 0.35)), float(rng.uniform(8, 28)))
        for centre in centres
    ]


def _body(rng: np.random.Generator) -> list[tuple[float, float, float]]:
    """A few random resonances of an instrument's body."""
    return [
        (
            float(10 ** rng.uniform(2.0, 3.7)),
            float(rng.uniform(0.2, 1.0)),
            float(rng.uniform(-12, 18)),
        )
        for _ in range(int(rng.integers(0, 5)))
    ]


def _tone(timbre: Timbre, pitch: int, seconds: float, rng: np.random.Generator) -> np.ndarray:
    f0 = 440.0 * 2 ** ((pitch - 69) / 12)
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    harmonic = np.arange(1, max(2, min(60, int(7600 / f0) + 1)))
    frequency = harmonic * f0 * np.sqrt(1 + timbre.inharmonicity * harmonic**2)
    frequency = frequency[frequency < 7800]
    gain_db = timbre.tilt_db * np.log2(frequency / f0)
    for centre, width, peak_db in timbre.formants:
        gain_db = gain_db + peak_db * np.exp(-0.5 * (np.log2(frequency / centre) / width) ** 2)
    gain = 10 ** (gain_db / 20) * np.where(harmonic[: len(frequency)] % 2 == 0, timbre.even, 1.0)
    gain[0] = max(gain[0], 0.02 * gain.max())  # a trace of the fundamental keeps the pitch clear
    samples = np.zeros(len(time))
    for h, (f, g) in enumerate(zip(frequency, gain, strict=True), start=1):
        wave = g * np.sin(2 * np.pi * (f * time + rng.random()))
        if timbre.struck:
            wave *= np.exp(-time / (timbre.decay_seconds / h**0.6))
        samples += wave
    samples += timbre.breath * gain.sum() * rng.standard_normal(len(time))
    samples *= np.minimum(1.0, time / timbre.attack_seconds)
    return np.asarray(0.5 * samples / np.abs(samples).max(), dtype=np.float32)
