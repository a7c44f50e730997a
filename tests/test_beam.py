"""The beam against sums over all paths, torch's CTC loss and best path."""

from __future__ import annotations

import itertools
import math
import sys
from collections import defaultdict
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from seqmelody.decoding.beam import BeamConfig, beam_search
from seqmelody.decoding.constraints import Constraints, constrain, pitch_classes
from seqmelody.decoding.ctc import SEARCHES, decode_ctc, search_ctc
from seqmelody.decoding.hypothesis import alternatives, best_path
from seqmelody.decoding.language_model import IntervalModel
from seqmelody.decoding.prefixes import Entry, Prefix
from seqmelody.emission import Emission
from seqmelody.errors import InputError
from seqmelody.notes import Vocabulary

EXACT = BeamConfig(width=10_000, threshold=math.inf, min_prob=0.0, n_best=10_000)
SCALE = [[60, 62, 64, 65, 67, 67, 65, 64, 62, 60], [60, 60, 61, 60]]


def random_log_probs(seed: int, n_frames: int, n: int, peakiness: float = 2.0) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(0, peakiness, (n_frames, n + 1))
    return np.asarray(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))


def peaky(n_frames: int, notes: dict[int, int], n: int = 5, prob: float = 0.95) -> np.ndarray:
    """Blank for certain, but for one frame of each note: {frame: class}."""
    probs = np.full((n_frames, n + 1), 1e-6)
    probs[:, 0] = 1 - n * 1e-6
    for frame, label in notes.items():
        probs[frame, [0, label]] = 1 - prob, prob
    return np.asarray(np.log(probs / probs.sum(axis=1, keepdims=True)))


def all_paths(log_probs: np.ndarray) -> dict[tuple[int, ...], float]:
    """Log of the summed probability of every label sequence, path by path."""
    sums: dict[tuple[int, ...], float] = defaultdict(float)
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        labels = tuple(label for label, _ in itertools.groupby(path) if label)
        sums[labels] += math.exp(sum(log_probs[t, c] for t, c in enumerate(path)))
    return {labels: math.log(total) for labels, total in sums.items()}


def exact_log_prob(log_probs: np.ndarray, labels: tuple[int, ...]) -> float:
    """Of a label sequence, by torch's CTC loss."""
    return -float(
        torch.nn.functional.ctc_loss(
            torch.from_numpy(log_probs)[:, None],
            torch.tensor([labels], dtype=torch.long),
            torch.tensor([len(log_probs)]),
            torch.tensor([len(labels)]),
            reduction="sum",
        )
    )


@pytest.mark.parametrize("seed", range(12))
def test_sums_are_those_over_all_paths(seed: int) -> None:
    log_probs = random_log_probs(seed, n_frames=1 + seed % 6, n=1 + seed % 3)
    expected = all_paths(log_probs)
    found = beam_search(log_probs, EXACT)
    assert {h.labels for h in found} == set(expected)
    for h in found:
        assert h.log_prob == pytest.approx(expected[h.labels])
        assert h.log_score == pytest.approx(expected[h.labels])


@pytest.mark.parametrize("seed", range(6))
def test_melody_model_and_bonus_add_to_the_sums(seed: int) -> None:
    log_probs = random_log_probs(seed, n_frames=5, n=3)
    model = IntervalModel.learn(SCALE, order=3)
    weights = {"lm_weight": 0.7, "lm_offset": 1.5, "insertion_bonus": 0.4}
    config = BeamConfig(10_000, math.inf, 0.0, 10_000, **weights)
    expected = all_paths(log_probs)
    found = beam_search(log_probs, config, model)
    assert {h.labels for h in found} == set(expected)
    for h in found:
        bonus = 0.7 * (model.score(h.labels) + 1.5 * len(h.labels)) + 0.4 * len(h.labels)
        assert h.log_score == pytest.approx(expected[h.labels] + bonus)
        assert h.log_prob == pytest.approx(expected[h.labels])
    scores = {h.labels: h.log_score for h in found}
    assert found[0].labels == max(scores, key=lambda labels: scores[labels])


@pytest.mark.parametrize("seed", range(4))
def test_a_blank_penalty_changes_the_emission_only(seed: int) -> None:
    log_probs = random_log_probs(seed, n_frames=5, n=2).astype(np.float32)
    penalised = constrain(log_probs, Vocabulary(60, 61), Constraints(), 1.5)
    np.testing.assert_allclose(np.exp(penalised).sum(axis=1), 1.0)
    np.testing.assert_allclose(
        penalised[:, 0] - penalised[:, 1], log_probs[:, 0] - log_probs[:, 1] - 1.5, rtol=1e-5
    )
    found = search_ctc(Emission(log_probs, 0.02), Vocabulary(60, 61), beam=EXACT, blank_penalty=1.5)
    expected = all_paths(penalised)
    assert {h.labels: pytest.approx(h.log_prob) for h in found} == expected


@pytest.mark.parametrize("peakiness", [1.0, 3.0, 6.0])
@pytest.mark.parametrize("seed", range(10))
def test_never_less_probable_than_best_path(seed: int, peakiness: float) -> None:
    log_probs = random_log_probs(seed, n_frames=30, n=4, peakiness=peakiness)
    best = beam_search(log_probs)[0]
    greedy = tuple(s.label for s in best_path(log_probs))
    exact = exact_log_prob(log_probs, best.labels)
    assert exact >= exact_log_prob(log_probs, greedy) - 1e-9
    assert best.log_prob <= exact + 1e-9  # paths that were not followed are missing, none is extra


def test_paths_together_beat_the_best_path() -> None:
    log_probs = np.log(np.array([[0.6, 0.4], [0.6, 0.4]]))  # Graves 2012, figure 7.4
    assert best_path(log_probs) == []
    best = beam_search(log_probs)[0]
    assert best.labels == (1,)
    assert math.exp(best.log_prob) == pytest.approx(0.64)


def test_equal_notes_need_a_blank_between() -> None:
    parted = beam_search(peaky(60, {5: 2, 20: 2, 30: 2, 31: 2, 50: 3}))[0]
    assert parted.labels == (2, 2, 2, 3)
    assert [s.frame for s in parted.spikes] == [5, 20, 30, 50]
    assert all(s.prob == pytest.approx(0.95, abs=1e-4) for s in parted.spikes)


@pytest.mark.parametrize("seed", range(8))
def test_n_best_are_different_and_in_order(seed: int) -> None:
    log_probs = random_log_probs(seed, n_frames=40, n=6)
    found = beam_search(log_probs, BeamConfig(width=12, n_best=12, min_prob=1e-6))
    assert len(found) == 12
    assert len({h.labels for h in found}) == 12
    scores = [h.log_score for h in found]
    assert scores == sorted(scores, reverse=True)
    for h in found:
        frames = [s.frame for s in h.spikes]
        assert frames == sorted(set(frames))
        assert all(0 <= frame < 40 for frame in frames)


def test_an_empty_emission_holds_no_note() -> None:
    nothing = np.zeros((0, 4), dtype=np.float32)
    assert [h.labels for h in beam_search(nothing)] == [()]
    for search in ("beam", "greedy"):
        assert decode_ctc(Emission(nothing, 0.02), Vocabulary(60, 62), search=search) == []


@pytest.mark.parametrize("length", [1, 2, 63, 64, 65, 300, 5000])
def test_frames_where_no_note_may_begin_are_summed_exactly(length: int) -> None:
    # After the spike its class fades; nothing else is ever tried.
    log_probs = peaky(length + 2, {1: 1}, n=2)
    log_probs[2:6, 1] = np.log(4e-4)
    log_probs -= np.logaddexp.reduce(log_probs, axis=1, keepdims=True)
    best = beam_search(log_probs, BeamConfig(min_prob=1e-3))[0]
    every = beam_search(log_probs, BeamConfig(min_prob=0.0, threshold=math.inf))[0]
    assert best.labels == every.labels == (1,)
    # Lost are the paths on which the note begins elsewhere.
    assert best.log_prob == pytest.approx(every.log_prob, abs=length * 2e-6 + 2e-3)
    assert best.log_prob <= every.log_prob


@pytest.mark.parametrize("length", [1, 2, 3, 4, 10, 80])
def test_a_note_fades_for_as_long_as_it_is_heard(length: int) -> None:
    """Frames in which no note may begin, though one is far from sure to be over: the sum over the
    frames in which it may end, written out."""
    probs = np.tile([0.76, 0.24], (length + 3, 1))
    probs[:3] = [[1 - 1e-9, 1e-9], [1 - 1e-9, 1e-9], [0.1, 0.9]]
    best = beam_search(np.log(probs), BeamConfig(min_prob=0.25))[0]
    expected = sum(0.9 * 0.24**held * 0.76 ** (length - held) for held in range(length + 1))
    assert best.labels == (1,)
    assert best.log_prob == pytest.approx(math.log(expected), abs=1e-7)


@pytest.mark.parametrize("seed", range(20))
def test_a_prefix_knows_the_entry_that_brings_most(seed: int) -> None:
    rng = np.random.default_rng(seed)
    prefix = Prefix(1, None, 0, [])
    brought = {0: float(rng.random())}
    prefix.begin(brought[0], Entry(0, None))
    for frame in range(1, 12):
        fading = float(rng.uniform(0.5, 1.0))
        whole = fading * (prefix.in_blank + prefix.in_note)
        prefix.in_blank, prefix.in_note = 0.4 * whole, 0.6 * whole
        brought = {k: fading * prob for k, prob in brought.items()}
        brought[frame] = float(rng.uniform(0.0, 0.7))
        prefix.enter(brought[frame], frame, None)
        most = max(brought, key=lambda k: brought[k])
        assert prefix.entry == Entry(most, None)
        assert prefix.share == pytest.approx(brought[most] / sum(brought.values()))


@pytest.mark.parametrize(
    "config",
    [BeamConfig(width=1), BeamConfig(threshold=0.5), BeamConfig(min_prob=0.1), BeamConfig(4, 3.0)],
)
def test_pruning_finds_what_is_plain_and_nothing_extra(config: BeamConfig) -> None:
    log_probs = peaky(100, {5: 1, 40: 3, 41: 2, 80: 2})
    best = beam_search(log_probs, config)[0]
    assert best.labels == (1, 3, 2, 2)
    assert best.log_prob <= exact_log_prob(log_probs, best.labels) + 1e-9


def test_a_dropped_prefix_met_again_is_the_same() -> None:
    for seed in range(30):  # narrow beams drop and meet again
        log_probs = random_log_probs(seed, n_frames=60, n=3, peakiness=1.0)
        found = beam_search(log_probs, BeamConfig(width=5, n_best=5))
        assert len({h.labels for h in found}) == len(found)


def test_sure_zeros_leave_something_possible() -> None:
    log_probs = np.full((4, 3), -np.inf)
    log_probs[[0, 1, 2, 3], [1, 0, 1, 2]] = 0.0
    assert beam_search(log_probs)[0].labels == (1, 1, 2)
    assert len(beam_search(log_probs, min_gap=4)[0].labels) == 1


@pytest.mark.parametrize("settings", [{"width": 0}, {"n_best": 0}, {"threshold": 0.0}])
def test_impossible_settings_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(InputError):
        BeamConfig(**settings)  # type: ignore[arg-type]


# What a user knows


def emission(log_probs: np.ndarray) -> Emission:
    return Emission(log_probs.astype(np.float32), 0.02)


FIVE = Vocabulary(60, 64)


def test_the_range_leaves_pitches_out() -> None:
    log_probs = peaky(50, {10: 1, 30: 5})
    for search in ("beam", "greedy"):
        for low, high, expected in ((61, 64, [64]), (60, 63, [60]), (None, None, [60, 64])):
            known = Constraints(lowest=low, highest=high)
            notes = decode_ctc(emission(log_probs), FIVE, search=search, constraints=known)
            assert [n.pitch for n in notes] == expected


@pytest.mark.parametrize("search", ["beam", "greedy"])
def test_a_range_that_the_vocabulary_lacks_is_refused(search: str) -> None:
    with pytest.raises(InputError, match=r"60\.\.64"):
        decode_ctc(
            emission(peaky(50, {10: 1})), FIVE, search=search, constraints=Constraints(lowest=65)
        )


def test_a_key_decides_between_neighbours() -> None:
    log_probs = np.log(np.tile([0.998, 4e-4, 4e-4, 4e-4, 4e-4, 4e-4], (30, 1)))
    log_probs[12] = np.log([0.1, 0.01, 0.5, 0.37, 0.01, 0.01])  # C# or D
    for key, pitch in ((None, 61), ("C major", 62), ("Db", 61), ("b minor", 61)):
        notes = decode_ctc(emission(log_probs), FIVE, constraints=Constraints(key=key))
        assert [n.pitch for n in notes] == [pitch]


def test_keys_are_read() -> None:
    assert pitch_classes("C major") == pitch_classes("c") == {0, 2, 4, 5, 7, 9, 11}
    assert pitch_classes("F# minor") == pitch_classes("gb Minor")
    assert pitch_classes("Am") == pitch_classes("a min") == pitch_classes("A minor")
    assert pitch_classes("Bbmaj") == pitch_classes("A#") != pitch_classes("Bbm")
    for wrong in ("H", "C dorian", ""):
        with pytest.raises(InputError, match="no key"):
            pitch_classes(wrong)


def test_notes_keep_the_distance_asked_for() -> None:
    log_probs = peaky(100, {10: 1, 14: 2, 40: 3, 70: 3})
    known = Constraints(shortest_seconds=0.2)
    notes = decode_ctc(emission(log_probs), FIVE, constraints=known)
    assert len(notes) == 3
    assert min(b.onset - a.onset for a, b in itertools.pairwise(notes)) >= 0.2 - 1e-9


@pytest.mark.parametrize("search", ["beam", "greedy"])
@pytest.mark.parametrize("expected", [2, 3, 4])
def test_as_many_notes_as_expected_are_found(search: str, expected: int) -> None:
    log_probs = peaky(100, {10: 1, 30: 2}, prob=0.99)
    for frame, label, prob in ((50, 3, 0.2), (70, 4, 0.02)):
        log_probs[frame, [0, label]] = np.log([1 - prob, prob])
    known = Constraints(expected_notes=expected)
    notes = decode_ctc(emission(log_probs), FIVE, search=search, constraints=known)
    assert [n.pitch for n in notes] == [60, 61, 62, 63][:expected]


@pytest.mark.parametrize("search", ["beam", "greedy"])
def test_no_notes_are_invented_to_make_up_the_number(search: str) -> None:
    log_probs = peaky(100, {10: 1, 30: 2})
    log_probs[50, 3] = np.log(2e-4)  # hardly there
    known = Constraints(expected_notes=3)
    notes = decode_ctc(emission(log_probs), FIVE, search=search, constraints=known)
    assert [n.pitch for n in notes] == [60, 61]


@pytest.mark.parametrize(
    "wrong",
    [{"key": "X"}, {"lowest": 70, "highest": 60}, {"shortest_seconds": 0}, {"expected_notes": -1}],
)
def test_contradictions_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Constraints(**wrong)  # type: ignore[arg-type]


def test_alternatives_are_ranked() -> None:
    log_probs = np.log(np.array([[0.2, 0.5, 0.05, 0.25]]))
    (spike,) = best_path(log_probs)
    assert [(a.label, round(a.prob, 3)) for a in alternatives(log_probs, spike, 2)] == [
        (3, 0.25),
        (0, 0.2),
    ]


# Searches by name


def test_unknown_searches_are_refused() -> None:
    with pytest.raises(InputError, match="beam, greedy, ctcdecode"):
        decode_ctc(emission(peaky(5, {})), FIVE, search="best")


def test_a_missing_ctcdecode_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ctcdecode", None)
    with pytest.raises(InputError, match="no release since 2020"):
        decode_ctc(emission(peaky(5, {2: 1})), FIVE, search="ctcdecode")


def test_ctcdecode_gets_our_settings_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in with ctcdecode's interface: names of arguments, shapes and kinds of results."""
    settings: dict[str, object] = {}

    class Decoder:
        def __init__(self, labels: list[str], **kwargs: object) -> None:
            settings.update(kwargs, labels=labels)

        def decode(self, batch: torch.Tensor) -> tuple[torch.Tensor, ...]:
            assert batch.shape == (1, 60, 6)
            assert batch.dtype == torch.float32
            labels = torch.tensor([[[2, 2, 0], [3, 0, 0]]], dtype=torch.int32)
            frames = torch.tensor([[[4, 20, 0], [4, 0, 0]]], dtype=torch.int32)
            lengths = torch.tensor([[2, 1]], dtype=torch.int32)
            return labels, torch.tensor([[1.5, 3.0]]), frames, lengths

    monkeypatch.setitem(sys.modules, "ctcdecode", SimpleNamespace(CTCBeamDecoder=Decoder))
    log_probs = peaky(60, {5: 2, 20: 2})
    found = SEARCHES["ctcdecode"](log_probs, BeamConfig(width=7, n_best=2))
    assert [(h.labels, h.log_score) for h in found] == [((2, 2), -1.5), ((3,), -3.0)]
    assert [s.frame for s in found[0].spikes] == [5, 20]
    assert settings["beam_width"] == 7
    assert settings["blank_id"] == 0
    assert settings["log_probs_input"] is True
    assert len(set(settings["labels"])) == 6  # type: ignore[call-overload]
    with pytest.raises(InputError, match="no melody model"):
        SEARCHES["ctcdecode"](log_probs, BeamConfig(insertion_bonus=1.0))
