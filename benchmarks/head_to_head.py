"""One system beside each other one, on just the clips and conditions that both have heard.

A system that is slow may have heard fewer clips than the others; its own error rate then says
little beside theirs. Differences are therefore paired, with bootstrap intervals over clips
(:mod:`benchmarks.intervals`).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.intervals import Interval, rate_interval
from benchmarks.report import percent, table_line
from benchmarks.rows import Row

Pair = tuple[Row, Row]  # of the system in question, and of another


@dataclass(frozen=True, slots=True)
class Match:
    """What came of one pairing; rates are shares of 1.

    Attributes:
        set_name: of the clips.
        other: the other system.
        clips: heard by both.
        conditions: noises at their SNRs, clean among them.
        own_rate: note error rate of the system in question.
        other_rate: that of the other.
        difference: own_rate less other_rate; below 0, the system in question is better.
    """

    set_name: str
    other: str
    clips: int
    conditions: int
    own_rate: float
    other_rate: float
    difference: Interval


def matches(rows: Sequence[Row], system: str) -> Iterator[Match]:
    """The system beside each other one, a match for each set."""
    for (set_name, other), pairs in _pairs(rows, system).items():
        yield _match(set_name, other, pairs)


def losses(rows: Sequence[Row], system: str) -> Iterator[tuple[str, Match]]:
    """Conditions in words, with the match, in which another system makes fewer errors."""
    for (set_name, other), pairs in _pairs(rows, system).items():
        by_condition: dict[str, list[Pair]] = defaultdict(list)
        for pair in pairs:
            by_condition[pair[0].condition].append(pair)
        for condition, heard in by_condition.items():
            match = _match(set_name, other, heard)
            if match.other_rate < match.own_rate:
                yield condition, match


def match_table(rows: Sequence[Row], system: str) -> str:
    """Markdown of :func:`matches`, in percent."""
    titles = ("set", "beside", "clips", "conditions", "its NER", f"{system}", "difference")
    lines = [table_line(*titles), table_line("---", "---", *["---:"] * 5)]
    for match in matches(rows, system):
        counts = str(match.clips), str(match.conditions)
        lines.append(table_line(match.set_name, match.other, *counts, *_rates(match)))
    return "\n".join(lines)


def loss_table(rows: Sequence[Row], system: str) -> str:
    """Markdown of :func:`losses`, in percent; a sentence if there are none."""
    lost = list(losses(rows, system))
    if not lost:
        return "Nowhere."
    titles = ("set", "heard", "better", "clips", "its NER", f"{system}", "difference")
    lines = [table_line(*titles), table_line(*["---"] * 3, *["---:"] * 4)]
    for condition, match in lost:
        names = match.set_name, condition, match.other, str(match.clips)
        lines.append(table_line(*names, *_rates(match)))
    return "\n".join(lines)


def _pairs(rows: Sequence[Row], system: str) -> dict[tuple[str, str], list[Pair]]:
    """Pairs of rows of one measurement each, by set and other system."""
    own = {row.key[1:]: row for row in rows if row.system == system}
    groups: dict[tuple[str, str], list[Pair]] = defaultdict(list)
    for row in rows:
        if row.system != system and row.key[1:] in own:
            groups[row.set_name, row.system].append((own[row.key[1:]], row))
    return groups


def _match(set_name: str, other: str, pairs: Sequence[Pair]) -> Match:
    difference: dict[str, int] = defaultdict(int)
    notes: dict[str, int] = defaultdict(int)
    for one, two in pairs:
        difference[one.clip] += one.edits.errors - two.edits.errors
        notes[one.clip] += one.reference_notes
    total = sum(notes.values()) or math.nan  # no rate where there is no note
    return Match(
        set_name,
        other,
        len(notes),
        len({one.condition for one, _ in pairs}),
        sum(one.edits.errors for one, _ in pairs) / total,
        sum(two.edits.errors for _, two in pairs) / total,
        rate_interval(list(difference.values()), list(notes.values())),
    )


def _rates(match: Match) -> tuple[str, str, str]:
    rates = percent(match.other_rate), percent(match.own_rate)
    if math.isnan(match.difference.value):
        return *rates, "–"
    value, low, high = (f"{100 * share:+.1f}" for share in match.difference)
    return *rates, f"{value} [{low}, {high}]"
