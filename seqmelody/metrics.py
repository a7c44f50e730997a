"""How well a recognised melody agrees with a reference.

Two views, because a melody is a sequence of pitches and also a set of timed notes.

**Sequence measures** look at pitches in order and at no times. Pitches are rounded to MIDI numbers
(Python's ``round``, as everywhere in the package), then aligned with the fewest edits (Levenshtein
1966; unit costs), as words are in speech recognition.

- *Note error rate*: (substitutions + deletions + insertions) / reference notes. It can exceed 1.
  Over several recordings add the counts first: long recordings then weigh more, as in a word error
  rate. Without reference notes it is 0 if nothing was recognised and infinite otherwise.
- *Octave errors*: the substitutions whose two pitches differ by a multiple of 12 semitones. They
  are a part of the substitutions, not an addition to them.
- *Repeated-note recall*: a reference note is a *repeat* if its pitch equals its predecessor's. The
  repeat is *found* if the alignment matches both it and its predecessor with equal pitches, and
  the two recognised notes are neighbours as well. Only a system that puts out two equal notes in a
  row can find a repeat; one that merges them scores 0 whatever else it puts out in between.
- *Exact sequence*: no edit at all.

Where several alignments have equally few edits, the counts are those of one: walking back from the
ends, a match or substitution is preferred, then a deletion, then an insertion. The error rate does
not depend on that choice; its parts may.

**Timed measures** are ``mir_eval.transcription``'s F-measures (Raffel et al., ISMIR 2014), with
the names of Molina et al. (ISMIR 2014): *COn*, correct onset (within 50 ms); *COnP*, and correct
pitch (within 50 cents, fractional references are not rounded); *COnPOff*, and correct offset
(within 50 ms or 20 % of the note's length, whichever is more). If both lists are empty the
F-measure is 1, if one is, 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqmelody.errors import InputError
from seqmelody.notes import Note, hertz

OFFSET_RATIO = 0.2  # share of a reference note's length that its offset may be off, as in MIREX
IntArray = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class EditCounts:
    """Edits between a reference and a recognised pitch sequence; add counts to pool recordings.

    Attributes:
        insertions: recognised notes that the reference lacks.
        deletions: reference notes that were missed.
        substitutions: notes recognised at a wrong pitch.
        octave_errors: those of the substitutions that are a multiple of 12 semitones off.
        reference: reference notes.
    """

    insertions: int = 0
    deletions: int = 0
    substitutions: int = 0
    octave_errors: int = 0
    reference: int = 0

    def __add__(self, other: EditCounts) -> EditCounts:
        """Counts of both together; ``sum(counts, EditCounts())`` pools many."""
        return EditCounts(
            self.insertions + other.insertions,
            self.deletions + other.deletions,
            self.substitutions + other.substitutions,
            self.octave_errors + other.octave_errors,
            self.reference + other.reference,
        )

    @property
    def errors(self) -> int:
        """All edits."""
        return self.insertions + self.deletions + self.substitutions

    @property
    def note_error_rate(self) -> float:
        """Edits per reference note (1.0 = 100 %); infinite if only the reference is empty."""
        if self.reference:
            return self.errors / self.reference
        return math.inf if self.errors else 0.0


@dataclass(frozen=True, slots=True)
class RepeatCounts:
    """Repeated notes of a reference, and how many of them were found; add counts to pool."""

    found: int = 0
    repeats: int = 0

    def __add__(self, other: RepeatCounts) -> RepeatCounts:
        """Counts of both together."""
        return RepeatCounts(self.found + other.found, self.repeats + other.repeats)

    @property
    def recall(self) -> float:
        """Share found; NaN if the reference repeats no note."""
        return self.found / self.repeats if self.repeats else math.nan


def edit_counts(
    reference_pitches: Sequence[float], estimated_pitches: Sequence[float]
) -> EditCounts:
    """Count the edits that turn the reference into the estimate.

    Args:
        reference_pitches: MIDI pitches in order; fractional ones are rounded.
        estimated_pitches: likewise.

    Raises:
        InputError: a pitch is not finite.
    """
    reference = _semitones(reference_pitches)
    estimated = _semitones(estimated_pitches)
    pairs = _align(reference, estimated)
    wrong = [reference[i] - estimated[j] for i, j in pairs if reference[i] != estimated[j]]
    return EditCounts(
        insertions=len(estimated) - len(pairs),
        deletions=len(reference) - len(pairs),
        substitutions=len(wrong),
        octave_errors=sum(interval % 12 == 0 for interval in wrong),
        reference=len(reference),
    )


def right_notes(
    reference_pitches: Sequence[float], estimated_pitches: Sequence[float]
) -> list[bool]:
    """Which notes of the estimate an optimal edit alignment pairs with an equal pitch.

    Args:
        reference_pitches: MIDI pitches in order; fractional ones are rounded.
        estimated_pitches: likewise.

    Returns:
        One answer for each estimated note.

    Raises:
        InputError: a pitch is not finite.
    """
    reference = _semitones(reference_pitches)
    estimated = _semitones(estimated_pitches)
    right = [False] * len(estimated)
    for i, j in _align(reference, estimated):
        right[j] = reference[i] == estimated[j]
    return right


def calibration_error(
    confidences: Sequence[float], right: Sequence[bool], *, bins: int = 10
) -> float:
    """Expected calibration error: how far the share of right notes lies from the mean confidence,
    bin by bin of equal width, weighted by notes (Naeini et al., AAAI 2015); NaN without notes.
    """
    if not confidences:
        return math.nan
    said, was = np.asarray(confidences), np.asarray(right, dtype=np.float64)
    place = np.minimum((said * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(place, weights=was - said, minlength=bins)
    return float(np.abs(gaps).sum() / len(said))


def repeat_counts(
    reference_pitches: Sequence[float], estimated_pitches: Sequence[float]
) -> RepeatCounts:
    """Count the reference's repeated notes and those found; the module docstring defines both.

    Raises:
        InputError: a pitch is not finite.
    """
    reference = _semitones(reference_pitches)
    estimated = _semitones(estimated_pitches)
    match = {i: j for i, j in _align(reference, estimated) if reference[i] == estimated[j]}
    repeats = [i for i in range(1, len(reference)) if reference[i] == reference[i - 1]]
    found = sum(i in match and match.get(i - 1) == match[i] - 1 for i in repeats)
    return RepeatCounts(found, len(repeats))


def repeated_note_recall(
    reference_pitches: Sequence[float], estimated_pitches: Sequence[float]
) -> float:
    """Share of the reference's repeated notes that were found; NaN if it has none.

    Raises:
        InputError: a pitch is not finite.
    """
    return repeat_counts(reference_pitches, estimated_pitches).recall


def exact_sequence(reference_pitches: Sequence[float], estimated_pitches: Sequence[float]) -> bool:
    """Whether both hold the same pitches, rounded to semitones, in the same order."""
    return _semitones(reference_pitches) == _semitones(estimated_pitches)


def note_f1(
    reference: Sequence[Note],
    estimated: Sequence[Note],
    *,
    onset_tolerance: float = 0.05,
    pitch_tolerance_cents: float = 50.0,
    with_offsets: bool = False,
    with_pitch: bool = True,
) -> float:
    """F-measure of timed notes, from 0 to 1: COnP by default.

    Args:
        reference: notes in any order; so too the estimate.
        onset_tolerance: seconds either way.
        pitch_tolerance_cents: cents either way.
        with_offsets: ask for the offset too (COnPOff).
        with_pitch: False asks for the times only (COn).

    Raises:
        InputError: mir_eval is not installed, or a note has no length or begins before 0 s.
    """
    if not reference or not estimated:
        return float(not reference and not estimated)
    scores = _transcription().precision_recall_f1_overlap(
        _intervals(reference, "reference"),
        _frequencies(reference, with_pitch),
        _intervals(estimated, "estimate"),
        _frequencies(estimated, with_pitch),
        onset_tolerance=onset_tolerance,
        pitch_tolerance=pitch_tolerance_cents,
        offset_ratio=OFFSET_RATIO if with_offsets else None,
    )
    return float(scores[2])


def _semitones(pitches: Sequence[float]) -> list[int]:
    for pitch in pitches:
        if not math.isfinite(pitch):
            raise InputError(f"pitch {pitch} is not finite; leave unpitched notes out")
    return [round(pitch) for pitch in pitches]


def _edit_table(reference: list[int], estimated: list[int]) -> IntArray:
    """Fewest edits between all prefixes, shape (reference + 1, estimated + 1)."""
    labels = np.asarray(estimated, dtype=np.int32)
    columns = np.arange(len(estimated) + 1, dtype=np.int32)
    table = np.empty((len(reference) + 1, len(columns)), dtype=np.int32)
    table[0] = columns
    for i, pitch in enumerate(reference, start=1):
        row = table[i - 1] + 1  # deletion
        row[1:] = np.minimum(row[1:], table[i - 1, :-1] + (labels != pitch))
        # A run of insertions reaches column j from column k at the cost j - k.
        table[i] = np.minimum.accumulate(row - columns) + columns
    return table


def _align(reference: list[int], estimated: list[int]) -> list[tuple[int, int]]:
    """Matched and substituted notes as (reference index, estimate index), in order."""
    table = _edit_table(reference, estimated)
    pairs = []
    i, j = len(reference), len(estimated)
    while i and j:
        differ = int(reference[i - 1] != estimated[j - 1])
        if table[i, j] == table[i - 1, j - 1] + differ:
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif table[i, j] == table[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
    return pairs[::-1]


def _transcription() -> Any:
    try:
        import mir_eval.transcription
    except ImportError:
        raise InputError(
            "timed note measures need mir_eval; install it with: pip install 'seqmelody[test]'"
        ) from None
    return mir_eval.transcription


def _intervals(notes: Sequence[Note], whose: str) -> NDArray[np.float64]:
    """Onsets and offsets in seconds, shape (notes, 2)."""
    for note in notes:
        if not 0 <= note.onset < note.offset < math.inf:
            raise InputError(
                f"{whose}: a note from {note.onset:g} s to {note.offset:g} s cannot be scored; "
                "onsets must be at least 0 and offsets later than onsets"
            )
    return np.array([[note.onset, note.offset] for note in notes])


def _frequencies(notes: Sequence[Note], with_pitch: bool) -> NDArray[np.float64]:
    """Hertz, shape (notes,); all alike where the pitch shall not count."""
    pitches = np.array([note.pitch if with_pitch else 69.0 for note in notes])
    if not np.isfinite(pitches).all():
        raise InputError("a pitch is not finite; leave unpitched notes out")
    return hertz(pitches)
