"""Writers: what is written can be read back; files appear whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import mido
import pytest

from seqmelody import writers
from seqmelody.decoding.agreement import Disagreement, agreed, disagreements
from seqmelody.errors import OutputError
from seqmelody.notes import Note
from seqmelody.writers import (
    COLUMNS,
    DEFAULT_FORMAT,
    TICKS_PER_SECOND,
    WRITERS,
    format_of_suffix,
    to_json,
    to_midi,
    to_tsv,
    write_atomically,
)

NOTES = [
    Note(0.0, 0.5, 60, 0.912),
    Note(0.5, 1.0, 60, 1.0),  # repeated without a gap
    Note(1.0, 1.2345, 61, 0.0),
    Note(1.5, 3600.25, 108, 0.5),
]


def read_midi(data: bytes) -> list[Note]:
    """Notes of a MIDI file, in seconds."""
    sounding: dict[int, tuple[float, int]] = {}
    notes, now = [], 0.0
    for message in mido.MidiFile(file=io.BytesIO(data)):
        now += message.time
        if message.type == "note_on":
            assert message.note not in sounding
            sounding[message.note] = (now, message.velocity)
        elif message.type == "note_off":
            onset, velocity = sounding.pop(message.note)
            notes.append(Note(onset, now, message.note, velocity / 127))
    assert not sounding
    return notes


def test_midi_reads_back_within_a_tick() -> None:
    read = read_midi(WRITERS["midi"].render(NOTES))
    assert [note.pitch for note in read] == [note.pitch for note in NOTES]
    for back, note in zip(read, NOTES, strict=True):
        assert back.onset == pytest.approx(note.onset, abs=1 / TICKS_PER_SECOND)
        assert back.offset == pytest.approx(note.offset, abs=1 / TICKS_PER_SECOND)
        assert back.confidence == pytest.approx(note.confidence, abs=1 / 127)


def test_midi_header() -> None:
    midi = mido.MidiFile(file=io.BytesIO(WRITERS["midi"].render(NOTES)))
    assert (midi.type, midi.ticks_per_beat, len(midi.tracks)) == (0, 480, 1)


def test_midi_ends_a_note_before_the_next_begins() -> None:
    midi = mido.MidiFile(file=io.BytesIO(WRITERS["midi"].render(NOTES[:2])))
    kinds = [message.type for message in midi.tracks[0] if message.type.startswith("note")]
    assert kinds == ["note_on", "note_off", "note_on", "note_off"]


def test_midi_notes_shorter_than_a_tick_last_one() -> None:
    (note,) = read_midi(WRITERS["midi"].render([Note(1.0, 1.0001, 60)]))
    assert note.duration == pytest.approx(1 / TICKS_PER_SECOND)


@pytest.mark.parametrize(("name", "delimiter"), [("tsv", "\t"), ("csv", ",")])
def test_tables_read_back(name: str, delimiter: str) -> None:
    text = WRITERS[name].render(NOTES).decode()
    rows = list(csv.DictReader(io.StringIO(text), delimiter=delimiter))
    assert tuple(rows[0]) == COLUMNS
    assert [row["name"] for row in rows] == ["C4", "C4", "C#4", "C8"]
    for row, note in zip(rows, NOTES, strict=True):
        assert int(row["pitch"]) == note.pitch
        assert float(row["onset"]) == pytest.approx(note.onset, abs=0.0006)
        assert float(row["offset"]) == pytest.approx(note.offset, abs=0.0006)
        assert float(row["confidence"]) == pytest.approx(note.confidence, abs=0.0006)


def test_tsv_is_as_documented() -> None:
    text = WRITERS["tsv"].render(NOTES[:1]).decode()
    assert text == "onset\toffset\tpitch\tname\tconfidence\n0.000\t0.500\t60\tC4\t0.912\n"


def test_json_reads_back() -> None:
    melody = json.loads(WRITERS["json"].render(NOTES, 3601.0))
    assert melody["duration"] == 3601.0
    assert melody["notes"][2] == {
        "onset": 1.0,
        "offset": 1.234,
        "pitch": 61,
        "name": "C#4",
        "confidence": 0.0,
    }
    assert json.loads(WRITERS["json"].render(NOTES))["duration"] == 3600.25


@pytest.mark.parametrize("name", WRITERS)
def test_no_notes_are_a_valid_file(name: str) -> None:
    data = WRITERS[name].render([])
    if name == "midi":
        assert read_midi(data) == []
    elif name == "json":
        assert json.loads(data) == {"duration": 0.0, "notes": []}
    else:
        assert len(data.splitlines()) == 1


PLACES = [
    Disagreement(1.25, 1.5, (NOTES[2],), (NOTES[0], NOTES[1])),
    Disagreement(3601.0, 3602.0, (), (NOTES[3],)),
]


def test_disagreements_in_tsv_are_comments() -> None:
    text = WRITERS["tsv"].render(NOTES, None, PLACES).decode()
    assert text.encode().startswith(WRITERS["tsv"].render(NOTES))
    assert text.splitlines()[-2:] == [
        "# disagreement 1.250 1.500 ctc: C#4 window: C4 C4",
        "# disagreement 3601.000 3602.000 ctc: - window: C8",
    ]
    assert WRITERS["csv"].render(NOTES, None, PLACES) == WRITERS["csv"].render(NOTES)


def test_the_documented_disagreement_occurs() -> None:
    """The windows read a repeat that the CTC head does not; the note that both read is no part."""
    one, two = [Note(1.1, 1.5, 60)], [Note(1.1, 1.34, 60), Note(1.35, 1.5, 60)]
    line = to_tsv(agreed(one, two), None, disagreements(one, two)).decode().splitlines()[-1]
    assert line == "# disagreement 1.350 1.500 ctc: - window: C4"
    assert line in str(writers.__doc__)


def test_disagreements_in_json_hold_the_notes() -> None:
    melody = json.loads(WRITERS["json"].render(NOTES, 3601.0, PLACES))
    first, second = melody["disagreements"]
    assert (first["onset"], first["offset"]) == (1.25, 1.5)
    assert first["ctc"] == [melody["notes"][2]]
    assert first["window"] == melody["notes"][:2]
    assert second["ctc"] == []


def test_disagreements_in_midi_are_markers() -> None:
    data = WRITERS["midi"].render(NOTES, None, PLACES)
    assert read_midi(data) == read_midi(WRITERS["midi"].render(NOTES))
    found, now = [], 0.0
    for message in mido.MidiFile(file=io.BytesIO(data)):
        now += message.time
        if message.type == "marker":
            found.append((pytest.approx(now, abs=1 / TICKS_PER_SECOND), message.text))
    assert found == [
        (1.25, "disagreement ctc: C#4 window: C4 C4"),
        (3601.0, "disagreement ctc: - window: C8"),
    ]


def test_suffixes() -> None:
    assert DEFAULT_FORMAT in WRITERS
    assert all(format_of_suffix(writer.suffix) == name for name, writer in WRITERS.items())
    assert format_of_suffix(".MIDI") == "midi"
    assert format_of_suffix(".wav") is None
    assert format_of_suffix("") is None


def test_write_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "notes.tsv"
    path.write_bytes(b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["notes.tsv"]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "notes.tsv"
    path.write_bytes(b"old")

    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OutputError, match=r"notes.tsv: .*No space left on device.*; choose"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["notes.tsv"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.tsv").write_bytes(b"old")
    (tmp_path / "link.tsv").symlink_to("real.tsv")
    write_atomically(tmp_path / "link.tsv", b"new")
    assert (tmp_path / "link.tsv").is_symlink()
    assert (tmp_path / "real.tsv").read_bytes() == b"new"


def test_a_pipe_is_written_not_replaced(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    write_atomically(f"/dev/fd/{writer}", b"notes")
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == b"notes"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing/notes.tsv", "does not exist; create it"),
        ("file/notes.tsv", "does not exist; create it"),
        ("folder", "is a folder; name a file"),
        ("/proc/notes.tsv", "cannot be written|no permission"),
    ],
)
def test_unwritable_places(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    path = tmp_path / name
    with pytest.raises(OutputError, match=reason) as caught:
        write_atomically(path, b"notes")
    assert str(caught.value).startswith(f"{path}: ")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_measured_pitches_are_written_to_the_cent() -> None:
    notes = [Note(0.0, 0.5, 60.2149), Note(0.5, 1.0, 59.8), Note(1.0, 1.5, 60.0)]
    rows = to_tsv(notes).decode().splitlines()[1:]
    assert [row.split("\t")[2:4] for row in rows] == [
        ["60.21", "C4"],
        ["59.80", "C4"],
        ["60", "C4"],
    ]
    assert [row["pitch"] for row in json.loads(to_json(notes))["notes"]] == [60.21, 59.8, 60]
    midi = mido.MidiFile(file=io.BytesIO(to_midi(notes)))
    assert [m.note for m in midi.tracks[0] if m.type == "note_on"] == [60, 60, 60]
