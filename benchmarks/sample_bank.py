"""Clean samples of an instrument, and clips made of them: what the oracle has to know.

A bank is a FLAC with one held note for each semitone, all of one length, end to end, and a JSON
beside it that tells the lowest pitch and that length. A note of a clip is the beginning of its
pitch's sample, faded out over its last moments; so whoever has the bank knows every clip's clean
notes exactly but for their loudness.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.peers.base import SAMPLE_RATE, FloatArray
from seqmelody import InputError

FADE_SECONDS = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class SampleBank:
    """An instrument's samples, shape (pitches, samples), row 0 for the pitch ``lowest``."""

    lowest: int
    samples: FloatArray

    @property
    def highest(self) -> int:
        """The highest MIDI pitch."""
        return self.lowest + len(self.samples) - 1

    @property
    def seconds(self) -> float:
        """The longest note."""
        return int(self.samples.shape[1]) / SAMPLE_RATE

    def note(self, pitch: int, seconds: float) -> FloatArray:
        """A note as clips have it, shape (samples,)."""
        row = pitch - self.lowest
        return np.asarray(_faded(self.samples[row : row + 1], seconds)[0])

    def candidates(self, seconds: float) -> NDArray[np.float64]:
        """A note of every pitch, shape (pitches, samples)."""
        return _faded(self.samples, seconds).astype(np.float64)

    def write(self, path: Path) -> None:
        """Write the FLAC and the JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, self.samples.ravel(), SAMPLE_RATE, subtype="PCM_16")
        index = {"lowest": self.lowest, "pitches": len(self.samples)}
        path.with_suffix(".json").write_text(json.dumps(index) + "\n", encoding="utf-8")


def _faded(samples: FloatArray, seconds: float) -> FloatArray:
    length = min(round(seconds * SAMPLE_RATE), samples.shape[1])
    fade = min(round(FADE_SECONDS * SAMPLE_RATE), length)
    cut: FloatArray = samples[:, :length].copy()
    cut[:, length - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return cut


def read_bank(path: Path) -> SampleBank:
    """Read what :meth:`SampleBank.write` wrote. Raises InputError."""
    try:
        index = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        samples, _ = soundfile.read(path, dtype="float32")
        return SampleBank(int(index["lowest"]), samples.reshape(int(index["pitches"]), -1))
    except (OSError, ValueError, KeyError, soundfile.LibsndfileError) as error:
        raise InputError(f"{path}: no bank of samples ({error}); render the set again") from None


@lru_cache(maxsize=16)
def cached_bank(path: Path) -> SampleBank:
    """A bank, read once a process."""
    return read_bank(path)
