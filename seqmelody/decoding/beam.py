"""Prefix beam search: the note sequences whose paths are most probable together.

A sequence can be spelt by many paths (which frame is the note, which are blanks); best path looks
at one of them, this search adds them up (Graves, "Supervised Sequence Labelling with Recurrent
Neural Networks", 2012, section 7.5; with a language model as in Hannun et al., arXiv:1408.2873).
For each sequence begun, a *prefix*, it keeps two sums: of the paths that end in a blank and of
those that end in the last note, since only a blank lets the same note follow again.

Prefixes that are kept are summed exactly; three settings say which are not:

- ``width``: only so many prefixes go on to the next frame;
- ``threshold``: nor does one that is so much less probable than the best;
- ``min_prob``: a class less probable begins no note in the frame. Where no class may, the frame is
  (nearly) certain to be blank; whole runs of such frames are taken in one step.

Sums are kept as probabilities, not logarithms, divided by the best prefix's in each frame. They
include all bonuses, so that a new note costs one product.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqmelody.decoding.hypothesis import Hypothesis, spikes_from
from seqmelody.decoding.language_model import FIRST_LOG_PROB, REACH, IntervalModel, State
from seqmelody.errors import InputError
from seqmelody.notes import NO_NOTE

BLOCK = 4096  # frames whose probabilities are in memory at a time
TINY = 1e-30  # no probability is less, so that no frame leaves nothing possible
FADED = 64  # frames after which a note that may not begin has no probability left
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BeamConfig:
    """How widely to search and what counts beside the emission.

    Attributes:
        width: prefixes kept.
        threshold: nats below the best at which a prefix is dropped.
        min_prob: of a class, for it to begin a note in a frame.
        n_best: sequences to return at most.
        lm_weight: what the melody model's log-probabilities are multiplied by.
        lm_offset: nats added to them before, about what a note of a melody costs: else the model
            would above all ask for fewer notes.
        insertion_bonus: nats for each note, with or without a melody model.
    """

    width: int = 16
    threshold: float = 14.0
    min_prob: float = 1e-3
    n_best: int = 1
    lm_weight: float = 0.3
    lm_offset: float = 3.5
    insertion_bonus: float = 0.0

    def __post_init__(self) -> None:
        if self.width < 1 or self.n_best < 1:
            raise InputError(
                f"a beam of width {self.width} with {self.n_best} best finds nothing; "
                "use 1 or more of each"
            )
        if not (self.threshold > 0 and 0 <= self.min_prob < 1):
            raise InputError(
                f"threshold {self.threshold:g} must be above 0 and min_prob {self.min_prob:g} "
                "from 0 to below 1"
            )


class _Beam(NamedTuple):
    """The prefixes kept, best in no order; all arrays have shape (K,).

    Attributes:
        node: which prefix, an index into the tree.
        label: its last note's class; NO_NOTE of the empty prefix.
        state: the melody model's state after it.
        in_blank: probability of its paths that end in a blank.
        in_note: of those that end in its last note.
        entry: where its last note begins: the entry that brings most of its probability.
        share: of its probability that came by that entry.
    """

    node: IntArray
    label: IntArray
    state: IntArray
    in_blank: FloatArray
    in_note: FloatArray
    entry: IntArray
    share: FloatArray

    def at(self, places: IntArray) -> _Beam:
        """The prefixes at some places."""
        return _Beam._make(array[places] for array in self)

    def joined(self, other: _Beam) -> _Beam:
        """These and others."""
        return _Beam._make(np.concatenate(pair) for pair in zip(self, other, strict=True))


class _Tree:
    """All prefixes met, so that one dropped and met again is the same, and where notes begin."""

    def __init__(self, n_classes: int) -> None:
        self._n_classes = n_classes
        self._child: dict[int, int] = {}
        self.parent = np.full(1024, -1, dtype=np.int64)
        self.slot = np.zeros(1024, dtype=np.int64)  # its place in the beam, if it is there
        self.label = [NO_NOTE]
        self.entry_frame, self.entry_before = [-1], [-1]  # entry 0: before all notes

    def child(self, node: int, label: int) -> int:
        """The prefix one note longer."""
        key = node * self._n_classes + label
        found = self._child.get(key)
        if found is None:
            found = self._child[key] = len(self.label)
            if found == len(self.parent):
                self.parent = np.concatenate([self.parent, np.full_like(self.parent, -1)])
                self.slot = np.concatenate([self.slot, np.zeros_like(self.slot)])
            self.parent[found] = node
            self.label.append(label)
        return found

    def enter(self, frame: int, before: int) -> int:
        """A new entry, after the previous note's."""
        self.entry_frame.append(frame)
        self.entry_before.append(before)
        return len(self.entry_frame) - 1

    def labels(self, node: int) -> list[int]:
        """Classes of a prefix in order."""
        found = []
        while node:
            found.append(self.label[node])
            node = int(self.parent[node])
        return found[::-1]

    def frames(self, entry: int) -> list[int]:
        """Frames at which the notes of a prefix begin, given its last entry."""
        found = []
        while entry:
            found.append(self.entry_frame[entry])
            entry = self.entry_before[entry]
        return found[::-1]


class _Bonuses:
    """What a next note multiplies a prefix's probability by: melody model and insertion bonus.

    The melody model's states are numbered as they come; 0 is that of no note yet.
    """

    def __init__(self, config: BeamConfig, model: IntervalModel | None) -> None:
        self._config = config
        self._model = model if config.lm_weight else None
        # (states, intervals); without a model all notes are alike.
        first = FIRST_LOG_PROB if self._model else -config.lm_offset
        self.rows = np.full((256, 2 * REACH + 1), self._factor(first))
        self._states: list[State | None] = [None]
        self._number: dict[State, int] = {}
        self._next: dict[tuple[int, int], int] = {}  # a number and an interval to a number

    def after(self, number: int, interval: int) -> int:
        """State after a note so many semitones above the last."""
        if self._model is None:
            return 0
        if number == 0:
            interval = 0  # there is none before the first note
        following = self._next.get((number, interval))
        if following is None:
            state = self._states[number]
            after = self._model.start if state is None else self._model.extend(state, interval)
            following = self._next[number, interval] = self._numbered(after, self._model)
        return following

    def _numbered(self, state: State, model: IntervalModel) -> int:
        number = self._number.get(state)
        if number is None:
            number = self._number[state] = len(self._states)
            self._states.append(state)
            if number == len(self.rows):
                self.rows = np.concatenate([self.rows, np.empty_like(self.rows)])
            self.rows[number] = self._factor(model.log_probs(state))
        return number

    def _factor(self, log_probs: FloatArray | float) -> FloatArray:
        weighted = self._config.lm_weight * (log_probs + self._config.lm_offset)
        return np.asarray(np.exp(weighted + self._config.insertion_bonus))

    def log_score(self, labels: list[int]) -> float:
        """Sum over a sequence of classes."""
        score = len(labels) * self._config.insertion_bonus
        if self._model is not None:
            log_prob = self._model.score(labels)  # classes step as pitches do
            score += self._config.lm_weight * (log_prob + len(labels) * self._config.lm_offset)
        return score


def beam_search(
    log_probs: NDArray[np.floating],
    config: BeamConfig | None = None,
    model: IntervalModel | None = None,
    *,
    min_gap: int = 0,
) -> list[Hypothesis]:
    """The most probable note sequences, best first.

    Args:
        log_probs: natural logarithms, shape (T, n + 1), each row a distribution, blank first.
        config: how to search.
        model: what melodies are like; counts if ``config.lm_weight`` is not 0.
        min_gap: frames from a note's beginning until the next may begin.

    Returns:
        Up to ``config.n_best`` different sequences. The frame of a spike is near where the entry
        that brings most of its prefix's probability lies.
    """
    config = config or BeamConfig()
    search = _Search(log_probs.shape[1], config, model, min_gap)
    for probs in _blocks(log_probs):
        search.take(probs)
    return search.hypotheses(log_probs)


def _blocks(log_probs: NDArray[np.floating]) -> Iterator[FloatArray]:
    for begin in range(0, len(log_probs), BLOCK):
        yield np.maximum(np.exp(log_probs[begin : begin + BLOCK], dtype=np.float64), TINY)


class _Search:
    """One search: the beam, and what happens to it frame by frame."""

    def __init__(
        self, n_classes: int, config: BeamConfig, model: IntervalModel | None, min_gap: int
    ) -> None:
        self._width, self._floor = config.width, float(np.exp(-config.threshold))
        # Below uniform, so that where no class may begin a note the blank is not improbable.
        self._min_prob = min(config.min_prob, 0.5 / n_classes)
        self._n_best, self._min_gap = config.n_best, min_gap
        self._bonuses, self._tree = _Bonuses(config, model), _Tree(n_classes)
        self._column = np.full(n_classes, -1)  # of a class among those tried in the frame
        self._frame, self._log_scale = 0, 0.0
        nothing, one = np.zeros(1, dtype=np.int64), np.ones(1)
        self._beam = _Beam(nothing, nothing, nothing, one, np.zeros(1), nothing, one)

    def take(self, probs: FloatArray) -> None:
        """Go through frames in order; ``probs`` has shape (frames, n + 1)."""
        tried = probs > self._min_prob
        tried[:, NO_NOTE] = False
        begin, done = self._frame, 0
        for t in np.flatnonzero(tried.any(axis=1)).tolist():
            if done < t:
                self._wait(probs[done:t])
            self._frame = begin + t
            self._step(probs[t], np.flatnonzero(tried[t]))
            done = t + 1
        if done < len(probs):
            self._wait(probs[done:])
        self._frame = begin + len(probs)

    def _wait(self, probs: FloatArray) -> None:
        """Frames in which no note begins: paths go on in their note, or in blanks."""
        beam = self._beam
        blank = probs[:, NO_NOTE]
        # All divided by the product of the blanks, which every prefix shares.
        going_on = np.cumprod(probs[:FADED, beam.label] / blank[:FADED, None], axis=0)  # (.., K)
        going_on[:, beam.label == NO_NOTE] = 0.0
        left = 1.0 + going_on[:-1].sum(axis=0)  # from the note into a blank, now or later
        last = going_on[-1] if len(probs) <= FADED else 0.0
        self._log_scale += float(np.log(blank).sum())
        self._beam = beam._replace(
            in_blank=beam.in_blank + beam.in_note * left, in_note=beam.in_note * last
        )

    def _step(self, p: FloatArray, classes: IntArray) -> None:
        """One frame, in which one of ``classes`` may begin a note."""
        beam = self._beam
        total = beam.in_blank + beam.in_note
        in_blank = total * p[NO_NOTE]
        in_note = beam.in_note * p[beam.label]
        interval = classes - beam.label[:, None] + REACH  # (K, C)
        begun = self._bonuses.rows[beam.state[:, None], interval] * p[classes]
        begun *= np.where(interval == REACH, beam.in_blank[:, None], total[:, None])
        if self._min_gap:
            begun[self._too_soon()] = 0.0
        into, source, column = self._begun_before(classes)
        entry, share = beam.entry, beam.share
        if len(into):
            entering = begun[source, column]
            begun[source, column] = 0.0
            entry, share = self._merge_entries(into, source, entering, in_blank + in_note)
            in_note[into] += entering
        self._beam = beam._replace(in_blank=in_blank, in_note=in_note, entry=entry, share=share)
        self._prune(beam, begun, classes)

    def _too_soon(self) -> NDArray[np.bool_]:
        begins = np.array([self._tree.entry_frame[e] for e in self._beam.entry.tolist()])
        return (begins >= 0) & (self._frame - begins < self._min_gap)

    def _begun_before(self, classes: IntArray) -> tuple[IntArray, IntArray, IntArray]:
        """Prefixes in the beam that another one becomes by one of ``classes``: their places, the
        others' places, and the classes' columns."""
        node, label = self._beam.node, self._beam.label
        self._column[classes] = np.arange(len(classes))
        column = self._column[label]
        self._column[classes] = -1
        parent = self._tree.parent[node]
        # A place may be stale, or beyond a beam that has shrunk.
        source = np.minimum(self._tree.slot[parent], len(node) - 1)
        into = np.flatnonzero((column >= 0) & (node[source] == parent))
        return into, source[into], column[into]

    def _merge_entries(
        self, into: IntArray, source: IntArray, entering: FloatArray, staying: FloatArray
    ) -> tuple[IntArray, FloatArray]:
        """Entries and shares after paths enter notes that other paths entered earlier."""
        entry, share = self._beam.entry.copy(), self._beam.share.copy()
        known = share[into] * staying[into]
        for k in np.flatnonzero(entering > known).tolist():
            entry[into[k]] = self._tree.enter(self._frame, int(self._beam.entry[source[k]]))
        whole = staying[into] + entering
        share[into] = np.maximum(entering, known) / np.where(whole > 0, whole, 1.0)
        return entry, share

    def _prune(self, before: _Beam, begun: FloatArray, classes: IntArray) -> None:
        """Keep the best of the prefixes there were and of those begun from them, shape (K, C)."""
        beam = self._beam
        n_old = len(beam.node)
        score = np.concatenate([beam.in_blank + beam.in_note, begun.ravel()])
        best = float(score.max())
        keep = np.flatnonzero(score > best * self._floor)
        if len(keep) > self._width:
            keep = np.sort(keep[np.argpartition(score[keep], -self._width)[-self._width :]])
        n_kept = int(np.searchsorted(keep, n_old))
        if n_kept < n_old:
            beam = beam.at(keep[:n_kept])
        if n_kept < len(keep):
            rows, columns = np.divmod(keep[n_kept:] - n_old, len(classes))
            beam = beam.joined(self._begin(before, rows, classes[columns], begun[rows, columns]))
        self._log_scale += float(np.log(best))
        self._beam = beam._replace(in_blank=beam.in_blank / best, in_note=beam.in_note / best)
        self._tree.slot[beam.node] = np.arange(len(beam.node))

    def _begin(self, before: _Beam, rows: IntArray, labels: IntArray, probs: FloatArray) -> _Beam:
        """The prefixes at places ``rows`` of a beam, each a note longer."""
        nodes, states, entries = [], [], []
        steps = labels - before.label[rows]
        for row, label, step in zip(rows.tolist(), labels.tolist(), steps.tolist(), strict=True):
            nodes.append(self._tree.child(int(before.node[row]), label))
            states.append(self._bonuses.after(int(before.state[row]), step))
            entries.append(self._tree.enter(self._frame, int(before.entry[row])))
        return _Beam(
            np.array(nodes),
            labels,
            np.array(states),
            np.zeros(len(rows)),
            probs,
            np.array(entries),
            np.ones(len(rows)),
        )

    def hypotheses(self, log_probs: NDArray[np.floating]) -> list[Hypothesis]:
        """The best prefixes as whole sequences."""
        beam = self._beam
        total = beam.in_blank + beam.in_note
        best = np.argsort(-total, kind="stable")[: self._n_best]
        return [
            self._hypothesis(
                int(beam.node[k]), int(beam.entry[k]), float(np.log(total[k])), log_probs
            )
            for k in best
        ]

    def _hypothesis(
        self, node: int, entry: int, log_total: float, log_probs: NDArray[np.floating]
    ) -> Hypothesis:
        labels, frames = self._tree.labels(node), self._tree.frames(entry)
        spikes = spikes_from(log_probs, labels, frames)
        log_score = log_total + self._log_scale
        return Hypothesis(spikes, log_score, log_score - self._bonuses.log_score(labels))
