"""Score check: what a recording has of a note list, and the aligned list as a file.

Of each listed note: a *hit* (as written), *wrong* (another pitch), *octave* (another pitch, whole
octaves off: a slip of the player's register, or of the recogniser's) or *missing*; and *extra*
notes that the list lacks. Hits, wrong notes, octave slips and missing notes add up to the list.

Tables (TSV, CSV) and JSON have the columns that decoding writes, and two more: ``mark`` and
``heard``. ``pitch`` is the listed one, ``heard`` the one played; an extra note has what was heard
in both, a missing one nothing in ``heard``, and its onset is its offset. Formats that only hold
notes, such as MIDI, get those that sounded, at the pitch played.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from seqmelody.list_alignment import AlignedNote
from seqmelody.notes import Note, pitch_name
from seqmelody.writers import COLUMNS, DECIMALS, WRITERS

KINDS = ("hit", "wrong", "octave", "missing", "extra")
Value = str | float | None
_DELIMITERS = {"tsv": "\t", "csv": ","}


@dataclass(frozen=True, slots=True)
class Finding:
    """One note and what became of it: one of ``KINDS``."""

    kind: str
    note: AlignedNote


def findings(notes: Sequence[AlignedNote]) -> list[Finding]:
    """Say of each aligned note what it is."""
    return [Finding(_kind(note), note) for note in notes]


def counts(found: Sequence[Finding]) -> dict[str, int]:
    """How many of each kind; every kind is named."""
    return {kind: sum(f.kind == kind for f in found) for kind in KINDS}


def _kind(note: AlignedNote) -> str:
    if note.listed is not None and note.heard is not None and note.listed != note.heard:
        return "octave" if (note.listed - note.heard) % 12 == 0 else "wrong"
    return "hit" if note.mark == "ok" else note.mark


def check_to_text(notes: Sequence[AlignedNote]) -> str:
    """A summary, then a line for each note that is not a hit: seconds, kind, listed, played."""
    found = findings(notes)
    number = counts(found)
    listed = len(found) - number["extra"]
    lines = [
        f"{number['hit']} of {listed} listed notes as written; {number['wrong']} wrong, "
        f"{number['octave']} an octave off, {number['missing']} missing, {number['extra']} extra"
    ]
    if number["hit"] < len(found):
        lines.append(f"{'onset':>9} {'offset':>9}  {'what':<8} {'listed':<6} played")
    for item in found:
        if item.kind != "hit":
            note = item.note
            lines.append(
                f"{note.onset:9.{DECIMALS}f} {note.offset:9.{DECIMALS}f}  {item.kind:<8} "
                f"{_name(note.listed):<6} {_name(note.heard)}"
            )
    return "\n".join(lines) + "\n"


def check_to_json(notes: Sequence[AlignedNote], duration: float) -> str:
    """Object with ``duration``, ``counts`` by kind, and every note with its ``kind``."""
    found = findings(notes)
    rows = [
        {
            "kind": item.kind,
            "onset": round(item.note.onset, DECIMALS),
            "offset": round(item.note.offset, DECIMALS),
            "listed": item.note.listed,
            "heard": item.note.heard,
            "confidence": round(item.note.confidence, DECIMALS),
        }
        for item in found
    ]
    data = {"duration": round(duration, DECIMALS), "counts": counts(found), "notes": rows}
    return json.dumps(data, indent=2) + "\n"


def render_alignment(
    format_name: str, notes: Sequence[AlignedNote], duration: float | None = None
) -> bytes:
    """Aligned notes as a file in one of the formats of ``WRITERS``."""
    if format_name in _DELIMITERS:
        return _table(notes, _DELIMITERS[format_name])
    if format_name == "json":
        melody = {"duration": None if duration is None else round(duration, DECIMALS)}
        rows = [_row(note, lambda seconds: round(seconds, DECIMALS)) for note in notes]
        return (json.dumps(melody | {"notes": rows}, indent=2) + "\n").encode()
    sounding = [
        Note(note.onset, note.offset, note.heard, note.confidence)
        for note in notes
        if note.heard is not None
    ]
    return WRITERS[format_name].render(sounding, duration)


def _row(note: AlignedNote, number: Callable[[float], Value]) -> dict[str, Value]:
    pitch = note.heard if note.listed is None else note.listed
    values = (number(note.onset), number(note.offset), pitch, _name(pitch), number(note.confidence))
    return {**dict(zip(COLUMNS, values, strict=True)), "mark": note.mark, "heard": note.heard}


def _table(notes: Sequence[AlignedNote], delimiter: str) -> bytes:
    text = io.StringIO()
    table = csv.DictWriter(
        text, [*COLUMNS, "mark", "heard"], delimiter=delimiter, lineterminator="\n"
    )
    table.writeheader()
    table.writerows(_row(note, lambda value: f"{value:.{DECIMALS}f}") for note in notes)
    return text.getvalue().encode()


def _name(pitch: int | None) -> str:
    return "-" if pitch is None else pitch_name(pitch)
