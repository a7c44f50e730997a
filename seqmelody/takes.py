"""Takes: recordings of whole phrases with their notes, from which training clips are cut.

A take bank in a folder is a sound bank (``takes.npy``, ``takes.json``) with the notes of each take
beside it in ``takes_notes.json``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqmelody.audio import SAMPLE_RATE
from seqmelody.banks import Sound, SoundBank, Source, write_bank
from seqmelody.errors import InputError
from seqmelody.notes import Note

FloatArray = NDArray[np.float32]
KIND = "takes"
SHORTEST_SECONDS = 0.08  # of a note that the end of a clip may cut
MOST_SEMITONES = 1.5  # that a take is transposed, by playing it faster or slower


@dataclass(frozen=True, slots=True)
class Take:
    """One recorded phrase: mono samples at SAMPLE_RATE and its notes by onset."""

    samples: FloatArray
    notes: tuple[Note, ...]
    source: int


class TakeBank:
    """Random access to takes; sound is read only as far as it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.sounds = SoundBank(folder, KIND)
        path = _notes_path(folder)
        try:
            self._notes = [
                tuple(Note(*map(float, n)) for n in notes) for notes in json.loads(path.read_text())
            ]
            if len(self._notes) != len(self.sounds):
                raise ValueError("the notes are not those of these takes")
        except (OSError, ValueError, TypeError) as error:
            raise InputError(
                f"{path}: not the notes of the takes beside it ({error!r}); make them anew with "
                f"'python -m data_tools voice {folder}'"
            ) from None

    def __len__(self) -> int:
        return len(self._notes)

    def notes(self, i: int) -> tuple[Note, ...]:
        """Notes of take ``i``, with the pitch that was aimed at."""
        return self._notes[i]

    def read(self, i: int) -> Take:
        """Take ``i``, whole."""
        return Take(self.sounds.read(i), self._notes[i], int(self.sounds.source[i]))


def write_takes(folder: Path, sources: list[Source], takes: Iterable[Take]) -> int:
    """Write a take bank, one take at a time; return how many.

    Raises:
        InputError: there is no take to write.
    """
    notes: list[list[tuple[float, float, float]]] = []

    def sounds() -> Iterator[Sound]:
        for take in takes:
            notes.append([(round(n.onset, 4), round(n.offset, 4), n.pitch) for n in take.notes])
            yield Sound(take.samples, float("nan"), take.source)

    count = write_bank(folder, KIND, sources, sounds())
    part = folder / "takes_notes.json.part"
    part.write_text(json.dumps(notes))
    part.replace(_notes_path(folder))
    return count


def _notes_path(folder: Path) -> Path:
    return folder / "takes_notes.json"


def cut_clip(
    bank: TakeBank, i: int, n_samples: int, rng: np.random.Generator
) -> tuple[FloatArray, list[Note]]:
    """A stretch of take ``i`` that begins at or before a note, played a little faster or slower.

    Returns:
        The sound, (n_samples,), and its notes; the last one may be cut.
    """
    shift = float(rng.uniform(-MOST_SEMITONES, MOST_SEMITONES))
    speed = 2 ** (shift / 12)
    notes = bank.notes(i)
    begin = _beginning(notes, n_samples / SAMPLE_RATE * speed, rng)
    position = begin * SAMPLE_RATE + np.arange(n_samples) * speed
    samples = bank.sounds.read(i, int(position[0]), int(n_samples * speed) + 3)
    place = position - int(position[0])
    sound = np.interp(place, np.arange(len(samples)), samples, right=0.0).astype(np.float32)
    moved = [
        Note((n.onset - begin) / speed, (n.offset - begin) / speed, n.pitch + shift) for n in notes
    ]
    return _within(sound, moved)


def _beginning(notes: tuple[Note, ...], seconds: float, rng: np.random.Generator) -> float:
    """A time in the silence before a random note that leaves something to hear."""
    if not notes:
        return 0.0
    latest = max(notes[0].onset, notes[-1].offset - seconds)
    k = int(rng.choice([k for k, n in enumerate(notes) if n.onset <= latest]))
    earliest = notes[k - 1].offset if k else 0.0
    at = notes[k].onset
    return float(max(0.0, rng.uniform(min(max(earliest, at - 2.0), at), at)))


def _within(sound: FloatArray, notes: list[Note]) -> tuple[FloatArray, list[Note]]:
    """The notes inside the clip; what sounds outside of them at its ends is faded away."""
    length = len(sound) / SAMPLE_RATE
    kept = [n for n in notes if n.onset >= -1e-6 and n.onset <= length - SHORTEST_SECONDS]
    late = [n.onset for n in notes if length - SHORTEST_SECONDS < n.onset < length]
    if late:
        fade = np.arange(len(sound)) / SAMPLE_RATE
        sound = sound * np.clip((late[0] - fade) / 0.01, 0, 1).astype(np.float32)
    return sound, [Note(max(0.0, n.onset), min(n.offset, length), n.pitch) for n in kept]
