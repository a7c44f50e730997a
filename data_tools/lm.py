"""Learn a melody language model from tunes: a bank's, or anybody's repertoire.

A repertoire is a folder, with folders in it or not, of note lists (``.txt``, one melody a file; see
``seqmelody.notes``) and MIDI files (each track a melody: of notes that begin together the highest;
percussion is left out).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import mido

from data_tools import midi
from seqmelody.banks import REST, TuneBank
from seqmelody.decoding.language_model import IntervalModel
from seqmelody.errors import InputError
from seqmelody.note_lists import read_note_list

NOTE_LIST_SUFFIXES = (".txt",)
MIDI_SUFFIXES = (".mid", ".midi")
Melody = list[int]  # MIDI pitches


def learn_model(folder: Path, output: Path, *, order: int, fallback: float) -> int:
    """Learn from a folder's melodies and write the model; return how many melodies there are.

    Raises:
        InputError: there are none, or a file cannot be read; the message names it.
        OutputError: the model cannot be written.
    """
    melodies = list(read_melodies(folder))
    if not any(len(melody) > 1 for melody in melodies):
        raise InputError(
            f"{folder}: no melody of two notes or more; name a bank with tunes, or a folder with "
            "note lists (.txt) or MIDI files (.mid)"
        )
    IntervalModel.learn(melodies, order=order, fallback=fallback).save(output)
    return len(melodies)


def read_melodies(folder: Path) -> Iterator[Melody]:
    """A bank's training tunes if the folder is a bank, else the files in it."""
    if (folder / "tunes.npz").exists():
        tunes = TuneBank(folder)
        for i in range(len(tunes)):
            pitches, _ = tunes.read(i)
            yield [int(pitch) for pitch in pitches if pitch != REST]
        return
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in NOTE_LIST_SUFFIXES:
            yield read_note_list(path)
        elif path.suffix.lower() in MIDI_SUFFIXES:
            yield from _midi_tracks(path)


def _midi_tracks(path: Path) -> Iterator[Melody]:
    try:
        tracks = mido.MidiFile(path).tracks
    except midi.ERRORS as error:
        reason = str(error) or type(error).__name__
        raise InputError(f"{path}: not a MIDI file ({reason}); mend or remove it") from None
    for track in tracks:
        highest: dict[int, int] = {}  # by tick of the onset
        now = 0
        for message in track:
            now += message.time
            if message.type == "note_on" and message.velocity and message.channel != midi.DRUMS:
                highest[now] = max(message.note, highest.get(now, 0))
        if highest:
            yield [highest[tick] for tick in sorted(highest)]
