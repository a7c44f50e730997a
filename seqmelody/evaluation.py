"""How a recogniser is judged on labelled recordings: noise at a stated SNR, scores, their sums.

*SNR*, here and in all benchmarks: 10 log10(P_melody / P_noise), both powers being means of squares
over the samples where a reference note sounds (:func:`~seqmelody.noise.melody_mask`), so that
neither rests nor the silence around a melody change it. A recording whose label has
no times has no such samples marked; there the powers are
taken over the whole of it, as :func:`mix_at_snr` says.

A mixture that would exceed full scale is turned down, as a recorder would be, and not clipped: the
SNR stays as it is. Which noise a recording gets follows from a seed, the recording's name and its
place in the set, so every system hears the same samples, and every SNR the same noise.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from seqmelody.audio import find_audio, load
from seqmelody.errors import InputError
from seqmelody.metrics import EditCounts, RepeatCounts, edit_counts, note_f1, repeat_counts
from seqmelody.noise import GENERATORS, FloatArray, Generator, melody_mask, mix_at_snr
from seqmelody.notes import Note


@dataclass(frozen=True, slots=True)
class Score:
    """Every measure of one recording; :mod:`seqmelody.metrics` defines them.

    Attributes:
        edits: of the pitch sequence.
        repeats: repeated notes, and those found.
        estimated_notes: how many notes were recognised.
        con_f1: correct onset; NaN, as the other two, where the reference has no times.
        conp_f1: correct onset and pitch.
        conpoff_f1: correct onset, pitch and offset.
    """

    edits: EditCounts
    repeats: RepeatCounts
    estimated_notes: int
    con_f1: float = math.nan
    conp_f1: float = math.nan
    conpoff_f1: float = math.nan

    @property
    def exact(self) -> bool:
        """Whether the sequence is right throughout."""
        return self.edits.errors == 0


@dataclass(frozen=True, slots=True)
class Summary:
    """Many recordings together: counts added up, F-measures as means, ``exact`` a share of 1."""

    recordings: int
    edits: EditCounts
    repeats: RepeatCounts
    exact: float
    con_f1: float
    conp_f1: float
    conpoff_f1: float


def score(
    pitches: Sequence[float], estimated: Sequence[Note], notes: Sequence[Note] | None
) -> Score:
    """Compare recognised notes with a label.

    Args:
        pitches: the reference, MIDI, in order.
        estimated: recognised notes by onset.
        notes: the reference with its times, None where they are unknown.
    """
    heard = [note.pitch for note in estimated]
    counts = edit_counts(pitches, heard), repeat_counts(pitches, heard), len(estimated)
    if notes is None:
        return Score(*counts)
    return Score(
        *counts,
        con_f1=note_f1(notes, estimated, with_pitch=False),
        conp_f1=note_f1(notes, estimated),
        conpoff_f1=note_f1(notes, estimated, with_offsets=True),
    )


def summarise(scores: Iterable[Score]) -> Summary:
    """Pool recordings; F-measures skip those whose label has no times."""
    scores = list(scores)
    if not scores:
        raise InputError("there are no scores to sum up; evaluate a recording at least")
    return Summary(
        len(scores),
        sum((s.edits for s in scores), EditCounts()),
        sum((s.repeats for s in scores), RepeatCounts()),
        fmean(s.exact for s in scores),
        mean_known(s.con_f1 for s in scores),
        mean_known(s.conp_f1 for s in scores),
        mean_known(s.conpoff_f1 for s in scores),
    )


def mean_known(values: Iterable[float]) -> float:
    """Mean of the values that are not NaN; NaN if none is."""
    known = [value for value in values if not math.isnan(value)]
    return fmean(known) if known else math.nan


def add_noise(
    samples: FloatArray, noise: FloatArray, snr_db: float, notes: Sequence[Note] | None
) -> FloatArray:
    """The mixture at an SNR, within -1..1; arrays have the shape (samples,).

    Raises:
        InputError: the melody or the noise is silent.
    """
    active = None if notes is None else melody_mask(notes, len(samples))
    noisy = mix_at_snr(samples, noise, snr_db, active=active)
    return noisy / max(1.0, float(np.abs(noisy).max()))


class NoiseMaker:
    """Makes a recording's noise, the same at every call."""

    def __init__(
        self,
        seed: int,
        recordings: Path | None = None,
        generators: Mapping[str, Generator] = GENERATORS,
    ) -> None:
        """``recordings``: folder of recorded noise, for names that no generator has."""
        self.seed = seed
        self._folder = recordings
        self._generators = generators
        self._paths: list[Path] = []
        self._loaded: dict[Path, FloatArray] = {}

    def make(self, name: str, n_samples: int, recording: str, index: int) -> FloatArray:
        """Noise of one kind, shape (n_samples,).

        Args:
            name: a generator's, or any other for recorded noise.
            recording: name of what will be made noisy; the noise depends on it.
            index: its place in the set: it gets noise recording ``index`` modulo their number.

        Raises:
            InputError: there is no recorded noise.
        """
        rng = np.random.default_rng([self.seed, zlib.crc32(f"{recording}/{name}".encode())])
        if name in self._generators:
            return self._generators[name](n_samples, rng)
        return cut_noise(self._recording(index), n_samples, rng)

    def _recording(self, index: int) -> FloatArray:
        if self._folder is None:
            raise InputError("recorded noise needs a folder of recordings; name one")
        self._paths = self._paths or find_audio(self._folder)
        path = self._paths[index % len(self._paths)]
        if path not in self._loaded:
            self._loaded[path] = load(path)
        return self._loaded[path]


def cut_noise(recording: FloatArray, n_samples: int, rng: np.random.Generator) -> FloatArray:
    """A random stretch, shape (n_samples,); a recording shorter than that is looped."""
    spare = len(recording) - n_samples
    start = int(rng.integers(0, spare + 1 if spare >= 0 else len(recording)))
    return np.take(recording, np.arange(start, start + n_samples), mode="wrap")
