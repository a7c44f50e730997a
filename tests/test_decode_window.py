"""The window decoder against brute force over every segmentation."""

import numpy as np
import pytest
from numpy.typing import NDArray

from seqmelody.decoding.window import _best_path, decode_window
from seqmelody.emission import Emission
from seqmelody.notes import Vocabulary

Array = NDArray[np.float64]
PAIR = Vocabulary(60, 61)


def brute_force(
    log_probs: Array, begin: Array, stay: Array, shortest: int, repeat_bonus: float = 0.0
) -> list[tuple[int, int, int]]:
    """(class, first frame, frame after the last) of the notes of the best segmentation."""
    n_frames, n_classes = log_probs.shape
    best: tuple[float, list[tuple[int, int, int]]] = (-np.inf, [])

    def extend(t: int, score: float, notes: list[tuple[int, int, int]]) -> None:
        nonlocal best
        if t == n_frames:
            best = max(best, (score, notes), key=lambda pair: pair[0])
            return
        extend(t + 1, score + log_probs[t, 0] + stay[t], notes)
        for label in range(1, n_classes):
            total = score + begin[t] + log_probs[t, label]
            if notes and notes[-1][0] == label and notes[-1][2] == t:
                total += repeat_bonus
            for end in range(t + 1, n_frames + 1):
                if end > t + 1:
                    total += log_probs[end - 1, label] + stay[end - 1]
                if end - t >= shortest:
                    extend(end, total, [*notes, (label, t, end)])

    extend(0, 0.0, [])
    return best[1]


@pytest.mark.parametrize("seed", range(60))
def test_best_path_equals_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_frames, shortest = int(rng.integers(1, 7)), int(rng.integers(1, 4))
    log_probs = np.log(rng.dirichlet(np.full(3, 0.3), n_frames) + 1e-12)
    onset = rng.uniform(0.01, 0.99, n_frames)
    begin, stay = np.log(onset), np.log1p(-onset)
    bonus = float(rng.uniform(0, 1.5)) * (seed % 2)
    classes, begins = _best_path(log_probs, begin, stay, shortest, bonus)
    expected = np.zeros(n_frames, int)
    expected_begins = np.zeros(n_frames, bool)
    for label, first, end in brute_force(log_probs, begin, stay, shortest, bonus):
        expected[first:end] = label
        expected_begins[first] = True
    np.testing.assert_array_equal(classes, expected)
    np.testing.assert_array_equal(begins, expected_begins)


def emission_of(classes: list[int], onsets: list[int] | None = None) -> Emission:
    """Windows that say a class with probability 0.9, onset cues as they are trained."""
    log_probs = np.log(np.full((len(classes), 3), 0.05, np.float32))
    log_probs[np.arange(len(classes)), classes] = np.log(0.9)
    cue = None
    if onsets is not None:
        cue = np.full(len(classes), 0.02, np.float32)
        for onset in onsets:
            cue[onset - 1 : onset + 2] = [0.33, 0.8, 0.33]
    return Emission(log_probs, 0.02, onset_probs=cue)


def test_notes_have_times_pitches_and_confidence() -> None:
    notes = decode_window(emission_of([0] * 5 + [1] * 10 + [0] * 5 + [2] * 10, [5, 20]), PAIR)
    assert [n.pitch for n in notes] == [60, 61]
    assert notes[0].onset == pytest.approx(0.1)
    assert notes[0].offset == pytest.approx(0.29)
    assert notes[1].offset == pytest.approx(0.59)
    assert notes[0].confidence == pytest.approx(0.9, abs=1e-3)


def test_a_repeated_note_is_two_notes_where_the_cue_says_so() -> None:
    classes = [0] * 3 + [1] * 20
    assert len(decode_window(emission_of(classes, [3]), PAIR)) == 1
    notes = decode_window(emission_of(classes, [3, 13]), PAIR)
    assert [n.pitch for n in notes] == [60, 60]
    assert notes[1].onset == pytest.approx(0.26)
    assert notes[0].offset == pytest.approx(0.25)


def test_a_flicker_of_one_window_is_no_note() -> None:
    assert decode_window(emission_of([0] + [1] * 10 + [2] + [1] * 10, [1]), PAIR)[0].duration > 0.4


@pytest.mark.parametrize("last", [1, 2, 3])
def test_a_last_note_is_as_long_as_any(last: int) -> None:
    """Where the recording ends just as a note begins, that is begun earlier or not at all."""
    emission = emission_of([0] * 5 + [1] * 10 + [2] * last)
    notes = decode_window(emission, PAIR, min_seconds=0.06)
    assert [n.pitch for n in notes] == ([60] if last == 1 else [60, 61])
    assert all(n.duration > 0.049 for n in notes)  # from the middle before to the middle after
    assert decode_window(emission_of([1] * last), PAIR, min_seconds=0.08) == []


def test_nothing_in_nothing_out() -> None:
    assert decode_window(emission_of([]), PAIR) == []
    assert decode_window(emission_of([0] * 30), PAIR) == []
