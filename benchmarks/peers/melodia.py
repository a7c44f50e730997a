"""Melodia (Salamon & Gómez 2012) with contour segmentation (McNab et al. 1996), as in Essentia.

``PredominantPitchMelodia`` and ``PitchContourSegmentation`` with their defaults but for the rate
and the voicing: Melodia was made to find a melody in polyphony, and its default passes over much of
a lone one. On 25 training-side clips (composed, seed 999) the default has a note error rate of
86.5 %, a voicing tolerance of 0.8 76.0 %, of 1.4, the most there is, 74.5 %; guessing unvoiced
stretches 84.2 %; with notes from 0.06 s instead of 0.1 s all are worse.
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

VOICING_TOLERANCE = 1.4  # standard deviations below the mean salience that still sound
RATE = 44_100  # Hz, that of the defaults: frames of 2048 samples, hops of 128


class Melodia:
    """Tracker and segmentation."""

    def __init__(self, algorithms: Any) -> None:
        """``algorithms``: essentia.standard."""
        self._algorithms = algorithms
        self.version = f"{package_version('essentia')}, voicing tolerance {VOICING_TOLERANCE}"

    def transcribe(self, samples: FloatArray) -> list[Note]:
        """Track, then segment."""
        import soxr

        sound = np.ascontiguousarray(soxr.resample(samples, SAMPLE_RATE, RATE), dtype=np.float32)
        tracker = self._algorithms.PredominantPitchMelodia(
            sampleRate=RATE, voicingTolerance=VOICING_TOLERANCE
        )
        hertz, _ = tracker(sound)
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
