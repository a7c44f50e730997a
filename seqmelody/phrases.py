"""What is played in a training clip: phrases, as notes with times.

A phrase comes from a real tune, or is random: a walk, wide leaps, scales and fast runs, or the same
note again and again. All choices come from the generator passed in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqmelody.banks import REST, TuneBank
from seqmelody.notes import Note

SHORTEST_SECONDS, LONGEST_SECONDS = 0.07, 2.4


@dataclass(frozen=True, slots=True)
class PhraseConfig:
    """How often each kind of phrase occurs, and how it is played."""

    kinds: tuple[tuple[str, float], ...] = (
        ("tune", 0.43),
        ("walk", 0.14),
        ("leaps", 0.11),
        ("run", 0.1),
        ("repeats", 0.22),
    )
    ornament_share: float = 0.06  # of phrases, with grace notes and trills
    slowest: float = 1.1  # seconds a quarter note
    fastest: float = 0.2


def make_phrase(
    config: PhraseConfig,
    tunes: TuneBank,
    low: int,
    high: int,
    seconds: float,
    rng: np.random.Generator,
) -> list[Note]:
    """Notes between MIDI ``low`` and ``high`` that fill ``seconds``, the last possibly cut."""
    names, weights = zip(*config.kinds, strict=True)
    kind = str(rng.choice(names, p=np.array(weights) / sum(weights)))
    tempo = float(np.exp(rng.uniform(np.log(config.fastest), np.log(config.slowest))))
    tune = kind == "tune"
    steps = _tune(tunes, low, high, rng) if tune else _random_steps(kind, low, high, rng)
    notes = _play(steps, tempo, _articulation(rng), seconds, rng)
    return _ornamented(notes, low, high, rng) if rng.random() < config.ornament_share else notes


def _ornamented(notes: list[Note], low: int, high: int, rng: np.random.Generator) -> list[Note]:
    """Some long notes begin with a grace note or are trilled, with a neighbour in range."""
    played: list[Note] = []
    for note in notes:
        neighbour = note.pitch + int(rng.choice([-2, -1, 1, 2]))
        length = float(rng.uniform(SHORTEST_SECONDS, 0.12))
        if note.duration < 4 * length or rng.random() < 0.7 or not low <= neighbour <= high:
            played.append(note)
        elif rng.random() < 0.6:
            played.append(Note(note.onset, note.onset + length, neighbour))
            played.append(Note(note.onset + length, note.offset, note.pitch))
        else:
            count = min(8, int(note.duration / length) - 1)
            begins = [note.onset + i * length for i in range(count + 1)]
            for i, begin in enumerate(begins):
                end = begins[i + 1] if i < count else note.offset
                played.append(Note(begin, end, neighbour if i % 2 else note.pitch))
    return played


def _tune(
    tunes: TuneBank, low: int, high: int, rng: np.random.Generator
) -> list[tuple[int, float]]:
    """A tune from a random place on, transposed to a random key within the range."""
    pitch, quarters = tunes.read(int(rng.integers(len(tunes))))
    begin = int(rng.integers(max(1, len(pitch) - 12)))
    pitch, quarters = pitch[begin : begin + 64], quarters[begin : begin + 64]
    sounding = pitch[pitch > REST]
    if len(sounding) == 0:
        return [((low + high) // 2, 1.0)]
    spare = (high - low) - int(sounding.max() - sounding.min())
    shift = low - int(sounding.min()) + int(rng.integers(max(1, spare + 1)))
    moved = [_fold(int(p) + shift, low, high) if p > REST else REST for p in pitch]
    return list(zip(moved, (float(q) for q in quarters), strict=True))


def _random_steps(
    kind: str, low: int, high: int, rng: np.random.Generator
) -> list[tuple[int, float]]:
    """64 steps of one of the random kinds, as (pitch or REST, quarter notes)."""
    at = int(rng.integers(low, high + 1))
    direction = int(rng.choice([-1, 1]))
    scale = (2, 2, 1, 2, 2, 2, 1)
    steps: list[tuple[int, float]] = []
    for i in range(64):
        quarters = float(rng.choice([0.25, 0.5, 0.5, 1.0, 1.0, 1.5, 2.0]))
        if kind == "walk":
            at = _fold(at + round(rng.normal(0, 3.0)), low, high)
        elif kind == "leaps":
            at = int(rng.integers(low, high + 1))
        elif kind == "run":
            quarters = float(rng.choice([0.25, 0.25, 0.25, 0.5]))
            direction = -direction if rng.random() < 0.12 else direction
            at = _fold(at + direction * scale[i % 7], low, high)
        elif rng.random() < 0.25:  # repeats: now and then a new pitch
            at = _fold(at + round(rng.normal(0, 4.0)), low, high)
        steps.append((REST if rng.random() < 0.06 else at, quarters))
    return steps


def _fold(pitch: int, low: int, high: int) -> int:
    """Move by octaves, or clamp, into the range."""
    while pitch > high and pitch - 12 >= low:
        pitch -= 12
    while pitch < low and pitch + 12 <= high:
        pitch += 12
    return min(max(pitch, low), high)


def _articulation(rng: np.random.Generator) -> tuple[float, float]:
    """(share of its time that a note is held, seconds of gap): legato, normal or staccato."""
    style = rng.random()
    if style < 0.45:
        return 1.0, 0.0
    if style < 0.8:
        return float(rng.uniform(0.75, 1.0)), float(rng.uniform(0.0, 0.03))
    return float(rng.uniform(0.35, 0.75)), 0.0


def _play(
    steps: list[tuple[int, float]],
    tempo: float,
    articulation: tuple[float, float],
    seconds: float,
    rng: np.random.Generator,
) -> list[Note]:
    """Turn steps into timed notes with a little unevenness, starting after a short silence."""
    held, gap = articulation
    now = float(rng.uniform(0.0, 0.5)) if rng.random() < 0.85 else float(rng.uniform(0.5, 2.0))
    swing = float(rng.uniform(0.0, 0.06))
    notes: list[Note] = []
    for pitch, quarters in steps:
        if now > seconds - SHORTEST_SECONDS:
            break
        length = quarters * tempo * float(np.exp(rng.normal(0.0, swing)))
        length = min(max(length, SHORTEST_SECONDS), LONGEST_SECONDS)
        if pitch != REST:
            sounding = max(held * length - gap, min(length, SHORTEST_SECONDS))
            notes.append(Note(now, min(now + sounding, seconds), pitch))
        now += length
    return notes
