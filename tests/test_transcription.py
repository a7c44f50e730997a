"""The front door: what it keeps in memory, and for how long."""

import math
import weakref
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import seqmelody
from seqmelody import InputError, transcription
from seqmelody.calibration import Calibration
from seqmelody.decoding.agreement import Disagreement
from seqmelody.model import MelodyModel, ModelConfig
from seqmelody.notes import Note
from seqmelody.transcription import Decoded, align, transcribe


def test_the_waveform_is_let_go_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the largest array of all: 230 MB an hour."""
    kept: list[weakref.ref[np.ndarray]] = []
    load = transcription._waveform

    def remember(*args: Any) -> np.ndarray:
        waveform = load(*args).copy()
        kept.append(weakref.ref(waveform))
        return waveform

    def decode(*_: Any) -> Decoded:
        assert kept[-1]() is None
        return Decoded([])

    def align_list(*_: Any, **__: Any) -> list[Any]:
        assert kept[-1]() is None
        return []

    monkeypatch.setattr(transcription, "_waveform", remember)
    monkeypatch.setitem(transcription.DECODERS, "window", decode)
    monkeypatch.setattr(transcription, "align_list", align_list)
    model = MelodyModel(ModelConfig())
    sound = np.zeros(8000, dtype=np.float32)
    assert transcribe(sound, 16_000, mode="window", model=model).duration == 0.5
    assert align(sound, [60], 16_000, model=model).duration == 0.5
    assert len(kept) == 2


@pytest.mark.parametrize(
    "pitches", [[60, 62], (60, 62), np.array([60, 62]), (p for p in (60, 62)), "C4 D4", "60 D4"]
)
def test_a_note_list_may_be_any_series_of_numbers_or_text(pitches: Any) -> None:
    sound = np.zeros(8000, dtype=np.float32)
    aligned = align(sound, pitches, 16_000, model=MelodyModel(ModelConfig()))
    assert [note.listed for note in aligned.notes if note.listed is not None] == [60, 62]


@pytest.mark.parametrize(
    "pitches", [[60.5], ["C4"], [None], "H4", [math.nan], 60, [], "", b"C4", [True, False]]
)
def test_what_is_no_note_list_is_one_line(pitches: Any) -> None:
    sound = np.zeros(8000, dtype=np.float32)
    with pytest.raises(InputError):
        align(sound, pitches, 16_000, model=MelodyModel(ModelConfig()))


def test_options_of_another_type_are_one_line() -> None:
    sound = np.zeros(8000, dtype=np.float32)
    with pytest.raises(InputError, match="pass a SearchOptions"):
        transcribe(sound, options={"beam": 8}, model=MelodyModel(ModelConfig()))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [
        {"mode": ["ctc"]},
        {"sample_rate": "16000"},
        {"min_confidence": "0.5"},
        {"min_confidence": None},
        {"model": 5},
    ],
    ids=str,
)
def test_arguments_of_another_type_are_one_line(options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        transcribe(np.zeros(8000, np.float32), **{"model": MelodyModel(ModelConfig()), **options})


def test_numbers_of_numpy_are_numbers_and_default_is_a_model() -> None:
    sound = np.zeros(8000, np.float32)
    for least in (np.float32(0.5), np.float64(0.5), np.int64(1)):
        assert transcribe(sound, min_confidence=least).duration == 0.5  # type: ignore[arg-type]
    assert transcribe(sound, np.int64(16_000), model="default").duration == 0.5  # type: ignore[arg-type]
    for least in (np.float32(2), np.float64("nan"), np.complex64(0.5)):
        with pytest.raises(InputError, match="no confidence"):
            transcribe(sound, min_confidence=least)  # type: ignore[arg-type]


def test_alignments_have_calibrated_confidences() -> None:
    """As transcriptions have: by the curve of the decoder that says which notes."""
    sound = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)
    model = MelodyModel(ModelConfig())
    model.calibrations = {"ctc": Calibration((0.0, 1.0), (0.25, 0.75))}
    confidences = [n.confidence for n in align(sound, [60], model=model).notes if n.heard]
    model.calibrations = {}
    raw = [n.confidence for n in align(sound, [60], model=model).notes if n.heard]
    assert confidences == pytest.approx([0.25 + value / 2 for value in raw])


def test_the_package_lists_what_it_loads_late() -> None:
    assert {"transcribe", "align", "Note"} <= set(dir(seqmelody))


@pytest.mark.parametrize("mode", ["ctc", "window"])
def test_intonation_moves_pitches_within_their_semitones(mode: str) -> None:
    time = np.arange(16_000) / 16_000
    pitches = (60.3, 63.75, 67.0)
    tones = [
        np.exp(-2 * time[:8000]) * np.sin(2 * np.pi * 440 * 2 ** ((p - 69) / 12) * time[:8000])
        for p in pitches
    ]
    sound = (0.3 * np.concatenate(tones)).astype(np.float32)
    plain = transcribe(sound, mode=mode).notes
    moved = transcribe(sound, mode=mode, intonation=True).notes
    assert [n.pitch for n in plain] == [60, 64, 67]
    assert [n.pitch for n in moved] == pytest.approx(pitches, abs=0.05)
    assert [(n.onset, n.offset, n.confidence) for n in moved] == [
        (n.onset, n.offset, n.confidence) for n in plain
    ]


def test_disagreements_heed_confidence_and_intonation(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = (0.3 * np.sin(2 * np.pi * 440 * 2 ** (-8.7 / 12) * np.arange(16_000) / 16_000)).astype(
        np.float32
    )  # 60.3
    sure, unsure, doubtful = Note(0.1, 0.4, 60, 0.9), Note(0.5, 0.7, 60, 0.6), Note(0.6, 0.9, 61, 0)
    places = [
        Disagreement(0.1, 0.4, (), (sure,)),
        Disagreement(0.5, 0.9, (unsure,), (doubtful,)),
        Disagreement(0.6, 0.9, (doubtful,), ()),
    ]
    decode = lambda *_: Decoded([unsure], places)  # noqa: E731
    monkeypatch.setitem(transcription.DECODERS, "both", decode)
    model = MelodyModel(ModelConfig())

    def heard(**options: Any) -> list[Disagreement]:
        return transcribe(sound, mode="both", model=model, **options).disagreements

    assert heard() == places
    assert heard(min_confidence=0.5) == [places[0], Disagreement(0.5, 0.7, (unsure,), ())]
    assert heard(min_confidence=0.7) == places[:1]
    (place,) = heard(min_confidence=0.7, intonation=True)
    assert place.window[0].pitch == pytest.approx(60.3, abs=0.05)
    assert replace(place.window[0], pitch=60) == sure
