"""Phrases: playable notes in order, and of the kind that was asked for."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from seqmelody.banks import TuneBank, write_tunes
from seqmelody.notes import Note
from seqmelody.phrases import LONGEST_SECONDS, SHORTEST_SECONDS, PhraseConfig, make_phrase

KINDS = [name for name, _ in PhraseConfig().kinds]
ROUNDING = 1e-9


def phrase(
    tunes: TuneBank, kind: str, seed: int, low: int = 48, high: int = 80, seconds: float = 6.0
) -> list[Note]:
    config = PhraseConfig(kinds=((kind, 1.0),))
    return make_phrase(config, tunes, low, high, seconds, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def tunes(tiny_bank: Path) -> TuneBank:
    return TuneBank(tiny_bank)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("low", "high"), [(48, 80), (60, 67), (61, 61)])
def test_notes_are_in_range_in_order_and_apart(
    tunes: TuneBank, kind: str, low: int, high: int
) -> None:
    for seed in range(15):
        seconds = (0.7, 3.0, 6.0)[seed % 3]
        notes = phrase(tunes, kind, seed, low, high, seconds)
        for note in notes:
            assert low <= note.pitch <= high
            assert note.pitch == round(note.pitch)
            assert 0 <= note.onset < note.offset <= seconds
            assert SHORTEST_SECONDS - ROUNDING <= note.duration <= LONGEST_SECONDS + ROUNDING
        for note, following in pairwise(notes):
            assert note.offset <= following.onset + ROUNDING


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_phrase(tunes: TuneBank, kind: str) -> None:
    assert phrase(tunes, kind, 5) == phrase(tunes, kind, 5)
    assert phrase(tunes, kind, 5) != phrase(tunes, kind, 6)


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "tune"])  # tunes may end early
def test_phrases_fill_the_clip(tunes: TuneBank, kind: str) -> None:
    """The last note, or the rest after it, reaches the end."""
    ends = [phrase(tunes, kind, seed, seconds=5.0)[-1].offset for seed in range(11)]
    assert np.median(ends) > 4.3


def intervals(notes: list[Note]) -> list[int]:
    return np.diff([int(n.pitch) for n in notes]).tolist()


def test_tune_is_a_transposed_stretch_of_one_in_the_bank(tmp_path: Path) -> None:
    pitches = [60, 64, 62, 67, 65, 72, 71, 60, 61, 66, 68, 63, 60, 70, 69, 64, 62, 60, 65, 72]
    write_tunes(tmp_path, [[(p, 1.0) for p in pitches]])
    tunes = TuneBank(tmp_path)
    written = np.diff(pitches).tolist()
    starts, shifts = set(), set()
    for seed in range(30):
        notes = phrase(tunes, "tune", seed)
        played = intervals(notes)
        places = [i for i in range(len(written)) if written[i : i + len(played)] == played]
        assert places
        starts.add(places[0])
        shifts.add(int(notes[0].pitch) - pitches[places[0]])
    assert len(starts) > 3
    assert len(shifts) > 5


def test_equal_quarters_are_played_evenly(tmp_path: Path) -> None:
    write_tunes(tmp_path, [[(60 + i % 12, 1.0) for i in range(64)]])
    tempi = []
    for seed in range(20):
        onsets = np.diff([n.onset for n in phrase(TuneBank(tmp_path), "tune", seed, seconds=8.0)])
        tempi.append(float(np.median(onsets)))
        np.testing.assert_allclose(onsets, tempi[-1], rtol=0.3)
    config = PhraseConfig()
    assert config.fastest * 0.8 < min(tempi) < 0.4
    assert 0.7 < max(tempi) < config.slowest * 1.2


def test_rests_leave_silence(tmp_path: Path) -> None:
    write_tunes(tmp_path, [[(60, 1.0), (0, 1.0)] * 30])
    for seed in range(10):
        notes = phrase(TuneBank(tmp_path), "tune", seed, seconds=8.0)
        gaps = [b.onset - a.offset for a, b in pairwise(notes)]
        assert min(gaps) > 0.8 * PhraseConfig().fastest


def test_tune_of_rests_still_gives_a_note(tmp_path: Path) -> None:
    write_tunes(tmp_path, [[(0, 1.0)] * 20])
    assert [n.pitch for n in phrase(TuneBank(tmp_path), "tune", 1)] == [64]


def test_repeats_repeat_runs_run_and_leaps_leap(tunes: TuneBank) -> None:
    steps = {
        kind: np.abs([i for seed in range(12) for i in intervals(phrase(tunes, kind, seed))])
        for kind in KINDS
    }
    assert np.mean(steps["repeats"] == 0) > 0.6
    assert np.mean((steps["run"] >= 1) & (steps["run"] <= 2)) > 0.8
    assert np.mean(steps["leaps"] > 7) > 0.3
    assert np.mean(steps["walk"]) < np.mean(steps["leaps"])


def test_too_short_a_clip_holds_no_note(tunes: TuneBank) -> None:
    assert all(phrase(tunes, "walk", seed, seconds=0.05) == [] for seed in range(10))


def test_ornaments_are_short_neighbours(tunes: TuneBank) -> None:
    plain = PhraseConfig(kinds=(("walk", 1.0),), ornament_share=0.0, slowest=1.1, fastest=0.9)
    added = 0
    for seed in range(20):
        bare, notes = (
            make_phrase(
                replace(plain, ornament_share=s), tunes, 60, 72, 8.0, np.random.default_rng(seed)
            )
            for s in (0.0, 1.0)
        )
        assert {n.onset for n in bare} <= {n.onset for n in notes}
        assert all(60 <= n.pitch <= 72 and n.duration > 0.069 for n in notes)
        assert all(a.offset <= b.onset + 1e-9 for a, b in pairwise(notes))
        added += len(notes) - len(bare)
    assert added > 20
