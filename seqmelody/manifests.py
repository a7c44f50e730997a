"""Manifests: recordings and what is played in them, one JSON object a line.

``{"audio": "a.flac", "notes": [[onset, offset, pitch], ...]}`` is an aligned entry (seconds, MIDI
pitch), ``{"audio": "a.flac", "pitches": [60, 62, 60]}`` a weak one: order only. An entry may be
partly aligned: with ``"untimed": [[begin, end], ...]``, in seconds, its ``notes`` leave open what
sounds in those stretches, and its ``pitches`` are all notes in their order. Audio paths are
relative to the manifest; other keys are passed over.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

from seqmelody.errors import InputError
from seqmelody.notes import Note

RINGING_SECONDS = 2.0  # that a label may let its last note sound after the recording
LARGEST = 1e9  # number that can be seconds or a pitch; infinity and NaN are not below it


class Stretch(NamedTuple):
    """Of a recording, in seconds."""

    begin: float
    end: float


class ManifestEntry(NamedTuple):
    """One recording: ``notes`` is None where only the order of ``pitches`` is known, and lacks
    those in the stretches ``untimed``."""

    audio: Path
    pitches: tuple[int, ...]
    notes: tuple[Note, ...] | None
    untimed: tuple[Stretch, ...] = ()

    @property
    def all_notes(self) -> tuple[Note, ...] | None:
        """Every note with its times; None where some have none."""
        return None if self.untimed else self.notes


class ManifestLine(NamedTuple):
    """The text of an entry and the number of its line, from 1."""

    number: int
    text: str


def read_manifest(path: Path) -> list[ManifestEntry]:
    """Entries of a manifest, their notes by onset.

    Raises:
        InputError: missing, empty, or a line is no entry; the message names the line.
    """
    return [read_entry(path, line) for line in read_lines(path)]


def read_lines(path: Path) -> list[ManifestLine]:
    """The lines of a manifest that are not blank.

    Raises:
        InputError: missing, no text, or empty.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")  # JSON may hold other line ends
    except OSError as error:
        raise InputError(
            f"{path}: the manifest cannot be read ({error.strerror}); check the path"
        ) from None
    except UnicodeDecodeError:
        raise InputError(
            f"{path}: the manifest is not UTF-8 text; name the file of JSON lines"
        ) from None
    entries = [ManifestLine(i, line) for i, line in enumerate(lines, start=1) if line.strip()]
    if not entries:
        raise InputError(f"{path}: the manifest is empty; write one JSON object a line")
    return entries


def read_entry(path: Path, line: ManifestLine) -> ManifestEntry:
    """The entry on a line, its notes by onset. Raises InputError if it is none."""
    entry = parse_entry(path, line)
    for note in entry.notes or ():
        fault = note_fault(note)
        if fault:
            raise _no_entry(path, line, fault)
    for stretch in entry.untimed:
        fault = stretch_fault(stretch)
        if fault:
            raise _no_entry(path, line, fault)
    return entry


def parse_entry(path: Path, line: ManifestLine) -> ManifestEntry:
    """As :func:`read_entry`, but whether notes and untimed stretches make sense is left to
    :func:`note_fault` and :func:`stretch_fault`."""
    try:
        return _entry(path.parent, line.text)
    except _FaultError as fault:
        raise _no_entry(path, line, str(fault)) from None


class _FaultError(ValueError):
    """What is wrong with a line."""


def _entry(folder: Path, text: str) -> ManifestEntry:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise _FaultError(f"no JSON: {error}") from None
    if not isinstance(data, dict) or not isinstance(data.get("audio"), str):
        raise _FaultError('no object whose "audio" names a file')
    if "\0" in data["audio"]:
        raise _FaultError('"audio" holds a character that no path has')
    audio = folder / data["audio"]
    if "notes" not in data:
        if "pitches" not in data:
            raise _FaultError('neither "notes" nor "pitches"')
        return ManifestEntry(audio, _order(data["pitches"]), None)
    notes = [Note(*row) for row in _rows(data["notes"], 3, "notes")]
    notes.sort(key=lambda n: n.onset)
    untimed = tuple(Stretch(*row) for row in _rows(data.get("untimed", []), 2, "untimed"))
    if untimed and "pitches" not in data:
        raise _FaultError('"untimed" without the "pitches" of all notes')
    order = _order(data["pitches"]) if untimed else tuple(round(n.pitch) for n in notes)
    return ManifestEntry(audio, order, tuple(notes), untimed)


def _rows(rows: Any, length: int, name: str) -> list[list[float]]:
    """Rows of that many finite numbers; 60 is a number, "60" and true are none."""
    if not isinstance(rows, list):
        raise _FaultError(f'"{name}" is no list')
    for row in rows:
        if not (isinstance(row, list) and len(row) == length and all(map(_is_finite, row))):
            raise _FaultError(f'{json.dumps(row)} of "{name}" is not {length} finite numbers')
    return rows


def _order(pitches: Any) -> tuple[int, ...]:
    """Pitches whose times are unknown, to the semitone."""
    if not isinstance(pitches, list):
        raise _FaultError('"pitches" is no list')
    for pitch in pitches:
        if not (_is_finite(pitch) and 0 <= pitch <= 127):
            raise _FaultError(f'{json.dumps(pitch)} of "pitches" is no MIDI pitch, 0..127')
    return tuple(round(pitch) for pitch in pitches)


def _is_finite(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and -LARGEST <= value <= LARGEST


def note_fault(note: Note) -> str | None:
    """What keeps this from being a note, or None."""
    if not note.onset < note.offset:
        return f"the note at {note.onset:g} s ends at {note.offset:g} s, not after its onset"
    if not (note.onset >= 0 and note.offset < math.inf):
        return f"the note from {note.onset:g} to {note.offset:g} s lies outside of any recording"
    if not 0 <= note.pitch <= 127:
        return f"the note at {note.onset:g} s has pitch {note.pitch:g}; MIDI pitches are 0..127"
    return None


def stretch_fault(stretch: Stretch) -> str | None:
    """What keeps this from being a stretch of a recording, or None."""
    begin, end = stretch
    if 0 <= begin < end < math.inf:
        return None
    return f"untimed from {begin:g} to {end:g} s is no stretch"


def check_end(entry: ManifestEntry, seconds: float) -> None:
    """Raise InputError if notes begin, or end by far, after the recording: another's label."""
    for note in entry.notes or ():
        if note.onset > seconds or note.offset > seconds + RINGING_SECONDS:
            raise InputError(
                f"{entry.audio}: lasts {seconds:.2f} s, but its label has a note from "
                f"{note.onset:.2f} to {note.offset:.2f} s; are they of the same recording, in "
                "seconds?"
            )


def format_entry(entry: ManifestEntry, audio: str) -> str:
    """An entry as a line that names its recording ``audio``; the inverse of reading it.

    Times and pitches are rounded to 0.1 ms and 0.0001 semitone.
    """
    if entry.notes is None:
        return json.dumps({"audio": audio, "pitches": list(entry.pitches)})
    notes = [[round(n.onset, 4), round(n.offset, 4), _number(n.pitch)] for n in entry.notes]
    if not entry.untimed:
        return json.dumps({"audio": audio, "notes": notes})
    untimed = [[round(begin, 4), round(end, 4)] for begin, end in entry.untimed]
    partly = {"notes": notes, "pitches": list(entry.pitches), "untimed": untimed}
    return json.dumps({"audio": audio, **partly})


def _number(pitch: float) -> float:
    """Whole pitches as integers: 60, not 60.0."""
    return int(pitch) if pitch == int(pitch) else round(pitch, 4)


def _no_entry(path: Path, line: ManifestLine, reason: str) -> InputError:
    return InputError(
        f"{path}, line {line.number}: not a manifest entry ({reason}); "
        'write {"audio": ..., "notes": [[onset, offset, pitch], ...]} or "pitches": [...]'
    )
