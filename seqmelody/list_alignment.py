"""Tolerant forced alignment: which notes of a list were played, and when?

A list may be slightly wrong. Each of its notes was played as written, was played at another pitch
(*wrong*), or was not played (*missing*); between them an unlisted note may sound (*extra*). The
most probable of all these readings is found exactly, by dynamic programming over the CTC emission
(a Viterbi search, as in :func:`torchaudio.functional.forced_align`, whose graph gets three more
kinds of arcs; plain forced alignment has to put every listed note somewhere, and so smears a wrong
one over its neighbours):

- a *blank* frame; here listed notes may be skipped, each at the cost ``missing``;
- a frame of the next listed note, or of the present one, with CTC's rule that a blank parts equal
  notes;
- a *candidate*: a run of frames that the CTC head's best path gives to one class, heard as a
  whole instead of the next listed note at the cost ``wrong``, or besides the list for ``extra``.

Free notes at candidates only, rather than at every frame and pitch, keep the search linear in
frames x notes: what no run of the best path supports cannot outweigh its cost anyway. Memory is
that of the square root of the frames: scores are kept at every so many frames, and the way back is
found by searching one such block at a time again.

CTC says which notes; when each began is then read from the window head's emission around them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqmelody.alignment import Range, align_labels
from seqmelody.decoding.spans import notes_of_spans
from seqmelody.emission import Emission
from seqmelody.errors import InputError
from seqmelody.notes import NO_NOTE, Note, Vocabulary

Mark = Literal["ok", "wrong", "missing", "extra"]
MARKS: tuple[Mark, ...] = ("ok", "wrong", "missing", "extra")
FloatArray = NDArray[np.float64]
_BLANK, _NOTE, _FREE, _STAY = 0, 1, 2, 3  # where a state came from
_SKIPPED = 4  # flag: the listed note was skipped in this very frame
_INSTEAD = 4  # flag: the candidate stands for a listed note


@dataclass(frozen=True, slots=True)
class EditCosts:
    """How unlikely a mistake in the list is, in nats."""

    wrong: float = 4.0
    missing: float = 4.0
    extra: float = 2.0  # a good part of a recogniser's mistakes are notes it does not hear


@dataclass(frozen=True, slots=True)
class AlignedNote:
    """A note of the list, or one that the list lacks.

    Attributes:
        mark: "ok", "wrong" (played at another pitch), "missing" (not played) or "extra" (not in
            the list).
        listed: MIDI number in the list; None for an extra note.
        heard: MIDI number that was played; None for a missing note.
        onset: in seconds. A missing note has the moment at which it would have been due, twice.
        offset: in seconds.
        confidence: posterior of the pitch heard at its strongest frame; 0 for a missing note.
    """

    mark: Mark
    listed: int | None
    heard: int | None
    onset: float
    offset: float
    confidence: float


class Step(NamedTuple):
    """One step of a reading: a listed note, a sounding one, or both.

    ``listed`` is an index into the list or None, ``label`` the class heard or ``NO_NOTE``,
    ``frame`` the strongest frame of that class, or the one in which the note was skipped.
    """

    listed: int | None
    label: int
    frame: int


class Candidate(NamedTuple):
    """A run of frames, from ``begin`` up to ``end``, in which one class leads."""

    label: int
    begin: int
    end: int


class _Scores(NamedTuple):
    """Best totals after a frame, by the number of listed notes used up, each of shape (L + 1,)."""

    blank: FloatArray
    note: FloatArray
    free: FloatArray


class _Back(NamedTuple):
    """Where each score of a frame came from, shape (L + 1,) each."""

    blank: NDArray[np.uint8]
    note: NDArray[np.uint8]
    free: NDArray[np.uint8]


def align_list(
    emission: Emission,
    pitches: Sequence[int],
    vocabulary: Vocabulary,
    *,
    timing: Emission | None = None,
    costs: EditCosts | None = None,
    blank_penalty: float = 2.0,
) -> list[AlignedNote]:
    """Find the notes of a list in a recording, and mark where the two differ.

    Args:
        emission: CTC-head log-probabilities, shape (T, n + 1).
        pitches: the list, MIDI numbers.
        vocabulary: the pitches of the classes.
        timing: the window head's emission; None leaves each note at its spike, until the next.
        costs: of the three kinds of mistake.
        blank_penalty: nats taken off the blank's log-probability: more hears fainter notes.

    Returns:
        Every listed note once, in order, with the extra notes between them.

    Raises:
        InputError: the list is empty, a pitch lies outside the vocabulary, or there are more notes
            than frames.
    """
    labels = list_labels(pitches, vocabulary, len(emission))
    log_probs = emission.log_probs.copy()
    log_probs[:, NO_NOTE] -= blank_penalty
    steps = best_reading(log_probs, labels, costs or EditCosts())
    sounding = [step for step in steps if step.label != NO_NOTE]
    probs = [math.exp(emission.log_probs[step.frame, step.label]) for step in sounding]
    notes = time_notes(sounding, probs, emission, vocabulary, timing)
    return _marked(steps, notes, pitches, emission.frame_to_seconds(len(emission) - 1))


def list_labels(pitches: Sequence[int], vocabulary: Vocabulary, n_frames: int) -> list[int]:
    """Classes of a note list that ``n_frames`` frames can hold. Raises InputError for others."""
    if not pitches:
        raise InputError("the note list is empty; write at least one note")
    if len(pitches) > n_frames:
        raise InputError(
            f"{n_frames} frames cannot hold the {len(pitches)} notes of the list; "
            "is it the right list for this recording?"
        )
    return [vocabulary.to_class(pitch) for pitch in pitches]


def candidates(log_probs: NDArray[np.float32]) -> list[Candidate]:
    """Runs of the best path that are notes (Graves et al., 2006, section 3.2)."""
    best = log_probs.argmax(axis=1)
    begins = np.flatnonzero(np.diff(best, prepend=-1))
    ends = np.append(begins[1:], len(best))
    runs = zip(best[begins].tolist(), begins.tolist(), ends.tolist(), strict=True)
    return [Candidate(*run) for run in runs if run[0] != NO_NOTE]


def best_reading(
    log_probs: NDArray[np.float32], labels: Sequence[int], costs: EditCosts
) -> list[Step]:
    """The most probable reading of a list, given log-probabilities of shape (T, n + 1).

    Time: frames x notes. Memory: notes x the square root of the frames.
    """
    search = _Search(log_probs, labels, costs)
    size = max(1, math.isqrt(len(log_probs)))
    starts = range(0, len(log_probs), size)
    kept = [search.initial()]
    for start in starts:
        scores = kept[-1]
        for t in range(start, min(start + size, len(log_probs))):
            scores, _ = search.advance(scores, t)
        kept.append(scores)
    trace = _Trace(search, *search.end(kept.pop()))
    for start in reversed(starts):
        scores, backs = kept.pop(), []
        for t in range(start, min(start + size, len(log_probs))):
            scores, back = search.advance(scores, t)
            backs.append(back)
        for t in range(start + len(backs) - 1, start - 1, -1):
            trace.step(t, backs[t - start])
    return trace.steps()


class _Search:
    """The recursion over frames. State i of each kind has used up i listed notes."""

    def __init__(
        self, log_probs: NDArray[np.float32], labels: Sequence[int], costs: EditCosts
    ) -> None:
        self.log_probs, self.costs = log_probs, costs
        self.labels = np.array([NO_NOTE, *labels])  # labels[i] is the i-th note, from 1
        self.n_notes = len(labels)
        self.changes = self.labels[1:] != self.labels[:-1]  # no blank needed before note i + 1
        self.skip_totals = costs.missing * np.arange(self.n_notes + 1)
        self.candidate: list[Candidate | None] = [None] * len(log_probs)  # that sounds in a frame
        for found in candidates(log_probs):
            self.candidate[found.begin : found.end] = [found] * (found.end - found.begin)

    def initial(self) -> _Scores:
        """Before the first frame, which may begin as after a blank."""
        nothing = np.full(self.n_notes + 1, -np.inf)
        blank = nothing.copy()
        blank[0] = 0.0
        return _Scores(blank, nothing, nothing)

    def advance(self, scores: _Scores, t: int) -> tuple[_Scores, _Back]:
        """Scores after frame t, from those before it."""
        frame = self.log_probs[t].astype(np.float64)
        now, before = self.candidate[t], self.candidate[t - 1] if t else None
        goes_on = now is not None and now.begin < t
        # A candidate is heard to its end: only then may the path leave it.
        left = np.full_like(scores.free, -np.inf) if goes_on else scores.free
        sources = np.stack([scores.blank, scores.note, left])
        blank, from_blank = self._blank(sources, frame)
        note, from_note = self._note(sources, frame, before)
        if now is None:
            free, from_free = np.full_like(left, -np.inf), np.zeros(len(left), dtype=np.uint8)
        elif goes_on:
            free = scores.free + frame[now.label]
            from_free = np.full(len(left), _STAY, dtype=np.uint8)
        else:
            free, from_free = self._free(sources, frame, now)
        return _Scores(blank, note, free), _Back(from_blank, from_note, from_free)

    def _blank(
        self, sources: FloatArray, frame: FloatArray
    ) -> tuple[FloatArray, NDArray[np.uint8]]:
        came = sources.argmax(axis=0).astype(np.uint8)
        total = sources.max(axis=0) + self.skip_totals
        reached = np.maximum.accumulate(total)  # after skipping any number of notes
        came[reached > total] |= _SKIPPED
        return reached - self.skip_totals + frame[NO_NOTE], came

    def _note(
        self, sources: FloatArray, frame: FloatArray, before: Candidate | None
    ) -> tuple[FloatArray, NDArray[np.uint8]]:
        options = np.full((4, self.n_notes + 1), -np.inf)
        options[:3, 1:] = sources[:, :-1]
        options[_NOTE, 1:][~self.changes] = -np.inf
        if before is not None:
            options[_FREE, 1:][self.labels[1:] == before.label] = -np.inf
        options[_STAY] = sources[_NOTE]
        note = options.max(axis=0) + frame[self.labels]
        note[0] = -np.inf
        return note, options.argmax(axis=0).astype(np.uint8)

    def _free(
        self, sources: FloatArray, frame: FloatArray, now: Candidate
    ) -> tuple[FloatArray, NDArray[np.uint8]]:
        entry = sources.copy()  # two candidates in a row differ, else they would be one
        entry[_NOTE, self.labels == now.label] = -np.inf
        came = entry.argmax(axis=0).astype(np.uint8)
        best = entry.max(axis=0)
        beside = best - self.costs.extra
        instead = np.full_like(best, -np.inf)
        instead[1:] = np.where(self.labels[1:] != now.label, best[:-1] - self.costs.wrong, -np.inf)
        came[1:] = np.where(instead[1:] > beside[1:], came[:-1] | _INSTEAD, came[1:])
        return np.maximum(beside, instead) + frame[now.label], came

    def end(self, scores: _Scores) -> tuple[int, int]:
        """Kind of the best last state, and how many listed notes it has used up."""
        totals = np.stack(scores) + self.skip_totals  # what is left over is missing
        kind, used = divmod(int(totals.argmax()), self.n_notes + 1)
        return kind, used


class _Trace:
    """The way back from the last frame, one frame at a time."""

    def __init__(self, search: _Search, kind: int, used: int) -> None:
        self._search, self._kind, self._used = search, kind, used
        last = len(search.log_probs) - 1
        self._steps = [Step(i, NO_NOTE, last) for i in range(search.n_notes - 1, used - 1, -1)]
        self._end = last + 1  # of the note that the trace is in

    def step(self, t: int, back: _Back) -> None:
        """Go from the state after frame t to the one before."""
        if self._kind == _BLANK:
            while back.blank[self._used] & _SKIPPED:
                self._used -= 1
                self._steps.append(Step(self._used, NO_NOTE, t))
            self._enter(int(back.blank[self._used]), t)
        elif self._kind == _NOTE:
            came = int(back.note[self._used])
            if came != _STAY:
                self._used -= 1
                self._add(self._used, int(self._search.labels[self._used + 1]), t)
                self._enter(came, t)
        else:
            came = int(back.free[self._used])
            if came != _STAY:
                candidate = self._search.candidate[t]
                assert candidate is not None
                instead = bool(came & _INSTEAD)
                self._used -= instead
                self._add(self._used if instead else None, candidate.label, t)
                self._enter(came & ~_INSTEAD, t)

    def _enter(self, kind: int, t: int) -> None:
        self._kind, self._end = kind, t

    def _add(self, listed: int | None, label: int, begin: int) -> None:
        strongest = begin + int(self._search.log_probs[begin : self._end, label].argmax())
        self._steps.append(Step(listed, label, strongest))

    def steps(self) -> list[Step]:
        """The reading, first to last."""
        return self._steps[::-1]


def time_notes(
    steps: Sequence[Step],
    probs: Sequence[float],
    emission: Emission,
    vocabulary: Vocabulary,
    timing: Emission | None,
    *,
    min_seconds: float = 0.06,
    reach_seconds: float = 1.0,
) -> list[Note]:
    """Onsets and offsets of sounding notes whose strongest CTC frames are known.

    Args:
        steps: of ``emission``, each with a class.
        probs: their confidences.
        emission: of the CTC head.
        vocabulary: the pitches of the classes.
        timing: the window head's emission; None leaves each note at its frame, until the next.
        min_seconds: no note is shorter, unless they would not fit.
        reach_seconds: how long before and after its frame a note may begin.
    """
    pitches = [vocabulary.to_pitch(step.label) for step in steps]
    if timing is None:
        begins = [emission.frame_to_seconds(step.frame) for step in steps]
        ends = [*begins[1:], emission.frame_to_seconds(len(emission))]
        return [Note(*values) for values in zip(begins, ends, pitches, probs, strict=True)]
    min_frames = max(1, round(min_seconds / timing.hop_seconds))
    if len(steps) * min_frames > len(timing):
        min_frames = 1
    reach = round(reach_seconds / timing.hop_seconds)
    centre = [round(timing.seconds_to_frame(emission.frame_to_seconds(s.frame))) for s in steps]
    ranges = begin_ranges(centre, len(timing), reach, min_frames)
    spans = align_labels(timing, [s.label for s in steps], ranges, min_frames=min_frames)
    return notes_of_spans(spans, pitches, list(probs), timing)


def begin_ranges(centre: Sequence[int], n_frames: int, reach: int, min_frames: int) -> list[Range]:
    """Frames in which each note may begin: at most ``reach`` from its strongest CTC frame.

    However long the rest before it, so that a long rest costs no memory; only where notes of
    ``min_frames`` would not fit otherwise, the range is wider.
    """
    ranges: list[Range] = []
    first = last = 0
    earliest = -min_frames
    for k, at in enumerate(centre):
        latest = n_frames - (len(centre) - k) * min_frames  # later, the others would not fit
        first = max(first, min(max(0, at - reach), latest))
        earliest = max(first, earliest + min_frames)
        last = max(last, earliest, min(at + reach, latest))
        ranges.append(Range(first, last))
    return ranges


def _marked(
    steps: Sequence[Step], notes: Sequence[Note], pitches: Sequence[int], end_seconds: float
) -> list[AlignedNote]:
    """Steps with the times of those that sound; a missing note was due where the next begins."""
    following, due = list(notes), end_seconds
    marked: list[AlignedNote] = []
    for step in reversed(steps):
        listed = None if step.listed is None else pitches[step.listed]
        if step.label == NO_NOTE:
            marked.append(AlignedNote("missing", listed, None, due, due, 0.0))
            continue
        note = following.pop()
        heard, due = round(note.pitch), note.onset
        mark: Mark = "extra" if listed is None else "ok" if listed == heard else "wrong"
        marked.append(AlignedNote(mark, listed, heard, due, note.offset, note.confidence))
    return marked[::-1]
