"""Praat's autocorrelation method (Boersma 1993), through Parselmouth.

Praat's default thresholds. Its default range (75 to 600 Hz) is a speaker's; the one here is that of
instruments, with the hop of 10 ms that Praat would choose at a floor of 75 Hz. Notes: the shared
segmenter.
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
from benchmarks.peers.segmenter import Contour, hertz_to_midi, segment
from seqmelody import Note

LOWEST_HZ, HIGHEST_HZ = 60.0, 4200.0
HOP_SECONDS = 0.01
SHORTEST_SECONDS = 3 / LOWEST_HZ  # Praat's window: three periods of the lowest pitch


class Praat:
    """Tracker and segmenter."""

    def __init__(self, package: Any) -> None:
        """``package``: parselmouth."""
        self._package = package
        self.version = f"{package_version('praat-parselmouth')}, Praat {package.PRAAT_VERSION}"

    def contour(self, samples: FloatArray) -> Contour:
        """Pitch where voiced."""
        if len(samples) < SHORTEST_SECONDS * SAMPLE_RATE:
            return Contour(np.empty(0), HOP_SECONDS)
        sound = self._package.Sound(samples.astype(np.float64), SAMPLE_RATE)
        pitch = sound.to_pitch_ac(
            time_step=HOP_SECONDS, pitch_floor=LOWEST_HZ, pitch_ceiling=HIGHEST_HZ
        )
        hertz = pitch.selected_array["frequency"]
        return Contour(hertz_to_midi(hertz), HOP_SECONDS, float(pitch.xs()[0]))

    def transcribe(self, samples: FloatArray) -> list[Note]:
        """Track, then segment."""
        return segment(self.contour(samples), samples)


def load(options: Options) -> Praat:
    """Raises NotInstalledError without the package."""
    try:
        import parselmouth
    except ImportError:
        raise NotInstalledError("pip install 'seqmelody[bench]'") from None
    return Praat(parselmouth)
