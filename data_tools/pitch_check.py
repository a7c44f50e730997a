"""Is a note at the pitch its name says? Measured by autocorrelation, independent of the model."""

from __future__ import annotations

import numpy as np

from seqmelody.audio import SAMPLE_RATE

TOLERANCE_CENTS = 60.0
START_SECONDS, STOP_SECONDS = 0.06, 0.5  # after the attack, before most notes have faded


def measure_pitch(samples: np.ndarray, expected: float) -> float | None:
    """Measured MIDI pitch, or None where it is not within 60 cents of the expected one.

    The normalised autocorrelation must peak near the expected period, clearly higher there than at
    a half or a third of it (where it would peak too if the sound were an octave or twelfth higher).
    """
    piece = samples[int(START_SECONDS * SAMPLE_RATE) : int(STOP_SECONDS * SAMPLE_RATE)]
    period = SAMPLE_RATE / (440.0 * 2 ** ((expected - 69) / 12))
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
