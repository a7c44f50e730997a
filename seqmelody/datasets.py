"""Training examples: clips composed on the fly from banks, recordings listed in manifests, batches.

An example is a waveform and its notes: *aligned* (with times), *weak* (pitches in order only), or
aligned but for some stretches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from seqmelody.acoustics import AcousticsConfig, Surroundings, record
from seqmelody.audio import SAMPLE_RATE, find_audio, load
from seqmelody.banks import SoundBank, TuneBank
from seqmelody.errors import InputError
from seqmelody.manifests import ManifestEntry, Stretch, read_manifest
from seqmelody.model import ModelConfig
from seqmelody.noise import melody_mask
from seqmelody.note_lists import list_beside, read_note_list
from seqmelody.notes import NO_NOTE, Note, Vocabulary
from seqmelody.performance import perform, playable_range
from seqmelody.phrases import PhraseConfig, make_phrase
from seqmelody.takes import TakeBank, cut_clip

FloatArray = NDArray[np.float32]
UNKNOWN = -1  # window target
SHARD_INDEX = "index.json"  # in a folder of shards, see seqmelody.shards
LONGEST_REST_SECONDS = 5.0  # at the end of a composed clip


@dataclass(frozen=True, slots=True)
class Example:
    """One clip. ``notes`` is None where only the order of ``pitches`` is known, and lacks those in
    the stretches ``untimed``."""

    waveform: FloatArray
    pitches: tuple[int, ...]
    notes: tuple[Note, ...] | None
    untimed: tuple[Stretch, ...] = ()


@dataclass(frozen=True, slots=True)
class ClipConfig:
    """What composed clips are like."""

    seconds: float = 5.0
    silent_share: float = 0.08  # no melody at all, noise only
    accompanied_share: float = 0.05  # another instrument plays, more softly
    struck_share: float = 0.6  # of instruments: their notes die away by themselves
    take_share: float = 0.25  # cut from whole takes, where the bank has some
    phrase: PhraseConfig = field(default_factory=PhraseConfig)
    acoustics: AcousticsConfig = field(default_factory=AcousticsConfig)


class ComposedClips(Dataset[Example]):
    """Endless clips from a bank folder; clip i of a seed is always the same, bit for bit.

    ``part`` says which tunes are played: train, dev or test. Takes were sung from the tunes to
    train on, so the other parts are without them.
    """

    def __init__(
        self,
        folder: Path,
        vocabulary: Vocabulary,
        *,
        seed: int,
        config: ClipConfig | None = None,
        part: str = "train",
    ) -> None:
        self.config = config or ClipConfig()
        self.vocabulary, self.seed = vocabulary, seed
        self.notes = SoundBank(folder, "notes")
        takes = TakeBank(folder) if (folder / "takes.json").exists() else None
        self.takes = takes if part == "train" else None
        self.places = Surroundings(
            SoundBank(folder, "noise") if (folder / "noise.json").exists() else None,
            takes.sounds if takes is not None else None,
            SoundBank(folder, "rooms") if (folder / "rooms.json").exists() else None,
        )
        self.tunes = TuneBank(folder, part)
        ranges = {int(s): self._range(int(s)) for s in np.unique(self.notes.source)}
        self.ranges = {s: (low, high) for s, (low, high) in ranges.items() if low <= high}
        struck = {s: not self.notes.sources[s].continuous for s in sorted(self.ranges)}
        self.struck = np.array([s for s in struck if struck[s]], dtype=np.int64)
        self.sustained = np.array([s for s in struck if not struck[s]], dtype=np.int64)
        if not self.ranges:
            raise InputError(
                f"{folder}: no instrument plays any of the pitches {vocabulary.low}.."
                f"{vocabulary.high}; widen the vocabulary or the bank"
            )

    def _range(self, source: int) -> tuple[int, int]:
        low, high = playable_range(self.notes, source)
        return max(low, self.vocabulary.low), min(high, self.vocabulary.high)

    def __getitem__(self, index: int) -> Example:
        return self.compose(index, self.config.seconds)

    def compose(self, index: int, seconds: float) -> Example:
        """Clip ``index``, of a length of its own."""
        rng = np.random.default_rng([self.seed, index])
        n_samples = round(seconds * SAMPLE_RATE)
        dry, notes = self._melody(n_samples, rng)
        active = melody_mask(notes, n_samples)
        if notes and rng.random() < self.config.accompanied_share:
            dry = dry + self._accompaniment(dry, n_samples, rng)
        waveform = record(dry, active, self.config.acoustics, self.places, rng)
        return Example(waveform, tuple(round(n.pitch) for n in notes), tuple(notes))

    def _melody(self, n_samples: int, rng: np.random.Generator) -> tuple[FloatArray, list[Note]]:
        """Dry sound and its notes: none, a stretch of a take, or a phrase played here."""
        kind = rng.random()
        if kind < self.config.silent_share:
            return np.zeros(n_samples, dtype=np.float32), []
        if self.takes is not None and kind < self.config.silent_share + self.config.take_share:
            dry, notes = cut_clip(self.takes, int(rng.integers(len(self.takes))), n_samples, rng)
            if all(n.pitch in self.vocabulary for n in notes):
                return dry, notes
        return self._phrase(n_samples, rng)

    def _phrase(self, n_samples: int, rng: np.random.Generator) -> tuple[FloatArray, list[Note]]:
        source = self._source(rng)
        low, high = self._tessitura(source, rng)
        notes = self._phrases(low, high, n_samples / SAMPLE_RATE, rng)
        return perform(notes, self.notes, source, n_samples, rng), notes

    def _source(self, rng: np.random.Generator) -> int:
        """An instrument: in noise, how its notes fade tells a lone partial's meaning, so struck
        ones have a share of their own, however many the bank has of each kind."""
        struck = rng.random() < self.config.struck_share
        wanted, others = (self.struck, self.sustained)[:: 1 if struck else -1]
        chosen = wanted if len(wanted) else others
        weights = np.array([self.notes.sources[s].weight for s in chosen])
        return int(rng.choice(chosen, p=weights / weights.sum()))

    def _phrases(self, low: int, high: int, seconds: float, rng: np.random.Generator) -> list[Note]:
        """A phrase, and in a long clip more of them until it is full."""
        notes = make_phrase(self.config.phrase, self.tunes, low, high, seconds, rng)
        while notes and seconds - notes[-1].offset > LONGEST_REST_SECONDS:
            end = notes[-1].offset
            more = make_phrase(self.config.phrase, self.tunes, low, high, seconds - end, rng)
            notes += [Note(n.onset + end, n.offset + end, n.pitch) for n in more]
        return notes

    def _accompaniment(
        self, melody: FloatArray, n_samples: int, rng: np.random.Generator
    ) -> FloatArray:
        """Another phrase, 8 to 25 dB softer than the melody."""
        other, _ = self._phrase(n_samples, rng)
        loudness = np.sqrt(np.mean(melody**2) / max(float(np.mean(other**2)), 1e-9))
        return np.asarray(other * np.float32(loudness * 10 ** (rng.uniform(-25, -8) / 20)))

    def _tessitura(self, source: int, rng: np.random.Generator) -> tuple[int, int]:
        """The part of the instrument's range that this clip uses: mostly two octaves."""
        low, high = self.ranges[source]
        span = int(rng.integers(12, 30))
        if high - low <= span:
            return low, high
        begin = int(rng.integers(low, high - span + 1))
        return begin, begin + span


class ManifestClips(Dataset[Example]):
    """Recordings listed in a manifest (see seqmelody.manifests), or in a folder with ``x.txt``
    beside ``x.wav``; whole."""

    def __init__(self, path: Path, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.entries = read_lists(path) if path.is_dir() else read_manifest(path)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> Example:
        entry = self.entries[index]
        return labelled(load(entry.audio), entry, self.vocabulary)

    def easiest_first(self) -> list[int]:
        """Indices by the number of notes: the fewer, the fewer ways CTC can read them."""
        return sorted(range(len(self)), key=lambda index: len(self.entries[index].pitches))


def read_lists(source: Path) -> list[ManifestEntry]:
    """Entries of a manifest, or of a folder in which ``x.txt`` lies beside ``x.wav``.

    Raises:
        InputError: unreadable, or an entry without times lists no note.
    """
    if source.is_dir() and (source / SHARD_INDEX).exists():
        raise InputError(
            f"{source}: shards cannot be aligned; name the manifest that they were made from"
        )
    if source.is_dir():
        entries = [
            ManifestEntry(audio, tuple(read_note_list(list_beside(audio))), None)
            for audio in find_audio(source)
        ]
    else:
        entries = read_manifest(source)
    for entry in entries:
        if not entry.pitches and entry.all_notes is None:  # with times, it says that it is silent
            raise InputError(f"{entry.audio}: its note list is empty; leave the recording out")
    return entries


def labelled(waveform: FloatArray, entry: ManifestEntry, vocabulary: Vocabulary) -> Example:
    """A recording with what its manifest entry says. Raises InputError for unknown pitches."""
    for pitch in entry.pitches:
        if pitch not in vocabulary:  # complain here, where the file is known
            raise InputError(
                f"{entry.audio}: pitch {pitch} of its manifest entry lies outside the vocabulary "
                f"{vocabulary.low}..{vocabulary.high}; leave it out or use a wider vocabulary"
            )
    return Example(waveform, entry.pitches, entry.notes, entry.untimed)


class Batch(NamedTuple):
    """What the loss needs; T' frames of the window head, T of the CTC head."""

    waveform: Tensor  # (B, samples), zero-padded
    frames: Tensor  # (B,) frames that the clip fills, of T
    classes: Tensor  # (B, T') window targets; UNKNOWN where nothing is known
    onsets: Tensor  # (B, T') onset targets in 0..1
    labels: Tensor  # (total notes,) CTC targets, end to end
    label_lengths: Tensor  # (B,)
    windows: Tensor  # (B,) windows that the clip fills, of T'


class Collate:
    """Examples to a batch, for one model configuration."""

    def __init__(self, config: ModelConfig) -> None:
        self.config = config

    def __call__(self, examples: Sequence[Example]) -> Batch:
        """Pad to the longest and make the targets."""
        features = self.config.features
        longest = max(len(e.waveform) for e in examples)
        n_windows = -(-(longest // features.hop + 1) // self.config.window.stride)
        waveform = torch.zeros(len(examples), longest)
        classes = torch.full((len(examples), n_windows), UNKNOWN)
        onsets = torch.zeros(len(examples), n_windows)
        for row, example in enumerate(examples):
            waveform[row, : len(example.waveform)] = torch.from_numpy(example.waveform)
            if example.notes is not None:
                labels, starts = self._targets(example, n_windows)
                classes[row, : len(labels)] = torch.from_numpy(labels)
                onsets[row, : len(starts)] = torch.from_numpy(starts)
        vocabulary = self.config.vocabulary
        frames = torch.tensor([len(e.waveform) // features.hop + 1 for e in examples])
        return Batch(
            waveform,
            frames,
            classes,
            onsets,
            torch.tensor(
                [vocabulary.to_class(p) for e in examples for p in e.pitches], dtype=torch.long
            ),
            torch.tensor([len(e.pitches) for e in examples]),
            -(-frames // self.config.window.stride),
        )

    def _targets(
        self, example: Example, n_windows: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        stride = self.config.window.stride
        hop = self.config.features.hop_seconds * stride
        filled = len(example.waveform) // (self.config.features.hop * stride) + 1
        assert example.notes is not None
        classes, onsets = window_targets(example.notes, self.config.vocabulary, filled, hop)
        for begin, end in example.untimed:
            classes[frames_between(begin, end, hop)] = UNKNOWN
        return classes, onsets


def window_targets(
    notes: Sequence[Note], vocabulary: Vocabulary, n_windows: int, hop_seconds: float
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Class at the middle of each window, and how near an onset it is (1 at it, 0 from 1.5 hops).

    Where notes overlap the later one counts: a melody is one line.
    """
    middle = np.arange(n_windows) * hop_seconds
    classes = np.full(n_windows, NO_NOTE, dtype=np.int64)
    onsets = np.zeros(n_windows, dtype=np.float32)
    for note in notes:
        sounding = frames_between(note.onset, note.offset, hop_seconds)
        classes[sounding] = vocabulary.to_class(note.pitch)
        near = 1.0 - np.abs(middle - note.onset) / (1.5 * hop_seconds)
        np.maximum(onsets, near, out=onsets, casting="unsafe")
    return classes, np.maximum(onsets, 0.0)


def frames_between(begin: float, end: float, hop_seconds: float) -> slice:
    """Frames whose middle lies at ``begin`` seconds or later, and before ``end``."""
    first, last = (int(np.ceil(at / hop_seconds - 1e-9)) for at in (begin, end))
    return slice(max(0, first), max(0, last))
