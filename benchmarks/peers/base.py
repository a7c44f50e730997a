"""What a benchmark asks of a system: turn samples into notes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from seqmelody import Note, SeqMelodyError
from seqmelody.audio import SAMPLE_RATE
from seqmelody.noise import FloatArray

if TYPE_CHECKING:
    from benchmarks.clips import Clip

__all__ = [
    "PEER_ERRORS",
    "SAMPLE_RATE",
    "FloatArray",
    "Informed",
    "Loader",
    "NotInstalledError",
    "Options",
    "System",
    "package_version",
]

# What other people's code raises at a clip that it cannot deal with: bad values and shapes, numbers
# that overflow, a lack of memory, errors from C++ (RuntimeError), programs that fail. A peer's
# broken clip is a result, to be written down. Mistakes of this benchmark's own (NameError,
# AttributeError, ImportError) are not among these and end the run.
PEER_ERRORS = (
    ArithmeticError,
    AssertionError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SeqMelodyError,
    TypeError,
    ValueError,
    subprocess.SubprocessError,
)


class NotInstalledError(SeqMelodyError, ImportError):
    """A system's package is missing; the message says how to install it."""


class System(Protocol):
    """A melody recogniser, loaded and ready."""

    version: str

    def transcribe(self, samples: FloatArray) -> list[Note]:
        """Notes by onset, at most one at a time. ``samples``: shape (samples,), 16 kHz mono."""
        ...


@runtime_checkable
class Informed(Protocol):
    """A system that has to know more of a clip than its sound: no peer, but a limit to all."""

    version: str

    def told(self, clip: Clip) -> System:
        """The system for this clip, whose ``sample_bank`` is known."""
        ...


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line hands to every system's loader.

    Attributes:
        model: SeqMelody checkpoint; the shipped one if None. Other systems ignore it.
        threads: processor threads a system may use.
        device: of the systems in ``ON_TORCH_DEVICES``: ``cpu``, ``cuda``. Times of what runs on a
            GPU are those of the processor that waits for it: compare times on ``cpu`` alone.
    """

    model: Path | None = None
    threads: int = 1
    device: str = "cpu"


Loader = Callable[[Options], "System | Informed"]


def package_version(name: str) -> str:
    """Name and installed version of a package, e.g. ``numpy 2.4.6``."""
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"{name} not installed"
