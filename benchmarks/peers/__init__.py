"""The systems that benchmarks compare.

To add one, write a file with a loader ``(Options) -> System`` that imports its package inside and
raises NotInstalledError without it, and give it a row here.
"""

from __future__ import annotations

from functools import partial

from benchmarks.peers import basic_pitch, seqmelody, swift_f0
from benchmarks.peers.base import Loader, NotInstalledError, Options, System

SYSTEMS: dict[str, Loader] = {
    "seqmelody_ctc": partial(seqmelody.load, mode="ctc"),
    "seqmelody_window": partial(seqmelody.load, mode="window"),
    "swift_f0": swift_f0.load,
    "basic_pitch": basic_pitch.load,
}

__all__ = ["SYSTEMS", "Loader", "NotInstalledError", "Options", "System"]
