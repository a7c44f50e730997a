"""What a benchmark asks of a system: turn samples into notes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from seqmelody import Note, SeqMelodyError
from seqmelody.noise import SAMPLE_RATE, FloatArray

__all__ = [
    "SAMPLE_RATE",
    "FloatArray",
    "Loader",
    "NotInstalledError",
    "Options",
    "System",
    "package_version",
]


class NotInstalledError(SeqMelodyError, ImportError):
    """A system's package is missing; the message says how to install it."""


class System(Protocol):
    """A melody recogniser, loaded and ready."""

    version: str

    def transcribe(self, samples: FloatArray) -> list[Note]:
        """Notes by onset, at most one at a time. ``samples``: shape (samples,), 16 kHz mono."""
        ...


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line hands to every system's loader.

    Attributes:
        model: SeqMelody checkpoint; the shipped one if None. Other systems ignore it.
        threads: processor threads a system may use.
    """

    model: Path | None = None
    threads: int = 1


Loader = Callable[[Options], System]


def package_version(name: str) -> str:
    """Name and installed version of a package, e.g. ``numpy 2.4.6``."""
    return f"{name} {version(name)}"
