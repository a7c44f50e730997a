"""Notes, the pitch vocabulary, and note lists as text.

A pitch is a MIDI number (69 = A4 = 440 Hz, one unit a semitone). Note names are in scientific
pitch notation: C4 is middle C, MIDI 60; sharps are ``#`` or ``♯``, flats ``b`` or ``♭``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seqmelody.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NO_NOTE = 0  # reserved class: "no note" of the window head, blank of the CTC head
SHARP_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTALS = {"#": 1, "♯": 1, "b": -1, "♭": -1}
_NAME = re.compile(r"([A-Ga-g])([#♯b♭]{0,2})(-?\d{1,2})")


@dataclass(frozen=True, slots=True)
class Note:
    """One note of a melody.

    Attributes:
        onset: start in seconds.
        offset: end in seconds, after ``onset``.
        pitch: MIDI number; recognised notes are whole numbers unless their intonation was measured,
            reference labels may be fractional.
        confidence: between 0 and 1.
    """

    onset: float
    offset: float
    pitch: float
    confidence: float = 1.0

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.offset - self.onset

    @property
    def name(self) -> str:
        """Name of the nearest semitone, e.g. ``C#4``."""
        return pitch_name(self.pitch)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The n pitches a model knows: MIDI ``low``..``high`` are classes 1..n; class 0 is reserved.

    The default spans 28 (E1, the double bass's lowest string) to 108 (C8, the piccolo's top).
    """

    low: int = 28
    high: int = 108

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= 127:
            raise InputError(
                f"vocabulary {self.low}..{self.high} is no range of MIDI pitches; "
                "use 0 <= low <= high <= 127"
            )

    @property
    def n_pitches(self) -> int:
        """n, the number of pitches."""
        return self.high - self.low + 1

    @property
    def n_classes(self) -> int:
        """n + 1: the pitches and the reserved class 0."""
        return self.n_pitches + 1

    def __contains__(self, pitch: float) -> bool:
        return self.low <= round(pitch) <= self.high

    def to_class(self, pitch: float) -> int:
        """Class of the nearest semitone. Raises InputError outside the vocabulary."""
        if pitch not in self:
            raise InputError(
                f"pitch {pitch:g} lies outside the vocabulary {self.low}..{self.high}; "
                "transpose it or use a model with a wider vocabulary"
            )
        return round(pitch) - self.low + 1

    def to_pitch(self, label: int) -> int:
        """MIDI pitch of class ``label`` (1..n). Raises InputError for any other."""
        if not 1 <= label <= self.n_pitches:
            raise InputError(f"class {label} is no pitch; pitches are classes 1..{self.n_pitches}")
        return self.low + label - 1


def hertz(pitches: NDArray[np.float64]) -> NDArray[np.float64]:
    """Frequencies of MIDI pitches, in equal temperament at A4 = 440 Hz; shape kept."""
    frequencies: NDArray[np.float64] = 440.0 * 2.0 ** ((pitches - 69.0) / 12.0)
    return frequencies


def pitch_name(pitch: float) -> str:
    """Name of the semitone nearest to a MIDI pitch: 60 -> ``C4``, 61 -> ``C#4``."""
    semitone = round(pitch)
    return f"{SHARP_NAMES[semitone % 12]}{semitone // 12 - 1}"


def parse_pitch(text: str) -> int:
    """MIDI number of a note name or number: ``C4`` -> 60, ``Db4`` -> 61, ``62`` -> 62.

    Raises:
        InputError: neither a name nor a number from 0 to 127.
    """
    if re.fullmatch(r"\d{1,3}", text):
        pitch = int(text)
    elif match := _NAME.fullmatch(text):
        step, accidentals, octave = match.groups()
        shift = sum(_ACCIDENTALS[a] for a in accidentals)
        pitch = 12 * (int(octave) + 1) + _STEPS[step.upper()] + shift
    else:
        raise InputError(
            f"{text!r} is no note; write a letter A to G, # or b, and the octave, such as C#4, or "
            "a MIDI number"
        )
    if not 0 <= pitch <= 127:
        raise InputError(f"{text!r} lies outside MIDI 0..127 (C-1 to G9)")
    return pitch


def parse_note_list(text: str) -> list[int]:
    """MIDI numbers of a note list: names or numbers parted by white space; ``#`` at the start of
    a word begins a comment that runs to the end of the line.

    Raises:
        InputError: a word is no note; the message names its line.
    """
    pitches = []
    for number, line in enumerate(text.splitlines(), start=1):
        for word in line.split():
            if word.startswith("#"):
                break
            try:
                pitches.append(parse_pitch(word))
            except InputError as error:
                parted = re.search("[,;|]", word)
                reason = f"{word!r}: notes are parted by blanks alone" if parted else str(error)
                raise InputError(f"line {number}: {reason}") from None
    return pitches


def format_note_list(pitches: Iterable[float]) -> str:
    """Note names parted by blanks; the inverse of :func:`parse_note_list`."""
    return " ".join(pitch_name(p) for p in pitches)
