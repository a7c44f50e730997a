"""Pairs of systems: hand-worked rates, and clips that only one has heard."""

from __future__ import annotations

import pytest

pytest.importorskip("typer")

from benchmarks.head_to_head import loss_table, losses, match_table, matches
from benchmarks.rows import Row


def row(system: str, clip: str, errors: int, snr: float | None = None, notes: int = 10) -> Row:
    noise = "clean" if snr is None else "white"
    counts = {"insertions": 0, "deletions": errors, "substitutions": 0, "octave_errors": 0}
    return Row(
        system, "1", "set", noise, snr, 0, clip, notes, notes - errors, **counts,
        repeats=0, repeats_found=0, exact=not errors, conp_f1=0.0, con_f1=0.0,
        audio_seconds=1.0, compute_seconds=1.0,
    )  # fmt: skip


ROWS = [
    row("a", "1", 1), row("a", "2", 3), row("a", "3", 10), row("a", "1", 4, -5.0),
    row("b", "1", 2), row("b", "2", 1), row("b", "1", 6, -5.0),
]  # fmt: skip


def test_rates_are_of_shared_clips_and_conditions_only() -> None:
    (match,) = matches(ROWS, "a")
    assert (match.set_name, match.other, match.clips, match.conditions) == ("set", "b", 2, 2)
    assert match.own_rate == pytest.approx((1 + 3 + 4) / 30)
    assert match.other_rate == pytest.approx((2 + 1 + 6) / 30)
    assert match.difference.value == pytest.approx(-1 / 30)
    # Clip 1 alone has -3 of 20 notes, clip 2 alone +2 of 10: no resample lies outside.
    assert match.difference.low == pytest.approx(-3 / 20)
    assert match.difference.high == pytest.approx(2 / 10)


def test_losses_are_found_condition_by_condition() -> None:
    ((condition, match),) = losses(ROWS, "a")
    assert condition == "clean"
    assert (match.own_rate, match.other_rate) == (pytest.approx(4 / 20), pytest.approx(3 / 20))
    assert [condition for condition, _ in losses(ROWS, "b")] == ["white -5 dB"]


def test_equal_is_not_lost() -> None:
    assert list(losses([row("a", "1", 2), row("b", "1", 2)], "a")) == []
    assert loss_table([row("a", "1", 2), row("b", "1", 2)], "a") == "Nowhere."


def test_tables_name_systems_and_differences() -> None:
    assert match_table(ROWS, "a").splitlines()[-1].split("|")[1:8] == [
        " set ", " b ", " 2 ", " 2 ", " 30.0 ", " 26.7 ", " -3.3 [-15.0, +20.0] ",
    ]  # fmt: skip
    assert "| clean | b |" in loss_table(ROWS, "a")
