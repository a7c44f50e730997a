"""Confidence that means something: what a decoder says of a note, turned into how often such a
note is right.

A network's own probabilities are seldom that (Guo et al., "On calibration of modern neural
networks", ICML 2017). The cure is a rising curve from what it says to the share that was right,
fitted by isotonic regression (Zadrozny & Elkan, 2002) on notes that nobody trained on
(``python -m data_tools calibrate``); it travels in the checkpoint, a curve for each decoder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from seqmelody.notes import Note


@dataclass(frozen=True, slots=True)
class Calibration:
    """A rising curve through points, straight in between and level outside.

    Attributes:
        said: confidences of a decoder, rising.
        right: the share of notes that were right, for each of them; it never falls.
    """

    said: tuple[float, ...]
    right: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.said or len(self.said) != len(self.right):
            raise ValueError("a calibration needs as many shares as confidences, and one at least")
        inside = all(0 <= value <= 1 for value in (*self.said, *self.right))
        if not inside or (np.diff(self.said) <= 0).any() or (np.diff(self.right) < 0).any():
            raise ValueError("a calibration's points must rise, from 0 to 1")

    def __call__(self, confidence: float) -> float:
        """The probability that a note said with this confidence is right."""
        return float(np.interp(confidence, self.said, self.right))

    def of(self, notes: Sequence[Note]) -> list[Note]:
        """The same notes with calibrated confidences."""
        return [replace(note, confidence=self(note.confidence)) for note in notes]


Calibrations = Mapping[str, Calibration]  # by the name of the decoder


def to_json(calibrations: Calibrations) -> str:
    """The inverse of :func:`from_json`."""
    return json.dumps({name: asdict(curve) for name, curve in calibrations.items()})


def from_json(text: str) -> dict[str, Calibration]:
    """Raises ValueError, KeyError, AttributeError or TypeError for what to_json did not write."""
    return {
        str(name): Calibration(
            tuple(float(x) for x in curve["said"]), tuple(float(y) for y in curve["right"])
        )
        for name, curve in json.loads(text).items()
    }
