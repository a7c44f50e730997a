"""Peers on synthetic tones: the shared segmenter, the rules, and whatever is installed."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.peers import INFORMED, SYSTEMS, NotInstalledError, Options
from benchmarks.peers.aubio import read_notes
from benchmarks.peers.rules import Rules, harmonic_weights, noise_floor, spectrogram
from benchmarks.peers.segmenter import Contour, hertz_to_midi, segment
from benchmarks.peers.tune import descend
from seqmelody import Note
from seqmelody.audio import SAMPLE_RATE
from seqmelody.noise import FloatArray, mix_at_snr, white

HOP_SECONDS = 0.01
MELODY = (60, 62, 62, 67, 64)
NOTE_SECONDS = 0.4


def melody(pitches: tuple[int, ...] = MELODY) -> FloatArray:
    """Struck notes with six harmonics, end to end, after a short silence."""
    time = np.arange(round(NOTE_SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    edges = np.minimum(1, np.minimum(time, NOTE_SECONDS - time) / 0.02)
    envelope = edges * np.exp(-5 * time)
    parts = [np.zeros(SAMPLE_RATE // 5)]
    for pitch in pitches:
        phase = 2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * time
        parts.append(0.2 * envelope * sum(np.sin(h * phase) / h for h in range(1, 7)))
    return np.concatenate([*parts, np.zeros(SAMPLE_RATE // 5)]).astype(np.float32)


def contour(*spans: tuple[float, int]) -> Contour:
    """(pitch or NaN, frames) end to end."""
    return Contour(np.concatenate([np.full(n, pitch) for pitch, n in spans]), HOP_SECONDS)


def steady(tracked: Contour) -> FloatArray:
    seconds = len(tracked.pitches) * HOP_SECONDS
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.1 * np.sin(2 * np.pi * 1000 * time)).astype(np.float32)


def test_segments_end_with_the_pitch_and_with_the_voice() -> None:
    tracked = contour((60.2, 30), (62.1, 30), (np.nan, 20), (62.0, 30))
    notes = segment(tracked, steady(tracked))
    assert [n.pitch for n in notes] == [60, 62, 62]
    assert [n.onset for n in notes] == pytest.approx([0.0, 0.295, 0.795], abs=0.011)
    assert notes[1].offset == pytest.approx(0.595, abs=0.011)


def test_segments_outlast_slips_gaps_and_vibrato() -> None:
    vibrato = 64 + 0.4 * np.sin(2 * np.pi * 6 * np.arange(60) * HOP_SECONDS)
    vibrato[20] = 76.0
    vibrato[40] = np.nan
    tracked = Contour(vibrato, HOP_SECONDS)
    assert [n.pitch for n in segment(tracked, steady(tracked))] == [64]


def test_a_rise_in_level_parts_a_repeated_note() -> None:
    tracked = contour((62.0, 80))
    sound = steady(tracked)
    fade = np.exp(-8 * (np.arange(len(sound)) % (0.4 * SAMPLE_RATE)) / SAMPLE_RATE)
    notes = segment(tracked, (sound * fade).astype(np.float32))
    assert [n.pitch for n in notes] == [62, 62]
    assert notes[1].onset == pytest.approx(0.4, abs=0.03)


def test_nothing_voiced_is_no_note() -> None:
    tracked = contour((np.nan, 50))
    assert segment(tracked, steady(tracked)) == []
    assert segment(Contour(np.empty(0), HOP_SECONDS), np.zeros(10, np.float32)) == []
    assert np.isnan(hertz_to_midi(np.array([0.0, -1.0]))).all()
    assert hertz_to_midi(np.array([440.0])) == pytest.approx(69)


def test_rules_hear_a_melody_and_its_repeat() -> None:
    notes = Rules().transcribe(melody())
    assert [n.pitch for n in notes] == list(MELODY)
    expected = [0.2 + i * NOTE_SECONDS for i in range(len(MELODY))]
    assert [n.onset for n in notes] == pytest.approx(expected, abs=0.05)


def test_rules_hear_it_in_noise_and_nothing_in_noise_alone() -> None:
    clean, rng = melody(), np.random.default_rng(0)
    noisy = mix_at_snr(clean, white(len(clean), rng), 5.0)
    assert [n.pitch for n in Rules().transcribe(noisy)] == list(MELODY)
    for level in (1e-3, 0.3):
        assert Rules().transcribe(level * white(5 * SAMPLE_RATE, rng)) == []
    assert Rules().transcribe(np.zeros(SAMPLE_RATE, np.float32)) == []


def test_noise_floor_is_the_power_of_white_noise_whatever_sounds_in_it() -> None:
    noise = 0.1 * white(5 * SAMPLE_RATE, np.random.default_rng(1))
    floor = noise_floor(spectrogram(noise))
    assert np.median(floor) == pytest.approx(0.01, rel=0.1)
    time = np.arange(len(noise)) / SAMPLE_RATE
    tone = (0.5 * np.sin(2 * np.pi * 1000 * time)).astype(np.float32)
    assert np.median(noise_floor(spectrogram(noise + tone))) == pytest.approx(0.01, rel=0.1)


def test_harmonics_weigh_less_and_less() -> None:
    weights = harmonic_weights(np.array([69.0]))[0]
    assert weights.sum() == pytest.approx(sum(0.84**h for h in range(10)))
    assert weights[round(440 * 4096 / SAMPLE_RATE) - 1 :][:3].sum() == pytest.approx(1.0)


def test_aubio_lines_are_read() -> None:
    assert read_notes("0.08\n69.0\t0.08\t0.4\n50.0\t1.1\t1.1\n5.0\n") == [Note(0.08, 0.4, 69)]


def test_descent_finds_the_best_of_the_grid() -> None:
    from benchmarks.peers.segmenter import SegmenterConfig

    grid = {"rise_db": (1.0, 2.0, 3.0), "step_semitones": (0.1, 0.2)}
    best = descend(
        SegmenterConfig(), grid, lambda c: abs(c.rise_db - 2) + abs(c.step_semitones - 0.1)
    )
    assert (best.rise_db, best.step_semitones) == (2.0, 0.1)


@pytest.mark.filterwarnings("ignore")  # of other people's packages
@pytest.mark.parametrize("name", sorted(set(SYSTEMS) - INFORMED - {"crepe_full"}))
def test_whatever_is_installed_hears_a_clean_melody(name: str) -> None:
    try:
        system = SYSTEMS[name](Options())
    except NotInstalledError as error:
        pytest.skip(f"{name} is not installed: {error}")
    notes = system.transcribe(melody((60, 64, 67)))  # type: ignore[union-attr]
    assert system.version
    assert {60, 64, 67} & {round(n.pitch) for n in notes}
    assert all(0 <= n.onset < n.offset for n in notes)
    again = system.transcribe(melody((60, 64, 67)))  # type: ignore[union-attr]
    assert notes == again
