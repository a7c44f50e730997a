"""Basic Pitch (Bittner et al., ICASSP 2022), Spotify's polyphonic transcriber.

The model in the package, run by ONNX Runtime, with the package's default thresholds. It may report
several notes at once; a melody has one, so of overlapping notes the stronger is kept (see
:func:`keep_strongest`).
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.peers.base import (
    SAMPLE_RATE,
    FloatArray,
    NotInstalledError,
    Options,
    package_version,
)
from seqmelody import Note

INSTALL = (
    "pip install 'seqmelody[bench]' && pip install --no-deps basic-pitch==0.4.0 "
    "(--no-deps: it would bring an old TensorFlow, which the ONNX model does not need)"
)


def keep_strongest(notes: list[Note]) -> list[Note]:
    """Make a melody of notes that overlap: where two compete, the stronger one is heard.

    Notes are taken from the strongest to the weakest; one that overlaps a note already taken by
    more than half of the shorter of the two is dropped. What overlap is left is a note ringing
    into the next, so it ends where the next begins. (Dropping at any overlap costs 46 % of the
    notes on clean piano, where ringing is the rule.)

    Args:
        notes: any order; their confidence is their strength.

    Returns:
        Notes by onset, none overlapping.
    """
    taken: list[Note] = []
    for note in sorted(notes, key=lambda n: (-n.confidence, n.onset)):
        if not any(_compete(note, other) for other in taken):
            taken.append(note)
    taken.sort(key=lambda n: n.onset)
    for i, (note, following) in enumerate(pairwise(taken)):
        taken[i] = replace(note, offset=min(note.offset, following.onset))
    return taken


def _compete(a: Note, b: Note) -> bool:
    overlap = min(a.offset, b.offset) - max(a.onset, b.onset)
    return overlap > 0.5 * min(a.duration, b.duration)


class BasicPitch:
    """The transcriber with its defaults, made monophonic."""

    def __init__(self, inference: Any, model: Any) -> None:
        """``inference``: the package's module; ``model``: its ``Model``, loaded."""
        self._inference = inference
        self._model = model
        self.version = f"{package_version('basic-pitch')}, {package_version('onnxruntime')}"

    def transcribe(self, samples: FloatArray) -> list[Note]:
        """Go through a file, since the package reads nothing else; float samples lose nothing."""
        import soundfile

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "clip.wav"
            soundfile.write(path, samples, SAMPLE_RATE, subtype="FLOAT")
            with contextlib.redirect_stdout(io.StringIO()):  # it announces each file
                _, _, events = self._inference.predict(path, self._model)
        return keep_strongest(
            [
                Note(float(start), float(end), int(pitch), float(amplitude))
                for start, end, pitch, amplitude, _ in events
            ]
        )


def load(options: Options) -> BasicPitch:
    """Raises NotInstalledError without the package or one it needs."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)  # the import warns of each model format it will not use
    try:
        import onnxruntime
        from basic_pitch import FilenameSuffix, build_icassp_2022_model_path, inference
    except ImportError:
        raise NotInstalledError(INSTALL) from None
    finally:
        logger.setLevel(level)
    path = build_icassp_2022_model_path(FilenameSuffix.onnx)
    model = inference.Model(path)
    # The package offers no choice of threads, and idle ones that spin count as computing.
    session_options = onnxruntime.SessionOptions()
    session_options.intra_op_num_threads = options.threads
    session_options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    model.model = onnxruntime.InferenceSession(
        str(path), session_options, providers=["CPUExecutionProvider"]
    )
    return BasicPitch(inference, model)
