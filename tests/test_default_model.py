"""The weights that ship: what the README promises, and what held when they were chosen."""

import json
from pathlib import Path

import numpy as np
import pytest

from seqmelody.audio import load
from seqmelody.decoding import MODES
from seqmelody.errors import InputError
from seqmelody.metrics import EditCounts, edit_counts, note_f1
from seqmelody.model import MelodyModel, default_model_path, load_model
from seqmelody.noise import mix_at_snr, white
from seqmelody.notes import Note, parse_note_list
from seqmelody.transcription import transcribe

ROOT = Path(__file__).parents[1]
DEV = ROOT.parent / "shared" / "dev"
ODE_TO_JOY = parse_note_list("E5 E5 F5 G5 G5 F5 E5 D5 C5 C5 D5 E5 E5 D5 D5")
RATE = 16_000

needs_dev = pytest.mark.skipif(not DEV.exists(), reason="needs the clips in ../shared/dev")


@pytest.fixture(scope="module")
def model() -> MelodyModel:
    return load_model()


def tone(pitch: float, seconds: float, harmonics: list[float], decay: float) -> np.ndarray:
    """Harmonics of given strengths; ``decay`` 0 is sustained."""
    time = np.arange(round(seconds * RATE)) / RATE
    f0 = 440 * 2 ** ((pitch - 69) / 12)
    wave = sum(a * np.sin(2 * np.pi * f0 * (h + 1) * time) for h, a in enumerate(harmonics))
    edges = np.minimum(1, np.minimum(time / 0.005, (seconds - time) / 0.02))
    return np.asarray(0.2 * wave * edges * np.exp(-decay * time))


INSTRUMENTS = {
    "flute-like": ([1.0, 0.3, 0.1], 0.0),
    "reed-like": ([1.0, 0.1, 0.7, 0.1, 0.4, 0.1, 0.2], 0.0),
    "plucked": ([1.0, 0.7, 0.5, 0.3, 0.2, 0.1], 6.0),
}


def test_it_is_small_enough_to_ship() -> None:
    assert default_model_path().stat().st_size <= 10_000_000


@pytest.mark.parametrize("mode", MODES)
def test_the_example_is_read(model: MelodyModel, mode: str) -> None:
    melody = transcribe(ROOT / "examples" / "ode_to_joy.flac", mode=mode, model=model)
    assert [n.pitch for n in melody.notes] == ODE_TO_JOY
    assert all(0 <= n.confidence <= 1 for n in melody.notes)
    assert all(a.offset <= b.onset for a, b in zip(melody.notes, melody.notes[1:], strict=False))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_eight_equal_notes_are_eight(model: MelodyModel, instrument: str, mode: str) -> None:
    harmonics, decay = INSTRUMENTS[instrument]
    note = np.append(tone(62, 0.22, harmonics, decay), np.zeros(round(0.03 * RATE)))
    waveform = np.concatenate([np.zeros(RATE // 2), np.tile(note, 8), np.zeros(RATE // 2)])
    rng = np.random.default_rng(0)
    waveform = waveform + 0.001 * rng.standard_normal(len(waveform))
    notes = transcribe(waveform.astype(np.float32), RATE, mode=mode, model=model).notes
    assert [n.pitch for n in notes] == [62] * 8
    for k, found in enumerate(notes):
        assert found.onset == pytest.approx(0.5 + 0.25 * k, abs=0.05)


@pytest.mark.parametrize("mode", MODES)
def test_silence_and_noise_hold_no_melody(model: MelodyModel, mode: str) -> None:
    for waveform in (np.zeros(5 * RATE), 0.1 * np.random.default_rng(1).standard_normal(5 * RATE)):
        assert transcribe(waveform.astype(np.float32), RATE, mode=mode, model=model).notes == []


def test_less_certain_notes_can_be_left_out(model: MelodyModel) -> None:
    path = ROOT / "examples" / "ode_to_joy.flac"
    notes = transcribe(path, model=model).notes
    middle = sorted(note.confidence for note in notes)[len(notes) // 2]
    kept = transcribe(path, model=model, min_confidence=middle).notes
    assert kept == [note for note in notes if note.confidence >= middle]
    assert 0 < len(kept) < len(notes)
    with pytest.raises(InputError, match="0 to 1"):
        transcribe(path, model=model, min_confidence=1.5)


def test_level_and_channels_make_no_difference(model: MelodyModel) -> None:
    waveform = load(ROOT / "examples" / "ode_to_joy.flac")
    dead = np.stack([waveform, np.zeros_like(waveform)])
    for audio in (0.02 * waveform, dead, (waveform * 32767).astype(np.int16)):
        notes = transcribe(audio, RATE, model=model).notes
        assert [n.pitch for n in notes] == ODE_TO_JOY


def measure(
    model: MelodyModel, name: str, mode: str, snr_db: float | None = None
) -> tuple[float, float]:
    """Note error rate and COnP F1 of the first twelve clips of a development set."""
    edits, f1 = EditCounts(), []
    lines = (DEV / name / "manifest.jsonl").read_text().splitlines()[:12]
    for seed, line in enumerate(lines):
        entry = json.loads(line)
        waveform = load(DEV / name / entry["audio"])
        if snr_db is not None:
            noise = white(len(waveform), np.random.default_rng(seed))
            waveform = mix_at_snr(waveform, noise, snr_db)
        true = [Note(*n) for n in entry["notes"]]
        found = transcribe(waveform, RATE, mode=mode, model=model).notes
        edits += edit_counts([n.pitch for n in true], [n.pitch for n in found])
        f1.append(note_f1(true, found))
    return edits.note_error_rate, float(np.mean(f1))


@needs_dev
@pytest.mark.parametrize("mode", MODES)
def test_development_clips_stay_as_good(model: MelodyModel, mode: str) -> None:
    error_rate, f1 = measure(model, "piano8", mode)
    assert error_rate <= 0.02
    assert f1 >= 0.95
    assert measure(model, "piano8", mode, snr_db=0.0)[0] <= 0.08


def test_a_minute_whole_and_in_chunks_agree(model: MelodyModel) -> None:
    example = load(ROOT / "examples" / "ode_to_joy.flac")
    minute = np.resize(example, 60 * RATE)
    whole = model.emissions(minute, chunk_seconds=1000)
    parts = model.emissions(minute, chunk_seconds=7.0)
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_allclose(a.log_probs, b.log_probs, rtol=0, atol=1e-4)
