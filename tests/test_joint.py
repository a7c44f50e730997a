"""Both decoders together, against brute force and on emissions whose right reading is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from seqmelody.decoding import HEADS, MODES, SEARCH_NAMES
from seqmelody.decoding.agreement import (
    MOST_NOTES,
    agreed,
    compare,
    disagreements,
    pair_notes,
)
from seqmelody.decoding.constraints import Constraints
from seqmelody.decoding.ctc import SEARCHES, decode_ctc
from seqmelody.decoding.hypothesis import best_path
from seqmelody.decoding.joint import _Judge, alignment_log_prob, decode_joint
from seqmelody.decoding.window import decode_window
from seqmelody.emission import Emission
from seqmelody.errors import InputError
from seqmelody.model import Emissions
from seqmelody.notes import Note, Vocabulary
from seqmelody.transcription import DECODERS, SearchOptions

HOP = 0.02
VOCABULARY = Vocabulary(60, 63)


def emission_of(
    classes: list[int], *, sure: float = 0.99, doubts: dict[int, tuple[int, float]] | None = None
) -> Emission:
    """One class a frame with probability ``sure``; ``doubts``: in a frame another one's share."""
    probs = np.full((len(classes), VOCABULARY.n_classes), (1 - sure) / VOCABULARY.n_pitches)
    probs[np.arange(len(classes)), classes] = sure
    for frame, (label, share) in (doubts or {}).items():
        probs[frame, classes[frame]] -= share
        probs[frame, label] += share
    return Emission(np.log(probs).astype(np.float32), HOP)


def spikes_at(n_frames: int, **options: object) -> Emission:
    return emission_of([0] * n_frames, **options)  # type: ignore[arg-type]


def melody(rng: np.random.Generator, n_notes: int) -> list[Note]:
    """Notes one after another, some touching."""
    times = np.cumsum(rng.choice([0.0, 0.1, 0.2], 2 * n_notes) + np.tile([0.0, 0.1], n_notes))
    return [
        Note(float(times[2 * k]), float(times[2 * k + 1]), int(rng.integers(60, 62)))
        for k in range(n_notes)
    ]


def pitches(notes: list[Note] | tuple[Note, ...]) -> list[float]:
    return [note.pitch for note in notes]


def best_pairing(first: list[Note], second: list[Note]) -> tuple[int, float]:
    """Pairs and overlap of the best pairing in order, by trying all."""
    same = []
    for (i, a), (j, b) in itertools.product(enumerate(first), enumerate(second)):
        overlap = min(a.offset, b.offset) - max(a.onset, b.onset)
        if a.pitch == b.pitch and overlap > 0:
            same.append((i, j, overlap))
    best = (0, 0.0)
    for count in range(1, len(same) + 1):
        for chosen in itertools.combinations(same, count):
            if all(a[0] < b[0] and a[1] < b[1] for a, b in itertools.pairwise(chosen)):
                best = max(best, (count, sum(overlap for *_, overlap in chosen)))
    return best


@pytest.mark.parametrize("seed", range(40))
def test_pairs_are_the_most_and_longest_there_can_be(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = melody(rng, 5), melody(rng, 5)
    pairs = pair_notes(first, second)
    overlap = sum(
        min(first[i].offset, second[j].offset) - max(first[i].onset, second[j].onset)
        for i, j in pairs
    )
    count, longest = best_pairing(first, second)
    assert len(pairs) == count
    assert overlap == pytest.approx(longest)
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in itertools.pairwise(pairs))


@pytest.mark.parametrize("seed", range(20))
def test_steps_hold_every_note_once(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = melody(rng, 40), melody(rng, 30)
    steps = compare(first, second)
    assert [i for step in steps for i in step.ctc] == list(range(40))
    assert [j for step in steps for j in step.window] == list(range(30))
    assert all(len(step.ctc) + len(step.window) <= MOST_NOTES for step in steps)
    assert all(len(step.ctc) == len(step.window) == 1 for step in steps if step.agreed)


def test_a_repeat_that_one_merges_is_one_place() -> None:
    apart = [Note(0.0, 0.5, 60), Note(0.5, 1.0, 60), Note(1.0, 2.0, 62)]
    merged = [Note(0.0, 1.0, 60), Note(1.0, 2.0, 62)]
    (place,) = disagreements(apart, merged)
    assert (pitches(place.ctc), place.window) == ([60], ())
    assert pitches(agreed(apart, merged)) == [60, 62]


def test_places_are_parted_by_agreed_notes_and_by_silence() -> None:
    first = [Note(0, 1, 60), Note(1, 2, 62), Note(2, 3, 63), Note(5, 6, 61)]
    second = [Note(0, 1, 61), Note(1, 2, 62), Note(2.1, 3, 61), Note(3.2, 3.5, 60)]
    found = disagreements(first, second)
    assert [(p.onset, p.offset) for p in found] == [(0, 1), (2, 3), (3.2, 3.5), (5, 6)]
    assert [pitches(p.ctc) for p in found] == [[60], [63], [], [61]]
    assert disagreements(first, first) == disagreements([], []) == []
    assert agreed(first, []) == []


def test_agreed_notes_have_the_windows_times_and_both_confidences() -> None:
    (note,) = agreed([Note(0.1, 0.5, 60, 0.8)], [Note(0.2, 0.6, 60, 0.4)])
    assert (note.onset, note.offset) == (0.2, 0.6)
    assert note.confidence == pytest.approx(0.6)


@pytest.mark.parametrize("seed", range(20))
def test_window_score_is_that_of_the_best_placement(seed: int) -> None:
    rng = np.random.default_rng(seed)
    timing = Emission(np.log(rng.dirichlet(np.ones(3), 10)).astype(np.float32), HOP)
    labels = [int(c) for c in rng.integers(1, 3, int(rng.integers(0, 3)))]
    bounds = itertools.combinations_with_replacement(range(11), 2 * len(labels))
    best = -np.inf
    for ends in bounds:
        classes = np.zeros(10, dtype=int)
        spans = list(zip(ends[::2], ends[1::2], labels, strict=True))
        if any(b - a < 3 for a, b, _ in spans):  # 60 ms
            continue
        for a, b, label in spans:
            classes[a:b] = label
        best = max(best, float(timing.log_probs[np.arange(10), classes].sum()))
    assert alignment_log_prob(timing, labels, [0.0] * len(labels)) == pytest.approx(best, abs=1e-4)
    assert alignment_log_prob(timing, [1] * 11, [0.0] * 11) == -np.inf


def test_without_disagreement_it_is_the_ctc_decoder() -> None:
    ctc = spikes_at(60, doubts={12: (1, 0.9), 22: (1, 0.9), 40: (2, 0.9)})
    cue = np.zeros(60, np.float32)
    cue[[10, 20, 38]] = 1.0
    sounding = emission_of([0] * 10 + [1] * 20 + [0] * 8 + [2] * 15 + [0] * 7)
    window = Emission(sounding.log_probs, HOP, onset_probs=cue)
    notes = decode_joint(ctc, VOCABULARY, timing=window)
    expected = decode_ctc(ctc, VOCABULARY, timing=window)
    assert [(n.onset, n.offset, n.pitch) for n in notes] == [
        (n.onset, n.offset, n.pitch) for n in expected
    ]
    assert pitches(notes) == pitches(decode_window(window, VOCABULARY)) == [60, 60, 61]
    assert agreed(expected, notes) == agreed(notes, expected)


CLEAR = [0] * 10 + [1] * 15 + [2] * 15 + [3] * 15 + [0] * 5


def test_windows_that_are_sure_tell_a_ctc_in_doubt() -> None:
    ctc = spikes_at(60, doubts={12: (1, 0.98), 27: (2, 0.1), 42: (3, 0.98)})
    window = emission_of(CLEAR)
    assert pitches(decode_ctc(ctc, VOCABULARY)) == [60, 62]
    assert pitches(decode_joint(ctc, VOCABULARY, timing=window)) == [60, 61, 62]


def test_a_ctc_that_is_sure_tells_windows_in_doubt() -> None:
    ctc = spikes_at(60, sure=1 - 1e-6, doubts={12: (1, 0.98), 42: (3, 0.98)})
    # Where CTC hears nothing new, the note before or the next one: nearly the same.
    doubtful = emission_of(CLEAR).log_probs.copy()
    doubtful[25:40, [1, 2]] = np.log([0.48, 0.5])
    window = Emission(doubtful, HOP)
    assert pitches(decode_window(window, VOCABULARY)) == [60, 61, 62]
    assert pitches(decode_joint(ctc, VOCABULARY, timing=window)) == [60, 62]


def test_what_is_known_of_the_melody_holds_for_the_windows_too() -> None:
    ctc = spikes_at(60, doubts={12: (1, 0.98), 27: (2, 0.1), 42: (3, 0.98)})
    window = emission_of(CLEAR)

    def decode(constraints: Constraints) -> list[float]:
        return pitches(decode_joint(ctc, VOCABULARY, timing=window, constraints=constraints))

    assert decode(Constraints(expected_notes=2)) == [60, 62]
    assert decode(Constraints(highest=61)) == [60, 61]
    assert decode(Constraints(lowest=61)) == [61, 62]


def test_nothing_is_heard_in_silence() -> None:
    silence = spikes_at(50)
    assert decode_joint(silence, VOCABULARY, timing=silence) == []
    empty = Emission(np.zeros((0, VOCABULARY.n_classes), np.float32), HOP)
    assert decode_joint(empty, VOCABULARY, timing=empty) == []


def test_one_decoder_may_hear_nothing() -> None:
    ctc = spikes_at(60, doubts={12: (1, 0.9), 27: (2, 0.9), 42: (3, 0.9)})
    faint = spikes_at(60, sure=0.6, doubts={12: (1, 0.05), 27: (2, 0.05), 42: (3, 0.05)})
    window = emission_of(CLEAR)
    assert pitches(decode_joint(ctc, VOCABULARY, timing=spikes_at(60, sure=0.3))) == [60, 61, 62]
    assert pitches(decode_joint(faint, VOCABULARY, timing=window)) == [60, 61, 62]


@pytest.mark.parametrize("seed", range(20))
def test_notes_follow_each_other_whatever_the_heads_say(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = (rng.dirichlet(np.full(VOCABULARY.n_classes, 0.1), 40) + 1e-9 for _ in range(2))
    ctc = Emission(np.log(one).astype(np.float32).repeat(8, axis=0), HOP)
    cue = rng.random(320).astype(np.float32)
    window = Emission(np.log(other).astype(np.float32).repeat(8, axis=0), HOP, onset_probs=cue)
    notes = decode_joint(ctc, VOCABULARY, timing=window)
    assert notes
    assert all(note.onset < note.offset for note in notes)
    assert all(a.offset <= b.onset for a, b in itertools.pairwise(notes))
    assert all(0 <= note.confidence <= 1 for note in notes)


def test_every_mode_and_search_has_its_name() -> None:
    assert tuple(DECODERS) == MODES
    assert MODES[: len(HEADS)] == HEADS
    assert set(SEARCH_NAMES) == set(SEARCHES)


def test_modes_of_the_library() -> None:
    ctc = spikes_at(60, sure=1 - 1e-6, doubts={12: (1, 0.98), 42: (3, 0.98)})
    emissions = Emissions(window=emission_of(CLEAR), ctc=ctc)
    both = DECODERS["both"](emissions, VOCABULARY, SearchOptions())
    assert pitches(both.notes) == [60, 62]
    assert [(p.ctc, pitches(p.window)) for p in both.disagreements] == [((), [61])]
    beam = SearchOptions(search="beam", constraints=Constraints(highest=61))
    assert pitches(DECODERS["ctc"](emissions, VOCABULARY, beam).notes) == [60]
    assert not DECODERS["joint"](emissions, VOCABULARY, beam).disagreements
    with pytest.raises(InputError, match="no CTC search"):
        DECODERS["window"](emissions, VOCABULARY, beam)


def test_no_reading_of_the_windows_follows_another_note_too_soon() -> None:
    # The windows are sure of a note that the CTC head has not heard, 0.1 s after one of both.
    sounding = [1] * 5 + [2] * 15 + [3] * 20
    ctc = spikes_at(40, doubts={1: (1, 0.98), 8: (2, 0.45), 22: (3, 0.98)})
    windows = emission_of(sounding)
    free = decode_joint(ctc, VOCABULARY, timing=windows)
    assert pitches(free) == [60, 61, 62]
    known = Constraints(shortest_seconds=0.2)
    assert pitches(decode_joint(ctc, VOCABULARY, timing=windows, constraints=known)) == [60, 62]


def judged(ctc: Emission, window: Emission) -> _Judge:
    return _Judge(ctc, window, VOCABULARY, best_path(ctc.log_probs), Constraints())


def test_between_agreed_notes_paths_begin_in_the_one_and_end_in_the_other() -> None:
    """torch's CTC loss of the frames from spike to spike, in which no other class is possible."""
    doubts = {12: (1, 0.7), 13: (1, 0.4), 27: (2, 0.1), 41: (3, 0.4), 42: (3, 0.7), 43: (3, 0.3)}
    ctc = spikes_at(60, doubts=doubts)
    judge = judged(ctc, emission_of(CLEAR))
    assert [step.agreed for step in judge.steps] == [True, False, True]
    log_probs = torch.from_numpy(ctc.log_probs[12:43].copy())
    for frame, label in ((0, 1), (-1, 3)):
        log_probs[frame, [c for c in range(VOCABULARY.n_classes) if c != label]] = -torch.inf
    for reading, labels in (((), [1, 3]), (judge.window[1:2], [1, 2, 3])):
        loss = torch.nn.functional.ctc_loss(
            log_probs[:, None],
            torch.tensor([labels]),
            torch.tensor([31]),
            torch.tensor([len(labels)]),
            reduction="sum",
        )
        assert judge.score(1, reading).ctc == pytest.approx(-float(loss), abs=1e-4)


def test_the_silence_between_two_places_is_shared_by_halves() -> None:
    """A note of the windows from 0.2 to 0.5 s and one from 1.2 to 1.5 s, of which CTC has none."""
    window = emission_of([0] * 10 + [1] * 15 + [0] * 35 + [2] * 15 + [0] * 5)
    judge = judged(spikes_at(80), window)
    assert [step.agreed for step in judge.steps] == [False, False]
    before, after = judge.window
    middle = window.seconds_to_frame((before.offset + after.onset) / 2)
    assert judge._right(0) == judge._left(1)
    assert judge._left(1)[1:] == (round(middle), round(middle))
    assert 40 < middle < 45
    # Each frame counts in one place: the parts' silence is the whole's.
    silence = [judge.score(k, ()).window for k in (0, 1)]
    assert sum(silence) == pytest.approx(alignment_log_prob(window, [], []))
