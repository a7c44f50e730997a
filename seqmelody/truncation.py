"""Is a sound file cut off? FLAC breaks where it ends; of other formats the reader takes what is
there for the whole, and a melody would end early without a word.

Recorders that write while they record state no length, or the largest there is; that is no fault.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

import soundfile

# Bytes that a header states: from here on it states none. SoX writes 0x7F000000 into AIFF and
# 0x7FFFF000 into WAV when it cannot know; libsndfile and FFmpeg write the largest number there is.
NO_LENGTH = 0x7EFF0000
NO_LONG_LENGTH = 2**62  # of W64, RF64 and CAF, which are made to hold more
FEWEST_MISSING = 0.01  # of the data; headers that are off by a little are no cut
TAG_BYTES = 8192  # at the beginning of an MP3, after its ID3v2 tag, in which its length tag lies
PAGE_BYTES = 65_536  # an Ogg page is smaller
W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0O\x8e\xdb\x8a"  # the name of its samples
ID3_FOOTER = 0x10  # flag in an ID3v2 tag's header (ID3v2.4, section 3.1)
PAGE_HEADER = 27  # bytes, before the sizes of a page's segments
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
    file.seek(0)
    order = ">" if file.read(4) == b"RIFX" else "<"
    stated = _find_chunk(file, 12, f"{order}4sI", b"data")
    return stated is not None and _lacks(file, stated)


def _aiff(file: BinaryIO, sound: soundfile.SoundFile) -> bool:
    """By the size that the chunk of samples states."""
    stated = _find_chunk(file, 12, ">4sI", b"SSND")
    return stated is not None and _lacks(file, stated)


def _w64(file: BinaryIO, sound: soundfile.SoundFile) -> bool:
    """As WAV, with names of 16 bytes and sizes that count the chunk's header."""
    stated = _find_chunk(file, 40, "<16sQ", W64_DATA, multiple=8, counted=24)
    return stated is not None and _lacks(file, stated, NO_LONG_LENGTH)


def _rf64(file: BinaryIO, sound: soundfile.SoundFile) -> bool:
    """As WAV; the size is in the chunk ds64, where 32 bits do not hold it (EBU Tech 3306)."""
    if _find_chunk(file, 12, "<4sI", b"ds64") is None or len(sizes := file.read(16)) < 16:
        return False
    long_size = struct.unpack("<8xQ", sizes)[0]
    stated = _find_chunk(file, 12, "<4sI", b"data")
    if stated is None:
        return False
    return _lacks(file, long_size if stated == 0xFFFFFFFF else stated, NO_LONG_LENGTH)


def _caf(file: BinaryIO, sound: soundfile.SoundFile) -> bool:
    """By the size that the chunk of samples states; libsndfile notices a large cut only."""
    stated = _find_chunk(file, 8, ">4sQ", b"data", multiple=1)
    return stated is not None and _lacks(file, stated, NO_LONG_LENGTH)


def _au(file: BinaryIO, sound: soundfile.SoundFile) -> bool:
    """By the size in its header."""
    file.seek(0)
    header = file.read(12)
    begin, stated = struct.unpack("<4xII" if header.startswith(b"dns.") else ">4xII", header)
    file.seek(begin)
    return _lacks(file, stated)


def _find_chunk(
    file: BinaryIO, first: int, header: str, wanted: bytes, *, multiple: int = 2, counted: int = 0
) -> int | None:
    """Bytes that a chunk states, the file then at their beginning; None if there is no such chunk.

    Args:
        first: where the first chunk begins.
        header: a chunk's name and size, as :mod:`struct` has it.
        multiple: of so many bytes is the way from one chunk to the next.
        counted: bytes of the header that its size counts too.
    """
    end = file.seek(0, os.SEEK_END)
    file.seek(first)
    while len(read := file.read(struct.calcsize(header))) == struct.calcsize(header):
        name, stated = struct.unpack(header, read)
        size: int = stated - counted
        if name == wanted:
            return size
        after = file.tell() + size + -size % multiple
        if size < 0 or after > end:
            return None
        file.seek(after)
    return None


def _lacks(file: BinaryIO, stated: int, no_length: int = NO_LENGTH) -> bool:
    """Whether fewer bytes than stated are left."""
    begin = file.tell()
    left = file.seek(0, os.SEEK_END) - begin
    return stated < no_length and left < (1 - FEWEST_MISSING) * stated


def _ogg(file: BinaryIO, sound: soundfile.SoundFile) -> bool:
    """By its last page: whether it says that it is the last, and is all there."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - PAGE_BYTES))
    end = file.read()
    begin = end.rfind(b"OggS")
    if begin < 0:
        return False
    page = end[begin:]
    if len(page) < PAGE_HEADER or not page[5] & LAST_PAGE:
        return True
    sizes = page[PAGE_HEADER : PAGE_HEADER + page[26]]  # of its segments
    return len(page) < PAGE_HEADER + page[26] + sum(sizes)


def _mp3(file: BinaryIO, sound: soundfile.SoundFile) -> bool:
    """By the frames read, where a tag states how many there are; else they are a guess."""
    file.seek(_id3_size(file))
    start = file.read(TAG_BYTES)
    has_length = b"Xing" in start or b"Info" in start
    return bool(has_length and sound.tell() < (1 - FEWEST_MISSING) * sound.frames)


def _id3_size(file: BinaryIO) -> int:
    """Bytes of the ID3v2 tag that a file begins with (its cover may have a million), or 0."""
    file.seek(0)
    header = file.read(10)
    if len(header) < 10 or not header.startswith(b"ID3"):
        return 0
    size = 0
    for byte in header[6:]:  # seven bits each
        size = size << 7 | byte & 0x7F
    return 10 + size + (10 if header[5] & ID3_FOOTER else 0)


# WAVEX: WAV with the extensible header, as more than two channels or 24 bits ask for.
CHECKS = {
    "WAV": _wav,
    "WAVEX": _wav,
    "AIFF": _aiff,
    "W64": _w64,
    "RF64": _rf64,
    "CAF": _caf,
    "AU": _au,
    "OGG": _ogg,
    "MP3": _mp3,
}
