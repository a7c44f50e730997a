"""SwiftF0 (Nieradzik 2025): a small pitch tracker and its own segmentation into notes.

The full pitch range, and the cost of a note, ``pitch_hold_ms``, as the package has it or as tuned
on training-side clips (``tune.py``). The segmentation parts a repeated note at a dip in loudness.
Fitted pitches are rounded to semitones, as those of all systems are, or left as they are to be
compared with a measured intonation.
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

DEFAULT_HOLD_MS = 80.0
TUNED_HOLD_MS = 30.0


class SwiftF0:
    """The tracker and its note segmentation."""

    def __init__(
        self,
        package: Any,
        threads: int,
        *,
        cents: bool = False,
        hold_ms: float = DEFAULT_HOLD_MS,
    ) -> None:
        """``package``: the imported package; ``cents``: do not round pitches."""
        self._cents, self._hold_ms = cents, hold_ms
        self._package = package
        # Idle threads that spin would be counted as computing.
        self._tracker = package.SwiftF0(threads=threads, spin=False)
        self.version = package_version("swift-f0")
        if hold_ms != DEFAULT_HOLD_MS:
            self.version += f", pitch_hold_ms {hold_ms:g}"

    def transcribe(self, samples: FloatArray) -> list[Note]:
        """Track the pitch, then segment the contour."""
        return self.segment(self.track(samples), self._hold_ms)

    def track(self, samples: FloatArray) -> Any:
        """The package's contour of pitch, confidence and loudness."""
        return self._tracker.detect(samples, SAMPLE_RATE)

    def segment(self, contour: Any, hold_ms: float) -> list[Note]:
        """The notes of a contour."""
        return [
            Note(note.start, note.end, self._pitch(note.pitch_hz))
            for note in self._package.segment_notes(contour, pitch_hold_ms=hold_ms)
        ]

    def _pitch(self, hertz: float) -> float:
        exact = 69 + 12 * math.log2(hertz / 440)
        return exact if self._cents else round(exact)


def load(options: Options, *, cents: bool = False, hold_ms: float = DEFAULT_HOLD_MS) -> SwiftF0:
    """Raises NotInstalledError without the package."""
    try:
        import swift_f0
    except ImportError:
        raise NotInstalledError("pip install 'swift-f0>=0.3,<1'") from None
    return SwiftF0(swift_f0, options.threads, cents=cents, hold_ms=hold_ms)
