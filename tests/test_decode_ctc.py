import numpy as np
import pytest

from seqmelody.decoding.constraints import Constraints
from seqmelody.decoding.ctc import Spike, best_path, decode_ctc
from seqmelody.decoding.timing import begin_ranges
from seqmelody.emission import Emission
from seqmelody.notes import Vocabulary

PAIR = Vocabulary(60, 61)


def emission_of(classes: list[int], prob: float = 0.9) -> Emission:
    log_probs = np.log(np.full((len(classes), 3), (1 - prob) / 2, np.float32))
    log_probs[np.arange(len(classes)), classes] = np.log(prob)
    return Emission(log_probs, 0.02)


def test_best_path_joins_repeats_and_drops_blanks() -> None:
    spikes = best_path(emission_of([0, 1, 1, 0, 1, 2, 2, 0]).log_probs)
    assert [s.label for s in spikes] == [1, 1, 2]
    assert [s.frame for s in spikes] == [1, 4, 5]
    assert spikes[0].prob == pytest.approx(0.9)
    assert best_path(emission_of([0, 0]).log_probs) == list[Spike]()


def test_a_blank_penalty_lets_fainter_notes_through() -> None:
    log_probs = np.log(np.array([[0.6, 0.3, 0.1], [0.9, 0.05, 0.05], [0.2, 0.1, 0.7]], np.float32))
    assert [s.label for s in best_path(log_probs)] == [2]
    assert [s.label for s in best_path(log_probs, blank_penalty=1.0)] == [1, 2]


def test_without_timing_notes_stand_at_their_spikes() -> None:
    notes = decode_ctc(emission_of([0] * 5 + [1] + [0] * 9 + [2] + [0] * 4, 0.999), PAIR)
    assert [(round(n.onset, 3), round(n.offset, 3), n.pitch) for n in notes] == [
        (0.1, 0.3, 60),
        (0.3, 0.4, 61),
    ]


@pytest.mark.parametrize("shift", [-4, 0, 12])
def test_timing_comes_from_the_windows_wherever_the_spikes_fire(shift: int) -> None:
    sounding = [0] * 10 + [1] * 20 + [0] * 5 + [2] * 15 + [0] * 5
    spikes = [0] * len(sounding)
    spikes[10 + shift], spikes[35 + shift] = 1, 2
    notes = decode_ctc(emission_of(spikes, 0.999), PAIR, timing=emission_of(sounding))
    times = [(round(n.onset, 3), round(n.offset, 3), n.pitch) for n in notes]
    assert times == [(0.19, 0.59, 60), (0.69, 0.99, 61)]


def test_repeated_notes_stay_two_in_timing() -> None:
    spikes = emission_of([0] * 5 + [1] + [0] * 9 + [1] + [0] * 10, 0.999)
    notes = decode_ctc(spikes, PAIR, timing=emission_of([0] * 4 + [1] * 22))
    assert [n.pitch for n in notes] == [60, 60]
    assert notes[0].offset <= notes[1].onset


@pytest.mark.parametrize("seed", range(40))
def test_ranges_always_leave_room_for_every_note(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_frames, min_frames = int(rng.integers(10, 60)), int(rng.integers(1, 4))
    n_notes = int(rng.integers(1, n_frames // min_frames + 1))
    centre = sorted(int(c) for c in rng.choice(n_frames, n_notes, replace=False))
    early, late = int(rng.integers(0, 20)), int(rng.integers(0, 10))
    ranges = begin_ranges(centre, n_frames, early, late, min_frames)
    at = 0
    for r, following in zip(ranges, [*ranges[1:], None], strict=True):
        assert 0 <= r.first <= r.last <= n_frames - min_frames
        at = max(at, r.first)
        assert at <= r.last, "greedy earliest placement must fit"
        at += min_frames
        if following is not None:
            assert r.first <= following.first
            assert r.last <= following.last
    assert at <= n_frames


def test_best_path_alone_takes_a_blank_penalty_unasked() -> None:
    faint = emission_of([0, 0, 0], 0.999)
    faint.log_probs[1] = np.log([0.6, 0.3, 0.1])
    assert [n.pitch for n in decode_ctc(faint, PAIR, search="greedy")] == [60]
    assert decode_ctc(faint, PAIR, search="greedy", blank_penalty=0.0) == []
    assert decode_ctc(faint, PAIR, search="beam") == []
    assert [n.pitch for n in decode_ctc(faint, PAIR, search="beam", blank_penalty=1.0)] == [60]


def test_of_more_spikes_than_windows_the_most_probable_stay() -> None:
    spikes = emission_of([1, 2] * 5, 0.9)
    spikes.log_probs[3] = np.log([0.001, 0.001, 0.998])
    windows = Emission(emission_of([1, 2, 1, 2, 1]).log_probs, 0.04)
    notes = decode_ctc(spikes, PAIR, timing=windows)
    assert len(notes) == 5
    assert max(n.confidence for n in notes) == pytest.approx(0.998)


@pytest.mark.parametrize("shortest", [0.2, 0.4])
def test_timing_keeps_the_shortest_note(shortest: float) -> None:
    sounding = [1] * 8 + [2] * 6 + [1] * 40
    spikes = [0] * len(sounding)
    spikes[2], spikes[22], spikes[42] = 1, 2, 1  # 0.4 s apart; the windows say 0.16 and 0.12 s
    known = Constraints(shortest_seconds=shortest)
    timing = emission_of(sounding)
    notes = decode_ctc(emission_of(spikes, 0.999), PAIR, timing=timing, constraints=known)
    assert [n.pitch for n in notes] == [60, 61, 60]
    assert min(np.diff([n.onset for n in notes])) >= shortest - 0.04
    free = decode_ctc(emission_of(spikes, 0.999), PAIR, timing=timing)
    assert min(np.diff([n.onset for n in free])) < 0.2 - 0.04
