"""Alignment against brute force over every way to place the notes."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest

from seqmelody.alignment import Range, Span, align_labels, onset_scores
from seqmelody.emission import Emission


def random_emission(n_frames: int, n_pitches: int, rng: np.random.Generator) -> Emission:
    log_probs = np.log(rng.dirichlet(np.ones(n_pitches + 1), n_frames)).astype(np.float32)
    return Emission(log_probs, 0.02, onset_probs=rng.random(n_frames).astype(np.float32))


def brute_force(
    emission: Emission, labels: Sequence[int], ranges: Sequence[Range], min_frames: int
) -> list[Span]:
    """Try every onset in the ranges and every offset."""
    begin, stay = onset_scores(emission)
    log_probs, n_frames = emission.log_probs, len(emission)
    best, best_spans = -np.inf, list[Span]()
    for onsets in itertools.product(*(range(r.first, r.last + 1) for r in ranges)):
        following = [*onsets[1:], n_frames]
        if any(f - b < min_frames for b, f in zip(onsets, following, strict=True)):
            continue
        total, spans = float(log_probs[: onsets[0], 0].sum()), []
        for label, b, f in zip(labels, onsets, following, strict=True):
            choices = [
                (log_probs[b:e, label].sum() + log_probs[e:f, 0].sum(), e)
                for e in range(b + min_frames, f + 1)
            ]
            score, end = max(choices)
            total += float(score) + begin[b] - stay[b]
            spans.append(Span(b, end))
        if total > best:
            best, best_spans = total, spans
    return best_spans


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
    assert found == brute_force(emission, labels, ranges, int(min_frames))


def test_no_notes_need_no_frames() -> None:
    assert align_labels(random_emission(5, 2, np.random.default_rng(0)), [], []) == []


def test_repeated_notes_are_parted_where_the_onset_cue_is() -> None:
    log_probs = np.log(np.full((12, 2), [0.01, 0.99], dtype=np.float32))
    cue = np.full(12, 0.01, np.float32)
    cue[[0, 7]] = 0.9
    emission = Emission(log_probs, 0.02, onset_probs=cue)
    spans = align_labels(emission, [1, 1], [Range(0, 10), Range(1, 11)])
    assert spans == [Span(0, 7), Span(7, 12)]
