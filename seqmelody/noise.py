"""Noise to train against and to measure in: generated types, and mixing at a stated SNR.

A generator is a function ``(n_samples, rng) -> (n_samples,) float32`` of unit RMS at
:data:`~seqmelody.audio.SAMPLE_RATE`; every random choice comes from ``rng``, so a seed fixes the
noise. To add one, write it and give it a row in :data:`GENERATORS`. Recordings of noise are loaded
elsewhere.

The *colours* have a power spectral density that falls with frequency as f^0 (white), f^-1 (pink) or
f^-2 (brown, also red: the spectrum of Brownian motion), from 20 Hz up and level below.

*SNR* is the ratio of mean powers, in decibels: 10 log10(mean(clean^2) / mean(noise^2)), taken over
the samples where the melody sounds if the caller marks them, so that rests do not make the same
noise count for less.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from seqmelody.audio import SAMPLE_RATE
from seqmelody.errors import InputError
from seqmelody.notes import Note

LOWEST_HZ = 20.0  # the colours are level below: hearing ends there, and 1/f would diverge
HUM_HARMONICS = 12
CLICK_FLOOR = 0.01  # RMS between clicks against the clicks' own, so that no stretch is silent

FloatArray = NDArray[np.float32]
Generator = Callable[[int, np.random.Generator], FloatArray]


def white(n_samples: int, rng: np.random.Generator) -> FloatArray:
    """Gaussian noise, equally strong at all frequencies."""
    return _unit_rms(rng.standard_normal(_checked(n_samples)))


def pink(n_samples: int, rng: np.random.Generator) -> FloatArray:
    """1/f noise: equally strong in every octave."""
    return _unit_rms(_coloured(n_samples, rng, exponent=1.0))


def brown(n_samples: int, rng: np.random.Generator) -> FloatArray:
    """1/f^2 noise: a rumble."""
    return _unit_rms(_coloured(n_samples, rng, exponent=2.0))


def hum(n_samples: int, rng: np.random.Generator) -> FloatArray:
    """Mains hum at 50 or 60 Hz: the fundamental is strongest, harmonics are of random strength."""
    mains_hz = rng.choice([50.0, 60.0])
    order = np.arange(1, HUM_HARMONICS + 1)
    amplitudes = rng.uniform(0.1, 0.8, HUM_HARMONICS) / np.sqrt(order)
    amplitudes[0] = 1.0
    phases = rng.uniform(0, 2 * np.pi, HUM_HARMONICS)
    seconds = np.arange(_checked(n_samples)) / SAMPLE_RATE
    signal = np.zeros(n_samples)
    for k, amplitude, phase in zip(order, amplitudes, phases, strict=True):
        signal += amplitude * np.sin(2 * np.pi * mains_hz * k * seconds + phase)
    return _unit_rms(signal)


def clicks(n_samples: int, rng: np.random.Generator) -> FloatArray:
    """Short bursts at random moments, 2 to 20 a second: scratches, keys, crackling."""
    signal = np.zeros(_checked(n_samples))
    clicks_per_second = rng.uniform(2.0, 20.0)
    n_clicks = max(1, rng.poisson(clicks_per_second * n_samples / SAMPLE_RATE))
    for start in rng.integers(0, n_samples, n_clicks):
        decay = rng.uniform(0.0002, 0.003) * SAMPLE_RATE  # samples to fall to 1/e
        length = min(math.ceil(6 * decay), n_samples - start)
        burst = rng.standard_normal(length) * np.exp(-np.arange(length) / decay)
        signal[start : start + length] += rng.lognormal(sigma=0.7) * burst
    floor = CLICK_FLOOR * rng.standard_normal(n_samples)
    return _unit_rms(_unit_rms(signal) + floor)


def wind(n_samples: int, rng: np.random.Generator) -> FloatArray:
    """Wind-like: low rumble and some hiss, swelling and falling in gusts of seconds."""
    rumble = _unit_rms(_coloured(n_samples, rng, exponent=2.0))
    hiss = _unit_rms(_coloured(n_samples, rng, exponent=1.0))
    gusts_hz = rng.uniform(0.2, 1.0)
    n_knots = math.ceil(n_samples / SAMPLE_RATE * gusts_hz) + 2
    knots_seconds = np.arange(n_knots) / gusts_hz
    seconds = np.arange(n_samples) / SAMPLE_RATE
    gust = np.interp(seconds, knots_seconds, rng.normal(scale=0.8, size=n_knots))
    # A stronger wind is louder, and its hiss grows faster than its rumble.
    return _unit_rms(np.exp(gust) * rumble + 0.2 * np.exp(2 * gust) * hiss)


GENERATORS: dict[str, Generator] = {
    "white": white,
    "pink": pink,
    "brown": brown,
    "hum": hum,
    "clicks": clicks,
    "wind": wind,
}


def mix_at_snr(
    clean: FloatArray,
    noise: FloatArray,
    snr_db: float,
    active: NDArray[np.bool_] | None = None,
) -> FloatArray:
    """Add noise, scaled so that the mixture has the stated SNR.

    The clean signal is left as it is, so a loud noise can push the sum beyond -1..1.

    Args:
        clean: shape (samples,).
        noise: shape (samples,), any level.
        snr_db: decibels; negative where the noise is stronger.
        active: shape (samples,), the samples over which powers are taken; all by default.

    Returns:
        Shape (samples,), float32; the SNR is met to within 0.01 dB.

    Raises:
        InputError: shapes differ, a value is not finite, or a signal is silent where powers are
            taken.
    """
    if not math.isfinite(snr_db):
        raise InputError(f"snr_db must be finite, not {snr_db}")
    if active is None:
        active = np.ones(clean.shape, dtype=np.bool_)
    if clean.ndim != 1 or not clean.shape == noise.shape == active.shape:
        raise InputError(
            "clean, noise and active must share one shape (samples,), "
            f"not {clean.shape}, {noise.shape} and {active.shape}"
        )
    clean_power = _power(clean, active, "clean signal")
    noise_power = _power(noise, active, "noise")
    gain = math.sqrt(clean_power / noise_power) * 10 ** (-snr_db / 20)
    return np.asarray(clean + gain * noise.astype(np.float64), dtype=np.float32)


def _power(signal: FloatArray, active: NDArray[np.bool_], name: str) -> float:
    """Mean square over the active samples, in double precision."""
    if not np.isfinite(signal).all():
        raise InputError(f"the {name} holds NaN or infinite samples; repair it before mixing")
    selected = signal[active].astype(np.float64)
    power = float(np.mean(selected**2)) if selected.size else 0.0
    if power <= 0.0:
        raise InputError(f"the {name} is silent where the SNR is taken; an SNR needs sound in both")
    return power


def _checked(n_samples: int) -> int:
    if n_samples < 1:
        raise InputError(f"cannot make {n_samples} samples of noise; ask for at least 1")
    return n_samples


def _coloured(n_samples: int, rng: np.random.Generator, *, exponent: float) -> NDArray[np.float64]:
    """Noise whose power falls as f^-exponent above LOWEST_HZ, shape (n_samples,)."""
    spectrum = np.fft.rfft(rng.standard_normal(_checked(n_samples)))
    frequencies = np.fft.rfftfreq(n_samples, 1 / SAMPLE_RATE)
    amplitude = np.maximum(frequencies, LOWEST_HZ) ** (-exponent / 2)
    return np.asarray(np.fft.irfft(spectrum * amplitude, n_samples))


def _unit_rms(signal: NDArray[np.float64] | FloatArray) -> FloatArray:
    rms = np.sqrt(np.mean(np.square(signal, dtype=np.float64)))
    return np.asarray(signal / rms, dtype=np.float32)


def melody_mask(notes: Iterable[Note], n_samples: int) -> NDArray[np.bool_]:
    """Where a note sounds, shape (n_samples,), at 16 kHz."""
    active = np.zeros(n_samples, dtype=np.bool_)
    for note in notes:
        active[round(note.onset * SAMPLE_RATE) : round(note.offset * SAMPLE_RATE)] = True
    return active
