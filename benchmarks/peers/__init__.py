"""The systems that benchmarks compare.

To add one, write a file with a loader ``(Options) -> System`` that imports its package inside and
raises NotInstalledError without it, and give it a row here.
"""

from __future__ import annotations

from functools import partial

from benchmarks.peers import (
    aubio,
    basic_pitch,
    crepe,
    melodia,
    pesto,
    praat,
    pyin,
    rules,
    seqmelody,
    swift_f0,
)
from benchmarks.peers.base import Informed, Loader, NotInstalledError, Options, System


def _oracle(options: Options) -> Informed:
    # Imported here: it is no peer, lies outside of this package and uses it.
    from benchmarks.oracle import load

    return load(options)


SYSTEMS: dict[str, Loader] = {
    "seqmelody_ctc": partial(seqmelody.load, mode="ctc"),
    "seqmelody_window": partial(seqmelody.load, mode="window"),
    "seqmelody_joint": partial(seqmelody.load, mode="joint"),
    "seqmelody_ctc_cents": partial(seqmelody.load, mode="ctc", cents=True),
    "swift_f0": swift_f0.load,
    "swift_f0_cents": partial(swift_f0.load, cents=True),
    "swift_f0_tuned": partial(swift_f0.load, hold_ms=swift_f0.TUNED_HOLD_MS),
    "basic_pitch": basic_pitch.load,
    "basic_pitch_tuned": partial(basic_pitch.load, config=basic_pitch.TUNED),
    "pyin": pyin.load,
    "crepe_tiny": partial(crepe.load, size="tiny"),
    "crepe_full": partial(crepe.load, size="full"),
    "pesto": pesto.load,
    "praat": praat.load,
    "aubio": aubio.load,
    "melodia": melodia.load,
    "rules": rules.load,
    "oracle": _oracle,
}
INFORMED = frozenset({"oracle"})  # measured only on sets whose clean samples are known
ON_TORCH_DEVICES = ("crepe_tiny", "crepe_full", "pesto")  # heed Options.device

__all__ = [
    "INFORMED",
    "ON_TORCH_DEVICES",
    "SYSTEMS",
    "Loader",
    "NotInstalledError",
    "Options",
    "System",
]
