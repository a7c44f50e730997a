"""Score check: each note's kind, the table and the JSON, and the aligned list in every format."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import mido
import pytest

from seqmelody.cli import main
from seqmelody.list_alignment import AlignedNote
from seqmelody.score_check import (
    KINDS,
    check_to_json,
    check_to_text,
    counts,
    findings,
    render_alignment,
)
from seqmelody.writers import WRITERS
from tests.test_align import record

NOTES = [
    AlignedNote("ok", 60, 60, 0.0, 0.5, 0.9),
    AlignedNote("wrong", 62, 63, 0.5, 1.0, 0.8),
    AlignedNote("wrong", 64, 76, 1.0, 1.5, 0.7),
    AlignedNote("wrong", 64, 40, 1.5, 2.0, 0.7),
    AlignedNote("missing", 65, None, 2.0, 2.0, 0.0),
    AlignedNote("extra", None, 67, 2.0, 2.5, 0.6),
]


def test_kinds() -> None:
    kinds = ["hit", "wrong", "octave", "octave", "missing", "extra"]
    assert [f.kind for f in findings(NOTES)] == kinds
    assert counts(findings(NOTES)) == {
        "hit": 1, "wrong": 1, "octave": 2, "missing": 1, "extra": 1,
    }  # fmt: skip


def test_text_names_every_difference_with_its_time() -> None:
    summary, _, *rows = check_to_text(NOTES).splitlines()
    assert summary == "1 of 5 listed notes as written; 1 wrong, 2 an octave off, 1 missing, 1 extra"
    assert [row.split() for row in rows] == [
        ["0.500", "1.000", "wrong", "D4", "D#4"],
        ["1.000", "1.500", "octave", "E4", "E5"],
        ["1.500", "2.000", "octave", "E4", "E2"],
        ["2.000", "2.000", "missing", "F4", "-"],
        ["2.000", "2.500", "extra", "-", "G4"],
    ]


def test_text_without_a_difference_is_one_line() -> None:
    assert check_to_text(NOTES[:1]).count("\n") == 1


def test_json() -> None:
    data = json.loads(check_to_json(NOTES, 3.0))
    assert data["duration"] == 3.0
    assert set(data["counts"]) == set(KINDS)
    assert [n["kind"] for n in data["notes"]] == [f.kind for f in findings(NOTES)]
    assert data["notes"][4]["heard"] is None


@pytest.mark.parametrize(("name", "delimiter"), [("tsv", "\t"), ("csv", ",")])
def test_tables_have_the_columns_of_decode_and_two_more(name: str, delimiter: str) -> None:
    text = render_alignment(name, NOTES, 3.0).decode()
    rows = list(csv.DictReader(io.StringIO(text), delimiter=delimiter))
    assert list(rows[0]) == ["onset", "offset", "pitch", "name", "confidence", "mark", "heard"]
    assert [(r["pitch"], r["name"], r["heard"]) for r in rows[3:]] == [
        ("64", "E4", "40"), ("65", "F4", ""), ("67", "G4", "67"),
    ]  # fmt: skip


def test_formats_without_marks_hold_what_sounded() -> None:
    file = mido.MidiFile(file=io.BytesIO(render_alignment("midi", NOTES)))
    assert [m.note for m in file if m.type == "note_on"] == [60, 63, 76, 40, 67]


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_of_decode(name: str) -> None:
    assert render_alignment(name, NOTES, 3.0)


def test_check_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    audio = record(tmp_path / "take.wav")
    (tmp_path / "take.txt").write_text("C4 E5 G4")
    for options in ([], ["--json"]):
        monkeypatch.setattr(sys, "argv", ["seqmelody", "check", str(audio), *options])
        with pytest.raises(SystemExit) as caught:
            main()
        assert not caught.value.code
    out = capfd.readouterr().out
    text, data = out.split("\n{", 1)
    assert text.startswith("2 of 3 listed notes as written; 0 wrong, 1 an octave off")
    number = json.loads("{" + data)["counts"]
    assert number == {"hit": 2, "wrong": 0, "octave": 1, "missing": 0, "extra": 1}
