from __future__ import annotations

import builtins
import itertools
import math
import random
from functools import cache

import pytest

from seqmelody.errors import InputError
from seqmelody.metrics import (
    EditCounts,
    RepeatCounts,
    edit_counts,
    exact_sequence,
    note_f1,
    repeat_counts,
    repeated_note_recall,
)
from seqmelody.notes import Note


def brute_force_distance(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    """The recursion of the definition: no table, no vectorised rows."""

    @cache
    def distance(i: int, j: int) -> int:
        if i == 0 or j == 0:
            return i + j
        return min(
            distance(i - 1, j) + 1,
            distance(i, j - 1) + 1,
            distance(i - 1, j - 1) + (a[i - 1] != b[j - 1]),
        )

    return distance(len(a), len(b))


def merged(pitches: list[int]) -> list[int]:
    return [pitch for pitch, _ in itertools.groupby(pitches)]


@pytest.mark.parametrize(
    ("reference", "estimated", "expected"),
    [
        ([60, 62, 64], [60, 62, 64], EditCounts(0, 0, 0, 0, 3)),
        ([60, 62, 64], [60, 64], EditCounts(0, 1, 0, 0, 3)),
        ([60, 62, 64], [60, 61, 62, 64], EditCounts(1, 0, 0, 0, 3)),
        ([60, 62, 64], [60, 63, 64], EditCounts(0, 0, 1, 0, 3)),
        ([60, 62, 64], [60, 74, 64], EditCounts(0, 0, 1, 1, 3)),
        ([60, 62, 64], [36, 62, 64], EditCounts(0, 0, 1, 1, 3)),
        ([60, 62, 64], [], EditCounts(0, 3, 0, 0, 3)),
        ([], [60, 62], EditCounts(2, 0, 0, 0, 0)),
        ([], [], EditCounts(0, 0, 0, 0, 0)),
        # Two substitutions rather than a deletion and an insertion, as documented.
        ([60, 62], [62, 60], EditCounts(0, 0, 2, 0, 2)),
        ([60, 62, 64, 65], [62, 64, 65, 67], EditCounts(1, 1, 0, 0, 4)),
    ],
)
def test_edit_counts_by_hand(
    reference: list[int], estimated: list[int], expected: EditCounts
) -> None:
    assert edit_counts(reference, estimated) == expected


def test_fractional_pitches_are_rounded() -> None:
    assert edit_counts([66.85, 68.2], [67, 68]).errors == 0
    assert exact_sequence([66.85, 68.2], [67, 68])


def test_edit_counts_agree_with_brute_force() -> None:
    rng = random.Random(7)
    for _ in range(300):
        a = tuple(rng.choices([48, 60, 61, 62], k=rng.randint(0, 7)))
        b = tuple(rng.choices([48, 60, 61, 62], k=rng.randint(0, 7)))
        counts = edit_counts(a, b)
        assert counts.errors == brute_force_distance(a, b), (a, b)
        assert len(b) - len(a) == counts.insertions - counts.deletions
        assert 0 <= counts.octave_errors <= counts.substitutions


def test_note_error_rate_pools_counts() -> None:
    pooled = sum([edit_counts([60] * 8, [60] * 8), edit_counts([60, 62], [])], EditCounts())
    assert pooled == EditCounts(0, 2, 0, 0, 10)
    assert pooled.note_error_rate == pytest.approx(0.2)


def test_note_error_rate_exceeds_one_and_handles_no_reference() -> None:
    assert edit_counts([60], [62, 64, 65]).note_error_rate == pytest.approx(3.0)
    assert edit_counts([], []).note_error_rate == 0.0
    assert edit_counts([], [60]).note_error_rate == math.inf


def test_nan_pitch_is_refused() -> None:
    with pytest.raises(InputError, match="not finite"):
        edit_counts([60, math.nan], [60])


@pytest.mark.parametrize(
    ("reference", "estimated", "expected"),
    [
        ([60, 60, 62], [60, 60, 62], RepeatCounts(1, 1)),
        ([60, 60, 62], [60, 62], RepeatCounts(0, 1)),
        ([60, 60, 60], [60, 60], RepeatCounts(1, 2)),
        ([60, 60, 60, 62], [60, 60, 60, 62], RepeatCounts(2, 2)),
        # The notes are there, but something stands between them: not heard as a repeat.
        ([60, 60], [60, 62, 60], RepeatCounts(0, 1)),
        # Both at a wrong pitch: two notes in a row, but not these.
        ([60, 60, 62], [61, 61, 62], RepeatCounts(0, 1)),
        ([60, 62, 60], [60, 62, 60], RepeatCounts(0, 0)),
        ([60, 60], [], RepeatCounts(0, 1)),
    ],
)
def test_repeat_counts_by_hand(
    reference: list[int], estimated: list[int], expected: RepeatCounts
) -> None:
    assert repeat_counts(reference, estimated) == expected


def test_repeated_note_recall() -> None:
    assert repeated_note_recall([60, 60, 62, 64, 64], [60, 60, 62, 64]) == pytest.approx(0.5)
    assert math.isnan(repeated_note_recall([60, 62], [60, 62]))
    assert (RepeatCounts(1, 2) + RepeatCounts(2, 2)).recall == pytest.approx(0.75)


def test_a_system_that_merges_repeats_finds_none() -> None:
    rng = random.Random(3)
    for _ in range(300):
        reference = rng.choices([60, 62, 64], k=10)
        anything = rng.choices([60, 62, 64], k=rng.randint(0, 14))
        for estimated in (merged(reference), merged(anything)):
            assert repeat_counts(reference, estimated).found == 0


def test_a_perfect_system_finds_all_repeats() -> None:
    rng = random.Random(4)
    for _ in range(50):
        reference = rng.choices([60, 62], k=12)
        counts = repeat_counts(reference, reference)
        assert counts.found == counts.repeats > 0


def test_exact_sequence() -> None:
    assert exact_sequence([60, 60, 62], [60, 60, 62])
    assert not exact_sequence([60, 60, 62], [60, 62])
    assert exact_sequence([], [])


REFERENCE = [Note(0.0, 0.5, 60), Note(0.5, 1.0, 62), Note(1.0, 2.0, 64)]


def test_note_f1_of_a_perfect_estimate() -> None:
    assert note_f1(REFERENCE, REFERENCE) == 1.0
    assert note_f1(REFERENCE, REFERENCE, with_offsets=True) == 1.0


def test_note_f1_counts_onset_pitch_and_offset_apart() -> None:
    estimated = [
        Note(0.04, 0.5, 60.4),  # all within tolerance
        Note(0.5, 1.0, 63),  # wrong pitch
        Note(1.0, 1.5, 64),  # ends 0.5 s early; 0.2 s are allowed
    ]
    assert note_f1(REFERENCE, estimated, with_pitch=False) == pytest.approx(1.0)
    assert note_f1(REFERENCE, estimated) == pytest.approx(2 / 3)
    assert note_f1(REFERENCE, estimated, with_offsets=True) == pytest.approx(1 / 3)
    assert note_f1(REFERENCE, estimated, onset_tolerance=0.03) == pytest.approx(1 / 3)
    assert note_f1(REFERENCE, estimated, pitch_tolerance_cents=110) == pytest.approx(1.0)


def test_note_f1_balances_precision_and_recall() -> None:
    # Precision 1, recall 1/3.
    assert note_f1(REFERENCE, REFERENCE[:1]) == pytest.approx(0.5)


def test_note_f1_of_empty_lists() -> None:
    assert note_f1([], []) == 1.0
    assert note_f1(REFERENCE, []) == 0.0
    assert note_f1([], REFERENCE) == 0.0


@pytest.mark.parametrize("bad", [Note(1.0, 1.0, 60), Note(-0.1, 1.0, 60), Note(0.0, math.nan, 60)])
def test_note_f1_refuses_impossible_times(bad: Note) -> None:
    with pytest.raises(InputError, match="estimate: a note from"):
        note_f1(REFERENCE, [bad])


def test_missing_mir_eval_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without_mir_eval(name: str, *args: object, **kwargs: object) -> object:
        if name.startswith("mir_eval"):
            raise ImportError(name)
        return real_import(name, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without_mir_eval)
    with pytest.raises(InputError, match=r"seqmelody\[test\]"):
        note_f1(REFERENCE, REFERENCE)
