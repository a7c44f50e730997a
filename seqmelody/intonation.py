"""Where within its semitone was a note played or sung?

The decoders answer in whole semitones. A singer's notes lie between them, and so does a flute that
warmed up: this measures by how much, from the sound itself.

Method: near the recognised pitch the spectrum is compared with combs of harmonics (the sum of
amplitudes at the first multiples of a candidate frequency, as in Noll, "Pitch determination of
human speech by the harmonic product spectrum, the harmonic sum spectrum, and a maximum likelihood
estimate", 1969). Each frame has its best candidate; the note's pitch is their median, which is the
middle of a vibrato and takes no harm from a glide. Knowing the semitone leaves no octave to
confuse, which is why this holds in strong noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from seqmelody.audio import SAMPLE_RATE
from seqmelody.notes import Note, hertz

FloatArray = NDArray[np.float64]

FARTHEST = 0.49  # semitones off: rounding gives back the pitch that was recognised
STEP = 0.05  # semitones between candidates
CANDIDATES = np.arange(-15, 16) * STEP  # semitones: a vibrato swings out of its semitone
SHORTEST_WINDOW, LONGEST_WINDOW = 1024, 4096  # samples: 64 and 256 ms
PERIODS = 10  # of a tone that a window holds: fewer, and its harmonics run into each other
PADDING = 4  # times the window's length that its spectrum is computed of, to interpolate it
HARMONICS = 8
HIGHEST_HZ = 7500.0  # under half the sample rate, with its filter's slope
GLIDE_SHARE = 0.1  # of a note at its beginning, while its pitch is still on the way
FRAMES_PER_SECOND = 50
MOST_FRAMES = 100  # of a note, spread over it


def intone(notes: Sequence[Note], waveform: NDArray[np.float32]) -> list[Note]:
    """The notes at the pitch at which they sounded.

    Args:
        notes: recognised in the waveform, with whole pitches.
        waveform: shape (samples,), mono at SAMPLE_RATE.

    Returns:
        The same notes, each pitch moved by less than half a semitone.
    """
    return [replace(note, pitch=note.pitch + deviation(note, waveform)) for note in notes]


def deviation(note: Note, waveform: NDArray[np.float32]) -> float:
    """Semitones by which a note's sound lies above its pitch, within ±FARTHEST."""
    spectra = _spectra(note, waveform)
    sums = _comb_sums(spectra, np.asarray(note.pitch + CANDIDATES))
    heard = sums[sums.any(axis=1)]  # not digital silence
    if not len(heard):
        return 0.0
    return float(np.clip(np.median(_peaks(heard)), -FARTHEST, FARTHEST))


def _spectra(note: Note, waveform: NDArray[np.float32]) -> FloatArray:
    """Amplitude spectra at times spread over the note, shape (frames, bins)."""
    begin = note.onset + GLIDE_SHARE * note.duration
    count = int(np.clip(note.duration * FRAMES_PER_SECOND, 1, MOST_FRAMES))
    size = _window_size(note.pitch)
    middles = np.linspace(begin, max(begin, note.offset), count) * SAMPLE_RATE
    indices = np.round(middles).astype(np.int64)[:, None] + np.arange(size) - size // 2
    inside = (indices >= 0) & (indices < len(waveform))
    frames = np.where(inside, waveform[np.clip(indices, 0, len(waveform) - 1)], 0.0)
    return np.asarray(np.abs(np.fft.rfft(frames * np.hanning(size), PADDING * size)))


def _window_size(pitch: float) -> int:
    """The power of two that holds PERIODS of a tone, within bounds."""
    needed = PERIODS * SAMPLE_RATE / float(hertz(np.array(pitch)))
    return int(np.clip(2 ** np.ceil(np.log2(needed)), SHORTEST_WINDOW, LONGEST_WINDOW))


def _comb_sums(spectra: FloatArray, pitches: FloatArray) -> FloatArray:
    """Sum of the amplitudes at each pitch's harmonics, shape (frames, pitches)."""
    fundamental = hertz(pitches)
    sums = np.zeros((len(spectra), len(pitches)))
    for harmonic in range(1, HARMONICS + 1):
        frequency = harmonic * fundamental
        if frequency[-1] > HIGHEST_HZ:  # for all or none, else the sums could not be compared
            break
        position = frequency * 2 * (spectra.shape[1] - 1) / SAMPLE_RATE
        left = position.astype(np.int64)
        share = position - left
        sums += (1 - share) * spectra[:, left] + share * spectra[:, left + 1]
    return sums


def _peaks(sums: FloatArray) -> FloatArray:
    """Semitones off at the largest value of each row; between candidates by the parabola through
    it and its neighbours."""
    rows, at = np.arange(len(sums)), sums.argmax(axis=1)
    inner = np.clip(at, 1, sums.shape[1] - 2)
    below, top, above = (sums[rows, inner + k] for k in (-1, 0, 1))
    bend = below - 2 * top + above
    moved = np.divide(0.5 * (below - above), bend, out=np.zeros_like(bend), where=bend < 0)
    return np.asarray(CANDIDATES[at] + STEP * np.where(at == inner, moved, 0.0))
