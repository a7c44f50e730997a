"""A user's own recordings, with labels of the same name beside them.

``x.wav`` + ``x.mid``: aligned notes, all tracks and channels but drums (channel 10).
``x.wav`` + ``x.tsv`` or ``x.csv``: aligned; a header names onset and offset (seconds) and pitch
(MIDI number, fractional or not, or a name such as C#4); other columns are ignored, so what
``seqmelody decode`` writes can be corrected and read back. In what ``seqmelody align`` writes,
notes marked missing are passed over and the others have the pitch ``heard``.
``x.wav`` + ``x.txt``: weak; a note list such as ``C4 D4 62``, as ``seqmelody align`` takes it.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import mido

from data_tools import midi
from data_tools.importers.entries import Faulty, Item, LeftOut, Recording, one_line
from seqmelody.audio import find_audio
from seqmelody.errors import InputError
from seqmelody.note_lists import read_note_list
from seqmelody.notes import Note, parse_pitch

COLUMNS = ("onset", "offset", "pitch")
DELIMITERS = {".tsv": "\t", ".csv": ","}


def sidecar(folder: Path) -> Iterator[Item]:
    """Every recording: faulty are those whose label is unusable or holds chords, and those that
    have two labels; left out are those that have none."""
    for audio in find_audio(folder):
        labels = [p for suffix in READERS if (p := audio.with_suffix(suffix)).exists()]
        if not labels:
            yield LeftOut(str(audio), f"no {' '.join(READERS)} beside it")
            continue
        try:
            yield _labelled(audio, labels)
        except InputError as error:
            yield Faulty(audio, error)


def _labelled(audio: Path, labels: list[Path]) -> Recording:
    if len(labels) > 1:
        names = " and ".join(p.name for p in labels)
        raise InputError(f"{audio}: has {names} beside it; keep the one to use")
    return READERS[labels[0].suffix](audio, labels[0])


def _from_midi(audio: Path, path: Path) -> Recording:
    try:
        notes = list(_midi_notes(mido.MidiFile(path)))
    except midi.ERRORS as error:
        raise InputError(f"{path}: not a readable MIDI file ({error}); export it again") from None
    if not notes:
        raise InputError(f"{path}: holds no note; move it away if the recording has none")
    return Recording(audio, one_line(notes, path))


def _midi_notes(file: mido.MidiFile) -> Iterator[Note]:
    """Notes in seconds, tempo changes followed; a note that is never ended is none."""
    now = 0.0
    sounding: dict[tuple[int, int], float] = {}  # (channel, pitch) -> onset
    for message in file:
        now += message.time
        if message.type not in ("note_on", "note_off") or message.channel == midi.DRUMS:
            continue
        key = (message.channel, message.note)
        onset = sounding.pop(key, now)
        if now > onset:
            yield Note(onset, now, float(message.note))
        if message.type == "note_on" and message.velocity > 0:
            sounding[key] = now


def _from_table(audio: Path, path: Path) -> Recording:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file, delimiter=DELIMITERS[path.suffix]))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as a table ({error}); save it as text") from None
    header = [name.strip().lower() for name in rows[0]] if rows else []
    if not set(COLUMNS) <= set(header):
        raise InputError(f"{path}: its first line does not name {', '.join(COLUMNS)}; add it")
    aligned = {"mark", "heard"} <= set(header)
    columns = (*COLUMNS[:2], "heard") if aligned else COLUMNS
    places = [header.index(name) for name in columns]
    notes = [
        _row_note(path, line, row, places)
        for line, row in enumerate(rows[1:], 2)
        if row
        and not row[0].startswith("#")  # where the decoders disagreed, for instance
        and not (aligned and row[header.index("mark") :][:1] == ["missing"])
    ]
    return Recording(audio, one_line(notes, path))


def _row_note(path: Path, line: int, row: list[str], places: list[int]) -> Note:
    try:
        onset, offset, pitch = (row[place].strip() for place in places)
        return Note(float(onset), float(offset), _pitch(pitch))
    except (IndexError, ValueError):  # InputError of parse_pitch is a ValueError
        raise InputError(
            f"{path}, line {line}: {row} has no onset, offset and pitch; write seconds and a "
            "MIDI number or a name"
        ) from None


def _pitch(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float(parse_pitch(text))


def _from_list(audio: Path, path: Path) -> Recording:
    return Recording(audio, pitches=tuple(read_note_list(path)))


READERS: dict[str, Callable[[Path, Path], Recording]] = {
    ".mid": _from_midi,
    ".midi": _from_midi,
    ".tsv": _from_table,
    ".csv": _from_table,
    ".txt": _from_list,
}
