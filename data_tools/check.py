"""Faults of a manifest, each in a line: what is wrong and what to do about it.

Labels are compared with the pitch measured in the steady middle of each note, where that is clear
(:mod:`data_tools.pitch_check`); a label is a fault if it is off by more than WRONG_SEMITONES from
what is measured, once the tuning of the whole recording is taken off; where the pitch is loose, as
in singing, by more than four times the median deviation.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_tools.pitch_check import PURE, is_measurable, steady_pitch
from data_tools.pool import map_in_processes
from seqmelody.audio import SAMPLE_RATE, load
from seqmelody.errors import InputError
from seqmelody.features import FeatureConfig
from seqmelody.manifests import ManifestEntry, ManifestLine, note_fault, parse_entry, stretch_fault
from seqmelody.notes import Note, Vocabulary

FloatArray = NDArray[np.float32]

OVERLAP_SECONDS = 0.005  # less is rounding
OVERHANG_SECONDS = 0.02  # that a note may last beyond its recording: a frame
WRONG_SEMITONES = 0.9
MIDDLE = (0.3, 0.8)  # share of a note
LONGEST_MIDDLE_SECONDS = 0.3
CLEAR_SHARE = 0.5  # of a recording's notes, or it is too noisy to judge any
SILENT = 1e-4  # of full scale: three steps of 16 bits
RING_SECONDS = 3.0  # after which nobody hears an earlier note


class Measured(NamedTuple):
    """A note, what pitch (MIDI) was measured in it and how clearly, and how loud it was (RMS)."""

    note: Note
    pitch: float
    clarity: float
    level: float


def check_lines(
    path: Path, lines: list[ManifestLine], vocabulary: Vocabulary, processes: int
) -> Iterator[list[str]]:
    """The faults of each line of a manifest, as lines to print."""
    return map_in_processes(partial(faults_of_line, path, vocabulary), lines, processes)


def faults_of_line(path: Path, vocabulary: Vocabulary, line: ManifestLine) -> list[str]:
    """The faults of one line, each as ``FILE, line N: WHAT; REMEDY``."""
    try:
        entry = parse_entry(path, line)
    except InputError as error:
        return [str(error)]
    faults = [*_pitch_faults(entry, vocabulary), *_time_faults(entry)]
    try:
        waveform = load(entry.audio)
    except InputError as error:
        faults.append(str(error))
    else:
        faults += [*_fit_faults(entry, len(waveform)), *_silence_faults(entry, waveform)]
        faults += _label_faults(entry, waveform, vocabulary)
    where = f"{path}, line {line.number}"
    return [f"{where}: {' '.join(fault.splitlines())}" for fault in faults]


def _pitch_faults(entry: ManifestEntry, vocabulary: Vocabulary) -> Iterator[str]:
    known = f"the vocabulary {vocabulary.low}..{vocabulary.high}"
    remedy = "leave the entry out or use a wider vocabulary"
    for i, pitch in enumerate(entry.pitches):
        if pitch not in vocabulary:
            at = f"at {entry.all_notes[i].onset:g} s" if entry.all_notes else f"number {i + 1}"
            yield f"the note {at} has pitch {pitch}, outside {known}; {remedy}"


def _time_faults(entry: ManifestEntry) -> Iterator[str]:
    for note in entry.notes or ():
        fault = note_fault(note)
        if fault and 0 <= note.pitch <= 127:  # if not, the vocabulary has complained
            yield f"{fault}; correct its times"
    for stretch in entry.untimed:
        fault = stretch_fault(stretch)
        if fault:
            yield f"{fault}; write its begin before its end, in seconds"
    for one, other in itertools.pairwise(_sound_notes(entry)):
        if one.offset - other.onset > OVERLAP_SECONDS:
            yield (
                f"the note at {one.onset:g} s ends at {one.offset:g} s, after the next one begins "
                f"at {other.onset:g} s; a melody is one line: end it there"
            )


def _fit_faults(entry: ManifestEntry, n_samples: int) -> Iterator[str]:
    seconds = n_samples / SAMPLE_RATE
    for note in _sound_notes(entry):
        if note.offset > seconds + OVERHANG_SECONDS:
            yield (
                f"the note at {note.onset:g} s ends at {note.offset:g} s, but {entry.audio} at "
                f"{seconds:.2f} s; cut the note or use the whole recording"
            )
    frames = n_samples // FeatureConfig().hop + 1
    repeats = sum(a == b for a, b in itertools.pairwise(entry.pitches))
    needed = len(entry.pitches) + repeats  # a blank must part equal notes
    if needed > frames:
        yield (
            f"{entry.audio} has {frames} frames, too few for {len(entry.pitches)} notes with "
            f"{repeats} repeats, which need {needed}; use the whole recording or fewer notes"
        )


def _silence_faults(entry: ManifestEntry, waveform: FloatArray) -> Iterator[str]:
    if entry.pitches and float(np.abs(waveform).max(initial=0.0)) < SILENT:
        yield (
            f"{entry.audio} is silent, but labelled with {len(entry.pitches)} notes; "
            "use the right recording or leave the entry out"
        )


def _label_faults(
    entry: ManifestEntry, waveform: FloatArray, vocabulary: Vocabulary
) -> Iterator[str]:
    notes = [note for note in _alone(_sound_notes(entry)) if note.pitch in vocabulary]
    for found in _wrong(_measure(notes, waveform)):
        yield (
            f"the note at {found.note.onset:g} s is labelled {found.note.pitch:g} but measures "
            f"{found.pitch:.1f}; correct the label or leave the entry out"
        )


def _measure(notes: list[Note], waveform: FloatArray) -> list[Measured]:
    """The notes whose pitch is clear; none of a recording in which most are not."""
    heard: list[Measured] = []
    count = 0
    for note in notes:
        middle = _middle(note, waveform)
        if not is_measurable(middle, note.pitch):
            continue
        count += 1
        reading = steady_pitch(middle, note.pitch)
        if reading is not None:
            level = float(np.sqrt(np.mean(middle**2)))
            heard.append(Measured(note, reading.pitch, reading.clarity, level))
    return heard if len(heard) > CLEAR_SHARE * count else []


def _wrong(heard: list[Measured]) -> list[Measured]:
    """The notes whose label disagrees."""
    near = [m.pitch - m.note.pitch for m in heard if abs(m.pitch - m.note.pitch) < 1]
    tuning = float(np.median(near or [0.0]))
    looseness = float(np.median(np.abs(np.subtract(near, tuning)))) if near else 0.0
    allowed = max(WRONG_SEMITONES, 4 * looseness)
    off = [m for m in heard if abs(m.pitch - tuning - m.note.pitch) > allowed]
    return [m for m in off if not (_rings_on(m, heard) or _is_drone(m, off))]


def _rings_on(found: Measured, heard: list[Measured]) -> bool:
    """Whether what was measured may be an earlier note that is heard under this one."""
    return any(
        abs(earlier.note.pitch - found.pitch) < 1
        and 0 < found.note.onset - earlier.note.onset < RING_SECONDS
        and (earlier.level > 1.1 * found.level or found.clarity < PURE)
        for earlier in heard
    )


def _is_drone(found: Measured, wrong: list[Measured]) -> bool:
    """Whether the same pitch contradicts other labels too: a hum, a bourdon."""
    return any(
        abs(other.pitch - found.pitch) < 0.5 and abs(other.note.pitch - found.note.pitch) > 0.5
        for other in wrong
    )


def _middle(note: Note, waveform: FloatArray) -> FloatArray:
    """The steady part of a note."""
    begin, end = (note.onset + share * note.duration for share in MIDDLE)
    end = min(end, begin + LONGEST_MIDDLE_SECONDS)
    return waveform[round(begin * SAMPLE_RATE) : round(end * SAMPLE_RATE)]


def _sound_notes(entry: ManifestEntry) -> list[Note]:
    """The notes whose times and pitch can be."""
    return [note for note in entry.notes or () if note_fault(note) is None]


def _alone(notes: list[Note]) -> list[Note]:
    """The notes that overlap with no other: one that does has not one pitch."""
    clash = {
        id(note)
        for pair in itertools.pairwise(notes)
        if pair[0].offset - pair[1].onset > OVERLAP_SECONDS
        for note in pair
    }
    return [note for note in notes if id(note) not in clash]
