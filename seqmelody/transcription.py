"""The library's front door: a recording in, a melody out; or a note list too, and times out."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqmelody import audio as audio_files
from seqmelody.calibration import Calibrations
from seqmelody.decoding.agreement import Disagreement, agreed, disagreements
from seqmelody.decoding.beam import BeamConfig
from seqmelody.decoding.constraints import Constraints
from seqmelody.decoding.ctc import decode_ctc, search_ctc
from seqmelody.decoding.joint import decode_joint
from seqmelody.decoding.language_model import IntervalModel
from seqmelody.decoding.window import decode_window
from seqmelody.errors import InputError
from seqmelody.intonation import intone
from seqmelody.list_alignment import AlignedNote, align_list
from seqmelody.list_reading import EditCosts
from seqmelody.model import Emissions, MelodyModel, load_model
from seqmelody.notes import Note, Vocabulary, parse_note_list

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Transcription:
    """The melody of one recording.

    Attributes:
        notes: by onset, not overlapping. Their confidence is the probability that the note is
            right, if the model is calibrated (:mod:`seqmelody.calibration`; the shipped one is).
        duration: of the recording, in seconds.
        disagreements: of mode "both": the places, by onset, where the two decoders read different
            notes, which are not among ``notes``.
    """

    notes: list[Note]
    duration: float
    disagreements: list[Disagreement] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Alignment:
    """A note list and its recording.

    Attributes:
        notes: every listed note in order, with the extra notes between them.
        duration: of the recording, in seconds.
    """

    notes: list[AlignedNote]
    duration: float


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How the note sequence is found in the CTC head's emission, and what is known of it.

    The fields are those of :func:`seqmelody.decoding.ctc.decode_ctc`; None leaves its defaults.
    """

    search: str | None = None
    beam: BeamConfig | None = None
    language_model: IntervalModel | None = None
    constraints: Constraints | None = None


class Heard(NamedTuple):
    """What the model makes of a recording, its seconds, and its samples where still needed."""

    emissions: Emissions
    duration: float
    waveform: NDArray[np.float32] | None


class Decoded(NamedTuple):
    """What a mode finds: notes, and the places of which it is in doubt."""

    notes: list[Note]
    disagreements: Sequence[Disagreement] = ()


REAL = (int, float, np.integer, np.floating)  # a number for min_confidence, whoever made it
Decoder = Callable[[Emissions, Vocabulary, SearchOptions], Decoded]


def _ctc(emissions: Emissions, vocabulary: Vocabulary, options: SearchOptions) -> Decoded:
    return Decoded(_ctc_notes(emissions, vocabulary, options))


def _window(emissions: Emissions, vocabulary: Vocabulary, options: SearchOptions) -> Decoded:
    if options != SearchOptions():
        raise InputError(
            "mode 'window' has no CTC search and heeds none of its options; "
            "leave them out or use the mode 'ctc', 'both' or 'joint'"
        )
    return Decoded(decode_window(emissions.window, vocabulary))


def _both(emissions: Emissions, vocabulary: Vocabulary, options: SearchOptions) -> Decoded:
    ctc = _ctc_notes(emissions, vocabulary, options)
    window = decode_window(emissions.window, vocabulary)
    return Decoded(agreed(ctc, window), disagreements(ctc, window))


def _joint(emissions: Emissions, vocabulary: Vocabulary, options: SearchOptions) -> Decoded:
    found = search_ctc(emissions.ctc, vocabulary, **_fields(options))[0]
    notes = decode_joint(
        emissions.ctc,
        vocabulary,
        timing=emissions.window,
        spikes=found.spikes,
        constraints=options.constraints,
    )
    return Decoded(notes)


def _ctc_notes(emissions: Emissions, vocabulary: Vocabulary, options: SearchOptions) -> list[Note]:
    return decode_ctc(emissions.ctc, vocabulary, timing=emissions.window, **_fields(options))


def _fields(options: SearchOptions) -> dict[str, Any]:
    return {f.name: getattr(options, f.name) for f in fields(options)}


# One row a mode; the names are those of seqmelody.decoding.MODES.
DECODERS: dict[str, Decoder] = {
    "ctc": _ctc,
    "window": _window,
    "both": _both,
    "joint": _joint,
}


def transcribe(
    audio: str | os.PathLike[str] | NDArray[Any] | Tensor,
    sample_rate: int | None = None,
    *,
    mode: str = "ctc",
    model: MelodyModel | str | os.PathLike[str] | None = None,
    options: SearchOptions | None = None,
    min_confidence: float = 0.0,
    intonation: bool = False,
) -> Transcription:
    """Recognise the melody of a recording.

    Args:
        audio: path of a sound file, or samples: a NumPy array or a tensor, shape (samples,) or
            (channels, samples), integer or floating point.
        sample_rate: of an array, in Hz; None stands for 16 000. Files know theirs.
        mode: "ctc" (the sequence from the CTC head, timed with the window head), "window", "both"
            (what both agree on, and where they do not) or "joint" (the better of the two where
            they disagree; :mod:`seqmelody.decoding.joint`).
        model: a loaded model, the path of a checkpoint, or None or "default" for the shipped
            weights.
        options: of the CTC search; not for "window", which has none.
        min_confidence: notes less certain are left out, of disagreements too; 0 to 1.
        intonation: measure where within its semitone each note sounded
            (:mod:`seqmelody.intonation`): 60.21 is a C4 sung 21 cents high; where two decoders
            disagree, also of either's. Otherwise, pitches are whole numbers.

    Returns:
        The notes, the recording's duration, and in mode "both" the places of disagreement.

    Raises:
        InputError: the audio, the mode or an option is unusable.
        CheckpointError: the model file is.
    """
    if not isinstance(mode, str) or mode not in DECODERS:
        raise InputError(f"mode {mode!r} is unknown; use one of {', '.join(DECODERS)}")
    if not isinstance(min_confidence, REAL) or not 0 <= min_confidence <= 1:
        raise InputError(f"no confidence is {min_confidence!r}; use 0 to 1")
    if not (options is None or isinstance(options, SearchOptions)):
        raise InputError(f"options is a {type(options).__name__}; pass a SearchOptions")
    model = _model(model)
    heard = _hear(audio, sample_rate, model, keep=intonation)
    decoded = DECODERS[mode](heard.emissions, model.vocabulary, options or SearchOptions())
    decoded = _calibrated(decoded, mode, model.calibrations)
    decoded = _certain(decoded, min_confidence)
    if heard.waveform is not None:
        decoded = _intoned(decoded, heard.waveform)
    return Transcription(decoded.notes, heard.duration, list(decoded.disagreements))


def _calibrated(decoded: Decoded, mode: str, curves: Calibrations) -> Decoded:
    """With confidences by the curves that the model has: of the mode, and of each head's reading
    where they disagree."""

    def by(name: str, notes: Sequence[Note]) -> list[Note]:
        return curves[name].of(notes) if name in curves else list(notes)

    places = [
        replace(place, ctc=tuple(by("ctc", place.ctc)), window=tuple(by("window", place.window)))
        for place in decoded.disagreements
    ]
    return Decoded(by(mode, decoded.notes), places)


def _certain(decoded: Decoded, least: float) -> Decoded:
    """Without the notes less certain, in the readings too, and places where no reading is left."""

    def of(notes: Sequence[Note]) -> list[Note]:
        return [note for note in notes if note.confidence >= least]

    places = []
    for place in decoded.disagreements:
        ctc, window = of(place.ctc), of(place.window)
        if left := ctc + window:
            onset, offset = min(n.onset for n in left), max(n.offset for n in left)
            places.append(Disagreement(onset, offset, tuple(ctc), tuple(window)))
    return Decoded(of(decoded.notes), places)


def _intoned(decoded: Decoded, waveform: NDArray[np.float32]) -> Decoded:
    """With pitches as they sounded, in the readings too."""
    places = [
        replace(
            place,
            ctc=tuple(intone(place.ctc, waveform)),
            window=tuple(intone(place.window, waveform)),
        )
        for place in decoded.disagreements
    ]
    return Decoded(intone(decoded.notes, waveform), places)


def align(
    audio: str | os.PathLike[str] | NDArray[Any] | Tensor,
    pitches: Iterable[int] | str,
    sample_rate: int | None = None,
    *,
    model: MelodyModel | str | os.PathLike[str] | None = None,
    costs: EditCosts | None = None,
) -> Alignment:
    """Find when each note of a list was played, and mark where list and recording differ.

    Args:
        audio: as for :func:`transcribe`.
        pitches: the list: MIDI numbers in order, or a text such as "C4 D4 62", as
            :func:`seqmelody.notes.parse_note_list` reads it.
        sample_rate: of an array, in Hz; None stands for 16 000.
        model: a loaded model, the path of a checkpoint, or None or "default" for the shipped
            weights.
        costs: how unlikely the three kinds of mistake in the list are.

    Returns:
        The marked notes, and the recording's duration.

    Raises:
        InputError: the audio is unusable, the list is empty, longer than the recording has frames,
            or leaves the model's vocabulary.
        CheckpointError: the model file is.
    """
    listed = _list_of(pitches)
    model = _model(model)
    heard = _hear(audio, sample_rate, model)
    window, ctc = heard.emissions
    notes = align_list(ctc, listed, model.vocabulary, timing=window, costs=costs)
    if (curve := model.calibrations.get("ctc")) is not None:
        notes = [
            replace(n, confidence=curve(n.confidence) if n.heard is not None else 0.0)
            for n in notes
        ]
    return Alignment(notes, heard.duration)


def _model(model: MelodyModel | str | os.PathLike[str] | None) -> MelodyModel:
    return model if isinstance(model, MelodyModel) else load_model(model)


def _list_of(pitches: Iterable[int] | str) -> list[int]:
    if isinstance(pitches, str):
        return parse_note_list(pitches)
    try:
        listed = list(pitches)
        if isinstance(pitches, bytes) or any(isinstance(pitch, bool) for pitch in listed):
            raise TypeError
        return [operator.index(pitch) for pitch in listed]
    except TypeError:
        raise InputError(
            "the note list holds something else than whole MIDI numbers; write for example "
            "[60, 62] or 'C4 D4'"
        ) from None


def _hear(
    audio: str | os.PathLike[str] | NDArray[Any] | Tensor,
    sample_rate: int | None,
    model: MelodyModel,
    *,
    keep: bool = False,
) -> Heard:
    """Run the model. Unless asked to ``keep`` it, the waveform, the largest array of all, is let go
    here, before decoding."""
    waveform = _waveform(audio, sample_rate)
    duration = len(waveform) / audio_files.SAMPLE_RATE
    return Heard(model.emissions(waveform), duration, waveform if keep else None)


def _waveform(
    audio: str | os.PathLike[str] | NDArray[Any] | Tensor, sample_rate: int | None
) -> NDArray[np.float32]:
    if not (sample_rate is None or isinstance(sample_rate, (int, float, np.number))):
        raise InputError(f"sample_rate is a {type(sample_rate).__name__}; pass a number, in Hz")
    if isinstance(audio, (str, os.PathLike)):
        if sample_rate is not None:
            raise InputError(f"{audio}: a file knows its sample rate; leave sample_rate out")
        return audio_files.load(audio)
    rate = audio_files.SAMPLE_RATE if sample_rate is None else sample_rate
    return audio_files.from_array(audio, rate)
