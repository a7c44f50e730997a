"""Melodia (Salamon & Gómez 2012) with contour segmentation (McNab et al. 1996), as in Essentia.

``PredominantPitchMelodia`` and ``PitchContourSegmentation`` with their defaults but for the rate.
Melodia was made to find a melody in polyphony; as a peer it shows what that tolerance is worth in
noise.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.peers.base import (
    SAMPLE_RATE,
    FloatArray,
    NotInstalledError,
    Options,
    package_version,
)
from seqmelody import Note

RATE = 44_100  # Hz, that of the defaults: frames of 2048 samples, hops of 128


class Melodia:
    """Tracker and segmentation."""

    def __init__(self, algorithms: Any) -> None:
        """``algorithms``: essentia.standard."""
        self._algorithms = algorithms
        self.version = package_version("essentia")

    def transcribe(self, samples: FloatArray) -> list[Note]:
        """Track, then segment."""
        import soxr

        sound = np.ascontiguousarray(soxr.resample(samples, SAMPLE_RATE, RATE), dtype=np.float32)
        hertz, _ = self._algorithms.PredominantPitchMelodia(sampleRate=RATE)(sound)
        segmentation = self._algorithms.PitchContourSegmentation(sampleRate=RATE)
        onsets, durations, pitches = segmentation(hertz, sound)
        return [
            Note(float(onset), float(onset + duration), round(float(pitch)))
            for onset, duration, pitch in zip(onsets, durations, pitches, strict=True)
            if duration > 0
        ]


def load(options: Options) -> Melodia:
    """Raises NotInstalledError without the package."""
    try:
        import essentia
        import essentia.standard
    except ImportError:
        raise NotInstalledError("pip install --pre essentia") from None
    essentia.log.infoActive = False  # it reports models that nobody asked for
    return Melodia(essentia.standard)
