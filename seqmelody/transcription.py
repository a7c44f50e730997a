"""The library's front door: a recording in, a melody out; or a note list too, and times out."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqmelody import audio as audio_files
from seqmelody.decoding.ctc import decode_ctc
from seqmelody.decoding.window import decode_window
from seqmelody.errors import InputError
from seqmelody.list_alignment import AlignedNote, EditCosts, align_list
from seqmelody.model import Emissions, MelodyModel, load_model
from seqmelody.notes import Note, Vocabulary

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Transcription:
    """The melody of one recording.

    Attributes:
        notes: by onset, not overlapping.
        duration: of the recording, in seconds.
    """

    notes: list[Note]
    duration: float


@dataclass(frozen=True, slots=True)
class Alignment:
    """A note list and its recording.

    Attributes:
        notes: every listed note in order, with the extra notes between them.
        duration: of the recording, in seconds.
    """

    notes: list[AlignedNote]
    duration: float


def _ctc(emissions: Emissions, vocabulary: Vocabulary) -> list[Note]:
    return decode_ctc(emissions.ctc, vocabulary, timing=emissions.window)


def _window(emissions: Emissions, vocabulary: Vocabulary) -> list[Note]:
    return decode_window(emissions.window, vocabulary)


# One row a mode; the names are those of seqmelody.decoding.MODES.
DECODERS: dict[str, Callable[[Emissions, Vocabulary], list[Note]]] = {
    "ctc": _ctc,
    "window": _window,
}


def transcribe(
    audio: str | os.PathLike[str] | NDArray[Any] | Tensor,
    sample_rate: int | None = None,
    *,
    mode: str = "ctc",
    model: MelodyModel | str | os.PathLike[str] | None = None,
) -> Transcription:
    """Recognise the melody of a recording.

    Args:
        audio: path of a sound file, or samples: a NumPy array or a tensor, shape (samples,) or
            (channels, samples), integer or floating point.
        sample_rate: of an array, in Hz; None stands for 16 000. Files know theirs.
        mode: "ctc" (the sequence from the CTC head, timed with the window head) or "window".
        model: a loaded model, the path of a checkpoint, or None for the shipped weights.

    Returns:
        The notes, and the recording's duration.

    Raises:
        InputError: the audio or the mode is unusable.
        CheckpointError: the model file is.
    """
    if mode not in DECODERS:
        raise InputError(f"mode {mode!r} is unknown; use one of {', '.join(DECODERS)}")
    waveform = _waveform(audio, sample_rate)
    if not isinstance(model, MelodyModel):
        model = load_model(model)
    notes = DECODERS[mode](model.emissions(waveform), model.vocabulary)
    return Transcription(notes, len(waveform) / audio_files.SAMPLE_RATE)


def align(
    audio: str | os.PathLike[str] | NDArray[Any] | Tensor,
    pitches: Sequence[int],
    sample_rate: int | None = None,
    *,
    model: MelodyModel | str | os.PathLike[str] | None = None,
    costs: EditCosts | None = None,
) -> Alignment:
    """Find when each note of a list was played, and mark where list and recording differ.

    Args:
        audio: as for :func:`transcribe`.
        pitches: the list, MIDI numbers in order; :func:`seqmelody.notes.parse_note_list` reads one.
        sample_rate: of an array, in Hz; None stands for 16 000.
        model: a loaded model, the path of a checkpoint, or None for the shipped weights.
        costs: how unlikely the three kinds of mistake in the list are.

    Returns:
        The marked notes, and the recording's duration.

    Raises:
        InputError: the audio is unusable, the list is empty, longer than the recording has frames,
            or leaves the model's vocabulary.
        CheckpointError: the model file is.
    """
    waveform = _waveform(audio, sample_rate)
    if not isinstance(model, MelodyModel):
        model = load_model(model)
    emissions = model.emissions(waveform)
    notes = align_list(
        emissions.ctc, pitches, model.vocabulary, timing=emissions.window, costs=costs
    )
    return Alignment(notes, len(waveform) / audio_files.SAMPLE_RATE)


def _waveform(
    audio: str | os.PathLike[str] | NDArray[Any] | Tensor, sample_rate: int | None
) -> NDArray[np.float32]:
    if isinstance(audio, (str, os.PathLike)):
        if sample_rate is not None:
            raise InputError(f"{audio}: a file knows its sample rate; leave sample_rate out")
        return audio_files.load(audio)
    return audio_files.from_array(audio, sample_rate or audio_files.SAMPLE_RATE)
