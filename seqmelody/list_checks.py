"""Can these recordings be trained on with these lists? Better asked before a training than in the
middle of it, and before its folder is claimed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable

from seqmelody.audio import SAMPLE_RATE, duration
from seqmelody.errors import InputError
from seqmelody.manifests import ManifestEntry, check_end
from seqmelody.model import MelodyModel


def check_recordings(
    entries: Iterable[ManifestEntry],
    model: MelodyModel,
    *,
    transpose: int = 0,
    whole_seconds: float | None = None,
) -> None:
    """Raise InputError, naming the recording, for what could not be trained on.

    Args:
        entries: the recordings, which must be there, and their lists.
        model: to be trained.
        transpose: semitones that a list without times may be off.
        whole_seconds: how long a recording with such a list may last, where it is not cut.
    """
    for entry in entries:
        seconds = check_length(entry, whole_seconds)
        check_list(entry, model, math.ceil(seconds * SAMPLE_RATE), transpose)


def check_length(entry: ManifestEntry, whole_seconds: float | None) -> float:
    """Seconds of a recording. Raises InputError if it is unreadable, ends before its label does, or
    is too long to train on without times."""
    seconds = duration(entry.audio)
    check_end(entry, seconds)
    if whole_seconds is not None and entry.notes is None and seconds > whole_seconds:
        raise InputError(too_long(str(entry.audio), seconds, whole_seconds))
    return seconds


def too_long(name: str, seconds: float, whole_seconds: float) -> str:
    """What to say of a recording that cannot be cut, for nobody knows its times."""
    return (
        f"{name}: {seconds:.0f} s with a list without times is too long to train on whole (at most "
        f"{whole_seconds:g} s); let it be aligned and cut, with --self-align 1 or --weak"
    )


def check_list(entry: ManifestEntry, model: MelodyModel, n_samples: int, transpose: int) -> None:
    """Raise InputError, naming the recording, if it cannot hold the list in any allowed key, or
    ends before its label does."""
    check_end(entry, n_samples / SAMPLE_RATE)
    check_pitches(entry, model, transpose)
    n_frames = n_samples // model.config.features.hop + 1
    repeats = sum(a == b for a, b in itertools.pairwise(entry.pitches))
    if len(entry.pitches) + repeats > n_frames:  # a blank must part equal notes
        raise InputError(
            f"{entry.audio}: {n_frames} frames cannot hold the {len(entry.pitches)} notes of its "
            f"list, of which {repeats} repeat the one before; is it the right list for this "
            "recording?"
        )


def check_pitches(entry: ManifestEntry, model: MelodyModel, transpose: int) -> None:
    """Raise InputError, naming the recording, if its list leaves the vocabulary in every key; one
    with times is taken in its own key only."""
    if not entry.pitches:
        return
    low, high = min(entry.pitches), max(entry.pitches)
    vocabulary = model.vocabulary
    reach = 0 if entry.all_notes is not None else transpose
    lowest, highest = vocabulary.low - reach, vocabulary.high + reach
    if low < lowest or high > highest or high - low >= vocabulary.n_pitches:
        raise InputError(
            f"{entry.audio}: pitches {low}..{high} of its list do not fit the vocabulary "
            f"{vocabulary.low}..{vocabulary.high}; transpose the list or use a wider vocabulary"
        )
