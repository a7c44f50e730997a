"""How sure a rate is: bootstrap intervals over clips.

Clips are what is drawn at random from the music of the world, so they are what is drawn again, with
replacement, all measurements of a clip together (Efron & Tibshirani, An Introduction to the
Bootstrap, 1993, ch. 13: the percentile interval).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.rows import Row

RESAMPLES = 2000
LEVEL = 0.95


class Interval(NamedTuple):
    """A rate and the bounds that hold it with the probability LEVEL."""

    value: float
    low: float
    high: float


def rate_interval(
    counts: Sequence[float], bases: Sequence[float], *, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """Interval of sum(counts) / sum(bases); NaN where the bases are all 0.

    Args:
        counts: errors of each clip.
        bases: reference notes of each clip.
    """
    if not any(bases):  # recordings without a note alone
        return Interval(math.nan, math.nan, math.nan)
    count, base = np.asarray(counts, dtype=np.float64), np.asarray(bases, dtype=np.float64)
    rng = np.random.default_rng(seed)
    # How often each clip is drawn, shape (resamples, clips).
    draws = rng.multinomial(len(count), np.full(len(count), 1 / len(count)), resamples)
    drawn_base = draws @ base
    known = drawn_base > 0  # a resample of empty clips alone has no rate
    rates = (draws @ count)[known] / drawn_base[known]
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(rates, [tail, 1 - tail])
    return Interval(float(count.sum() / base.sum()), float(low), float(high))


def error_interval(rows: Iterable[Row]) -> Interval:
    """Note error rate over clips, each with all its noises and seeds."""
    errors: dict[tuple[str, str], int] = defaultdict(int)
    notes: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        errors[row.set_name, row.clip] += row.edits.errors
        notes[row.set_name, row.clip] += row.reference_notes
    return rate_interval(list(errors.values()), list(notes.values()))
