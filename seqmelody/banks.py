"""Banks of sounds and tunes on disk, from which training clips are composed.

A bank folder holds, for each kind of sound ``X`` (``notes``, ``noise``), one memory-mapped array
``X.npy`` (int16, all sounds end to end) and ``X.json`` (an index, and where each sound comes from
and under what licence); tunes are in ``tunes.npz``. Reading one note costs a slice.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqmelody.errors import InputError
from seqmelody.writers import make_folder

FULL_SCALE = 32767.0
REST = 0  # in place of a pitch, in tunes


@dataclass(frozen=True, slots=True)
class Source:
    """One instrument or one kind of noise: what it is and who made it.

    Attributes:
        name: e.g. ``fluid/071`` or ``philharmonia/oboe``.
        origin: package or folder that it came from.
        licence: short name of the licence.
        continuous: the pitch can glide (voice, strings, winds), unlike struck or plucked sounds.
        weight: how often it is heard in training, beside the others.
    """

    name: str
    origin: str
    licence: str
    continuous: bool = False
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Sound:
    """One recorded sound: mono float samples in -1..1, its measured pitch (NaN for noise)."""

    samples: NDArray[np.float32]
    pitch: float
    source: int


def fingerprint(folder: Path) -> str:
    """Of a bank's indices, notes and tunes; the sounds themselves are too large to read."""
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("*.json"), *folder.glob("*.npz")]):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


class SoundBank:
    """Random access to the sounds of one kind; nothing is read until asked for."""

    def __init__(self, folder: Path, kind: str) -> None:
        index_path, data_path = folder / f"{kind}.json", folder / f"{kind}.npy"
        try:
            self._read_index(json.loads(index_path.read_text()))
            self._data = np.load(data_path, mmap_mode="r")
            if self._data.dtype != np.int16 or self._data.shape != (int(self._length.sum()),):
                raise ValueError(f"{data_path.name} is not the array that it describes")
        except FileNotFoundError as error:
            raise InputError(
                f"{error.filename}: no such file; make the bank with "
                f"'python -m data_tools bank {folder}'"
            ) from None
        except (ValueError, KeyError, TypeError, EOFError) as error:
            raise InputError(
                f"{index_path}: not a sound bank ({error!r}); make it anew with "
                f"'python -m data_tools bank {folder}'"
            ) from None

    def _read_index(self, index: dict[str, Any]) -> None:
        self.sources = [Source(**s) for s in index["sources"]]
        self._start = np.asarray(index["start"], dtype=np.int64)
        self._length = np.asarray(index["length"], dtype=np.int64)
        self.pitch = np.asarray(index["pitch"], dtype=np.float64)
        self.source = np.asarray(index["source"], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._start)

    def length(self, i: int) -> int:
        """Samples in sound ``i``."""
        return int(self._length[i])

    def read(self, i: int, start: int = 0, count: int | None = None) -> NDArray[np.float32]:
        """Samples ``start``..``start + count`` of sound ``i``, float32 in -1..1."""
        end = self._length[i] if count is None else min(start + count, self._length[i])
        piece = self._data[self._start[i] + start : self._start[i] + end]
        return np.asarray(piece, dtype=np.float32) / FULL_SCALE

    def of_source(self, source: int) -> NDArray[np.int64]:
        """Indices of the sounds of one source, by rising pitch."""
        members = np.flatnonzero(self.source == source)
        return members[np.argsort(self.pitch[members], kind="stable")]


def write_bank(folder: Path, kind: str, sources: list[Source], sounds: Iterable[Sound]) -> int:
    """Write a bank, one sound at a time; return how many. The index, last, makes it valid.

    Raises:
        InputError: there is no sound to write.
    """
    make_folder(folder)
    start, length, pitch, source = [], [], [], []
    raw = folder / f"{kind}.raw"
    total = 0
    with raw.open("wb") as out:
        for sound in sounds:
            pcm = np.clip(np.round(sound.samples * FULL_SCALE), -32768, 32767).astype(np.int16)
            out.write(pcm.tobytes())
            start.append(total)
            length.append(len(pcm))
            pitch.append(float(sound.pitch))
            source.append(sound.source)
            total += len(pcm)
    if not total:
        raw.unlink()
        raise InputError(
            f"{folder}: there are no {kind} to write; name more places to take them from"
        )
    np.save(folder / f"{kind}.part.npy", np.memmap(raw, np.int16, "r", shape=(total,)))
    raw.unlink()
    (folder / f"{kind}.json").unlink(missing_ok=True)  # an old index would not fit the new array
    (folder / f"{kind}.part.npy").replace(folder / f"{kind}.npy")
    index = {
        "sources": [asdict(s) for s in sources],
        "start": start,
        "length": length,
        "pitch": pitch,
        "source": source,
    }
    part = folder / f"{kind}.json.part"
    part.write_text(json.dumps(index))
    part.replace(folder / f"{kind}.json")
    return len(start)


class TuneBank:
    """Tunes as (pitch, quarter-note length) pairs; ``part`` is train, dev or test."""

    def __init__(self, folder: Path, part: str = "train") -> None:
        path = folder / _tunes_name(part)
        try:
            with path.open("rb") as file, np.load(file) as data:
                self._pitch, self._quarters, self._start = (
                    data["pitch"],
                    data["quarters"],
                    data["start"],
                )
        except FileNotFoundError:
            raise InputError(
                f"{path}: no such file; make it with 'python -m data_tools tunes {folder}'"
            ) from None
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(
                f"{path}: not a bank of tunes ({error!r}); make it anew with "
                f"'python -m data_tools tunes {folder}'"
            ) from None

    def __len__(self) -> int:
        return len(self._start) - 1

    def read(self, i: int) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
        """Pitches (MIDI or REST) and lengths in quarter notes of tune ``i``."""
        piece = slice(self._start[i], self._start[i + 1])
        return self._pitch[piece], self._quarters[piece]


def write_tunes(folder: Path, tunes: list[list[tuple[int, float]]], part: str = "train") -> None:
    """Write tunes, each a list of (MIDI pitch or REST, quarter notes)."""
    make_folder(folder)
    flat = [note for tune in tunes for note in tune]
    fresh = folder / "tunes.part.npz"
    np.savez_compressed(
        fresh,
        pitch=np.array([p for p, _ in flat], dtype=np.int16),
        quarters=np.array([q for _, q in flat], dtype=np.float32),
        start=np.cumsum([0, *(len(t) for t in tunes)]),
    )
    fresh.replace(folder / _tunes_name(part))


def _tunes_name(part: str) -> str:
    return "tunes.npz" if part == "train" else f"tunes_{part}.npz"
