"""CTC to notes: which notes, from the CTC head; when, from the window head.

CTC decides on the sequence, but nothing makes it fire at onsets: a spike may come anywhere in its
note, even a little before it. So the sequence is read from the spikes, and each note is then timed
by aligning the whole sequence to the window head's emission around them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from seqmelody.decoding.beam import BeamConfig, beam_search
from seqmelody.decoding.constraints import Constraints, constrain
from seqmelody.decoding.ctcdecode_search import ctcdecode_search
from seqmelody.decoding.hypothesis import Hypothesis, Spike, best_path, most_probable
from seqmelody.decoding.language_model import IntervalModel
from seqmelody.decoding.timing import MIN_SECONDS, REACH_SECONDS, time_labels
from seqmelody.emission import Emission
from seqmelody.errors import InputError
from seqmelody.notes import Note, Vocabulary

# Best path sees one frame at a time and so misses notes whose probability is spread over several;
# searches that add up paths need less of it.
BLANK_PENALTY = {"greedy": 1.25, "beam": 0.6}
# Nats off either way, to find as many notes as are expected. A note e^6 times less probable than
# none is not there, however many are asked for.
BLANK_PENALTY_RANGE = (12.0, 6.0)
HALVINGS = 8  # of that range


class Search(Protocol):
    """Finds note sequences in an emission; see :func:`~seqmelody.decoding.beam.beam_search`."""

    def __call__(
        self,
        log_probs: NDArray[np.floating],
        config: BeamConfig,
        model: IntervalModel | None = None,
        *,
        min_gap: int = 0,
    ) -> list[Hypothesis]:
        """Up to ``config.n_best`` sequences, best first."""
        ...


def greedy_search(
    log_probs: NDArray[np.floating],
    config: BeamConfig,
    model: IntervalModel | None = None,
    *,
    min_gap: int = 0,
) -> list[Hypothesis]:
    """The one best path (Graves et al., 2006, section 3.2); nothing else is heeded."""
    path = float(log_probs.max(axis=1).sum())
    return [Hypothesis(tuple(best_path(log_probs)), path, path)]


# One row a search; "ctcdecode" needs that package.
SEARCHES: dict[str, Search] = {
    "beam": beam_search,
    "greedy": greedy_search,
    "ctcdecode": ctcdecode_search,
}


def decode_ctc(
    emission: Emission,
    vocabulary: Vocabulary,
    *,
    timing: Emission | None = None,
    search: str | None = None,
    beam: BeamConfig | None = None,
    language_model: IntervalModel | None = None,
    constraints: Constraints | None = None,
    blank_penalty: float | None = None,
    min_seconds: float = MIN_SECONDS,
    early_seconds: float = REACH_SECONDS,
    late_seconds: float = REACH_SECONDS,
    onset_weight: float = 1.0,
) -> list[Note]:
    """The most probable note sequence, timed.

    Args:
        emission: CTC-head log-probabilities, shape (T, n + 1).
        vocabulary: the pitches of the classes.
        timing: the window head's emission; None leaves each note at its spike, until the next.
        search: how to find the sequence, a name in SEARCHES. None is the best path, or a beam where
            a beam, a melody model or constraints are given, which the best path cannot heed.
        beam: its settings, with the weights of language model and insertion bonus.
        language_model: what melodies are like; None for no opinion.
        constraints: what is known of this melody.
        blank_penalty: nats taken off the blank's log-probability: more finds fainter notes; None
            for the search's own (BLANK_PENALTY).
        min_seconds: no note is shorter.
        early_seconds: how long before its spike a note may begin.
        late_seconds: how long after its spike a note may begin.
        onset_weight: how much the onset cue counts in timing.

    Returns:
        Notes by onset. Confidence is the probability at the spike.

    Raises:
        InputError: the search is unknown, not installed, or cannot do what is asked.
    """
    best = search_ctc(
        emission,
        vocabulary,
        search=search,
        beam=beam,
        language_model=language_model,
        constraints=constraints,
        blank_penalty=blank_penalty,
    )
    spikes = best[0].spikes
    if timing is None:
        return _notes_at_spikes(spikes, emission, vocabulary)
    if len(timing) == 0:
        return []
    kept = most_probable(spikes, len(timing))
    return time_labels(
        timing,
        [s.label for s in kept],
        [emission.frame_to_seconds(s.frame) for s in kept],
        [s.prob for s in kept],
        vocabulary,
        min_seconds=min_seconds,
        early_seconds=early_seconds,
        late_seconds=late_seconds,
        gap_seconds=constraints.shortest_seconds if constraints else None,
        onset_weight=onset_weight,
    )


def search_ctc(
    emission: Emission,
    vocabulary: Vocabulary,
    *,
    search: str | None = None,
    beam: BeamConfig | None = None,
    language_model: IntervalModel | None = None,
    constraints: Constraints | None = None,
    blank_penalty: float | None = None,
) -> list[Hypothesis]:
    """The ``beam.n_best`` most probable note sequences, best first; arguments as decode_ctc's.

    Scores are of the emission under penalty and constraints; the probabilities of the spikes are
    the emission's own.
    """
    if search is None:
        search = "beam" if beam or language_model or constraints else "greedy"
    if search not in SEARCHES:
        raise InputError(f"search {search!r} is unknown; use one of {', '.join(SEARCHES)}")
    constraints, config = constraints or Constraints(), beam or BeamConfig()
    min_gap = 0
    if constraints.shortest_seconds is not None:
        min_gap = round(constraints.shortest_seconds / emission.hop_seconds)

    run = SEARCHES[search]

    def find(penalty: float) -> list[Hypothesis]:
        log_probs = constrain(emission.log_probs, vocabulary, constraints, penalty)
        return run(log_probs, config, language_model, min_gap=min_gap)

    if blank_penalty is None:
        blank_penalty = BLANK_PENALTY.get(search, 0.0)
    found = find(blank_penalty)
    if constraints.expected_notes is not None:
        found = _with_notes(constraints.expected_notes, found, find, blank_penalty)
    return [_with_own_probs(hypothesis, emission) for hypothesis in found]


def _with_notes(
    expected: int,
    found: list[Hypothesis],
    find: Callable[[float], list[Hypothesis]],
    penalty: float,
) -> list[Hypothesis]:
    """Search again with other blank penalties until the best sequence has the expected length, or
    as near to it as can be had."""
    low, high = penalty - BLANK_PENALTY_RANGE[0], penalty + BLANK_PENALTY_RANGE[1]
    tries = [found]
    while len(tries) <= HALVINGS and (n_notes := len(tries[-1][0].spikes)) != expected:
        low, high = (penalty, high) if n_notes < expected else (low, penalty)
        penalty = (low + high) / 2
        tries.append(find(penalty))
    return min(tries, key=lambda hypotheses: abs(len(hypotheses[0].spikes) - expected))


def _with_own_probs(hypothesis: Hypothesis, emission: Emission) -> Hypothesis:
    spikes = tuple(
        s._replace(prob=float(np.exp(emission.log_probs[s.frame, s.label])))
        for s in hypothesis.spikes
    )
    return hypothesis._replace(spikes=spikes)


def _notes_at_spikes(
    spikes: Sequence[Spike], emission: Emission, vocabulary: Vocabulary
) -> list[Note]:
    times = [
        emission.frame_to_seconds(frame) for frame in (*(s.frame for s in spikes), len(emission))
    ]
    return [
        Note(begin, end, vocabulary.to_pitch(s.label), s.prob)
        for s, (begin, end) in zip(spikes, itertools.pairwise(times), strict=True)
    ]
