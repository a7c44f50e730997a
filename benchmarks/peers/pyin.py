"""pYIN (Mauch & Dixon, ICASSP 2014), as in librosa.

A hop of 16 ms instead of 32, since notes may be short, and the range E1 to C8 of the instruments;
else the package's defaults. Its Viterbi path decides what is voiced. Notes: the shared segmenter.
"""

from __future__ import annotations

from typing import Any

from benchmarks.peers.base import (
    SAMPLE_RATE,
    FloatArray,
    NotInstalledError,
    Options,
    package_version,
)
from benchmarks.peers.segmenter import Contour, hertz_to_midi, segment
from seqmelody import Note

LOWEST_HZ, HIGHEST_HZ = 41.2, 4186.0  # E1 to C8
FRAME, HOP = 2048, 256  # samples


class Pyin:
    """Tracker and segmenter."""

    def __init__(self, package: Any) -> None:
        """``package``: librosa."""
        self._package = package
        self.version = package_version("librosa")

    def contour(self, samples: FloatArray) -> Contour:
        """Pitch where voiced."""
        hertz, _, _ = self._package.pyin(
            samples,
            fmin=LOWEST_HZ,
            fmax=HIGHEST_HZ,
            sr=SAMPLE_RATE,
            frame_length=FRAME,
            hop_length=HOP,
        )
        return Contour(hertz_to_midi(hertz), HOP / SAMPLE_RATE)

    def transcribe(self, samples: FloatArray) -> list[Note]:
        """Track, then segment."""
        return segment(self.contour(samples), samples)


def load(options: Options) -> Pyin:
    """Raises NotInstalledError without the package."""
    try:
        import librosa
    except ImportError:
        raise NotInstalledError("pip install 'seqmelody[bench]'") from None
    return Pyin(librosa)
