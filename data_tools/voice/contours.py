"""The pitch of a singer over time, at control rate.

Between notes the pitch answers like a second-order system to a step, with the overshoot that makes
singing sound human; on top come vibrato after a delay, slow drift, and fine fluctuation (Saitou,
Unoki & Akagi, "Development of an F0 control model based on F0 dynamic characteristics", 2005).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_tools.voice.singers import Singer
from seqmelody.audio import SAMPLE_RATE
from seqmelody.notes import Note

CONTROL = 80  # samples between two points of a contour: 5 ms
SILENCE_SECONDS = 0.25  # after which a note begins anew rather than glides from the last
FloatArray = NDArray[np.float64]


def sung_pitches(notes: list[Note], singer: Singer, rng: np.random.Generator) -> list[float]:
    """What the singer aims at for each written note: out of tune, and going flat or sharp."""
    if not notes:
        return []
    middle = np.array([(n.onset + n.offset) / 2 for n in notes])
    course = rng.normal(0, singer.wander) * middle / max(middle[-1], 1.0)
    errors = rng.normal(0, singer.looseness, len(notes))
    written = np.array([n.pitch for n in notes])
    return [float(p) for p in written + singer.tuning + course + errors]


def pitch_contour(
    notes: list[Note], aims: list[float], n_points: int, singer: Singer, rng: np.random.Generator
) -> FloatArray:
    """MIDI pitch at every control point, also between notes; (n_points,)."""
    time = np.arange(n_points, dtype=np.float64) * (CONTROL / SAMPLE_RATE)
    contour = np.full(n_points, aims[0] if aims else 60.0)
    before, silent_since = contour[0], -np.inf
    for note, aim in zip(notes, aims, strict=True):
        fresh = note.onset - silent_since > SILENCE_SECONDS
        glide = float(singer.glide_seconds * np.exp(rng.normal(0, 0.3)))
        glide = min(glide, 0.5 * note.duration)  # short notes are reached in time
        start = note.onset
        if fresh:  # the mouth opens on some pitch: scooped from below, or nearly right
            scooped = rng.random() < singer.scoop_share
            before = aim - (singer.scoop * rng.random() if scooped else rng.normal(0, 0.2))
            contour[time >= silent_since + 0.02] = before
        else:  # most of the way is made before the vowel
            start -= glide * float(rng.uniform(0.4, 0.9))
        step = _step((time - start) / glide, singer.damping)
        contour += (aim - before) * step
        before, silent_since = aim, note.offset
    contour += _falls(time, notes, singer, rng) + _life(time, notes, singer, rng)
    return contour


def _step(time: FloatArray, damping: float) -> FloatArray:
    """Step response of a second-order system; it first reaches 1 near time 1."""
    damping = min(damping, 0.98)
    frequency = 4.0 * damping + 1.0
    ring = frequency * np.sqrt(1 - damping**2)
    t = np.maximum(time, 0.0)
    wave = np.cos(ring * t) + damping / np.sqrt(1 - damping**2) * np.sin(ring * t)
    return np.asarray(1.0 - np.exp(-damping * frequency * t) * wave)


def _falls(
    time: FloatArray, notes: list[Note], singer: Singer, rng: np.random.Generator
) -> FloatArray:
    """The voice lets go of the pitch as it ends, in semitones."""
    away = np.zeros(len(time))
    for note, following in zip(notes, [*notes[1:], None][: len(notes)], strict=True):
        if following is None or following.onset - note.offset > 0.03:
            length = min(float(rng.uniform(0.05, 0.15)), 0.4 * note.duration)
            here = (time > note.offset - length) & (time <= note.offset)
            away[here] -= singer.fall * rng.random() * ((time[here] - note.offset) / length + 1)
    return away


def _life(
    time: FloatArray, notes: list[Note], singer: Singer, rng: np.random.Generator
) -> FloatArray:
    """Vibrato in long notes, drift and fluctuation, in semitones."""
    depth = np.zeros(len(time))
    for note in notes:
        grown = np.clip((time - note.onset - singer.vibrato_delay) / 0.3, 0, 1)
        depth = np.where(time >= note.onset, grown * float(rng.uniform(0.5, 1.2)), depth)
    rate = singer.vibrato_rate * (1 + 0.08 * smooth_noise(len(time), 0.5, rng))
    vibrato = np.sin(2 * np.pi * np.cumsum(rate) * CONTROL / SAMPLE_RATE)
    drift = singer.drift * smooth_noise(len(time), 0.25, rng)
    fluctuation = singer.jitter * smooth_noise(len(time), 0.03, rng)
    return singer.vibrato_depth * depth * vibrato + drift + fluctuation


def smooth_noise(n_points: int, seconds: float, rng: np.random.Generator) -> FloatArray:
    """Gaussian noise that changes over about so many seconds, standard deviation 1; (n_points,)."""
    step = max(1, round(seconds * SAMPLE_RATE / CONTROL))
    knots = rng.standard_normal(n_points // step + 3)
    place = np.arange(n_points) / step + rng.random()
    return np.interp(place, np.arange(len(knots)), knots) * 1.22  # interpolation takes a third
