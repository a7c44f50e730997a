"""Babble: several people singing at once, each another melody.

The hardest noise for a recogniser of melodies, for every part of it is a melody. The voices are
those of ``data_tools.voice`` with random-walk phrases, so no file is needed, and their seeds are
drawn here: no take of a training bank is among them.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from benchmarks.peers.base import FloatArray
from data_tools.voice.singers import draw_singer
from data_tools.voice.takes import sing
from seqmelody import Note
from seqmelody.evaluation import cut_noise

VOICES = 6  # at once: none stands out, as in the babble of speech corpora
CHOIR = 24  # takes to draw them from; singing anew for every clip would take as long as the clips
TAKE_SECONDS = 20.0
SEED = 0xBABB1E


def babble(n_samples: int, rng: np.random.Generator) -> FloatArray:
    """VOICES stretches of different takes, equally loud; unit RMS, shape (n_samples,)."""
    singers = rng.choice(CHOIR, VOICES, replace=False)
    voices = [cut_noise(_take(int(singer)), n_samples, rng) for singer in singers]
    mixed = np.sum(voices, axis=0, dtype=np.float64)
    return np.asarray(mixed / np.sqrt(np.mean(mixed**2)), dtype=np.float32)


@lru_cache(maxsize=CHOIR)
def _take(index: int) -> FloatArray:
    """Take ``index``, unit RMS, shape (samples,); always the same."""
    rng = np.random.default_rng([SEED, index])
    singer = draw_singer(rng)
    while singer.kind != "sung":  # who hums or whistles has no consonants
        singer = draw_singer(rng)
    samples, _, _ = sing(_walk(singer.low, singer.high, rng), TAKE_SECONDS, singer, rng)
    return np.asarray(samples / np.sqrt(np.mean(np.square(samples))), dtype=np.float32)


def _walk(low: int, high: int, rng: np.random.Generator) -> list[Note]:
    """Notes of a random walk between two MIDI pitches, at the pace of speech."""
    notes, now, pitch = [], 0.0, int(rng.integers(low, high + 1))
    while now < TAKE_SECONDS - 0.5:
        length = float(rng.uniform(0.15, 0.5))
        notes.append(Note(now, now + 0.9 * length, pitch))
        pitch = int(np.clip(pitch + round(rng.normal(0, 2.5)), low, high))
        now += length + (float(rng.uniform(0.1, 0.4)) if rng.random() < 0.1 else 0.0)
    return notes
