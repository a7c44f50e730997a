"""SeqMelody itself, through its front door, with either head or both together."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Literal

from benchmarks.peers.base import SAMPLE_RATE, FloatArray, Options, package_version
from seqmelody import Note, __version__

Mode = Literal["ctc", "window", "joint"]


class SeqMelody:
    """One mode of one checkpoint."""

    def __init__(self, mode: Mode, model: Path | None, *, cents: bool = False) -> None:
        """``model``: a checkpoint, the shipped one if None; ``cents``: measure intonation."""
        from seqmelody.model import default_model_path, load_model

        self.mode, self.cents = mode, cents
        self.model = load_model(model)
        # A checkpoint that training has overwritten keeps its name; rows of it must not be mixed.
        checksum = sha256((model or default_model_path()).read_bytes()).hexdigest()[:8]
        which = model.name if model else "shipped model"
        self.version = f"seqmelody {__version__} ({which} {checksum}), {package_version('torch')}"

    def transcribe(self, samples: FloatArray) -> list[Note]:
        """Recognise with the package's defaults, but for the pitches' cents if asked."""
        # Imported here so that the other systems run without loading torch.
        from seqmelody.transcription import transcribe

        melody = transcribe(
            samples, SAMPLE_RATE, mode=self.mode, model=self.model, intonation=self.cents
        )
        return list(melody.notes)


def load(options: Options, *, mode: Mode, cents: bool = False) -> SeqMelody:
    """Limit torch's threads; read the checkpoint."""
    import torch

    torch.set_num_threads(options.threads)
    return SeqMelody(mode, options.model, cents=cents)
