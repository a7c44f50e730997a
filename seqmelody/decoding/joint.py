"""Both decoders together: where they differ, who is right there?

:mod:`seqmelody.decoding.agreement` aligns what the two read. *Both* keeps what is agreed. *Joint*
decides at each place of disagreement between what the CTC head reads there and what the window head
reads, by the sum of both heads' scores::

    score(reading) = CTC(L reading R) + WINDOW_WEIGHT * window(L reading)

with L and R the agreed notes on either side.

- ``CTC`` is the log-probability of the labels, summed over all paths (the forward algorithm of
  Graves et al., ICML 2006) from the frame of L's spike to the frame of R's. In these two frames the
  path is in L and in R.
- ``window`` is the log-probability of the best alignment of the labels, onset cue included (see
  :mod:`seqmelody.alignment`), from the frame at which L begins until the one at which R does.

Where another place or the recording's end comes before an agreed note, there is no L (or R), and
the frames begin (or end) half-way to that place, or at the recording's end. Places are short, so
time is linear in the recording's length.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqmelody.alignment import onset_scores
from seqmelody.decoding.agreement import compare, described, mean_confidence, notes_at
from seqmelody.decoding.constraints import Constraints, constrain
from seqmelody.decoding.ctc import search_ctc
from seqmelody.decoding.hypothesis import Spike, most_probable
from seqmelody.decoding.timing import place_labels, time_labels
from seqmelody.decoding.window import decode_window
from seqmelody.emission import Emission
from seqmelody.likelihood import ctc_log_likelihoods
from seqmelody.notes import NO_NOTE, Note, Vocabulary

WINDOW_WEIGHT = 0.3  # less than 1: neighbouring windows say much the same, a spike stands alone
ONSET_WEIGHT = 1.0  # of the onset cue in the window score
FloatArray = NDArray[np.floating]


def decode_joint(
    emission: Emission,
    vocabulary: Vocabulary,
    *,
    timing: Emission,
    spikes: Sequence[Spike] | None = None,
    constraints: Constraints | None = None,
    window_weight: float = WINDOW_WEIGHT,
) -> list[Note]:
    """The melody that both heads together hold most probable; the module says how.

    Args:
        emission: CTC-head log-probabilities, shape (T, n + 1).
        vocabulary: the pitches of the classes.
        timing: the window head's emission.
        spikes: what a search found in the CTC emission; None for the best path.
        constraints: what is known of this melody. No note leaves the range; they stay as many as
            the search found if a number is expected; and no reading is taken from the windows in
            which, or after which, a note would follow another too soon.
        window_weight: how much the window head's score counts beside the CTC head's.

    Returns:
        Notes by onset, timed with the window head. Confidence is that of the decoder whose reading
        is taken, the mean of both where they agree.
    """
    if spikes is None:
        spikes = search_ctc(emission, vocabulary, constraints=constraints)[0].spikes
    if len(timing) == 0:
        return []
    spikes = most_probable(spikes, len(timing))
    judge = _Judge(emission, timing, vocabulary, spikes, constraints or Constraints())
    chosen = judge.choose(window_weight)
    labels = [vocabulary.to_class(note.pitch) for note in chosen]
    return time_labels(
        timing,
        labels,
        [note.onset for note in chosen],
        [note.confidence for note in chosen],
        vocabulary,
        gap_seconds=constraints.shortest_seconds if constraints else None,
    )


class Score(NamedTuple):
    """What the two heads say to a reading, in nats."""

    ctc: float
    window: float


class _Border(NamedTuple):
    """Where a place of disagreement begins or ends.

    Attributes:
        label: class of the agreed note there; None where there is none.
        ctc: the agreed note's spike, or the first frame beyond the border.
        window: the frame in which the agreed note begins, or the first beyond the border.
    """

    label: int | None
    ctc: int
    window: int

    @property
    def labels(self) -> list[int]:
        """The agreed note, if any, as a sequence."""
        return [] if self.label is None else [self.label]


class _Judge:
    """The two decoders' notes of one recording, and what both heads say to them."""

    def __init__(
        self,
        emission: Emission,
        timing: Emission,
        vocabulary: Vocabulary,
        spikes: Sequence[Spike],
        constraints: Constraints,
    ) -> None:
        self._emission, self._timing, self._vocabulary = emission, timing, vocabulary
        self._spikes, self._constraints = spikes, constraints
        self._log_probs = constrain(emission.log_probs, vocabulary, constraints, 0.0)
        self.ctc = time_labels(
            timing,
            [s.label for s in spikes],
            [emission.frame_to_seconds(s.frame) for s in spikes],
            [s.prob for s in spikes],
            vocabulary,
            gap_seconds=constraints.shortest_seconds,
        )
        self.window = [
            note for note in decode_window(timing, vocabulary) if _in_range(note, constraints)
        ]
        self.steps = compare(self.ctc, self.window)

    def choose(self, window_weight: float) -> list[Note]:
        """The better reading of each step, one after another."""
        chosen: list[Note] = []
        for k, step in enumerate(self.steps):
            ctc, window = notes_at(self.ctc, step.ctc), notes_at(self.window, step.window)
            if step.agreed:
                chosen.append(mean_confidence(window[0], ctc[0]))
            elif self._may_be(k, chosen, window, ctc) and self._prefers(
                k, window, ctc, window_weight
            ):
                chosen += window
            else:
                chosen += ctc
        return chosen

    def _may_be(
        self, k: int, before: Sequence[Note], one: Sequence[Note], other: Sequence[Note]
    ) -> bool:
        """Whether constraints allow ``one`` instead of ``other``, which heeds them, at place
        ``k``."""
        if self._constraints.expected_notes is not None and len(one) != len(other):
            return False
        shortest = self._constraints.shortest_seconds
        if shortest is None:
            return True
        following = [
            note for step in self.steps[k + 1 :][:1] for note in notes_at(self.ctc, step.ctc)
        ]
        notes = [*before[-1:], *one, *following[:1]]
        return all(b.onset - a.onset >= shortest for a, b in itertools.pairwise(notes))

    def _prefers(
        self, k: int, one: Sequence[Note], other: Sequence[Note], window_weight: float
    ) -> bool:
        gain, loss = self.score(k, one), self.score(k, other)
        # Written so that two impossible readings (-inf) are not compared.
        return gain.ctc + window_weight * gain.window > loss.ctc + window_weight * loss.window

    def score(self, k: int, reading: Sequence[Note]) -> Score:
        """What the heads say to a reading of place ``k``."""
        left, right = self._left(k), self._right(k)
        labels = [self._vocabulary.to_class(note.pitch) for note in reading]
        stop = right.ctc + (right.label is not None)
        sequence = np.array([left.labels + labels + right.labels], dtype=np.int64)
        ctc = ctc_log_likelihoods(
            self._log_probs[left.ctc : stop],
            sequence,
            begins=left.label is not None,
            ends=right.label is not None,
        )[0]
        part = _cut(self._timing, left.window, right.window)
        onsets = [note.onset for note in reading]
        if left.label is not None:
            onsets = [part.start_seconds, *onsets]
        return Score(float(ctc), alignment_log_prob(part, left.labels + labels, onsets))

    def _left(self, k: int) -> _Border:
        if k == 0:
            return _Border(None, 0, 0)
        return self._agreed(k - 1) if self.steps[k - 1].agreed else self._between(k)

    def _right(self, k: int) -> _Border:
        if k + 1 == len(self.steps):
            return _Border(None, len(self._emission), len(self._timing))
        return self._agreed(k + 1) if self.steps[k + 1].agreed else self._between(k + 1)

    def _agreed(self, k: int) -> _Border:
        spike = self._spikes[self.steps[k].ctc.start]
        onset = self.window[self.steps[k].window.start].onset
        return _Border(spike.label, spike.frame, round(self._timing.seconds_to_frame(onset)))

    def _between(self, k: int) -> _Border:
        """Half-way from the place before to place ``k``, and between their spikes."""
        before, after = (described(self.steps[n], self.ctc, self.window) for n in (k - 1, k))
        seconds = (before.offset + after.onset) / 2
        frame = round(self._emission.seconds_to_frame(seconds))
        first = self.steps[k].ctc.start
        if first < len(self._spikes):
            frame = min(frame, self._spikes[first].frame)
        if first > 0:
            frame = max(frame, self._spikes[first - 1].frame + 1)
        return _Border(None, frame, round(self._timing.seconds_to_frame(seconds)))


def _in_range(note: Note, constraints: Constraints) -> bool:
    low, high = constraints.lowest, constraints.highest
    return (low is None or note.pitch >= low) and (high is None or note.pitch <= high)


def alignment_log_prob(timing: Emission, labels: Sequence[int], onsets: Sequence[float]) -> float:
    """Log-probability of the best placement of a sequence of classes, each near an onset.

    Args:
        timing: window-head emission, shape (T, n + 1).
        labels: classes 1..n in order.
        onsets: about when each begins, in seconds.

    Returns:
        Of every frame's class, and of an onset where a note begins instead of none; -inf if there
        are more notes than frames.
    """
    if len(labels) > len(timing):
        return -np.inf
    begin, stay = onset_scores(timing, ONSET_WEIGHT)
    classes = np.full(len(timing), NO_NOTE)
    gain = 0.0
    for label, span in zip(labels, place_labels(timing, labels, onsets), strict=True):
        classes[span.begin : span.end] = label
        gain += float(begin[span.begin] - stay[span.begin])
    frames = timing.log_probs[np.arange(len(timing)), classes]
    return float(frames.sum(dtype=np.float64)) + gain


def _cut(emission: Emission, first: int, stop: int) -> Emission:
    """Some frames of an emission, at the same times."""
    cue = emission.onset_probs
    return Emission(
        emission.log_probs[first:stop],
        emission.hop_seconds,
        emission.frame_to_seconds(first),
        None if cue is None else cue[first:stop],
    )
