"""Sung takes: a melody, a singer, and the sound with its notes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from data_tools.voice.contours import CONTROL, pitch_contour, sung_pitches
from data_tools.voice.singers import Singer, draw_singer
from data_tools.voice.syllables import articulate, sing_with_gaps
from data_tools.voice.tract import synthesise
from seqmelody.audio import SAMPLE_RATE
from seqmelody.banks import TuneBank
from seqmelody.notes import Note
from seqmelody.phrases import PhraseConfig, make_phrase
from seqmelody.takes import Take

SHORTEST_SECONDS = 0.11  # people do not sing faster
REPERTOIRE = PhraseConfig(
    kinds=(("tune", 0.6), ("walk", 0.18), ("leaps", 0.04), ("run", 0.04), ("repeats", 0.14)),
    ornament_share=0.0,
    slowest=1.2,
    fastest=0.3,
)


def sing_takes(count: int, seconds: float, tunes: TuneBank, seed: int) -> Iterator[Take]:
    """``count`` takes; take i of a seed is always the same, bit for bit."""
    for index in range(count):
        yield sing_take(seconds, tunes, np.random.default_rng([seed, index]))


def sing_take(seconds: float, tunes: TuneBank, rng: np.random.Generator) -> Take:
    """One random singer with one random phrase."""
    singer = draw_singer(rng)
    notes = make_phrase(REPERTOIRE, tunes, singer.low, singer.high, seconds - 0.3, rng)
    notes = [n for n in notes if n.duration >= SHORTEST_SECONDS]
    samples, sung, _ = sing(notes, seconds, singer, rng)
    return Take(samples, tuple(sung), 0)


def sing(
    notes: list[Note], seconds: float, singer: Singer, rng: np.random.Generator
) -> tuple[NDArray[np.float32], list[Note], NDArray[np.float64]]:
    """Sing written notes.

    Returns:
        The sound; the notes as sung, with the pitch aimed at, onset at the vowel and offset where
        the voice leaves it; and the pitch contour, MIDI, a value every CONTROL samples.
    """
    n_points = round(seconds * SAMPLE_RATE / CONTROL) + 1
    aims = sung_pitches(notes, singer, rng)
    sung = sing_with_gaps(notes, singer, rng)
    pitch = pitch_contour(sung, aims, n_points, singer, rng)
    syllables = articulate(sung, n_points, singer, rng)
    samples = synthesise(pitch, syllables, singer, rng)
    return samples, [replace(n, pitch=p) for n, p in zip(sung, aims, strict=True)], pitch
