"""The frozen clips, and the noisy conditions they are heard in.

A set is a folder with ``manifest.jsonl``; ambience is a folder of recordings. Which recording a
clip gets follows from its place in the set, and where the recording is cut from the seed and the
clip's name, so every system hears the same samples, and every SNR the same noise.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.peers.base import SAMPLE_RATE, FloatArray
from seqmelody import InputError, Note, noise

NOISES = ("white", "ambience")


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip of a set.

    Attributes:
        set_name: folder of the set.
        index: place in the manifest.
        name: file name of the audio.
        samples: shape (samples,), 16 kHz mono.
        notes: the reference, by onset.
    """

    set_name: str
    index: int
    name: str
    samples: FloatArray
    notes: list[Note]

    @property
    def seconds(self) -> float:
        """Length of the audio."""
        return len(self.samples) / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Condition:
    """Clean (no SNR), or a type of noise at an SNR in dB."""

    noise: str = "clean"
    snr_db: float | None = None


def conditions(noises: Iterable[str], snrs_db: Iterable[float]) -> list[Condition]:
    """Clean, then every noise at every SNR."""
    snrs_db = list(snrs_db)
    return [Condition(), *(Condition(name, snr) for name in noises for snr in snrs_db)]


def load_set(folder: Path) -> list[Clip]:
    """Read a set whole. Raises InputError if the manifest or a clip is missing or unfit."""
    manifest = folder / "manifest.jsonl"
    if not manifest.is_file():
        raise InputError(f"{manifest} is missing; name the folder of the sets with --dev")
    clips = []
    for index, line in enumerate(manifest.read_text(encoding="utf-8").splitlines()):
        entry = json.loads(line)
        notes = sorted((Note(*note) for note in entry["notes"]), key=lambda n: n.onset)
        samples = read_mono(folder / entry["audio"])
        clips.append(Clip(folder.name, index, entry["audio"], samples, notes))
    return clips


def read_mono(path: Path) -> FloatArray:
    """Samples of a 16 kHz mono file, shape (samples,). Raises InputError for any other."""
    if not path.is_file():
        raise InputError(f"{path} is missing")
    samples, rate = soundfile.read(path, dtype="float32")
    if rate != SAMPLE_RATE or samples.ndim != 1:
        raise InputError(f"{path} is not 16 kHz mono; convert it first")
    return np.asarray(samples, dtype=np.float32)


class NoiseBench:
    """Makes the noisy version of a clip, the same at every call."""

    def __init__(self, recordings: Path, seed: int) -> None:
        """``recordings``: folder of 16 kHz mono files; ``seed`` of every random choice."""
        self.seed = seed
        self._paths = sorted(p for p in recordings.glob("*") if p.suffix in {".ogg", ".flac"})
        self._recordings: dict[Path, FloatArray] = {}

    def apply(self, clip: Clip, condition: Condition) -> FloatArray:
        """The clip's samples under a condition, shape (samples,), within -1..1."""
        if condition.snr_db is None:
            return clip.samples
        added = self._noise(clip, condition.noise)
        noisy = noise.mix_at_snr(clip.samples, added, condition.snr_db, active=melody_mask(clip))
        # Turned down as a recorder would be, not clipped; the SNR stays.
        return noisy / max(1.0, float(np.abs(noisy).max()))

    def _noise(self, clip: Clip, name: str) -> FloatArray:
        key = zlib.crc32(f"{clip.set_name}/{clip.name}/{name}".encode())
        rng = np.random.default_rng([self.seed, key])
        if name == "ambience":
            return self._ambience(clip, rng)
        return noise.GENERATORS[name](len(clip.samples), rng)

    def _ambience(self, clip: Clip, rng: np.random.Generator) -> FloatArray:
        """A stretch of one recording; a recording shorter than the clip is looped."""
        if not self._paths:
            raise InputError("no recordings of noise; put .ogg or .flac files into <dev>/noise")
        path = self._paths[clip.index % len(self._paths)]
        if path not in self._recordings:
            self._recordings[path] = read_mono(path)
        recording = self._recordings[path]
        spare = len(recording) - len(clip.samples)
        start = int(rng.integers(0, spare + 1 if spare >= 0 else len(recording)))
        return np.take(recording, np.arange(start, start + len(clip.samples)), mode="wrap")


def melody_mask(clip: Clip) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Where a reference note sounds, shape (samples,)."""
    active = np.zeros(len(clip.samples), dtype=np.bool_)
    for note in clip.notes:
        active[round(note.onset * SAMPLE_RATE) : round(note.offset * SAMPLE_RATE)] = True
    return active
