"""What the mouth does between and during notes: levels of voice and noise, vowels, consonants.

A note is a syllable: its vowel begins at the onset, its consonant lies before it. Consonants follow
the usual classes (stop, fricative, nasal, liquid, h); a note without one is parted from an equal
note before it by a dip in level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_tools.voice.contours import CONTROL, smooth_noise
from data_tools.voice.singers import Singer
from seqmelody.audio import SAMPLE_RATE
from seqmelody.notes import Note

FloatArray = NDArray[np.float64]
# First three formants of men's vowels in Hz (Peterson & Barney, 1952), and a sung o.
VOWELS = np.array([
    (730, 1090, 2440), (300, 870, 2240), (270, 2290, 3010), (450, 800, 2500), (530, 1840, 2480),
    (390, 1990, 2550), (660, 1720, 2410), (570, 840, 2410), (440, 1020, 2240), (640, 1190, 2390),
    (490, 1350, 1690),
], dtype=np.float64)  # fmt: skip
MURMUR = np.array([260.0, 1100.0, 2200.0])  # through the nose
CONSONANTS = ("stop", "fricative", "nasal", "liquid", "h")


@dataclass(frozen=True, slots=True)
class Syllables:
    """Control of the synthesis, a row every CONTROL samples."""

    voice: FloatArray  # (points,) amplitude of the glottal pulses
    noise: FloatArray  # (points,) amplitude of the breath and consonant noise
    hiss: FloatArray  # (points,) 1 where the noise is a fricative's, 0 where it passes the vowel
    formants: FloatArray  # (points, 3) Hz, of a man


def sing_with_gaps(notes: list[Note], singer: Singer, rng: np.random.Generator) -> list[Note]:
    """The notes as sung: each ends early enough for the next one's consonant."""
    sung: list[Note] = []
    for note, following in zip(notes, [*notes[1:], None][: len(notes)], strict=True):
        offset = note.offset
        if following is not None and rng.random() >= singer.legato_share:
            gap = float(singer.gap_seconds * np.exp(rng.normal(0, 0.4)))
            room = following.onset - note.onset
            offset = min(offset, following.onset - min(gap, 0.45 * room))
        sung.append(Note(note.onset, offset, note.pitch))
    return sung


def articulate(
    notes: list[Note], n_points: int, singer: Singer, rng: np.random.Generator
) -> Syllables:
    """Levels and vowels of the whole take."""
    out = Syllables(
        np.zeros(n_points), np.zeros(n_points), np.zeros(n_points), np.zeros((n_points, 3))
    )
    text = VOWELS[rng.permutation(len(VOWELS))[: singer.vowels]]
    out.formants[:] = text[0]
    end = 0.0
    last_pitch = float("nan")
    for note in notes:
        level = float(10 ** (rng.normal(0, singer.dynamics_db) / 20))
        vowel = MURMUR if singer.kind == "hum" else text[int(rng.integers(len(text)))]
        _vowel(out, note, level, vowel, rng)
        if note.onset - end > 0.02:
            _consonant(out, end, note.onset, level, singer, rng)
        else:
            # Between equal notes the dip is all that there is to hear.
            shallowest, deepest = (10.0, 26.0) if abs(last_pitch - note.pitch) < 0.5 else (3.0, 8.0)
            _dip(out, note.onset, float(rng.uniform(shallowest, deepest)), rng)
        end, last_pitch = note.offset, note.pitch
    _smooth(out)
    out.voice[:] *= 10 ** (singer.shimmer_db * smooth_noise(n_points, 0.02, rng) / 20)
    out.noise[:] += out.voice * singer.breath
    return out


def _span(begin: float, end: float) -> slice:
    """Control points between two times in seconds."""
    return slice(
        max(0, round(begin * SAMPLE_RATE / CONTROL)), max(0, round(end * SAMPLE_RATE / CONTROL))
    )


def _vowel(
    out: Syllables, note: Note, level: float, vowel: FloatArray, rng: np.random.Generator
) -> None:
    here = _span(note.onset, note.offset)
    count = len(out.voice[here])
    seconds = np.arange(count) * CONTROL / SAMPLE_RATE
    attack = 1 - 0.9 * np.exp(-seconds / rng.uniform(0.005, 0.04))
    fall = 1 - rng.uniform(0, 0.6) * seconds / max(note.duration, 0.1)
    release = np.minimum(1, (note.duration - seconds) / rng.uniform(0.01, 0.06))
    out.voice[here] = level * attack * fall * np.maximum(release, 0.05)
    out.formants[here.start :] = vowel  # the mouth stays until it is needed again


def _consonant(
    out: Syllables,
    begin: float,
    end: float,
    level: float,
    singer: Singer,
    rng: np.random.Generator,
) -> None:
    """Fill the end of the gap before a vowel; a long gap may hold a breath, too."""
    if end - begin > 0.45 and rng.random() < 0.5:
        out.noise[_span(end - 0.4, end - 0.12)] = level * 10 ** rng.uniform(-2.2, -1.2)
    begin = max(begin, end - 0.2)
    here = _span(begin, end)
    kind = "none" if singer.kind != "sung" else str(rng.choice(CONSONANTS))
    if kind == "stop":
        burst = _span(max(begin, end - rng.uniform(0.01, 0.05)), end)
        out.noise[burst] = level * 10 ** rng.uniform(-1.6, -0.5)
        out.hiss[burst] = float(rng.random() < 0.5)
    elif kind == "fricative":
        out.noise[here] = level * 10 ** rng.uniform(-1.6, -0.3)
        out.hiss[here] = 1.0
    elif kind == "h":
        out.noise[here] = level * 10 ** rng.uniform(-1.7, -0.8)
    elif kind == "nasal":
        out.voice[here] = level * 10 ** rng.uniform(-1.0, -0.3)
        out.formants[here] = MURMUR
    elif kind == "liquid":
        out.voice[here] = level * 10 ** rng.uniform(-0.8, -0.2)
        out.formants[here] = out.formants[here] * rng.uniform(0.6, 1.2, 3)


def _dip(out: Syllables, at: float, depth_db: float, rng: np.random.Generator) -> None:
    """Lower the level around a time, as when a note is sung anew on one breath."""
    width = rng.uniform(0.015, 0.05)
    time = np.arange(len(out.voice)) * CONTROL / SAMPLE_RATE
    near = np.abs(time - at) < 4 * width
    shape = np.exp(-0.5 * ((time[near] - at + 0.5 * width) / width) ** 2)
    out.voice[near] *= 10 ** (-depth_db * shape / 20)


def _smooth(out: Syllables) -> None:
    """Nothing in a mouth moves at once: average over 15 ms (levels) and 45 ms (formants)."""
    for values, points in ((out.voice, 3), (out.noise, 3), (out.hiss, 3)):
        values[:] = np.convolve(values, np.full(points, 1 / points), mode="same")
    for column in out.formants.T:
        padded = np.pad(column, 4, mode="edge")
        column[:] = np.convolve(padded, np.full(9, 1 / 9), mode="valid")
