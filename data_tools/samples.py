"""Folders of single-note recordings, and folders of noise recordings.

Notes lie in one folder for each instrument; a file's name starts with its MIDI number, as in
``oboe/064_2.ogg``, or is a note's name with ``s`` for sharp, as in ``harp/Fs3.mp3``. A note whose
measured pitch disagrees with its name is dropped. A file ``licence.txt`` beside the folders states
their licence.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data_tools.pitch_check import measure_pitch
from data_tools.soundfonts import trim
from seqmelody.audio import SAMPLE_RATE, find_audio, load
from seqmelody.banks import Sound, Source
from seqmelody.errors import InputError
from seqmelody.notes import parse_pitch

PLUCKED = re.compile(
    r"guitar|mandolin|banjo|harp|piano|pizz|double_bass_rubner|marimba|vibra|xylo|electric"
)


def sample_sources(folder: Path) -> list[Source]:
    """One source for each instrument folder."""
    licence = stated_licence(folder)
    return [
        Source(f"{folder.name}/{f.name}", str(folder.name), licence, not PLUCKED.search(f.name))
        for f in instrument_folders(folder)
    ]


def stated_licence(folder: Path) -> str:
    """What ``licence.txt`` in a folder says."""
    stated = folder / "licence.txt"
    return stated.read_text().strip() if stated.exists() else f"as stated beside {folder.name}"


def instrument_folders(folder: Path) -> list[Path]:
    """Sub-folders, by name. Raises InputError if there is none."""
    found = sorted(f for f in folder.iterdir() if f.is_dir()) if folder.is_dir() else []
    if not found:
        raise InputError(
            f"{folder}: no such folder, or it holds no folder for each instrument; "
            "notes lie in folders such as oboe/064.ogg"
        )
    return found


def read_notes(
    folder: Path, first_source: int, *, seconds: float, pitch_step: int = 0
) -> Iterator[Sound]:
    """Every note of every instrument folder, or one every ``pitch_step`` semitones.

    What is dropped since its pitch is not what its name states is reported on stderr.
    """
    for number, instrument in enumerate(instrument_folders(folder)):
        wanted = 0  # the lowest pitch to take next
        off_pitch: list[str] = []
        named = ((stated_pitch(path.stem), path) for path in find_audio(instrument))
        for stated, path in sorted((pitch, path) for pitch, path in named if pitch is not None):
            if stated < wanted:
                continue
            samples = trim(load(path))[: int(seconds * SAMPLE_RATE)]
            pitch = measure_pitch(samples, stated)
            if pitch is not None:
                wanted = stated + pitch_step if pitch_step else 0
                yield Sound(samples, pitch, first_source + number)
            else:
                off_pitch.append(path.name)
        if off_pitch:
            print(f"{instrument}: off pitch, left out: {', '.join(off_pitch)}", file=sys.stderr)


def stated_pitch(name: str) -> int | None:
    """MIDI number that a file's name states: ``064_2`` or ``Fs3``; None if it states none."""
    number = re.match(r"\d+", name)
    if number is not None:
        return int(number.group())
    named = re.fullmatch(r"([A-G])(s?)(-?\d)", name)
    if named is None:
        return None
    letter, sharp, octave = named.groups()
    return parse_pitch(f"{letter}{'#' if sharp else ''}{octave}")


def read_noises(folder: Path, source: int) -> Iterator[Sound]:
    """Every recording in a folder, scaled to one loudness (RMS 0.1)."""
    for path in find_audio(folder):
        samples = load(path)
        rms = float(np.sqrt(np.mean(samples**2)))
        if rms > 1e-5:
            yield Sound(np.clip(samples * (0.1 / rms), -1, 1), float("nan"), source)


def read_rooms(folder: Path, source: int) -> Iterator[Sound]:
    """Every impulse response in a folder, at most a second of it, the direct sound first."""
    for path in find_audio(folder):
        samples = load(path)
        direct = int(np.abs(samples).argmax()) if len(samples) else 0
        height = float(np.abs(samples[direct])) if len(samples) else 0.0
        if height > 1e-5:
            kept = samples[direct : direct + SAMPLE_RATE] / height
            yield Sound(kept, float("nan"), source)
