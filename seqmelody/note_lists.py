"""Note lists on disk: text files of names or MIDI numbers, one for each recording.

The list of ``take.wav`` is ``take.txt`` beside it, unless another is named.
"""

from __future__ import annotations

from pathlib import Path

from seqmelody.errors import InputError
from seqmelody.notes import parse_note_list

LIST_SUFFIX = ".txt"


def list_beside(audio: Path) -> Path:
    """Path of the list that belongs to a recording."""
    return audio.with_suffix(LIST_SUFFIX)


def read_note_list(path: Path) -> list[int]:
    """MIDI numbers of a note list; UTF-8, with or without a byte order mark.

    Raises:
        InputError: missing, unreadable, not UTF-8 text, empty, or a word in it is no note; the
            message names the file.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(
            f"{path}: the note list cannot be read ({error.strerror}); check the path"
        ) from None
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:  # no text file holds one, whatever its encoding
        raise InputError(f"{path}: the note list is not UTF-8 text; save it as UTF-8 plain text")
    try:
        pitches = parse_note_list(text)
    except InputError as error:
        raise InputError(f"{path}, {error}") from None
    if not pitches:
        raise InputError(f"{path}: the note list is empty; write at least one note")
    return pitches
