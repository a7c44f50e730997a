"""Writers: notes as files. One row of ``WRITERS`` is one format; the command line reads the table.

Tables (TSV, CSV) have the columns of ``COLUMNS``: seconds, MIDI number (whole, or with cents as
``60.21`` where intonation was measured), note name, confidence.
JSON holds the same under ``notes``, and ``duration``, the length of the recording in seconds.
Places where two decoders disagree follow the table in TSV, as comments
(``# disagreement 1.350 1.500 ctc: - window: C4``, the names of the notes that only one of them
reads there, ``-`` for none; notes on which they agree are left out), are a list ``disagreements``
in JSON, and marker events with the same text in MIDI. CSV knows no comments and does not hold them.
MIDI is one track (type 0) at 120 beats per minute, 480 ticks a beat, so a tick is 1/960 s; the
velocity 1..127 is the confidence, and intonation is left out.
"""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from seqmelody.errors import InputError, OutputError
from seqmelody.notes import Note, format_note_list

COLUMNS = ("onset", "offset", "pitch", "name", "confidence")
DECIMALS = 3  # of seconds and confidences in text formats
TICKS_PER_BEAT = 480
MICROSECONDS_PER_BEAT = 500_000  # 120 beats per minute
TICKS_PER_SECOND = TICKS_PER_BEAT * 1_000_000 / MICROSECONDS_PER_BEAT


class Place(Protocol):
    """Where two decoders disagree; see :class:`seqmelody.decoding.agreement.Disagreement`."""

    @property
    def onset(self) -> float:
        """Seconds."""
        ...

    @property
    def offset(self) -> float:
        """Seconds."""
        ...

    @property
    def ctc(self) -> Sequence[Note]:
        """What only the CTC head reads there."""
        ...

    @property
    def window(self) -> Sequence[Note]:
        """What only the window head reads there."""
        ...


class Render(Protocol):
    """Turns notes into the bytes of a file."""

    def __call__(
        self,
        notes: Sequence[Note],
        duration: float | None = None,
        disagreements: Sequence[Place] = (),
    ) -> bytes:
        """``duration``: of the recording, in seconds, for the formats that tell it, as some do the
        places where decoders disagree."""
        ...


@dataclass(frozen=True, slots=True)
class Writer:
    """A file format.

    Attributes:
        suffix: of its files, with the dot.
        render: notes to bytes.
        binary: not fit for a terminal.
    """

    suffix: str
    render: Render
    binary: bool = False


def to_tsv(
    notes: Sequence[Note], duration: float | None = None, disagreements: Sequence[Place] = ()
) -> bytes:
    """Tab-separated table, one note a line; then a comment for each disagreement."""
    comments = [
        f"# disagreement {p.onset:.{DECIMALS}f} {p.offset:.{DECIMALS}f} {_readings(p)}\n"
        for p in disagreements
    ]
    return _table(notes, "\t") + "".join(comments).encode()


def to_csv(
    notes: Sequence[Note], duration: float | None = None, disagreements: Sequence[Place] = ()
) -> bytes:
    """Comma-separated table, one note a line."""
    return _table(notes, ",")


def to_json(
    notes: Sequence[Note], duration: float | None = None, disagreements: Sequence[Place] = ()
) -> bytes:
    """Object with ``duration`` (without one, the last offset), the list ``notes`` and, if there are
    any, ``disagreements``."""
    if duration is None:
        duration = max((note.offset for note in notes), default=0.0)
    melody: dict[str, object] = {"duration": round(duration, DECIMALS), "notes": _rows(notes)}
    if disagreements:
        melody["disagreements"] = [
            {
                "onset": round(place.onset, DECIMALS),
                "offset": round(place.offset, DECIMALS),
                "ctc": _rows(place.ctc),
                "window": _rows(place.window),
            }
            for place in disagreements
        ]
    return (json.dumps(melody, indent=2) + "\n").encode()


def _rows(notes: Sequence[Note]) -> list[dict[str, float | str]]:
    return [
        {
            "onset": round(note.onset, DECIMALS),
            "offset": round(note.offset, DECIMALS),
            "pitch": _pitch(note),
            "name": note.name,
            "confidence": round(note.confidence, DECIMALS),
        }
        for note in notes
    ]


def _pitch(note: Note) -> float:
    """A whole number where the pitch is one, else to the cent."""
    return round(note.pitch) if note.pitch == round(note.pitch) else round(note.pitch, 2)


def _readings(place: Place) -> str:
    """What only either decoder reads there: ``ctc: - window: C4``; ``-`` for nothing."""
    ctc, window = (format_note_list(n.pitch for n in notes) for notes in (place.ctc, place.window))
    return f"ctc: {ctc or '-'} window: {window or '-'}"


def to_midi(
    notes: Sequence[Note], duration: float | None = None, disagreements: Sequence[Place] = ()
) -> bytes:
    """Standard MIDI file, type 0."""
    import mido  # not needed by the other formats

    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=MICROSECONDS_PER_BEAT)])
    timed = [
        (tick, mido.Message("note_on" if kind else "note_off", note=pitch, velocity=velocity))
        for tick, kind, pitch, velocity in sorted(_midi_events(notes))
    ]
    timed += [
        (_tick(place.onset), mido.MetaMessage("marker", text=f"disagreement {_readings(place)}"))
        for place in disagreements
    ]
    now = 0
    for tick, message in sorted(timed, key=lambda pair: pair[0]):  # stable: notes stay in order
        track.append(message.copy(time=tick - now))
        now = tick
    data = io.BytesIO()
    mido.MidiFile(type=0, ticks_per_beat=TICKS_PER_BEAT, tracks=[track]).save(file=data)
    return data.getvalue()


def _midi_events(notes: Sequence[Note]) -> list[tuple[int, bool, int, int]]:
    """(tick, is it a note_on?, pitch, velocity) of each note's two ends.

    Sorted, they put the end of a note before the start of the next one at the same tick; the other
    way round, a repeated note would be cut off as it starts.
    """
    events = []
    for note in notes:
        start = _tick(note.onset)
        end = max(start + 1, round(note.offset * TICKS_PER_SECOND))
        pitch = round(note.pitch)
        # A note_on of velocity 0 means note_off.
        velocity = min(127, max(1, round(127 * note.confidence)))
        events += [(start, True, pitch, velocity), (end, False, pitch, 0)]
    return events


def _tick(seconds: float) -> int:
    return max(0, round(seconds * TICKS_PER_SECOND))


def _table(notes: Sequence[Note], delimiter: str) -> bytes:
    text = io.StringIO()
    table = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    table.writerow(COLUMNS)
    for note in notes:
        table.writerow(
            [
                f"{note.onset:.{DECIMALS}f}",
                f"{note.offset:.{DECIMALS}f}",
                pitch if isinstance(pitch := _pitch(note), int) else f"{pitch:.2f}",
                note.name,
                f"{note.confidence:.{DECIMALS}f}",
            ]
        )
    return text.getvalue().encode()


WRITERS: dict[str, Writer] = {
    "tsv": Writer(".tsv", to_tsv),
    "csv": Writer(".csv", to_csv),
    "json": Writer(".json", to_json),
    "midi": Writer(".mid", to_midi, binary=True),
}
DEFAULT_FORMAT = "tsv"


def format_of_suffix(suffix: str) -> str | None:
    """Name of the format that a file suffix stands for (``.mid`` and ``.midi`` -> ``midi``)."""
    for name, writer in WRITERS.items():
        if suffix.lower() in (writer.suffix, f".{name}"):
            return name
    return None


def make_folder(folder: Path) -> None:
    """Make a folder, and those that it lies in. Raises OutputError if that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder}: the folder cannot be made ({error.strerror}); choose another place"
        ) from None


def check_suffix(output: Path, suffix: str, what: str) -> None:
    """Raise InputError if a result would get a name that promises something else."""
    if output.suffix.lower() != suffix:
        raise InputError(f"{output}: {what}; give it the suffix {suffix}")


def check_unlike(output: Path, *inputs: Path) -> None:
    """Raise InputError if a result would be written over what it is made from."""
    for path in inputs:
        if output.resolve() == path.resolve():
            raise InputError(f"{path}: the result would replace it; write to another file")


def check_writable(path: Path) -> None:
    """Find out before the work whether its result can be written.

    Raises:
        OutputError: the path is a folder, its folder does not exist, or writing is not allowed.
    """
    if os.path.isdir(path):
        raise OutputError(f"{path}: is a folder; name a file in it")
    if not os.path.isdir(path.parent):
        raise OutputError(f"{path}: the folder {path.parent} does not exist; create it first")
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise OutputError(f"{path}: no permission to write there; choose another place")
    if not _is_device(path):
        check_folder(path.parent)


def check_folder(folder: Path) -> None:
    """Raise OutputError if no file can be made in a folder."""
    if not os.access(folder, os.W_OK):
        raise OutputError(f"{folder}: no permission to write there; choose another place")


def _is_device(path: Path) -> bool:
    """Something that is written to and must not be replaced, such as /dev/null or a pipe."""
    return os.path.exists(path) and not os.path.isfile(path)


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file whole or not at all: a reader never sees half of it.

    Raises:
        OutputError: as in :func:`check_writable`, or the disk is full or fails.
    """
    path = Path(path)
    check_writable(path)
    try:
        if _is_device(path):
            path.write_bytes(data)
        else:
            _replace(path.resolve(), data)  # a link stays a link
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror}); choose another place"
        ) from None


def _replace(path: Path, data: bytes) -> None:
    # In the same folder: a rename is atomic within one file system only.
    temporary = path.parent / f".seqmelody-{secrets.token_hex(8)}.tmp"
    try:
        temporary.write_bytes(data)
        if path.exists():
            temporary.chmod(path.stat().st_mode)  # who may read it stays as it was
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
