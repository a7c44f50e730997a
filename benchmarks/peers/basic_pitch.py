"""Basic Pitch (Bittner et al., ICASSP 2022), Spotify's polyphonic transcriber.

The model in the package, run by ONNX Runtime, with the package's default thresholds or those tuned
on training-side clips (``tune.py``). It may report several notes at once; a melody has one, so of
overlapping notes the stronger is kept (see :func:`keep_strongest`).
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True)
class BasicPitchConfig:
    """What :func:`basic_pitch.inference.predict` leaves to its user, with its defaults."""

    onset_threshold: float = 0.5
    frame_threshold: float = 0.3
    minimum_note_ms: float = 127.7


DEFAULT = BasicPitchConfig()
TUNED = BasicPitchConfig(onset_threshold=0.7, frame_threshold=0.25, minimum_note_ms=70.0)


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
    """The transcriber, made monophonic."""

    def __init__(self, inference: Any, model: Any, config: BasicPitchConfig = DEFAULT) -> None:
        """``inference``: the package's module; ``model``: its ``Model``, loaded."""
        self._inference = inference
        self._model = model
        self._config = config
        self.version = f"{package_version('basic-pitch')}, {package_version('onnxruntime')}"
        if config != DEFAULT:
            self.version += (
                f", onset {config.onset_threshold:g}, frame {config.frame_threshold:g}, "
                f"shortest {config.minimum_note_ms:g} ms"
            )

    def transcribe(self, samples: FloatArray) -> list[Note]:
        """What the package's ``predict`` does, in its two steps."""
        return self.notes(self.hear(samples), self._config)

    def hear(self, samples: FloatArray) -> Any:
        """The model's output.

        It goes through a file, since the package reads nothing else; float samples lose nothing.
        """
        import soundfile

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "clip.wav"
            soundfile.write(path, samples, SAMPLE_RATE, subtype="FLOAT")
            with contextlib.redirect_stdout(io.StringIO()):
                return self._inference.run_inference(path, self._model)

    def notes(self, output: Any, config: BasicPitchConfig) -> list[Note]:
        """The melody in an output of the model."""
        package = self._inference
        frames_a_second = package.AUDIO_SAMPLE_RATE / package.FFT_HOP
        _, events = package.infer.model_output_to_notes(
            output,
            onset_thresh=config.onset_threshold,
            frame_thresh=config.frame_threshold,
            min_note_len=round(config.minimum_note_ms / 1000 * frames_a_second),
        )
        return keep_strongest(
            [
                Note(float(start), float(end), int(pitch), float(amplitude))
                for start, end, pitch, amplitude, _ in events
            ]
        )


def load(options: Options, *, config: BasicPitchConfig = DEFAULT) -> BasicPitch:
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
    return BasicPitch(inference, model, config)
