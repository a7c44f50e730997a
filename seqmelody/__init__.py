"""SeqMelody: recognise the melody in a recording, even in noise.

>>> import seqmelody
>>> seqmelody.transcribe("take.wav").notes  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqmelody.errors import CheckpointError, InputError, OutputError, SeqMelodyError
from seqmelody.notes import Note, Vocabulary

if TYPE_CHECKING:
    from seqmelody.list_alignment import AlignedNote as AlignedNote
    from seqmelody.transcription import Alignment as Alignment
    from seqmelody.transcription import Transcription as Transcription
    from seqmelody.transcription import align as align
    from seqmelody.transcription import transcribe as transcribe

__version__ = "0.1.0"
__all__ = [
    "AlignedNote",
    "Alignment",
    "CheckpointError",
    "InputError",
    "Note",
    "OutputError",
    "SeqMelodyError",
    "Transcription",
    "Vocabulary",
    "align",
    "transcribe",
]


_RECOGNISER = ("AlignedNote", "Alignment", "Transcription", "align", "transcribe")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    """Load the recogniser on first use, so that ``import seqmelody`` need not wait for torch."""
    if name in _RECOGNISER:
        import importlib

        return getattr(importlib.import_module("seqmelody.transcription"), name)
    raise AttributeError(f"module 'seqmelody' has no attribute {name!r}")
