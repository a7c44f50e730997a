"""The comparison of searches: rates and changes of emissions whose notes are known."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("typer")

from benchmarks.decoders import Heard
from benchmarks.melody_model import SEARCHES, _by_clip, compare, report
from seqmelody.emission import Emission
from seqmelody.notes import Vocabulary

VOCABULARY = Vocabulary(60, 72)


def heard(played: tuple[int, ...], said: tuple[int, ...]) -> Heard:
    """An emission that says ``said`` beyond doubt, four frames a note and a blank between."""
    classes = [c for pitch in said for c in (pitch - 59,) * 4 + (0,)]
    probs = np.full((len(classes), VOCABULARY.n_classes), 1e-6)
    probs[np.arange(len(classes)), classes] = 1.0
    log_probs = np.log(probs / probs.sum(axis=1, keepdims=True)).astype(np.float32)
    return Heard("set clean", Emission(log_probs, 0.02), played)


def test_what_is_said_beyond_doubt_no_search_changes() -> None:
    clips = [heard((60, 62, 64), (60, 62, 64)), heard((60, 60), (60, 61))]
    results = list(compare(clips, VOCABULARY))
    assert [r.search for r in results] == list(SEARCHES)
    assert [r.note_error_rate for r in results] == [pytest.approx(1 / 5)] * 3
    assert all(r.change == (0.0, 0.0, 0.0) for r in results)
    assert "| set clean | best path | 20.0 |" in report(results)


def test_the_first_search_has_no_errors_and_all_still_compare() -> None:
    results = list(compare([heard((60,), (60,))], VOCABULARY))
    assert [r.note_error_rate for r in results] == [0.0] * 3


def test_the_seeds_of_a_clip_count_as_one_clip() -> None:
    right, wrong = heard((60, 62), (60, 62)), heard((60, 62), (60, 61))
    clips = [right._replace(clip="a"), wrong._replace(clip="a"), right._replace(clip="b")]
    results = list(compare(clips, VOCABULARY))
    assert [r.note_error_rate for r in results] == [pytest.approx(1 / 6)] * 3
    assert _by_clip(["a", "a", "b"], [1, 2, 4]) == [3, 4]
