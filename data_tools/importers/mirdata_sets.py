"""Sets that ``mirdata`` reads: vocadito, MDB-stem-synth, GuitarSet, Filosax, TinySOL.

The folder is what mirdata calls ``data_home``: where its ``download()`` unpacks the set. mirdata
keeps its index of a set apart from the set; the message for a missing one says how to fetch it.
Recordings of the index that are not in the folder are left out. Nothing is downloaded here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from data_tools.importers.contours import contour_notes
from data_tools.importers.entries import Faulty, Item, LeftOut, hertz_to_pitch, listed
from seqmelody.audio import SAMPLE_RATE, load
from seqmelody.errors import InputError
from seqmelody.notes import Note

CHORD_SHARE = 0.05  # of a guitar solo's notes; the higher note of a double stop is the melody
FRAME = SAMPLE_RATE // 100  # samples, 10 ms
SOUNDING_DB = -30.0  # below a note's loudest frame; the pp notes' own noise lies near -40


def vocadito(folder: Path) -> Iterator[Item]:
    """Singing, aligned: the notes of annotator A1, pitches fractional."""
    for track in _tracks("vocadito", folder):
        yield _item(track, track.audio_path, _vocadito_notes)


def mdb_stem_synth(folder: Path) -> Iterator[Item]:
    """Stems resynthesised with an exact f0; notes are derived from it by rule."""
    for track in _tracks("mdb_stem_synth", folder):
        yield _item(track, track.audio_path, _contour_notes)


def guitarset(folder: Path) -> Iterator[Item]:
    """Microphone recordings of the solos; those with many double stops are left out."""
    for track in _tracks("guitarset", folder):
        if track.mode == "solo":
            yield _item(track, track.audio_mic_path, _guitar_notes, CHORD_SHARE)


def filosax(folder: Path) -> Iterator[Item]:
    """Solo saxophone, aligned, of the full or the lite edition."""
    for track in _tracks("filosax", folder, "full_sax"):
        yield _item(track, track.audio_path, _filosax_notes)


def tinysol(folder: Path) -> Iterator[Item]:
    """Single notes: one note a recording, from where it sounds to where it has died away."""
    for track in _tracks("tinysol", folder):
        yield _item(track, track.audio_path, _tinysol_note)


def _tracks(name: str, folder: Path, version: str = "default") -> Iterator[Any]:
    try:
        import mirdata
    except ImportError:
        raise InputError(
            "this set is read with mirdata; pip install 'seqmelody[mirdata]'"
        ) from None
    dataset = mirdata.initialize(name, data_home=str(folder), version=version)
    if not Path(dataset.index_path).exists():
        call = f"mirdata.initialize({name!r}, version={version!r}).download(['index'])"
        raise InputError(
            f"{name}: mirdata's index of this set is missing; fetch the small file once with "
            f'python -c "import mirdata; {call}"'
        )
    for track_id in sorted(dataset.track_ids):
        yield dataset.track(track_id)


def _item(
    track: Any, audio: str, read: Callable[[Any], list[Note]], chord_share: float = 0.0
) -> Item:
    if not Path(audio).exists():
        return LeftOut(audio, "its audio is not in the folder")
    try:
        notes = read(track)
    except InputError as error:
        return Faulty(Path(audio), error)
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        reason = f"{audio}: mirdata cannot read its labels ({error}); unpack the set again"
        return Faulty(Path(audio), InputError(reason))
    return listed(Path(audio), notes, audio, chord_share=chord_share)


def _vocadito_notes(track: Any) -> list[Note]:
    data = track.notes_a1
    return [
        Note(float(onset), float(offset), hertz_to_pitch(float(hertz)))
        for (onset, offset), hertz in zip(data.intervals, data.pitches, strict=True)
    ]


def _contour_notes(track: Any) -> list[Note]:
    return contour_notes(track.f0.times, track.f0.frequencies)


def _guitar_notes(track: Any) -> list[Note]:
    strings = [data for data in track.notes.values() if data is not None]
    return [
        Note(float(onset), float(offset), float(pitch))
        for data in strings
        for (onset, offset), pitch in zip(data.intervals, data.pitches, strict=True)
    ]


def _filosax_notes(track: Any) -> list[Note]:
    return [
        Note(float(n.a_start_time), float(n.a_end_time), float(n.midi_pitch)) for n in track.notes
    ]


def _tinysol_note(track: Any) -> list[Note]:
    onset, offset = sounding_span(load(track.audio_path))
    return [Note(onset, offset, float(track.pitch_id))]


def sounding_span(samples: np.ndarray) -> tuple[float, float]:
    """Where a single note begins and has died away, in seconds, to 10 ms."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)  # (T, samples)
    level = np.sqrt(np.mean(frames**2, axis=1))
    loud = np.flatnonzero(level > level.max(initial=0.0) * 10 ** (SOUNDING_DB / 20))
    if not len(loud):
        return 0.0, 0.0
    return float(loud[0]) * FRAME / SAMPLE_RATE, float(loud[-1] + 1) * FRAME / SAMPLE_RATE
