"""The other ways to combine windows: known answers, and oracles written from their definitions."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from seqmelody import InputError
from seqmelody.alignment import Span
from seqmelody.decoding.window import COMBINERS, decode_window
from seqmelody.decoding.window_joining import _hysteresis, onset_peaks
from seqmelody.decoding.window_suppression import (
    Candidate,
    _bridged,
    _candidates,
    _keep_best,
    _stretches,
)
from seqmelody.emission import Emission
from seqmelody.notes import Vocabulary

PAIR = Vocabulary(60, 61)
NO_CUE = "joining"  # the one that knows no repeats


def emission_of(classes: list[int], onsets: list[int] | None = None, sure: float = 0.9) -> Emission:
    """Windows that say a class with a probability, onset cues as they are trained."""
    probs = np.full((len(classes), 3), (1 - sure) / 2, np.float32)
    probs[np.arange(len(classes)), classes] = sure
    cue = None
    if onsets is not None:
        cue = np.full(len(classes), 0.02, np.float32)
        for onset in onsets:
            cue[onset - 1 : onset + 2] = [0.33, 0.8, 0.33]
    return Emission(np.log(probs), 0.02, onset_probs=cue)


def from_posteriors(rows: list[list[float]]) -> Emission:
    return Emission(np.log(np.array(rows, np.float32)), 0.02)


@pytest.mark.parametrize("combiner", COMBINERS)
def test_two_notes_have_times_pitches_and_confidence(combiner: str) -> None:
    emission = emission_of([0] * 5 + [1] * 10 + [0] * 5 + [2] * 10, [5, 20])
    notes = decode_window(emission, PAIR, combiner=combiner)
    assert [n.pitch for n in notes] == [60, 61]
    assert [n.onset for n in notes] == pytest.approx([0.1, 0.4])
    assert [n.offset for n in notes] == pytest.approx([0.29, 0.59])
    assert [n.confidence for n in notes] == pytest.approx([0.9, 0.9], abs=1e-3)


@pytest.mark.parametrize("combiner", COMBINERS)
def test_neighbours_without_a_rest_touch(combiner: str) -> None:
    notes = decode_window(emission_of([1] * 8 + [2] * 8), PAIR, combiner=combiner)
    assert [n.pitch for n in notes] == [60, 61]
    assert notes[0].offset == pytest.approx(notes[1].onset)


@pytest.mark.parametrize("combiner", COMBINERS)
def test_only_simple_joining_loses_a_repeat_that_the_cue_shows(combiner: str) -> None:
    classes = [0] * 3 + [1] * 20
    notes = decode_window(emission_of(classes, [3, 13]), PAIR, combiner=combiner)
    assert len(notes) == (1 if combiner == NO_CUE else 2)
    if combiner != NO_CUE:
        assert notes[1].onset == pytest.approx(0.26)
    assert len(decode_window(emission_of(classes, [3]), PAIR, combiner=combiner)) == 1


@pytest.mark.parametrize("combiner", COMBINERS)
def test_a_rest_parts_equal_notes(combiner: str) -> None:
    emission = emission_of([1] * 10 + [0] * 10 + [1] * 10)
    assert [n.pitch for n in decode_window(emission, PAIR, combiner=combiner)] == [60, 60]


@pytest.mark.parametrize("combiner", COMBINERS)
def test_silence_and_nothing_hold_no_notes(combiner: str) -> None:
    assert decode_window(emission_of([0] * 30, []), PAIR, combiner=combiner) == []
    assert decode_window(emission_of([]), PAIR, combiner=combiner) == []


@pytest.mark.parametrize("combiner", COMBINERS)
def test_a_flicker_is_no_note_and_breaks_none(combiner: str) -> None:
    emission = emission_of([0] * 5 + [2] + [0] * 5 + [1] * 10 + [2] + [1] * 10, [11])
    notes = decode_window(emission, PAIR, combiner=combiner)
    assert {n.pitch for n in notes} == {60}
    assert len(notes) == (2 if combiner == NO_CUE else 1)


@pytest.mark.parametrize("combiner", COMBINERS)
@pytest.mark.parametrize("seed", range(10))
def test_notes_of_any_emission_are_in_order_and_apart(combiner: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vocabulary = Vocabulary(60, 64)
    probs = rng.dirichlet(np.full(6, 0.2), 80).astype(np.float32) + 1e-6
    emission = Emission(np.log(probs), 0.02, onset_probs=rng.random(80).astype(np.float32))
    notes = decode_window(emission, vocabulary, combiner=combiner)
    assert all(a.offset <= b.onset for a, b in itertools.pairwise(notes))
    assert all(n.duration > 0 and 0 < n.confidence <= 1.001 for n in notes)


def test_an_unknown_combiner_is_named_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'magic' is unknown.*viterbi, hysteresis"):
        decode_window(emission_of([1]), PAIR, combiner="magic")


def test_options_reach_the_combiner() -> None:
    emission = emission_of([0] * 5 + [1] * 4 + [0] * 5)
    for combiner in COMBINERS:
        assert len(decode_window(emission, PAIR, combiner=combiner, min_seconds=0.06)) == 1
        assert decode_window(emission, PAIR, combiner=combiner, min_seconds=0.2) == []


def test_hysteresis_begins_high_lasts_low_and_bridges() -> None:
    pitch = [0.1, 0.4, 0.9, 0.4, 0.1, 0.4, 0.4, 0.1, 0.1, 0.1, 0.4, 0.4]
    emission = from_posteriors([[1 - p - 0.02, p, 0.02] for p in pitch])
    options = {"high": 0.5, "low": 0.3, "min_seconds": 0.02}
    bridged = decode_window(emission, PAIR, combiner="hysteresis", gap_seconds=0.02, **options)
    assert [(n.onset, n.offset) for n in bridged] == [pytest.approx((0.03, 0.13))]
    whole = decode_window(emission, PAIR, combiner="hysteresis", gap_seconds=0.0, **options)
    assert [(n.onset, n.offset) for n in whole] == [pytest.approx((0.03, 0.07))]


@pytest.mark.parametrize("seed", range(40))
def test_hysteresis_of_one_pitch_equals_connected_components(seed: int) -> None:
    """Components above the low threshold (gaps closed) from their first frame above the high."""
    rng = np.random.default_rng(seed)
    gap, high, low = int(rng.integers(0, 3)), 0.6, 0.3
    pitch = rng.random(30).astype(np.float32)
    posteriors = np.stack([1 - pitch, pitch], axis=1)
    found, _ = _hysteresis(posteriors, np.zeros(30, bool), high, low, gap, 1)
    expected = []
    padded = np.pad(pitch >= low, gap)
    closed = ndimage.binary_closing(padded, np.ones(gap + 1, bool))[gap : gap + 30]
    parts, count = ndimage.label(closed)
    for part in range(1, count + 1):
        frames = np.flatnonzero(parts == part)
        sure = frames[pitch[frames] >= high]
        if len(sure):
            expected.append(Span(int(sure[0]), int(frames[-1]) + 1))
    assert found == expected


def test_a_cue_peak_at_a_notes_own_beginning_does_not_part_it() -> None:
    emission = emission_of([0] * 3 + [1] * 12, [4])  # the cue comes a frame late
    for combiner in ("hysteresis", "suppression"):
        assert len(decode_window(emission, PAIR, combiner=combiner)) == 1


def test_onset_peaks_are_peaks_above_the_threshold() -> None:
    emission = emission_of([1] * 12, [3, 8])
    assert np.flatnonzero(onset_peaks(emission, 0.5)).tolist() == [3, 8]
    assert not onset_peaks(emission, 0.99).any()
    assert not onset_peaks(emission_of([1] * 12), 0.5).any()


def test_stretches_are_runs_parted_at_cuts() -> None:
    inside = np.array([0, 1, 1, 1, 1, 0, 1, 0], bool)
    cuts = np.array([1, 0, 0, 1, 0, 0, 1, 1], bool)
    assert _stretches(inside, cuts) == [Span(1, 3), Span(3, 5), Span(6, 7)]


def test_short_gaps_are_bridged_but_not_over_a_cut() -> None:
    spans = [Span(0, 3), Span(5, 8), Span(10, 12), Span(15, 16)]
    cuts = np.arange(16) == 10
    assert _bridged(spans, cuts, 2) == [Span(0, 8), Span(10, 12), Span(15, 16)]
    assert _bridged(spans, cuts, 1) == spans


def random_candidates(rng: np.random.Generator) -> list[Candidate]:
    probs: NDArray[np.float32] = rng.dirichlet(np.full(4, 0.4), 25).astype(np.float32)
    return _candidates(probs, 0.2, 0.1, rng.random(25) < 0.1, 0, 1)


@pytest.mark.parametrize("seed", range(30))
def test_suppression_equals_the_definition_where_nothing_may_overlap(seed: int) -> None:
    """What is kept is the one set in which each is free of better ones and each other is not."""
    candidates = random_candidates(np.random.default_rng(seed))
    kept = _keep_best(candidates, 25, 0.0, 1)
    frames = {c: set(range(*c.span)) for c in candidates}
    for candidate in candidates:
        better = [k for k in kept if k != candidate and k.score >= candidate.score]
        is_hidden = any(frames[k] & frames[candidate] for k in better)
        assert (candidate in kept) != is_hidden


def test_a_stretch_less_sure_than_chance_is_no_note() -> None:
    """Above the level all along, but every frame weighs against it."""
    unsure = from_posteriors([[0.68, 0.3, 0.02]] * 20)
    suppression = COMBINERS["suppression"]
    assert suppression(unsure, PAIR, level=0.15, chance=0.35) == []
    assert len(suppression(unsure, PAIR, level=0.15, chance=0.25)) == 1


def test_the_better_of_two_overlapping_classes_is_kept_and_the_other_trimmed() -> None:
    # class 2 is surer, and holds 2 of the 6 frames of class 1
    rows = [[0.2, 0.7, 0.1]] * 4 + [[0.0, 0.4, 0.6]] * 2 + [[0.05, 0.05, 0.9]] * 6
    emission = from_posteriors([[p + 1e-6 for p in row] for row in rows])
    options = {"level": 0.3, "chance": 0.0, "min_seconds": 0.02}
    trimmed = COMBINERS["suppression"](emission, PAIR, overlap=0.4, **options)
    assert [(n.pitch, round(n.duration, 3)) for n in trimmed] == [(60, 0.07), (61, 0.16)]
    dropped = COMBINERS["suppression"](emission, PAIR, overlap=0.1, **options)
    assert [n.pitch for n in dropped] == [61]
