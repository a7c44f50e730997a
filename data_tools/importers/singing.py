"""Singing with aligned notes: MIR-ST500 and the sight-singing set SSVD v2.0, as published."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from data_tools.importers.entries import Faulty, Item, LeftOut, listed
from seqmelody.audio import find_audio
from seqmelody.errors import InputError
from seqmelody.notes import Note

LABELS = "MIR-ST500_corrected.json"
VOICES = ("vocal", "vocals")  # file names of the separated voice; do_spleeter.py writes Vocal.wav


def mir_st500(folder: Path) -> Iterator[Item]:
    """Songs by number: ``train/7/Vocal.wav`` or ``7.wav``; ``Mixture.mp3`` is not taken.

    The labels are of the voice alone, so the accompaniment has to be separated away first.
    """
    found = sorted(folder.rglob(LABELS))
    if not found:
        raise InputError(f"{folder}: holds no {LABELS}; name the folder of the authors' repository")
    labels, audio = _read_labels(found[0]), _by_number(folder)
    for number in sorted(labels, key=lambda n: (len(n), n)):
        if number in audio:
            yield listed(audio[number], labels[number], f"{found[0]}, song {number}")
        else:
            yield LeftOut(number, "no Vocal.wav in a folder of its number")


def ssvd(folder: Path) -> Iterator[Item]:
    """``train&valid/*.flac`` and ``test/*.flac``, each with a ``.txt`` of its notes beside it."""
    for audio in find_audio(folder):
        labels = audio.with_suffix(".txt")
        if not labels.exists():
            yield LeftOut(str(audio), "no .txt beside it")
            continue
        try:
            yield listed(audio, _read_triples(labels), labels)
        except InputError as error:
            yield Faulty(audio, error)


def _read_labels(path: Path) -> dict[str, list[Note]]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(number): [Note(float(on), float(off), float(pitch)) for on, off, pitch in notes]
            for number, notes in data.items()
        }
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: not the label file of MIR-ST500 ({error}); fetch it again"
        ) from None


def _by_number(folder: Path) -> dict[str, Path]:
    """Song number -> recording of the voice."""
    named: dict[str, Path] = {}
    for path in find_audio(folder):
        if path.stem.lower() in VOICES:
            named[path.parent.name] = path
        elif path.stem.isdigit():
            named.setdefault(path.stem, path)
    return named


def _read_triples(path: Path) -> list[Note]:
    """Notes of lines ``onset offset pitch``."""
    notes = []
    for number, line in enumerate(_lines(path), start=1):
        try:
            onset, offset, pitch = (float(word) for word in line.split())
        except ValueError:
            raise InputError(
                f"{path}, line {number}: is not 'onset offset pitch'; fetch the file again"
            ) from None
        notes.append(Note(onset, offset, pitch))
    return notes


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text ({error}); fetch it again") from None
