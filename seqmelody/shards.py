"""Recordings packed into tar files, for corpora of more files than a disk likes.

A shard holds, for each example, ``KEY.flac`` (the recording, as it was) and ``KEY.json`` (its
manifest entry) one after the other: the format of WebDataset, which reads these shards too.
``index.json`` beside the shards says where in them each file begins, so that any example can be
read on its own. Examples have numbers, as those of a manifest have: the trainer gives each process
and each worker numbers of its own, and goes on exactly where it stopped. A stream could do neither
of these. The price is that every machine must reach all shards, on a shared disk for instance.
"""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray
from torch.utils.data import Dataset

from seqmelody.audio import from_array
from seqmelody.datasets import SHARD_INDEX, Example, labelled
from seqmelody.errors import InputError
from seqmelody.manifests import ManifestEntry, ManifestLine, read_entry
from seqmelody.notes import Vocabulary

INDEX = SHARD_INDEX


class Place(NamedTuple):
    """Where the two files of an example lie in a shard, in bytes."""

    audio_start: int
    audio_size: int
    entry_start: int
    entry_size: int


class ShardedClips(Dataset[Example]):
    """The recordings in a folder of shards, whole."""

    def __init__(self, folder: Path, vocabulary: Vocabulary) -> None:
        self.folder, self.vocabulary = folder, vocabulary
        self.shards, places = _read_index(folder)
        self._place = np.array(places, dtype=np.int64).reshape(-1, 1 + len(Place._fields))

    def __len__(self) -> int:
        return len(self._place)

    def check_pitches(self) -> None:
        """Raise InputError if a label leaves the vocabulary; the sound was checked on packing."""
        for index in range(len(self)):
            labelled(np.zeros(1, np.float32), self._entry(index)[0], self.vocabulary)

    def fingerprint(self) -> str:
        """Of which examples lie where; other recordings of the same lengths would have the same."""
        index = repr(self.shards).encode() + self._place.tobytes()
        return hashlib.sha256(index).hexdigest()

    def __getitem__(self, index: int) -> Example:
        entry, path, place = self._entry(index)
        sound = _read(path, place.audio_start, place.audio_size)
        return labelled(_decode(sound, f"{path}: {entry.audio.name}"), entry, self.vocabulary)

    def _entry(self, index: int) -> tuple[ManifestEntry, Path, Place]:
        """What is known of an example, the shard that it lies in, and where."""
        shard, *numbers = (int(n) for n in self._place[index])
        path, place = self.folder / self.shards[shard], Place(*numbers)
        text = _read(path, place.entry_start, place.entry_size).decode(errors="replace")
        return read_entry(path, ManifestLine(index + 1, text)), path, place


def _read_index(folder: Path) -> tuple[list[str], list[list[int]]]:
    """Names of the shards, and (shard, *Place) of every example."""
    path = folder / INDEX
    try:
        index = json.loads(path.read_text())
        shards = [str(name) for name in index["shards"]]
        places = [[shard, *Place(*place)] for shard, *place in index["examples"]]
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file; make shards with 'python -m data_tools shard MANIFEST -o DIR'"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: not an index of shards ({error!r}); make the shards anew"
        ) from None
    for name in shards:
        if not (folder / name).is_file():
            raise InputError(f"{folder / name}: no such shard; copy it there, or make them anew")
    return shards, places


def _read(path: Path, start: int, size: int) -> bytes:
    """A part of a shard. Raises InputError if it is not there."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            data = file.read(size)
    except OSError as error:
        raise _damaged(path, str(error.strerror)) from None
    if len(data) < size:
        raise _damaged(path, "it ends too early")
    return data


def _damaged(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path}: cannot be read as {INDEX} says ({reason}); copy it again, or make the shards anew"
    )


def _decode(sound: bytes, name: str) -> NDArray[np.float32]:
    """Mono waveform at SAMPLE_RATE, (samples,), of an audio file in memory."""
    try:
        samples, rate = soundfile.read(io.BytesIO(sound), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        raise InputError(f"{name} is not readable audio; make the shards anew") from None
    if not len(samples):
        raise InputError(f"{name} holds no samples; leave it out")
    return from_array(samples.T, rate)
