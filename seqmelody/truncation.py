"""Is a sound file cut off? FLAC breaks where it ends; of other formats the reader takes what is
there for the whole, and a melody would end early without a word.

Recorders that write while they record state no length, or the largest there is; that is no fault.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

import soundfile

NO_LENGTH = 0x7FFF0000  # bytes, of a RIFF chunk: from here on it states none
FEWEST_MISSING = 0.01  # of the data; headers that are off by a little are no cut
TAG_BYTES = 8192  # at the beginning of an MP3, in which its length tag lies
PAGE_BYTES = 65_536  # an Ogg page is smaller
LAST_PAGE = 4  # flag in an Ogg page's header (RFC 3533, section 6)


def is_cut_off(file: BinaryIO, sound: soundfile.SoundFile) -> bool:
    """Whether a file holds less than it says; for MP3 only known when it has been read.

    Args:
        file: the bytes, seekable; its place stays as it was.
        sound: the same file as opened, or read to its end.
    """
    place = file.tell()
    try:
        check = CHECKS.get(sound.format)
        return check is not None and check(file, sound)
    finally:
        file.seek(place)


def _wav(file: BinaryIO, sound: soundfile.SoundFile) -> bool:
    """By the size that the chunk of samples states."""
    size = file.seek(0, os.SEEK_END)
    file.seek(12)
    while len(header := file.read(8)) == 8:
        name, stated = struct.unpack("<4sI", header)
        if name == b"data":
            left = size - file.tell()
            return bool(stated < NO_LENGTH and left < (1 - FEWEST_MISSING) * stated)
        file.seek(stated + stated % 2, os.SEEK_CUR)
    return False


def _ogg(file: BinaryIO, sound: soundfile.SoundFile) -> bool:
    """By the flag of its last page."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - PAGE_BYTES))
    end = file.read()
    page = end.rfind(b"OggS")
    return page >= 0 and len(end) > page + 5 and not end[page + 5] & LAST_PAGE


def _mp3(file: BinaryIO, sound: soundfile.SoundFile) -> bool:
    """By the frames read, where a tag states how many there are; else they are a guess."""
    file.seek(0)
    start = file.read(TAG_BYTES)
    has_length = b"Xing" in start or b"Info" in start
    return bool(has_length and sound.tell() < (1 - FEWEST_MISSING) * sound.frames)


# WAVEX: WAV with the extensible header, as more than two channels or 24 bits ask for.
CHECKS = {"WAV": _wav, "WAVEX": _wav, "OGG": _ogg, "MP3": _mp3}
