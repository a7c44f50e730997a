"""Intonation against tones whose pitch is known."""

from __future__ import annotations

import numpy as np
import pytest

from seqmelody.audio import SAMPLE_RATE
from seqmelody.intonation import FARTHEST, GLIDE_SHARE, deviation, intone
from seqmelody.noise import mix_at_snr, white
from seqmelody.notes import Note


def tone(pitches: np.ndarray, harmonics: int = 6) -> np.ndarray:
    """A tone that follows a curve of MIDI pitches, one a sample."""
    phase = 2 * np.pi * np.cumsum(440 * 2 ** ((pitches - 69) / 12)) / SAMPLE_RATE
    return (0.1 * sum(np.sin(h * phase) / h for h in range(1, harmonics + 1))).astype(np.float32)


def steady(pitch: float, seconds: float) -> np.ndarray:
    return tone(np.full(round(seconds * SAMPLE_RATE), pitch))


@pytest.mark.parametrize("pitch", [28, 45, 60, 76, 108])
@pytest.mark.parametrize("off", [-0.45, -0.2, 0.0, 0.13, 0.4])
def test_steady_tone(pitch: int, off: float) -> None:
    harmonics = 6 if pitch < 85 else 1
    sound = tone(np.full(SAMPLE_RATE, pitch + off), harmonics)
    assert deviation(Note(0, 1, pitch), sound) == pytest.approx(off, abs=0.03)


@pytest.mark.parametrize("snr_db", [10.0, 0.0, -10.0])
def test_in_noise(snr_db: float) -> None:
    sound = steady(57.3, 0.5)
    noisy = mix_at_snr(sound, white(len(sound), np.random.default_rng(0)), snr_db)
    assert deviation(Note(0, 0.5, 57), noisy) == pytest.approx(0.3, abs=0.08)


def test_vibrato_is_heard_at_its_middle() -> None:
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    swings = 6 / (1 - GLIDE_SHARE)  # six while it is measured
    sound = tone(64.2 + 0.4 * np.sin(2 * np.pi * swings * time))
    assert deviation(Note(0, 1, 64), sound) == pytest.approx(0.2, abs=0.06)


def test_what_a_note_glides_through_at_its_beginning_does_not_count() -> None:
    """The first tenth: what sounds there is of no consequence, though the rest drifts."""
    drifting = 60 + np.linspace(-0.3, 0.3, SAMPLE_RATE)
    straight, glided = drifting.copy(), drifting.copy()
    glide = slice(0, round(0.06 * SAMPLE_RATE))  # the windows of 64 ms reach to 0.068 s
    glided[glide] = np.linspace(60.7, 60.3, glide.stop)
    sounds = [tone(pitches) for pitches in (straight, glided)]
    sounds[1][glide.stop :] = sounds[0][glide.stop :]  # in phase
    found = [deviation(Note(0, 1, 60), sound) for sound in sounds]
    assert found[0] == found[1]
    assert found[0] == pytest.approx(0.03, abs=0.01)  # the middle from 0.1 to 1 s


def test_each_note_has_its_own() -> None:
    sound = np.concatenate([steady(p, 0.4) for p in (60.3, 61.8, 60.3)])
    notes = [Note(0.0, 0.4, 60, 0.9), Note(0.4, 0.8, 62, 0.8), Note(0.8, 1.2, 60, 0.7)]
    found = intone(notes, sound)
    assert [n.pitch for n in found] == pytest.approx([60.3, 61.8, 60.3], abs=0.05)
    assert [(n.onset, n.offset, n.confidence) for n in found] == [
        (n.onset, n.offset, n.confidence) for n in notes
    ]


@pytest.mark.parametrize("off", [-0.9, -0.5, 0.5, 0.9])
def test_rounding_gives_back_what_was_recognised(off: float) -> None:
    found = intone([Note(0, 0.5, 60)], steady(60 + off, 0.5))[0]
    assert round(found.pitch) == 60
    assert abs(found.pitch - 60) <= FARTHEST + 1e-9


def test_silence_and_the_ends_of_a_recording() -> None:
    assert deviation(Note(0.1, 0.3, 60), np.zeros(8000, np.float32)) == 0.0
    sound = steady(60.2, 0.3)
    for note in (Note(0, 0.01, 60), Note(0.29, 0.3, 60), Note(0.2, 0.9, 60)):
        assert deviation(note, sound) == pytest.approx(0.2, abs=0.1)
    assert intone([], sound) == []


def test_a_minute_is_one_note_like_another() -> None:
    assert deviation(Note(0, 60, 50), steady(50.25, 60)) == pytest.approx(0.25, abs=0.03)
