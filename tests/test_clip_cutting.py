"""Cutting aligned recordings into clips: nothing is lost, and doubt stays where it is."""

from __future__ import annotations

import itertools
from typing import get_args

import numpy as np
import pytest

from seqmelody.clip_cutting import Clip, cut, known_times
from seqmelody.list_alignment import AlignedNote, Mark
from seqmelody.notes import Note


def aligned(mark: Mark, onset: float, offset: float, pitch: int = 60) -> AlignedNote:
    listed = None if mark == "extra" else pitch
    heard = None if mark == "missing" else pitch + (mark == "wrong")
    return AlignedNote(mark, listed, heard, onset, onset if mark == "missing" else offset, 0.9)


def ok(onset: float, offset: float, pitch: int = 60) -> AlignedNote:
    return aligned("ok", onset, offset, pitch)


def spans(clips: list[Clip]) -> list[tuple[float, float]]:
    return [(clip.begin, clip.end) for clip in clips]


def test_long_recordings_are_cut_between_notes() -> None:
    notes = [ok(1.0 * k, 1.0 * k + 0.6, 60 + k % 5) for k in range(60)]
    clips = cut(notes, 61.0, 8.0)
    assert sum(len(clip.notes) for clip in clips) == 60
    for clip in clips:
        assert clip.end - clip.begin <= 9.0
        assert clip.notes[0].onset >= 0
        assert clip.notes[-1].offset <= clip.end - clip.begin + 1e-6
        assert clip.pitches == tuple(note.pitch for note in clip.notes)
        assert not clip.untimed
    for before, after in itertools.pairwise(clips):
        assert before.end <= after.begin + 1e-3
    starts = [clip.begin + note.onset for clip in clips for note in clip.notes]
    assert starts == pytest.approx([note.onset for note in notes])


def test_a_recording_that_is_short_enough_stays_whole() -> None:
    (clip,) = cut([ok(2.0, 2.5), ok(3.0, 3.5, 62)], 7.0, 8.0)
    assert (clip.begin, clip.end) == (0.0, 7.0)
    assert clip.notes == (Note(2.0, 2.5, 60, 0.9), Note(3.0, 3.5, 62, 0.9))


def test_where_list_and_recording_differ_the_list_counts_and_no_time() -> None:
    notes = [
        ok(0.0, 1.0, 60),
        ok(1.0, 2.0, 61),
        aligned("wrong", 2.0, 3.0, 62),
        aligned("missing", 3.0, 3.0, 63),
        ok(3.0, 4.0, 64),
        aligned("extra", 4.5, 5.0, 65),
        ok(5.0, 6.0, 66),
    ]
    (clip,) = cut(notes, 7.0, 8.0)
    assert clip.pitches == (60, 61, 62, 63, 64, 66)
    assert [note.pitch for note in clip.notes] == [60, 61, 64, 66]
    assert clip.untimed == ((1.5, 3.5), (3.5, 5.5))


@pytest.mark.parametrize("end", ["first", "last"])
def test_doubt_at_an_end_reaches_to_the_end(end: str) -> None:
    notes = [ok(1.0, 2.0), ok(3.0, 4.0)]
    first = end == "first"
    notes.insert(0 if first else 2, aligned("missing", 1.0 if first else 5.0, 0.0, 70))
    (clip,) = cut(notes, 5.0, 8.0)
    assert clip.untimed == (((0.0, 1.5),) if first else ((3.5, 5.0),))


def test_no_cut_parts_a_difference_from_the_good_notes_around_it() -> None:
    marks: list[Mark] = ["ok", "ok", "ok", "wrong", "ok", "ok", "ok"]
    notes = [aligned(mark, k, k + 0.8, 60 + k) for k, mark in enumerate(marks)]
    clips = cut(notes, 7.0, 3.0)
    assert [clip.pitches for clip in clips] == [(60, 61), (62, 63, 64), (65, 66)]
    assert clips[1].untimed == pytest.approx(np.array([[0.5, 2.5]]))


def test_what_differs_for_longer_than_a_clip_is_left_out() -> None:
    marks: list[Mark] = ["ok", "ok", "wrong", "wrong", "wrong", "ok", "ok"]
    notes = [aligned(mark, k, k + 0.8, 60 + k) for k, mark in enumerate(marks)]
    clips = cut(notes, 7.0, 3.0)
    assert [clip.pitches for clip in clips] == [(60,), (66,)]
    np.testing.assert_allclose(spans(clips), [(0.0, 0.9), (5.9, 6.9)], atol=1e-4)


def test_a_list_that_fits_nowhere_teaches_nothing() -> None:
    notes = [aligned("wrong", k, k + 0.8, 60 + k) for k in range(4)]
    assert cut(notes, 5.0, 8.0) == []


@pytest.mark.parametrize(("duration", "count"), [(3.0, 1), (20.0, 3)])
def test_known_silence_is_cut_too(duration: float, count: int) -> None:
    clips = cut([], duration, 8.0)
    assert len(clips) == count
    assert all(clip.pitches == clip.notes == clip.untimed == () for clip in clips)
    assert clips[0].begin == 0.0
    assert clips[-1].end == duration
    assert all(a.end == pytest.approx(b.begin, abs=1e-4) for a, b in itertools.pairwise(clips))


def test_the_times_of_one_long_note_are_a_clip() -> None:
    clips = cut(known_times([Note(0.0, 12.0, 60), Note(12.0, 13.0, 62)]), 14.0, 8.0)
    assert [clip.pitches for clip in clips] == [(60,), (62,)]


@pytest.mark.parametrize("seed", range(8))
def test_every_listed_note_is_in_one_clip_at_most_and_in_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    notes, now = [], 0.0
    for k in range(80):
        marks = get_args(Mark)
        mark = marks[int(rng.choice(len(marks), p=[0.8, 0.08, 0.06, 0.06]))]
        length = float(rng.uniform(0.1, 0.7))
        notes.append(aligned(mark, now, now + length, 30 + k))  # pitches tell the notes apart
        now += (0.0 if mark == "missing" else length) + float(rng.uniform(0.0, 0.3))
    clips = cut(notes, now + 1.0, 6.0)
    kept = [pitch for clip in clips for pitch in clip.pitches]
    assert kept == sorted(kept)
    assert len(kept) == len(set(kept))
    good = {n.listed for n in notes if n.mark == "ok"} & set(kept)
    assert {note.pitch for clip in clips for note in clip.notes} == good
    for clip in clips:
        assert clip.end - clip.begin <= 6.0 + 1.0 + 1e-3
        for note in clip.notes:
            assert 0 <= note.onset < note.offset <= clip.end - clip.begin + 1e-6
        doubtful = len(clip.pitches) - len(clip.notes)
        assert clip.untimed or not doubtful
