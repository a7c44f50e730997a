import itertools

import numpy as np
import pytest

from seqmelody.alignment import Span
from seqmelody.datasets import window_targets
from seqmelody.decoding.spans import notes_of_spans, onset_seconds
from seqmelody.emission import Emission
from seqmelody.notes import Note, Vocabulary

HOP = 0.02


def emission_with(cue: np.ndarray | None, n_frames: int = 30) -> Emission:
    return Emission(np.zeros((n_frames, 2), np.float32), HOP, onset_probs=cue)


@pytest.mark.parametrize("onset", [0.2, 0.205, 0.21, 0.2149, 0.3333])
def test_the_moment_is_read_back_from_the_training_target(onset: float) -> None:
    notes = [Note(onset, 0.5, 60)]
    _, cue = window_targets(notes, Vocabulary(60, 60), 30, HOP)
    frame = int(np.argmax(cue))
    assert onset_seconds(emission_with(cue), frame) == pytest.approx(onset, abs=0.003)


def test_without_a_clear_cue_it_is_half_a_hop_before() -> None:
    faint = np.full(30, 0.05, np.float32)
    for emission in (emission_with(None), emission_with(faint)):
        assert onset_seconds(emission, 10) == pytest.approx(0.19)
        assert onset_seconds(emission, 0) == 0.0


def test_notes_touch_at_most() -> None:
    cue = np.zeros(30, np.float32)
    cue[9:12] = [0.5, 0.4, 0.0]  # the second note began before its first frame
    notes = notes_of_spans([Span(5, 10), Span(10, 15)], [60, 62], [0.5, 0.7], emission_with(cue))
    assert notes[0].offset == notes[1].onset < 0.19
    assert [(n.pitch, n.confidence) for n in notes] == [(60, 0.5), (62, 0.7)]


def test_a_note_of_one_frame_ends_after_it_begins() -> None:
    cue = np.zeros(30, np.float32)
    cue[11:14] = [0.0, 1.0, 1.0]  # the onset is heard a frame late
    spans = [Span(11, 12), Span(12, 13), Span(13, 14)]
    notes = notes_of_spans(spans, [60, 62, 64], [0.5] * 3, emission_with(cue))
    for note, following in itertools.pairwise(notes):
        assert note.onset + HOP / 4 < note.offset <= following.onset
    assert notes[-1].onset < notes[-1].offset


@pytest.mark.parametrize("seed", range(20))
def test_notes_last_half_a_hop_wherever_cues_put_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cue = rng.random(30).astype(np.float32) ** 4
    ends = np.sort(rng.choice(np.arange(2, 29), 8, replace=False)).tolist()
    spans = [Span(max(a, b - 2), b) for a, b in itertools.pairwise([1, *ends])]
    notes = notes_of_spans(spans, [60] * len(spans), [0.5] * len(spans), emission_with(cue))
    assert all(n.duration > 0.49 * HOP for n in notes)
    assert all(a.offset <= b.onset for a, b in itertools.pairwise(notes))


def test_a_cue_that_two_notes_share_begins_the_first_only() -> None:
    cue = np.zeros(30, np.float32)
    cue[11] = 1.0
    notes = notes_of_spans([Span(11, 12), Span(12, 15)], [60, 62], [0.5, 0.5], emission_with(cue))
    assert [n.onset for n in notes] == pytest.approx([11 * HOP, 11.5 * HOP])
