"""PESTO (Riou et al., ISMIR 2023), a small self-supervised tracker, with the weights it brings.

A hop of 10 ms, its default. It tells how sure it is that there is a pitch and leaves the threshold
to its user; ours was tuned together with the shared segmenter (``benchmarks/peers/tune.py``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.base import (
    SAMPLE_RATE,
    FloatArray,
    NotInstalledError,
    Options,
    package_version,
)
from benchmarks.peers.segmenter import Contour, hertz_to_midi, segment
from seqmelody import Note

WEIGHTS = "mir-1k_g7"
HOP_SECONDS = 0.01
CONFIDENCE = 0.05
Hertz = NDArray[np.float32]


class Pesto:
    """Tracker and segmenter."""

    def __init__(self, model: Any, device: str) -> None:
        """``model``: its network, loaded."""
        self._model = model
        self._device = device
        where = "" if device == "cpu" else f" on {device}"
        self.version = f"{package_version('pesto-pitch')} ({WEIGHTS}){where}"

    def track(self, samples: FloatArray) -> tuple[Hertz, Hertz]:
        """Pitch in Hz and confidence from 0 to 1, both (T,)."""
        import torch

        with torch.inference_mode():
            outputs = self._model(
                torch.from_numpy(samples)[None].to(self._device), convert_to_freq=True
            )
        hertz, confidence = (x[0].cpu().numpy() for x in outputs[:2])
        return hertz, confidence

    def transcribe(self, samples: FloatArray) -> list[Note]:
        """Track, then segment."""
        return segment(confident(*self.track(samples)), samples)


def confident(hertz: Hertz, confidence: Hertz, threshold: float = CONFIDENCE) -> Contour:
    """Pitch where the tracker is sure enough."""
    voiced = np.where(confidence >= threshold, hertz, 0.0)
    return Contour(hertz_to_midi(voiced), HOP_SECONDS)


def load(options: Options) -> Pesto:
    """Raises NotInstalledError without the package."""
    import torch

    try:
        import pesto
    except ImportError:
        raise NotInstalledError("pip install 'seqmelody[bench]'") from None
    torch.set_num_threads(options.threads)
    model = pesto.load_model(WEIGHTS, step_size=1000 * HOP_SECONDS, sampling_rate=SAMPLE_RATE)
    return Pesto(model.to(options.device).eval(), options.device)
