"""What importers yield, and the rule that a melody is one line of notes.

An importer reads a folder in its authors' layout and yields one item a recording: a ``Recording``
to list in a manifest, a ``Noise`` to link into a folder, or what was ``LeftOut`` and why.

One line: a note that still sounds when the next one begins is cut there. Notes that begin within
20 ms of each other are a chord, which no melody has.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from seqmelody.errors import InputError
from seqmelody.notes import Note

CHORD_SECONDS = 0.02  # onsets closer than this begin together; no one plays 50 notes a second
SHORTEST_SECONDS = 0.001  # of a note; manifests keep tenths of a millisecond


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording with aligned ``notes`` or, where only their order is known, ``pitches``."""

    audio: Path
    notes: tuple[Note, ...] | None = None
    pitches: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Noise:
    """A recording of noise; ``name`` is its path in the folder to be made, kind of noise first."""

    audio: Path
    name: Path


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A recording that is in the set and not in the output."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Faulty:
    """A recording whose label is unusable, which ends an import unless it is excluded."""

    audio: Path
    error: InputError


Item = Recording | Noise | LeftOut | Faulty


class NotOneLineError(InputError):
    """The notes of a recording are no melody; ``reason`` says it without the file's name."""

    def __init__(self, where: object, reason: str) -> None:
        super().__init__(f"{where}: {reason}; correct its labels, or move the recording away")
        self.reason = reason


def one_line(notes: Iterable[Note], where: object, *, chord_share: float = 0.0) -> tuple[Note, ...]:
    """Notes by onset, none sounding into the next.

    Args:
        notes: in any order.
        where: file they come from, for the message.
        chord_share: of the notes, how many may begin together with another one; the higher note
            is the melody then.

    Raises:
        NotOneLineError: a note is impossible, or too many begin together.
    """
    ordered = sorted(notes, key=lambda n: (n.onset, n.offset, n.pitch))
    for note in ordered:
        _check(note, where)
    line: list[Note] = []
    for note in ordered:
        if line and note.onset - line[-1].onset < CHORD_SECONDS:
            line[-1] = max(line[-1], note, key=lambda n: n.pitch)
        else:
            line.append(note)
    if len(ordered) - len(line) > chord_share * len(ordered):
        raise NotOneLineError(where, "notes begin together, so it is not one line")
    return tuple(_cut(line))


def listed(
    audio: Path, notes: Iterable[Note], where: object, *, chord_share: float = 0.0
) -> Recording | LeftOut:
    """The recording, or why it cannot be taken: one bad file does not spoil a published set."""
    try:
        return Recording(audio, one_line(notes, where, chord_share=chord_share))
    except NotOneLineError as error:
        return LeftOut(str(audio), error.reason)


def hertz_to_pitch(hertz: float) -> float:
    """MIDI number of a frequency, fractional; NaN for what is no frequency."""
    return 69.0 + 12.0 * math.log2(hertz / 440.0) if hertz > 0 else math.nan


def _check(note: Note, where: object) -> None:
    if not 0 <= note.onset < math.inf or not math.isfinite(note.offset):
        raise NotOneLineError(where, "a note lies outside the recording")
    if note.offset - note.onset < SHORTEST_SECONDS:
        raise NotOneLineError(where, "a note ends before it has begun")
    if not 0 <= note.pitch <= 127:
        raise NotOneLineError(where, "a pitch lies outside MIDI 0..127")


def _cut(line: list[Note]) -> Iterator[Note]:
    for position, note in enumerate(line):
        if position + 1 < len(line):
            note = replace(note, offset=min(note.offset, line[position + 1].onset))
        yield note
