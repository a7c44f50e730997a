from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from data_tools.__main__ import app
from seqmelody.decoding.language_model import (
    FIRST_LOG_PROB,
    FORMAT,
    REACH,
    SUREST,
    TRUST_STEP,
    IntervalModel,
    State,
    broad,
    load_interval_model,
)
from seqmelody.errors import InputError
from seqmelody.notes import Note
from seqmelody.writers import to_midi

TUNES = [[60, 62, 64, 62, 60, 60], [72, 74, 76, 77, 79], [55, 55, 57, 40]]


def prob(model: IntervalModel, intervals: tuple[int, ...], following: int) -> float:
    """Of an interval after others, by the model's own states."""
    state = model.start
    for interval in intervals:
        state = model.extend(state, interval)
    return float(np.exp(model.log_probs(state)[following + REACH]))


@pytest.mark.parametrize("intervals", [(), (2,), (2, 2), (0, 0, 0), (-90, 90), (5, 1, 2, 2, -2)])
@pytest.mark.parametrize("order", [1, 2, 4])
def test_probabilities_sum_to_one(order: int, intervals: tuple[int, ...]) -> None:
    model = IntervalModel.learn(TUNES, order=order)
    state = model.start
    for interval in intervals:
        state = model.extend(state, interval)
    log_probs = model.log_probs(state)
    assert log_probs.shape == (2 * REACH + 1,)
    assert np.exp(log_probs).sum() == pytest.approx(1.0)
    assert np.isfinite(log_probs).all()


def test_the_fallback_is_a_distribution() -> None:
    assert broad().sum() == pytest.approx(1.0)
    np.testing.assert_allclose(broad(), broad()[::-1])


def test_probabilities_are_those_worked_by_hand() -> None:
    # Intervals: +2 +2 -2 -2 0. Of 5 there are 3 kinds: +2 twice, -2 twice, 0 once.
    model = IntervalModel.learn([TUNES[0]], order=2)
    base = float(broad()[2 + REACH])
    alone = (2 + 3 * base) / (5 + 3)
    after_two = (1 + 2 * alone) / (2 + 2)  # after +2: +2 once and -2 once
    for trust in (-4, 0, 3):
        weight = 1 / (1 + math.exp(-trust * TRUST_STEP))
        # After 0 nothing ever followed, so that the model does not know it as a context.
        for context, expected in (((), alone), ((2,), after_two)):
            found = np.exp(model.log_probs(State(context, trust))[2 + REACH])
            assert found == pytest.approx(weight * expected + (1 - weight) * base)
    assert model.extend(model.start, 0).context == ()


def test_trust_is_the_posterior_of_being_a_tune() -> None:
    model = IntervalModel.learn([TUNES[0]], order=2, fallback=0.5)
    assert model.start == State((), 0)
    base = float(broad()[2 + REACH])
    odds = math.log((2 + 3 * base) / (5 + 3) / base)
    assert model.extend(model.start, 2) == State((2,), round(odds / TRUST_STEP))
    state = model.start
    for _ in range(20):  # never a tune, and never given up
        state = model.extend(state, 31)
    assert state.trust == -SUREST / TRUST_STEP
    assert prob(model, (31, -31, 29), 30) > 4 * prob(model, (2, 2, -2), 30)


def test_contexts_are_no_longer_than_the_order() -> None:
    model = IntervalModel.learn(TUNES, order=3)
    state = model.start
    for interval, expected in ((2, (2,)), (2, (2, 2)), (-2, (2, -2)), (31, ())):
        state = model.extend(state, interval)
        assert state.context == expected


def test_wide_intervals_are_left_to_the_fallback() -> None:
    model = IntervalModel.learn([[60, 100, 60, 62]], order=2, clip=12)
    assert (((), 40) in model.counts, ((-12,), 2) in model.counts) == (False, True)
    assert 0 < prob(model, (), 40) < 1e-4


def test_the_key_does_not_matter() -> None:
    up = [[pitch + 7 for pitch in tune] for tune in TUNES]
    a, b = IntervalModel.learn(TUNES), IntervalModel.learn(up)
    assert a.counts == b.counts
    assert a.score(TUNES[0]) == a.score(up[0])


def test_a_score_adds_up_its_notes() -> None:
    model = IntervalModel.learn(TUNES, order=3)
    by_hand = (prob(model, (), 2), prob(model, (2,), 2), prob(model, (2, 2), -2))
    expected = FIRST_LOG_PROB + sum(map(math.log, by_hand))
    assert model.score([60, 62, 64, 62]) == pytest.approx(expected)
    assert model.score([]) == 0.0


def test_known_tunes_are_likelier_and_others_cost_a_bounded_amount() -> None:
    model = IntervalModel.learn([[60, 62, 64, 65, 67] * 20], fallback=0.1)
    assert model.score([70, 72, 74, 75, 77]) > model.score([70, 64, 74, 71, 77]) + 5
    for leap in range(-36, 37):  # bounded also where the model was surest
        assert prob(model, (2, 2, 2), leap) > 1e-4


def test_saved_models_come_back(tmp_path: Path) -> None:
    model = IntervalModel.learn(TUNES, order=3, clip=20, fallback=0.2)
    model.save(tmp_path / "model.npz")
    again = load_interval_model(tmp_path / "model.npz")
    assert (again.order, again.clip, again.fallback) == (3, 20, 0.2)
    assert again.counts == model.counts
    np.testing.assert_array_equal(again.log_probs(model.start), model.log_probs(model.start))


def write_foreign(path: Path, kind: str) -> None:
    if kind == "text":
        path.write_text("hello")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "array":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    elif kind == "archive":
        np.savez(path, a=np.zeros(3))
    elif kind == "version":
        np.savez(path, format=np.array(FORMAT + "0"))
    elif kind == "pickle":
        np.savez(path, format=np.array([{}], dtype=object))
    elif kind == "cut":
        IntervalModel.learn(TUNES).save(path)
        path.write_bytes(path.read_bytes()[:300])
    else:
        IntervalModel.learn(TUNES).save(path)
        with np.load(path) as data:
            parts = dict(data)
        np.savez(path, **(parts | {"count": parts["count"][1:]}))


@pytest.mark.parametrize(
    "kind", ["text", "empty", "array", "archive", "version", "pickle", "cut", "misfit"]
)
def test_foreign_files_are_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "foreign.npz"
    write_foreign(path, kind)
    with pytest.raises(InputError, match=r"foreign\.npz: not a melody model") as caught:
        load_interval_model(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.npz: no such melody model"):
        load_interval_model(tmp_path / "none.npz")


def test_the_shipped_model_prefers_melodies() -> None:
    model = load_interval_model()
    assert model.score([60, 62, 64, 65, 67]) > model.score([60, 66, 61, 71, 62]) + 5


# python -m data_tools lm


def test_the_command_learns_from_a_bank(tiny_bank: Path, tmp_path: Path) -> None:
    output = tmp_path / "lm.npz"
    result = CliRunner().invoke(app, ["lm", str(tiny_bank), "-o", str(output)])
    assert result.exit_code == 0, result.output
    assert "3 melodies" in result.output
    assert load_interval_model(output).counts[(), 2] > 0


def test_the_command_learns_from_a_repertoire(tmp_path: Path) -> None:
    (tmp_path / "songs").mkdir()
    (tmp_path / "songs" / "a.txt").write_text("C4 D4 E4 # three\nC4")
    notes = [Note(0.0, 0.5, 60), Note(0.5, 1.0, 67), Note(0.5, 1.0, 64), Note(1.0, 2.0, 60)]
    (tmp_path / "songs" / "b.mid").write_bytes(to_midi(notes))
    output = tmp_path / "lm.npz"
    result = CliRunner().invoke(
        app, ["lm", str(tmp_path / "songs"), "-o", str(output), "--order", "1"]
    )
    assert result.exit_code == 0, result.output
    counts = load_interval_model(output).counts
    assert counts == {((), 2): 2, ((), -4): 1, ((), 7): 1, ((), -7): 1}  # the chord's top note


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.txt", b"C4 X9", "a.txt, line 1"),
        ("a.txt", b"\xff\xfe", "a.txt: the note list is not UTF-8"),
        ("a.mid", b"MThd nonsense", "a.mid: not a MIDI file"),
        ("a.doc", b"", "no melody"),
    ],
)
def test_unusable_repertoires_are_named(
    tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(data)
    result = CliRunner().invoke(app, ["lm", str(tmp_path), "-o", str(tmp_path / "lm.npz")])
    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)
