"""Emission: what a head says about every frame, with the time base that turns frames into seconds.

Time lives here and nowhere else. Frame ``t`` is centred at ``start_seconds + t * hop_seconds``;
nothing is floored, so the last frame of an hour is as well placed as the first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqmelody.errors import InputError

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Emission:
    """Log-probabilities of a head.

    Attributes:
        log_probs: shape (T, n + 1), natural logarithms; each row is a distribution.
        hop_seconds: from one frame's centre to the next.
        start_seconds: centre of frame 0.
        onset_probs: shape (T,), probability that a note begins in the frame, for heads that say so.
    """

    log_probs: FloatArray
    hop_seconds: float
    start_seconds: float = 0.0
    onset_probs: FloatArray | None = None

    def __post_init__(self) -> None:
        if self.log_probs.ndim != 2:
            raise InputError(f"log_probs must have shape (T, n + 1), not {self.log_probs.shape}")
        if self.hop_seconds <= 0:
            raise InputError(f"hop_seconds must be positive, not {self.hop_seconds}")
        if self.onset_probs is not None and self.onset_probs.shape != (len(self),):
            raise InputError(
                f"onset_probs must have shape ({len(self)},), not {self.onset_probs.shape}"
            )

    def __len__(self) -> int:
        """T, the number of frames."""
        return int(self.log_probs.shape[0])

    @property
    def n_classes(self) -> int:
        """n + 1."""
        return int(self.log_probs.shape[1])

    def frame_to_seconds(self, frame: float) -> float:
        """Centre of a frame in seconds; fractional frames lie between."""
        return self.start_seconds + frame * self.hop_seconds

    def seconds_to_frame(self, seconds: float) -> float:
        """The (fractional) frame centred at a time; the inverse of frame_to_seconds."""
        return (seconds - self.start_seconds) / self.hop_seconds
