"""Alignment against brute force over every way to place the notes."""

import itertools
import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest

from seqmelody.alignment import Range, Span, align_labels, onset_scores
from seqmelody.emission import Emission


def random_emission(n_frames: int, n_pitches: int, rng: np.random.Generator) -> Emission:
    log_probs = np.log(rng.dirichlet(np.ones(n_pitches + 1), n_frames)).astype(np.float32)
    return Emission(log_probs, 0.02, onset_probs=rng.random(n_frames).astype(np.float32))


def total(emission: Emission, labels: Sequence[int], spans: Sequence[Span]) -> float:
    """What a placement scores: silence outside the notes, onset gains where they begin."""
    begin, stay = onset_scores(emission)
    score, silent = 0.0, np.ones(len(emission), dtype=bool)
    for label, span in zip(labels, spans, strict=True):
        silent[span.begin : span.end] = False
        score += float(emission.log_probs[span.begin : span.end, label].sum())
        score += float(begin[span.begin] - stay[span.begin])
    return score + float(emission.log_probs[silent, 0].sum())


def brute_force(
    emission: Emission, labels: Sequence[int], ranges: Sequence[Range], min_frames: int
) -> float:
    """Best total over every onset in the ranges and every offset."""
    best = -np.inf
    for onsets in itertools.product(*(range(r.first, r.last + 1) for r in ranges)):
        following = [*onsets[1:], len(emission)]
        ends = [range(b + min_frames, f + 1) for b, f in zip(onsets, following, strict=True)]
        for offsets in itertools.product(*ends):
            spans = [Span(b, e) for b, e in zip(onsets, offsets, strict=True)]
            best = max(best, total(emission, labels, spans))
    return best


@pytest.mark.parametrize("seed", range(60))
def test_equals_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_frames, n_notes, min_frames = rng.integers(6, 12), rng.integers(1, 4), rng.integers(1, 3)
    emission = random_emission(int(n_frames), 3, rng)
    labels = [int(c) for c in rng.integers(1, 4, n_notes)]
    lasts = [int(n_frames - (n_notes - k) * min_frames) for k in range(n_notes)]
    drawn = np.sort(rng.integers(0, n_frames, n_notes))
    ranges = [Range(min(int(f), last), last) for f, last in zip(drawn, lasts, strict=True)]
    found = align_labels(emission, labels, ranges, min_frames=int(min_frames))
    for span, r, following in zip(
        found, ranges, [*found[1:], Span(n_frames, n_frames)], strict=True
    ):
        assert r.first <= span.begin <= r.last
        assert span.begin + min_frames <= span.end <= following.begin
    # Totals, not places: between equal notes without a cue, several places are equally good.
    best = brute_force(emission, labels, ranges, int(min_frames))
    assert total(emission, labels, found) == pytest.approx(best, abs=1e-4)


def test_no_notes_need_no_frames() -> None:
    assert align_labels(random_emission(5, 2, np.random.default_rng(0)), [], []) == []


def test_repeated_notes_are_parted_where_the_onset_cue_is() -> None:
    log_probs = np.log(np.full((12, 2), [0.01, 0.99], dtype=np.float32))
    cue = np.full(12, 0.01, np.float32)
    cue[[0, 7]] = 0.9
    emission = Emission(log_probs, 0.02, onset_probs=cue)
    spans = align_labels(emission, [1, 1], [Range(0, 10), Range(1, 11)])
    assert spans == [Span(0, 7), Span(7, 12)]


def test_an_hour_of_rest_after_a_note_costs_no_memory() -> None:
    n_frames = 180_000
    log_probs = np.log(np.full((n_frames, 5), 0.2, dtype=np.float32))
    emission = Emission(log_probs, 0.02, onset_probs=np.zeros(n_frames, dtype=np.float32))
    tracemalloc.start()
    align_labels(emission, [1], [Range(10, 200)], min_frames=3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60e6  # bytes; a table of all begins and ends would take 700 MB
