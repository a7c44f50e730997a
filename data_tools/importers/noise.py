"""Noise: MUSAN, DEMAND, ESC-50 and plain folders, as links that ``bank --noise`` can be given.

Each recording is named ``kind/file``: MUSAN's source, DEMAND's place, ESC-50's category.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from data_tools.importers.entries import Item, LeftOut, Noise
from seqmelody.audio import find_audio
from seqmelody.errors import InputError


def musan(folder: Path) -> Iterator[Item]:
    """MUSAN's ``noise/`` only: its music and speech hold melodies of their own."""
    noise = folder / "noise"
    if not noise.is_dir():
        raise InputError(f"{folder}: holds no folder 'noise'; name the folder 'musan' itself")
    yield from plain(noise)


def demand(folder: Path) -> Iterator[Item]:
    """The first of the 16 microphones of each place: the others hear the same noise."""
    found = sorted(folder.rglob("ch01.wav"))
    if not found:
        raise InputError(f"{folder}: holds no DKITCHEN/ch01.wav or the like; unpack DEMAND there")
    for path in found:
        yield Noise(path, Path(path.parent.name, path.name))


def esc50(folder: Path) -> Iterator[Item]:
    """All categories of ``meta/esc50.csv``."""
    table = folder / "meta" / "esc50.csv"
    for row in _read_rows(table):
        audio = folder / "audio" / row["filename"]
        if audio.exists():
            yield Noise(audio, Path(row["category"], audio.name))
        else:
            yield LeftOut(str(audio), "its audio is not in the folder")


def plain(folder: Path) -> Iterator[Item]:
    """Every recording of a folder, under the path it has there."""
    for path in find_audio(folder):
        yield Noise(path, path.relative_to(folder))


def _read_rows(table: Path) -> list[dict[str, str]]:
    try:
        with table.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{table}: cannot be read ({error}); unpack ESC-50 again") from None
    if not all(row.get("filename") and row.get("category") for row in rows):
        raise InputError(f"{table}: has no columns filename and category; unpack ESC-50 again")
    return rows
