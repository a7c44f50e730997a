"""From control to sound: glottal pulses and noise, filtered by formants that move.

The pulses are read from band-limited wave tables, one for each third of an octave, so that nothing
folds back at the sample rate. The filter multiplies short spectra by the vowel's response.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data_tools.voice.contours import CONTROL
from data_tools.voice.singers import Singer
from data_tools.voice.syllables import Syllables
from seqmelody.audio import SAMPLE_RATE

HOP, WINDOW = 128, 512  # samples: 8 and 32 ms
TABLE = 2048  # samples of one period
HIGHEST_HZ = 7600.0
UPPER_FORMANTS = (3300.0, 4200.0)  # of a man; the fourth and fifth hardly move
BANDWIDTHS = (70.0, 100.0, 150.0, 220.0, 300.0)  # Hz
FloatArray = NDArray[np.float64]


def synthesise(
    pitch: FloatArray, syllables: Syllables, singer: Singer, rng: np.random.Generator
) -> NDArray[np.float32]:
    """The singer's sound for a contour and its syllables, a sample each of CONTROL; peak 0.5."""
    n_samples = (len(pitch) - 1) * CONTROL
    frequency = 440.0 * 2 ** ((pitch - 69) / 12)
    voiced = _pulses(frequency, singer, rng) * _fine(syllables.voice, n_samples)
    noise = rng.standard_normal(n_samples) * _fine(syllables.noise, n_samples)
    if singer.kind == "whistle":
        sound = _filtered(noise, _around(frequency, n_samples)) + torch.from_numpy(voiced).float()
    else:
        formants = _formants(frequency, syllables, singer)
        vowel = _response(_frames(formants, n_samples))
        hiss = _frames(syllables.hiss[:, None], n_samples)
        sound = _filtered(voiced, vowel)
        sound = sound + _filtered(noise, vowel * (1 - hiss) + _hiss(rng) * hiss)
    samples = sound.numpy()
    return np.asarray(samples * (0.5 / max(float(np.abs(samples).max(initial=0.0)), 1e-9)))


def _fine(control: FloatArray, n_samples: int) -> FloatArray:
    """Control points to samples, by straight lines."""
    return np.interp(np.arange(n_samples) / CONTROL, np.arange(len(control)), control)


def _frames(control: FloatArray, n_samples: int) -> Tensor:
    """Rows at the middles of the filter's frames, (frames, columns)."""
    middle = np.arange(n_samples // HOP + 1) * (HOP / CONTROL)
    rows = np.minimum(np.round(middle).astype(int), len(control) - 1)
    return torch.from_numpy(control[rows]).float()


def _pulses(frequency: FloatArray, singer: Singer, rng: np.random.Generator) -> FloatArray:
    """Glottal pulses with the lips' radiation in them, at RMS 1."""
    n_samples = (len(frequency) - 1) * CONTROL
    fine = _fine(frequency, n_samples)
    phase = np.cumsum(fine) / SAMPLE_RATE
    tables, lowest = _tables(frequency, singer, rng)
    table = np.ceil(3 * np.log2(np.maximum(fine / lowest, 1.0))).astype(int)
    return np.asarray(tables[table, (phase % 1.0 * TABLE).astype(int)])


def _tables(
    frequency: FloatArray, singer: Singer, rng: np.random.Generator
) -> tuple[FloatArray, float]:
    """One period for each third of an octave above the lowest frequency, and that frequency."""
    lowest, highest = float(frequency.min()), float(frequency.max())
    rows = int(np.ceil(3 * np.log2(highest / lowest))) + 1
    most = 2 if singer.kind == "whistle" else max(2, int(HIGHEST_HZ / lowest))
    number = np.arange(1, most + 1)
    amplitude = number**-singer.tilt * (0.03 ** (number - 1) if singer.kind == "whistle" else 1.0)
    # pulses are sharp where the glottis shuts: phases nearly in line, a little different each voice
    phases = rng.normal(0, 0.4, most)
    angle = 2 * np.pi * np.arange(TABLE) / TABLE
    waves = amplitude[:, None] * np.cos(number[:, None] * angle + phases[:, None])
    heard = number * lowest * 2 ** (np.arange(rows)[:, None] / 3) < HIGHEST_HZ  # (rows, most)
    heard[:, 0] = True
    tables = heard.astype(float) @ waves
    return tables / np.sqrt(0.5 * np.sum(amplitude**2)), lowest


def _formants(frequency: FloatArray, syllables: Syllables, singer: Singer) -> FloatArray:
    """(points, 5) Hz. High voices open the mouth: the first formant never lies below the pitch."""
    upper = np.array([2700.0, 3100.0] if singer.singers_formant else UPPER_FORMANTS)
    upper = np.broadcast_to(upper, (len(frequency), 2))
    formants = singer.tract * np.concatenate([syllables.formants, upper], axis=1)
    formants[:, 0] = np.maximum(formants[:, 0], frequency)
    return np.minimum(formants, HIGHEST_HZ)


def _response(formants: Tensor) -> Tensor:
    """Magnitude of the resonances in a row (Klatt 1980), (frames, bins)."""
    bins = torch.linspace(0, SAMPLE_RATE / 2, WINDOW // 2 + 1)
    response = torch.ones(len(formants), len(bins))
    for k, bandwidth in enumerate(BANDWIDTHS):
        centre = formants[:, k, None]
        real, imaginary = centre**2 - bins**2, bandwidth * (1 + k * 0.2) * bins
        response = response * centre**2 / torch.sqrt(real**2 + imaginary**2)
    return response


def _around(frequency: FloatArray, n_samples: int) -> Tensor:
    """Noise of a whistle: round the pitch, with some of everything; (frames, bins)."""
    bins = torch.linspace(0, SAMPLE_RATE / 2, WINDOW // 2 + 1)
    centre = _frames(frequency[:, None], n_samples)
    return 0.3 + 1 / (1 + ((bins - centre) / (0.12 * centre)) ** 2)


def _hiss(rng: np.random.Generator) -> Tensor:
    """Response of a fricative: a broad high band; (1, bins)."""
    bins = torch.linspace(0, SAMPLE_RATE / 2, WINDOW // 2 + 1)
    centre, width = float(rng.uniform(2500, 7000)), float(rng.uniform(800, 2500))
    return 2 * torch.exp(-0.5 * ((bins - centre) / width) ** 2)[None]


def _filtered(samples: FloatArray, response: Tensor) -> Tensor:
    """Multiply the short-time spectrum by (frames, bins) and add the pieces up again."""
    window = torch.hann_window(WINDOW)
    spectrum = torch.stft(
        torch.from_numpy(samples).float(), WINDOW, HOP, window=window, return_complex=True
    )
    return torch.istft(spectrum * response.T, WINDOW, HOP, window=window, length=len(samples))
