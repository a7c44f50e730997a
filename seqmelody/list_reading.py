"""The most probable reading of a note list: what was played as written, and what was not.

Each note of a list was played as written, was played at another pitch (*wrong*), or was not played
(*missing*); between them an unlisted note may sound (*extra*). The best of all these readings is
found exactly, by dynamic programming over the CTC emission (a Viterbi search, as in
:func:`torchaudio.functional.forced_align`, whose graph gets three more kinds of arcs):

- a *blank* frame; here listed notes may be skipped, each at the cost ``missing``;
- a frame of the next listed note, or of the present one, with CTC's rule that a blank parts equal
  notes;
- a *candidate*: a run of frames that the CTC head's best path gives to one class, heard as a
  whole instead of the next listed note at the cost ``wrong``, or besides the list for ``extra``.

Free notes at candidates only, rather than at every frame and pitch, keep the search linear in
frames x notes: what no run of the best path supports cannot outweigh its cost anyway. Memory is
that of the square root of the frames: scores are kept at every so many frames, and the way back is
found by searching one such block at a time again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqmelody.notes import NO_NOTE

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
