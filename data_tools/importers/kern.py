"""``**kern`` scores beside recordings, as weak labels: ``x.krn`` says what ``x.wav`` plays.

Of a score its one ``**kern`` column is read: notes in order, tied notes as one, grace notes and
rests left out. Repeats are not written out. The representation: Huron, "The Humdrum Toolkit", 1994.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from data_tools.importers.entries import Faulty, Item, LeftOut, Recording
from seqmelody.audio import find_audio
from seqmelody.errors import InputError

STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
PITCH = re.compile(r"(([a-g])\2*|([A-G])\3*)(#*)(-*)")  # c is middle C, cc above, C below, CC ...
MIDDLE_C = 60


def kern(folder: Path) -> Iterator[Item]:
    """Every recording that has a score of its name beside it; faulty where that is no melody."""
    for audio in find_audio(folder):
        score = audio.with_suffix(".krn")
        if score.exists():
            yield _labelled(audio, score)
        else:
            yield LeftOut(str(audio), "no .krn beside it")


def _labelled(audio: Path, score: Path) -> Item:
    try:
        return Recording(audio, pitches=tuple(read_kern(score)))
    except InputError as error:
        return Faulty(audio, error)


def read_kern(path: Path) -> list[int]:
    """MIDI numbers of a score of one line.

    Raises:
        InputError: no score, more than one line, a chord, or no note.
    """
    try:
        lines = path.read_text(encoding="latin-1").splitlines()  # comments come in any encoding
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    pitches = [p for token in _tokens(path, lines) if (p := _pitch(path, token)) is not None]
    if not pitches:
        raise InputError(f"{path}: the score holds no note; move it or the recording away")
    return pitches


def _tokens(path: Path, lines: list[str]) -> Iterator[str]:
    """The data of the kern column."""
    column: int | None = None
    for line in lines:
        fields = line.split("\t")
        if line.startswith("**"):
            if fields.count("**kern") != 1:
                raise InputError(f"{path}: has not one **kern column; a melody is one line")
            column = fields.index("**kern")
        elif column is None and line and not line.startswith("!"):
            raise InputError(f"{path}: does not begin as a **kern score; export it again")
        elif line.startswith("*") and {"*^", "*+", "*x", "*v"} & set(fields):
            raise InputError(f"{path}: its columns split or cross; leave one line in the score")
        elif line and line[0] not in "!*=":
            assert column is not None
            if column >= len(fields):
                raise InputError(f"{path}: the line {line!r} lacks its kern column; export again")
            yield fields[column]


def _pitch(path: Path, token: str) -> int | None:
    """MIDI number that a token starts; None for rests, grace notes and the rest of a tie."""
    if " " in token:
        raise InputError(f"{path}: {token!r} is a chord; a melody is one line")
    if token == "." or "r" in token or {"q", "Q", "_", "]"} & set(token):
        return None
    match = PITCH.search(token)
    if match is None:
        raise InputError(f"{path}: {token!r} is no note of **kern; export the score again")
    letters, _, _, sharps, flats = match.groups()
    octave = len(letters) - 1 if letters.islower() else -len(letters)
    pitch = MIDDLE_C + 12 * octave + STEPS[letters[0].lower()] + len(sharps) - len(flats)
    if not 0 <= pitch <= 127:
        raise InputError(f"{path}: {token!r} lies outside MIDI 0..127; transpose the score")
    return pitch
