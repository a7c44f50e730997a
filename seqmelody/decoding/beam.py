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
include all bonuses, so that a new note costs one product. All is plain Python: emissions are peaky,
so that a frame seldom has more than a few prefixes and classes, for which arrays are slower.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from seqmelody.decoding.hypothesis import Hypothesis, spikes_from
from seqmelody.decoding.language_model import FIRST_LOG_PROB, REACH, IntervalModel, State
from seqmelody.decoding.prefixes import Entry, Prefix
from seqmelody.errors import InputError
from seqmelody.notes import NO_NOTE

BLOCK = 4096  # frames whose probabilities are in memory at a time
TINY = 1e-30  # no probability is less, so that no frame leaves nothing possible
FADED = 64  # frames after which a note that may not begin has no probability left
FloatArray = NDArray[np.float64]


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
    lm_weight: float = 0.2
    lm_offset: float = 2.5
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


# Score, prefix, class of the note it is begun anew by (NO_NOTE: it goes on), its entry until then.
_Candidate = tuple[float, Prefix, int, Entry | None]
_score = itemgetter(0)


class _Bonuses:
    """What a next note multiplies a prefix's probability by: melody model and insertion bonus.

    The melody model's states are numbered as they come; 0 is that of no note yet.
    """

    def __init__(self, config: BeamConfig, model: IntervalModel | None) -> None:
        self._config = config
        self._model = model if config.lm_weight else None
        # Without a model all notes are alike.
        first = FIRST_LOG_PROB if self._model else -config.lm_offset
        self.factors = [self._factors(np.full(2 * REACH + 1, first))]  # of each state
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
            self.factors.append(self._factors(model.log_probs(state)))
        return number

    def _factors(self, log_probs: FloatArray) -> list[float]:
        weighted = self._config.lm_weight * (log_probs + self._config.lm_offset)
        factors: list[float] = np.exp(weighted + self._config.insertion_bonus).tolist()
        return factors

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
        # In the digits that there are: half as many take a quarter of the time.
        probs = np.exp(log_probs[begin : begin + BLOCK]).astype(np.float64)
        yield np.maximum(probs, TINY, out=probs)


class _Search:
    """One search: the beam, and what happens to it frame by frame."""

    def __init__(
        self, n_classes: int, config: BeamConfig, model: IntervalModel | None, min_gap: int
    ) -> None:
        self._width, self._floor = config.width, float(np.exp(-config.threshold))
        # Below uniform, so that where no class may begin a note the blank is not improbable.
        self._min_prob = min(config.min_prob, 0.5 / n_classes)
        self._n_best, self._min_gap = config.n_best, min_gap
        self._bonuses = _Bonuses(config, model)
        self._frame, self._step_number, self._log_scale = 0, 0, 0.0
        empty = Prefix(NO_NOTE, None, 0, self._bonuses.factors[0])
        empty.in_blank, empty.seen = 1.0, 0
        self._beam = [empty]

    def take(self, probs: FloatArray) -> None:
        """Go through frames in order; ``probs`` has shape (frames, n + 1)."""
        blanks = np.concatenate([[0.0], np.cumsum(np.log(probs[:, NO_NOTE]))]).tolist()
        begin, done = self._frame, 0
        for t, classes in _tried(probs, self._min_prob):
            if done < t:
                self._wait(probs[done:t], blanks[t] - blanks[done])
            self._frame = begin + t
            self._step(probs[t].tolist(), classes)
            done = t + 1
        if done < len(probs):
            self._wait(probs[done:], blanks[-1] - blanks[done])
        self._frame = begin + len(probs)

    def _wait(self, probs: FloatArray, log_blank: float) -> None:
        """Frames in which no note begins: paths go on in their note, or in blanks."""
        self._log_scale += log_blank
        # All are divided by the blanks' probability, which every prefix shares.
        near = probs[:FADED]
        faded = {
            label: _fade((near[:, label] / near[:, NO_NOTE]).tolist()) for label in self._labels()
        }
        for prefix in self._beam:
            left, last = faded[prefix.label]
            prefix.in_blank += prefix.in_note * left
            prefix.in_note *= last if len(probs) <= FADED else 0.0

    def _labels(self) -> set[int]:
        return {prefix.label for prefix in self._beam}

    def _step(self, p: list[float], classes: list[int]) -> None:
        """One frame, in which one of ``classes`` may begin a note."""
        begun: list[_Candidate] = []
        entering: list[_Candidate] = []
        blank = p[NO_NOTE]
        for prefix in self._beam:
            prefix.total = prefix.in_blank + prefix.in_note
        # What would be dropped at once is not begun: the best will have this much or more.
        floor = max(prefix.total for prefix in self._beam) * blank * self._floor
        for prefix in self._beam:
            if self._min_gap and self._too_soon(prefix):
                continue
            for label in classes:
                parted = prefix.in_blank if label == prefix.label else prefix.total
                prob = parted * p[label] * prefix.factors[label - prefix.label + REACH]
                longer = prefix.longer.get(label)
                if longer is not None and longer.seen == self._step_number:
                    entering.append((prob, longer, label, prefix.entry))
                elif prob > floor:
                    begun.append((prob, prefix, label, prefix.entry))
        for prefix in self._beam:
            prefix.in_blank = prefix.total * blank
            prefix.in_note *= p[prefix.label]
        for prob, prefix, _, entry in entering:
            prefix.enter(prob, self._frame, entry)
        self._prune(begun)

    def _too_soon(self, prefix: Prefix) -> bool:
        entry = prefix.entry
        return entry is not None and self._frame - entry.frame < self._min_gap

    def _prune(self, begun: list[_Candidate]) -> None:
        """Keep the best of the prefixes there were and of those begun from them by a class."""
        kept = self._candidates() + begun
        best = max(kept, key=_score)[0]
        floor = best * self._floor
        kept = [candidate for candidate in kept if candidate[0] > floor]
        if len(kept) > self._width:
            kept.sort(key=_score, reverse=True)
            del kept[self._width :]
        self._step_number += 1
        self._log_scale += math.log(best)
        self._beam = []
        for score, prefix, label, entry in kept:
            one = prefix
            if label == NO_NOTE:
                one.in_blank /= best
                one.in_note /= best
            else:
                one = self._longer(prefix, label)
                one.begin(score / best, Entry(self._frame, entry))
            one.seen = self._step_number
            self._beam.append(one)

    def _longer(self, prefix: Prefix, label: int) -> Prefix:
        """The prefix one note longer."""
        found = prefix.longer.get(label)
        if found is None:
            state = self._bonuses.after(prefix.state, label - prefix.label)
            found = Prefix(label, prefix, state, self._bonuses.factors[state])
            prefix.longer[label] = found
        return found

    def hypotheses(self, log_probs: NDArray[np.floating]) -> list[Hypothesis]:
        """The best prefixes as whole sequences."""
        ranked = sorted(self._candidates(), key=_score, reverse=True)
        return [
            self._hypothesis(prefix, math.log(total), log_probs)
            for total, prefix, *_ in ranked[: self._n_best]
        ]

    def _candidates(self) -> list[_Candidate]:
        """The prefixes in the beam as they are."""
        return [
            (prefix.in_blank + prefix.in_note, prefix, NO_NOTE, prefix.entry)
            for prefix in self._beam
        ]

    def _hypothesis(
        self, prefix: Prefix, log_total: float, log_probs: NDArray[np.floating]
    ) -> Hypothesis:
        labels = prefix.labels()
        spikes = spikes_from(log_probs, labels, prefix.frames())
        log_score = log_total + self._log_scale
        return Hypothesis(spikes, log_score, log_score - self._bonuses.log_score(labels))


def _tried(probs: FloatArray, min_prob: float) -> Iterator[tuple[int, list[int]]]:
    """Frames in which some class is more probable, and those classes."""
    frames, classes = np.nonzero(probs[:, NO_NOTE + 1 :] > min_prob)
    firsts = np.flatnonzero(np.diff(frames, prepend=-1))
    every = (classes + NO_NOTE + 1).tolist()
    for frame, (first, last) in zip(
        frames[firsts].tolist(), itertools.pairwise([*firsts.tolist(), len(every)]), strict=True
    ):
        yield frame, every[first:last]


def _fade(odds: list[float]) -> tuple[float, float]:
    """Of a probability in a note, frame by frame: what goes into blanks meanwhile, what is left."""
    left, last = 1.0, 1.0
    for odd in odds[:-1]:
        last *= odd
        left += last
    return left, last * odds[-1]
