"""Take banks, and clips cut from takes."""

import json
from pathlib import Path

import numpy as np
import pytest

from seqmelody.audio import SAMPLE_RATE
from seqmelody.banks import Source
from seqmelody.errors import InputError
from seqmelody.notes import Note
from seqmelody.takes import MOST_SEMITONES, SHORTEST_SECONDS, Take, TakeBank, cut_clip, write_takes

SOURCE = Source("sines", "tests", "MIT", continuous=True)
CLIP = 2 * SAMPLE_RATE


def sines(pitches: list[float], legato: bool) -> Take:
    """Notes of half a second, each a sine at its pitch."""
    samples = np.zeros(round(0.5 * len(pitches) * SAMPLE_RATE) + SAMPLE_RATE, dtype=np.float32)
    notes = []
    for i, pitch in enumerate(pitches):
        note = Note(0.25 + 0.5 * i, 0.25 + 0.5 * i + (0.5 if legato else 0.4), pitch)
        first, last = round(note.onset * SAMPLE_RATE), round(note.offset * SAMPLE_RATE)
        time = np.arange(last - first) / SAMPLE_RATE
        samples[first:last] = 0.4 * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * time)
        notes.append(note)
    return Take(samples, tuple(notes), 0)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> TakeBank:
    folder = tmp_path_factory.mktemp("takes")
    pitches = [60.2, 64.0, 67.0, 64.0, 60.0, 72.0, 71.0, 60.0]
    takes = [sines(pitches, True), sines(pitches, False), sines([60.0], False)]
    takes.append(Take(np.zeros(SAMPLE_RATE, dtype=np.float32), (), 0))
    assert write_takes(folder, [SOURCE], takes) == 4
    return TakeBank(folder)


def test_takes_come_back(bank: TakeBank) -> None:
    take = bank.read(0)
    assert len(bank) == 4
    assert take.notes[0] == Note(0.25, 0.75, 60.2)
    assert take.notes == bank.notes(0)
    np.testing.assert_allclose(take.samples, sines([60.2], True).samples[0], atol=1.0)
    assert len(take.samples) == 5 * SAMPLE_RATE


@pytest.mark.parametrize("take", [0, 1, 2, 3])
@pytest.mark.parametrize("seed", range(10))
def test_a_clip_sounds_as_its_notes_say(bank: TakeBank, take: int, seed: int) -> None:
    sound, notes = cut_clip(bank, take, CLIP, np.random.default_rng(seed))
    assert sound.shape == (CLIP,)
    shift = {round(n.pitch - w, 6) for n in notes for w in (60.0, 60.2, 64, 67, 71, 72)}
    assert not notes or min(abs(s) for s in shift) <= MOST_SEMITONES
    silent = np.ones(CLIP, dtype=bool)
    for note in notes:
        assert 0 <= note.onset <= 2.0 - SHORTEST_SECONDS + 1e-9
        first, last = (round(t * SAMPLE_RATE) for t in (note.onset, note.offset))
        silent[max(0, first - 2) : last + 2] = False
        if last - first > 2000:  # zero crossings count the pitch
            crossings = np.flatnonzero(np.diff(np.signbit(sound[first + 50 : last - 50])))
            hertz = (len(crossings) - 1) / 2 / ((crossings[-1] - crossings[0]) / SAMPLE_RATE)
            assert 69 + 12 * np.log2(hertz / 440) == pytest.approx(note.pitch, abs=0.35)
    fading = round(0.02 * SAMPLE_RATE)
    outside = sound * silent
    late = outside[: CLIP - round(SHORTEST_SECONDS * SAMPLE_RATE) - fading]
    assert np.abs(late).max() < 1e-3


def test_same_generator_same_clip(bank: TakeBank) -> None:
    one, again = (cut_clip(bank, 0, CLIP, np.random.default_rng(5)) for _ in range(2))
    assert one[1] == again[1]
    assert one[0].tobytes() == again[0].tobytes()


def test_all_parts_of_a_take_are_used(bank: TakeBank) -> None:
    first = {cut_clip(bank, 1, CLIP, np.random.default_rng(s))[1][0].pitch for s in range(40)}
    assert len({round(p) for p in first}) >= 4


def test_foreign_notes_are_refused(bank: TakeBank, tmp_path: Path) -> None:
    write_takes(tmp_path, [SOURCE], [sines([60.0], False)])
    path = tmp_path / "takes_notes.json"
    for content in ("{", json.dumps([[[0, 1, 60]], []]), json.dumps(5), json.dumps([[["a"]]])):
        path.write_text(content)
        with pytest.raises(InputError, match=r"takes_notes\.json.*data_tools voice"):
            TakeBank(tmp_path)
    path.unlink()
    with pytest.raises(InputError, match=r"takes_notes\.json"):
        TakeBank(tmp_path)
