"""Is a note at the pitch its name says? Measured by autocorrelation, independent of the model.

:func:`measure_pitch` confirms a pitch, so as to take single notes into a bank; what it does not
confirm may be wrong or just unclear. :func:`steady_pitch` finds the pitches that are there
for sure, in recordings of melodies, where noise, other instruments and earlier notes are heard.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqmelody.audio import SAMPLE_RATE

TOLERANCE_CENTS = 60.0
START_SECONDS, STOP_SECONDS = 0.06, 0.5  # after the attack, before most notes have faded

LAGS_PER_SAMPLE = 4  # of the autocorrelation of high notes, whose periods are a few samples
CLEAR = 0.93  # share of the energy, at least, that repeats with the period
PURE = 0.98  # the same where all but the rest of it could be another pitch's
FIRST_OF_EQUALS = 0.93  # of the highest peak: every multiple of the period has one as high
STEADY_SEMITONES = 0.3  # between the two halves of a note
SHORTEST_SECONDS = 0.025  # of such a half
NEAR_SEMITONES = 2.5
HIGHEST_MULTIPLE = 4  # of the frequency of a label that is two octaves low


def measure_pitch(samples: np.ndarray, expected: float) -> float | None:
    """Measured MIDI pitch, or None where it is not within 60 cents of the expected one.

    The normalised autocorrelation must peak near the expected period, clearly higher there than at
    a half or a third of it (where it would peak too if the sound were an octave or twelfth higher).
    """
    piece = samples[int(START_SECONDS * SAMPLE_RATE) : int(STOP_SECONDS * SAMPLE_RATE)]
    period = _period(expected)
    if len(piece) < 4 * period:
        return None
    correlation = _autocorrelation(piece)
    spread = 2 ** (TOLERANCE_CENTS / 1200)
    # Several periods away the peak is as high and the reading as many times finer.
    multiple = max(1, min(int(0.25 * len(piece) / period), int(600 / period)))
    near = _peak(correlation, period / spread, period * spread)
    if near is None or near[1] < 0.5:
        return None
    for divisor in (2, 3):
        higher = _peak(correlation, period / divisor / 1.03, period / divisor * 1.03)
        if higher is not None and higher[1] > 0.92 * near[1]:
            return None
    lag, count = near[0], 1
    while count < multiple:  # in doublings, so that the search never reaches the peaks beside
        count = min(2 * count, multiple)
        far = _peak(correlation, (count - 0.3) * lag, (count + 0.3) * lag)
        if far is None or far[1] < 0.3:
            break
        lag = far[0] / count
    measured = 69 + 12 * float(np.log2(SAMPLE_RATE / lag / 440.0))
    return measured if abs(measured - expected) <= TOLERANCE_CENTS / 100 else None


def _autocorrelation(samples: np.ndarray) -> np.ndarray:
    """Autocorrelation of the mean-free samples, unbiased, 1 at lag 0."""
    centred = samples - samples.mean()
    size = 1 << (2 * len(centred) - 1).bit_length()
    power = np.abs(np.fft.rfft(centred, size)) ** 2
    raw = np.fft.irfft(power)[: len(centred)]
    counts = np.arange(len(centred), 0, -1)
    return np.asarray(raw / counts / max(raw[0] / len(centred), 1e-12))


def _peak(correlation: np.ndarray, low: float, high: float) -> tuple[float, float] | None:
    """(lag, height) of the highest point between two lags, refined by a parabola."""
    first, last = max(1, int(np.floor(low))), min(len(correlation) - 2, int(np.ceil(high)))
    if last < first:
        return None
    at = first + int(np.argmax(correlation[first : last + 1]))
    left, mid, right = correlation[at - 1 : at + 2]
    bend = left - 2 * mid + right
    shift = 0.5 * (left - right) / bend if bend < 0 else 0.0
    return at + float(np.clip(shift, -1, 1)), float(mid)


class Reading(NamedTuple):
    """A measured MIDI pitch, and the share of the energy that repeats with its period."""

    pitch: float
    clarity: float


def is_measurable(samples: np.ndarray, labelled: float) -> bool:
    """Whether the steady middle of a note is long enough for :func:`steady_pitch`."""
    return len(samples) // 2 >= max(2 * _period(labelled), SHORTEST_SECONDS * SAMPLE_RATE)


def steady_pitch(samples: np.ndarray, labelled: float) -> Reading | None:
    """The pitch of the steady middle of a note, or None where it might be the labelled one after
    all or is unclear.

    Both halves must say the same, clearly, and nothing beside what they say may be of the labelled
    pitch, so that a hum or the ringing of the note before does not accuse a label that is right.

    Args:
        samples: mono at SAMPLE_RATE, without the note's attack and end; measurable.
        labelled: MIDI pitch.
    """
    readings = [read_pitch(half) for half in np.array_split(samples, 2)]
    if any(reading is None for reading in readings):
        return None
    first, second = (reading for reading in readings if reading is not None)
    reading = Reading((first.pitch + second.pitch) / 2, min(first.clarity, second.clarity))
    if reading.clarity < CLEAR or abs(first.pitch - second.pitch) > STEADY_SEMITONES:
        return None
    return None if _may_be(samples, labelled, reading) else reading


def _may_be(samples: np.ndarray, labelled: float, reading: Reading) -> bool:
    """Whether a note of the labelled pitch may sound where another pitch was read."""
    if abs(reading.pitch - labelled) < NEAR_SEMITONES:
        return False  # the two would beat, and not be steady
    period, read = _period(labelled), _period(reading.pitch)
    multiple = max(1, round(period / read))
    if multiple > 1 and abs(12 * np.log2(period / read / multiple)) < 1:
        # A low note with faint odd harmonics, or one of which a high harmonic rings alone.
        return reading.clarity < PURE or multiple > HIGHEST_MULTIPLE
    part = round(read / period)
    if part > 2 and part % 2 and abs(12 * np.log2(read / period / part)) < 1:
        return True  # bells, organ stops and strings have such tones below the one that names them
    if _repeats(samples, period) > 0.5:
        return True
    rest = samples[round(read) :] - samples[: -round(read)]  # without what has the pitch read
    return reading.clarity < PURE and _repeats(rest, period) > 0.3


def read_pitch(samples: np.ndarray) -> Reading | None:
    """Pitch of a steady sound of which nothing is known, or None where there is none.

    The first high peak of the normalised square difference function (McLeod & Wyvill, "A smarter
    way to find pitch", 2005), from a third of a sample to half the length of the sound.
    """
    similarity = _similarity(samples)
    below = np.flatnonzero(similarity <= 0)
    if not len(below):
        return None
    inner = similarity[1:-1]
    peaks = 1 + np.flatnonzero((inner > similarity[:-2]) & (inner >= similarity[2:]))
    peaks = peaks[peaks > below[0]]
    if not len(peaks):
        return None
    at = int(peaks[np.argmax(similarity[peaks] >= FIRST_OF_EQUALS * similarity[peaks].max())])
    refined = _peak(similarity, at, at)
    if refined is None:
        return None
    lag, clarity = refined
    return Reading(69 + 12 * float(np.log2(SAMPLE_RATE * LAGS_PER_SAMPLE / lag / 440.0)), clarity)


def _similarity(samples: np.ndarray) -> np.ndarray:
    """2 r(lag) / m(lag): 1 where the sound repeats, 0 where it is unlike itself; LAGS_PER_SAMPLE
    values a sample up to half the length of the sound."""
    centred = samples.astype(np.float64) - samples.mean()
    count = len(centred)
    size = 1 << (2 * count - 1).bit_length()
    power = np.abs(np.fft.rfft(centred, size)) ** 2
    lags = np.arange(count // 2 * LAGS_PER_SAMPLE)
    products = np.fft.irfft(power, size * LAGS_PER_SAMPLE)[: len(lags)] * LAGS_PER_SAMPLE
    energy = np.concatenate([[0.0], np.cumsum(centred**2)])
    shift = lags / LAGS_PER_SAMPLE
    ends = np.interp(count - shift, np.arange(count + 1), energy)
    starts = energy[-1] - np.interp(shift, np.arange(count + 1), energy)
    return np.asarray(2 * products / np.maximum(ends + starts, 1e-12))


def _repeats(samples: np.ndarray, period: float) -> float:
    """How similar a sound is to itself about a period (samples) later, at most 1."""
    spread = 2 ** (TOLERANCE_CENTS / 1200)
    low, high = LAGS_PER_SAMPLE * period / spread, LAGS_PER_SAMPLE * period * spread
    peak = _peak(_similarity(samples), low, high)
    return 0.0 if peak is None else peak[1]


def _period(pitch: float) -> float:
    """Samples in a period of a MIDI pitch."""
    return float(SAMPLE_RATE / (440.0 * 2 ** ((pitch - 69) / 12)))
