"""Windows to notes. ``COMBINERS`` is the registry of the ways; the default is the one here:

The most probable path through note states, exact and linear in time. A state is "no note" or one of
the n pitches. At each window the path stays where it is, goes silent, or begins a note: of another
pitch, or of the same one again, which is how equal notes in a row stay apart. Beginning costs what
the onset cue says it costs. A begun note lasts ``min_seconds`` at least. (Viterbi, 1967, on states
with a minimum duration as in segmental hidden Markov models.)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from seqmelody.alignment import Span, onset_scores
from seqmelody.decoding.window_joining import (
    join_equal,
    join_hysteresis,
    labelled_notes,
    shortest_run,
)
from seqmelody.decoding.window_suppression import suppress
from seqmelody.emission import Emission
from seqmelody.errors import InputError
from seqmelody.notes import NO_NOTE, Note, Vocabulary


def best_segmentation(
    emission: Emission,
    vocabulary: Vocabulary,
    *,
    min_seconds: float = 0.06,
    change_cost: float = 0.0,
    onset_weight: float = 2.2,
    repeat_bonus: float = 0.0,
) -> list[Note]:
    """The most probable melody, given each window's class and onset probabilities.

    Args:
        emission: window-head log-probabilities, shape (T, n + 1), with or without onset_probs.
        vocabulary: the pitches of the classes.
        min_seconds: no note is shorter, the last one neither.
        change_cost: what beginning a note costs besides its onset cue, in nats.
        onset_weight: how much the onset cue counts.
        repeat_bonus: nats, 0 or more, for beginning the note that sounds anew: a new pitch is told
            by its class as well, a repeated one by its cue alone.

    Returns:
        Notes by onset. Confidence is the mean posterior of the note's windows.

    Raises:
        InputError: the bonus is a penalty, which the search does not heed.
    """
    if repeat_bonus < 0:
        raise InputError(f"a repeat bonus of {repeat_bonus:g} is a penalty; use 0 or more")
    if len(emission) == 0:
        return []
    shortest = shortest_run(min_seconds, emission)
    begin, stay = onset_scores(emission, onset_weight)
    classes, begins = _best_path(
        emission.log_probs, begin - change_cost, stay, shortest, repeat_bonus
    )
    return _notes(classes, begins, emission, vocabulary)


# One row a combiner; the first is the default. Each takes options of its own, by name.
COMBINERS: dict[str, Callable[..., list[Note]]] = {
    "viterbi": best_segmentation,
    "hysteresis": join_hysteresis,
    "suppression": suppress,
    "joining": join_equal,
}


def decode_window(
    emission: Emission,
    vocabulary: Vocabulary,
    *,
    combiner: str = "viterbi",
    **options: float,
) -> list[Note]:
    """The melody, given each window's class and onset probabilities.

    Args:
        emission: window-head log-probabilities, shape (T, n + 1), with or without onset_probs.
        vocabulary: the pitches of the classes.
        combiner: how windows become notes, a name in COMBINERS.
        options: of that combiner, see its function; ``min_seconds`` is known to all.

    Returns:
        Notes by onset. Confidence is the mean posterior of the note's windows.

    Raises:
        InputError: the combiner is unknown.
    """
    if combiner not in COMBINERS:
        raise InputError(f"combiner {combiner!r} is unknown; use one of {', '.join(COMBINERS)}")
    return COMBINERS[combiner](emission, vocabulary, **options)


def _best_path(
    log_probs: NDArray[np.float32],
    begin: NDArray[np.float64],
    stay: NDArray[np.float64],
    shortest: int,
    repeat_bonus: float = 0.0,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Class of each frame and whether a note begins there.

    ``score[d, c]`` is the best path's that has been in pitch c for d + 1 frames (the last row:
    ``shortest`` or more); only from the last row may it leave.
    """
    n_frames, n_classes = log_probs.shape
    score = np.full((shortest, n_classes), -np.inf, dtype=np.float64)
    every = np.arange(n_classes)
    silence = 0.0  # best score that ends in "no note"
    came = np.zeros((n_frames, n_classes), dtype=np.int16)  # where a note begun here came from
    grew = np.zeros((n_frames, n_classes), dtype=bool)  # last row: by staying, not by growing up
    hushed = np.zeros(n_frames, dtype=np.int16)  # where silence came from
    for t in range(n_frames):
        free = score[-1]
        best = int(free.argmax())
        source, entry = (NO_NOTE, silence) if silence >= free[best] else (best, float(free[best]))
        hushed[t] = source
        again = free + repeat_bonus
        came[t] = np.where(again > entry, every, source)
        entries = np.maximum(again, entry) + begin[t]
        grown = score[-2] if shortest > 1 else entries - stay[t]
        grew[t] = free >= grown
        last = np.maximum(free, grown) + stay[t]
        if shortest > 1:
            score[1:-1] = score[:-2] + stay[t]
            score[0] = entries
        score[-1] = last
        score += log_probs[t]
        score[:, NO_NOTE] = -np.inf
        silence = entry + stay[t] + float(log_probs[t, NO_NOTE])
    return _trace_back(score, silence, came, grew, hushed, shortest)


def _trace_back(
    score: NDArray[np.float64],
    silence: float,
    came: NDArray[np.int16],
    grew: NDArray[np.bool_],
    hushed: NDArray[np.int16],
    shortest: int,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    n_frames = len(came)
    classes = np.zeros(n_frames, dtype=np.int64)
    begins = np.zeros(n_frames, dtype=bool)
    # As everywhere, only a note that is old enough may end with the recording.
    age, label = shortest - 1, NO_NOTE
    if score[-1].max() > silence:
        label = int(score[-1].argmax())
    for t in range(n_frames - 1, -1, -1):
        classes[t] = label
        if label == NO_NOTE:
            label, age = int(hushed[t]), shortest - 1
        elif age == shortest - 1 and grew[t, label]:
            continue
        elif age > 0:
            age -= 1
        else:
            begins[t] = True
            label, age = int(came[t, label]), shortest - 1
    return classes, begins


def _notes(
    classes: NDArray[np.int64],
    begins: NDArray[np.bool_],
    emission: Emission,
    vocabulary: Vocabulary,
) -> list[Note]:
    """Notes from each beginning to the next change."""
    ends = np.flatnonzero(np.append(begins[1:] | (classes[1:] != classes[:-1]), True)) + 1
    firsts = np.flatnonzero(begins)
    lasts = ends[np.searchsorted(ends, firsts, side="right")]
    spans = [Span(int(a), int(b)) for a, b in zip(firsts, lasts, strict=True)]
    labels = [int(classes[span.begin]) for span in spans]
    return labelled_notes(spans, labels, emission, vocabulary)
