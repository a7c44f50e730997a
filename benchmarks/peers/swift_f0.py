"""SwiftF0 (Nieradzik 2025): a small pitch tracker and its own segmentation into notes.

Default settings throughout: the full pitch range and the default ``pitch_hold_ms``. The
segmentation parts a repeated note at a dip in loudness. Fitted pitches are rounded to semitones,
as those of all systems are, or left as they are to be compared with a measured intonation.
"""

from __future__ import annotations

import math
from typing import Any

from benchmarks.peers.base import (
    SAMPLE_RATE,
    FloatArray,
    NotInstalledError,
    Options,
    package_version,
)
from seqmelody import Note


class SwiftF0:
    """The tracker and its note segmentation."""

    def __init__(self, package: Any, threads: int, *, cents: bool = False) -> None:
        """``package``: the imported package; ``cents``: do not round pitches."""
        self._cents = cents
        self._package = package
        # Idle threads that spin would be counted as computing.
        self._tracker = package.SwiftF0(threads=threads, spin=False)
        self.version = package_version("swift-f0")

    def transcribe(self, samples: FloatArray) -> list[Note]:
        """Track the pitch, then segment the contour."""
        contour = self._tracker.detect(samples, SAMPLE_RATE)
        return [
            Note(note.start, note.end, self._pitch(note.pitch_hz))
            for note in self._package.segment_notes(contour)
        ]

    def _pitch(self, hertz: float) -> float:
        exact = 69 + 12 * math.log2(hertz / 440)
        return exact if self._cents else round(exact)


def load(options: Options, *, cents: bool = False) -> SwiftF0:
    """Raises NotInstalledError without the package."""
    try:
        import swift_f0
    except ImportError:
        raise NotInstalledError("pip install 'swift-f0>=0.3,<1'") from None
    return SwiftF0(swift_f0, options.threads, cents=cents)
