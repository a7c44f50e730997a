"""From a pitch contour to notes: one segmenter for all trackers that leave this to others.

A note is a stretch of voiced frames of nearly one pitch. It ends where the pitch has moved away for
long enough, where the tracker loses the voice, and where the level rises steeply while the pitch
stays: a repeated note. The pitch of a note is the median of its frames, rounded to a semitone.

The defaults were tuned by ``python -m benchmarks.peers.tune`` on training-side clips (composed from
``data/bank``, seed 998, as noisy as the training's), for the least mean note error rate of all
trackers that use it; never on the clips of a benchmark.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.base import SAMPLE_RATE, FloatArray
from seqmelody import Note

Pitches = NDArray[np.float64]
LEVEL_SECONDS = 0.02  # over which the level is taken
RISE_SECONDS = 0.04  # within which a new note's level rises
FLOOR = 1e-5  # amplitude: what is softer makes no level of its own


@dataclass(frozen=True, slots=True)
class SegmenterConfig:
    """Thresholds.

    Attributes:
        median_seconds: length of the median filter over the pitch.
        step_semitones: a pitch further than this from its note's begins another one ...
        hold_seconds: ... if it stays away for this long.
        bridge_seconds: unvoiced gaps up to this long within one pitch are none.
        rise_db: a level that rises by more begins a repeated note.
        shortest_seconds: shorter notes are dropped.
    """

    median_seconds: float = 0.05
    step_semitones: float = 0.7
    hold_seconds: float = 0.04
    bridge_seconds: float = 0.01
    rise_db: float = 9.0
    shortest_seconds: float = 0.09


@dataclass(frozen=True, slots=True)
class Contour:
    """What a tracker heard: MIDI pitches, shape (T,), NaN where unvoiced; frame 0 is centred at
    ``start_seconds``."""

    pitches: Pitches
    hop_seconds: float
    start_seconds: float = 0.0

    def seconds(self, frame: int) -> float:
        """Where a frame begins, half a hop before its centre."""
        return max(0.0, self.start_seconds + (frame - 0.5) * self.hop_seconds)


def hertz_to_midi(hertz: NDArray[np.floating]) -> Pitches:
    """MIDI pitches, NaN where the frequency is not positive."""
    known = np.where(hertz > 0, hertz, np.nan).astype(np.float64)
    return np.asarray(69 + 12 * np.log2(known / 440))


def segment(
    contour: Contour, samples: FloatArray, config: SegmenterConfig | None = None
) -> list[Note]:
    """Notes by onset. ``samples``: shape (samples,), 16 kHz, what the contour was tracked in."""
    config = config or SegmenterConfig()
    rises = level_rises(contour, samples, config.rise_db)
    spans = split(contour, rises, config)
    return [
        Note(contour.seconds(first), contour.seconds(end), round(pitch))
        for first, end, pitch in spans
    ]


def split(
    contour: Contour, attacks: Sequence[int], config: SegmenterConfig
) -> list[tuple[int, int, float]]:
    """Spans of frames that are notes: (first, the one after the last, median pitch).

    ``attacks``: frames at which a note begins even if the pitch stays.
    """

    def frames(seconds: float) -> int:
        return max(1, round(seconds / contour.hop_seconds))

    shortest = frames(config.shortest_seconds)
    pitches = median_filter(contour.pitches, frames(config.median_seconds))
    pitches = bridge(pitches, frames(config.bridge_seconds), config.step_semitones)
    spans = []
    for first, end in stable_runs(pitches, config.step_semitones, frames(config.hold_seconds)):
        # An attack in a run's first or last moments belongs to its own onset or the next one's.
        inner = (f for f in attacks if first + shortest <= f <= end - shortest)
        for begin, stop in pairwise([first, *inner, end]):
            if stop - begin >= shortest:
                spans.append((begin, stop, float(np.nanmedian(pitches[begin:stop]))))
    return spans


def median_filter(pitches: Pitches, width: int) -> Pitches:
    """Running median over the voiced frames of an odd window; unvoiced frames stay so."""
    smooth: Pitches = pitches.copy()
    voiced = ~np.isnan(pitches)
    if voiced.any():
        half = width // 2
        padded = np.pad(pitches, half, constant_values=np.nan)
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
        smooth[voiced] = np.nanmedian(windows[voiced], axis=1)
    return smooth


def bridge(pitches: Pitches, longest: int, step: float) -> Pitches:
    """Fill gaps of at most ``longest`` frames whose two sides are within ``step`` semitones."""
    filled: Pitches = pitches.copy()
    voiced = np.flatnonzero(~np.isnan(pitches))
    for left, right in pairwise(voiced):
        if 1 < right - left <= longest + 1 and abs(pitches[left] - pitches[right]) < step:
            filled[left + 1 : right] = pitches[left]
    return filled


def stable_runs(pitches: Pitches, step: float, hold: int) -> list[tuple[int, int]]:
    """Stretches (first frame, frame after the last) of nearly one pitch.

    A frame is away if it is more than ``step`` from the mean of its stretch; after ``hold`` such
    frames in a row a new stretch begins at the first of them.
    """
    runs = []
    near: list[float] = []  # pitches of the stretch, and of its frames that are away for now
    away: list[float] = []
    total = 0.0  # of near
    for frame, pitch in enumerate([*pitches.tolist(), math.nan]):
        if math.isnan(pitch):
            if near:
                runs.append((frame - len(near) - len(away), frame - len(away)))
            near, away, total = [], [], 0.0
        elif near and abs(pitch - total / len(near)) > step:
            away.append(pitch)
            if len(away) == hold:
                runs.append((frame + 1 - hold - len(near), frame + 1 - hold))
                near, away, total = away, [], sum(away)
        else:
            near += [*away, pitch]  # a slip that was over before it could count
            total += sum(away) + pitch
            away = []
    return runs


def level_rises(contour: Contour, samples: FloatArray, rise_db: float) -> list[int]:
    """Frames at which the level rises fastest, of each rise by more than ``rise_db``."""
    levels = _levels(contour, samples)
    span = max(1, round(RISE_SECONDS / contour.hop_seconds))
    rise = np.zeros(len(levels))
    rise[: max(0, len(levels) - span)] = levels[span:] - levels[: max(0, len(levels) - span)]
    found: list[int] = []
    for frame in np.flatnonzero(rise > rise_db):
        around = rise[max(0, frame - span) : frame + span + 1]
        if rise[frame] == around.max() and (not found or frame + span // 2 - found[-1] > span):
            found.append(int(frame) + (span + 1) // 2)
    return found


def _levels(contour: Contour, samples: FloatArray) -> NDArray[np.float64]:
    """Level around each frame's centre in dB, shape (T,)."""
    energy = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    centres = contour.start_seconds + np.arange(len(contour.pitches)) * contour.hop_seconds
    half = LEVEL_SECONDS / 2
    edges = [
        np.clip(np.round((centres + side) * SAMPLE_RATE).astype(int), 0, len(samples))
        for side in (-half, half)
    ]
    power = (energy[edges[1]] - energy[edges[0]]) / np.maximum(1, edges[1] - edges[0])
    return np.asarray(10 * np.log10(np.maximum(power, FLOOR**2)))
