"""The frozen clips, and the noisy conditions they are heard in.

A set is a folder with ``manifest.jsonl`` (format: :mod:`seqmelody.manifests`). Noise is that of
:mod:`seqmelody.evaluation`, which also defines SNR; besides the generated kinds there are
``ambience``, a folder of recordings, and ``babble``, several voices at once. The set ``no_melody``
is made here: recordings in which any note recognised is a false one.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.babble import babble
from benchmarks.peers.base import SAMPLE_RATE, FloatArray
from seqmelody import InputError, Note
from seqmelody.evaluation import NoiseMaker, add_noise
from seqmelody.manifests import ManifestLine, read_entry, read_lines
from seqmelody.noise import GENERATORS, Generator

NOISE_GENERATORS: dict[str, Generator] = {**GENERATORS, "babble": babble}
NOISES = ("ambience", *NOISE_GENERATORS)
FINGERPRINT_DIGITS = 8  # hexadecimal
NO_MELODY = "no_melody"
NO_MELODY_KINDS = ("silence", "white", "pink", "ambience", "babble")
NO_MELODY_CLIPS = 4  # of each kind
NO_MELODY_SECONDS = 15.0
NO_MELODY_RMS = 0.05  # -26 dB of full scale


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip of a set.

    Attributes:
        set_name: folder of the set.
        index: place in the manifest.
        name: file name of the audio.
        samples: shape (samples,), 16 kHz mono.
        notes: the reference, by onset.
        sample_bank: where the set's clean samples lie that the clip is made of; None if unknown.
    """

    set_name: str
    index: int
    name: str
    samples: FloatArray
    notes: list[Note]
    sample_bank: Path | None = None

    @property
    def seconds(self) -> float:
        """Length of the audio."""
        return len(self.samples) / SAMPLE_RATE

    def fingerprint(self) -> str:
        """Changes with the sound and with the notes: rows tell by it what they are of."""
        notes = np.array([(n.onset, n.offset, n.pitch) for n in self.notes], dtype=np.float64)
        digest = sha256(self.samples.tobytes())
        digest.update(notes.tobytes())
        return digest.hexdigest()[:FINGERPRINT_DIGITS]


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
    clips = [_clip(manifest, index, line) for index, line in enumerate(read_lines(manifest))]
    for name, times in Counter(clip.name for clip in clips).items():
        if times > 1:
            raise InputError(f"{manifest}: names {name} {times} times; leave one line of it")
    return clips


def _clip(manifest: Path, index: int, line: ManifestLine) -> Clip:
    notes = read_entry(manifest, line).all_notes
    if notes is None:
        raise InputError(
            f"{manifest}, line {line.number}: not every note has its times; "
            'write {"audio": ..., "notes": [[onset, offset, pitch], ...]}'
        )
    folder, data = manifest.parent, json.loads(line.text)
    name, bank = data["audio"], data.get("samples")  # the name as it is written: noise follows it
    if not isinstance(bank, str | None):
        raise InputError(f'{manifest}, line {line.number}: "samples" names no file; leave it out')
    samples = read_mono(folder / name)
    return Clip(
        folder.name, index, name, samples, list(notes), None if bank is None else folder / bank
    )


def read_mono(path: Path) -> FloatArray:
    """Samples of a 16 kHz mono file, shape (samples,). Raises InputError for any other."""
    if not path.is_file():
        raise InputError(f"{path} is missing")
    try:
        samples, rate = soundfile.read(path, dtype="float32")
    except soundfile.LibsndfileError as error:
        raise InputError(f"{path}: no audio that can be read ({error.error_string})") from None
    if not len(samples):
        raise InputError(f"{path} holds no sound; take it out of the manifest")
    if rate != SAMPLE_RATE or samples.ndim != 1:
        raise InputError(f"{path} is not 16 kHz mono; convert it first")
    return np.asarray(samples, dtype=np.float32)


def no_melody_clips(bench: NoiseBench) -> list[Clip]:
    """Silence and noise of every kind, without a note; they do not depend on the bench's seed."""
    return [
        _without_melody(kind, number, NoiseBench(bench.recordings, number))
        for kind in NO_MELODY_KINDS
        for number in range(NO_MELODY_CLIPS)
    ]


def _without_melody(kind: str, number: int, bench: NoiseBench) -> Clip:
    samples: FloatArray = np.zeros(round(NO_MELODY_SECONDS * SAMPLE_RATE), dtype=np.float32)
    clip = Clip(NO_MELODY, number, f"{kind}-{number}", samples, [])
    if kind == "silence":
        return clip
    sound = bench.noise(clip, kind)
    level = NO_MELODY_RMS / float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))
    return Clip(NO_MELODY, number, clip.name, np.clip(sound * np.float32(level), -1, 1), [])


class NoiseBench:
    """Makes the noisy version of a clip, the same at every call."""

    def __init__(self, recordings: Path, seed: int) -> None:
        """``recordings``: folder of recorded noise; ``seed`` of every random choice."""
        self.recordings = recordings
        self.seed = seed
        self._maker = NoiseMaker(seed, recordings, NOISE_GENERATORS)

    def noise(self, clip: Clip, name: str) -> FloatArray:
        """A clip's noise at no particular level, shape (samples,)."""
        key = f"{clip.set_name}/{clip.name}"
        return self._maker.make(name, len(clip.samples), key, clip.index)

    def apply(self, clip: Clip, condition: Condition) -> FloatArray:
        """The clip's samples under a condition, shape (samples,), within -1..1.

        Raises:
            InputError: the clip or its noise is silent where notes are; the message names it.
        """
        if condition.snr_db is None:
            return clip.samples
        added = self.noise(clip, condition.noise)
        try:
            return add_noise(clip.samples, added, condition.snr_db, clip.notes)
        except InputError as error:
            raise InputError(f"{clip.set_name}/{clip.name} in {condition.noise}: {error}") from None


@lru_cache
def cached_set(folder: Path, recordings: Path) -> tuple[Clip, ...]:
    """The clips of a set, read once a process; ``no_melody`` is made from ``recordings``."""
    if folder.name == NO_MELODY:
        return tuple(no_melody_clips(NoiseBench(recordings, 0)))
    return tuple(load_set(folder))
