"""Fit how often notes of each confidence are right, on composed clips, and write it into a model.

The clips play tunes that training has not seen (the bank's ``dev`` part), in all the noise and
rooms that training has: a recogniser that is sure of itself where it should not be would do no
better for being told so on quiet clips alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from seqmelody.calibration import Calibration
from seqmelody.datasets import ComposedClips, Example
from seqmelody.errors import InputError
from seqmelody.metrics import right_notes
from seqmelody.model import Emissions, MelodyModel, add_calibrations, load_model
from seqmelody.notes import Vocabulary
from seqmelody.transcription import DECODERS, Decoder, SearchOptions

SEED = 997  # of no training run
FEWEST_NOTES = 100  # to say anything about
SUREST = 0.999  # no finite number of right notes makes the next one certain


def dev_clips(bank: Path, vocabulary: Vocabulary, count: int) -> Iterable[Example]:
    """Clips of tunes kept for development."""
    composed = ComposedClips(bank, vocabulary, seed=SEED, part="dev")
    return (composed[i] for i in range(count))


def calibrate(path: Path, clips: Iterable[Example]) -> dict[str, Calibration]:
    """Fit a curve for each mode of a checkpoint and write them into it.

    Raises:
        CheckpointError: no usable model.
        InputError: a mode found too few notes in the clips to learn from.
    """
    model = load_model(path)
    heard = [(clip, model.emissions(clip.waveform)) for clip in clips]
    curves = {name: _fit_mode(name, decode, heard, model) for name, decode in DECODERS.items()}
    add_calibrations(path, curves)
    return curves


def _fit_mode(
    name: str, decode: Decoder, heard: list[tuple[Example, Emissions]], model: MelodyModel
) -> Calibration:
    said: list[float] = []
    right: list[bool] = []
    for clip, emissions in heard:
        notes = decode(emissions, model.vocabulary, SearchOptions()).notes
        said += [note.confidence for note in notes]
        right += right_notes(clip.pitches, [note.pitch for note in notes])
    if len(said) < FEWEST_NOTES:
        raise InputError(
            f"mode {name!r} found {len(said)} notes, too few to calibrate by; use more clips"
        )
    return fit(said, right)


def fit(said: list[float], right: list[bool]) -> Calibration:
    """Isotonic regression of being right on what was said; points of its steps, (notes,) each."""
    from sklearn.isotonic import IsotonicRegression

    curve = IsotonicRegression(y_min=0.0, y_max=SUREST).fit(said, np.asarray(right, dtype=float))
    points: dict[float, float] = {}  # to six digits, neighbours may fall together
    for x, y in zip(curve.X_thresholds_, curve.y_thresholds_, strict=True):
        points[round(float(x), 6)] = round(float(y), 6)
    return Calibration(tuple(points), tuple(points.values()))
