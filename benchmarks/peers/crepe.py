"""CREPE (Kim et al., ICASSP 2018) in its port to torch, with its smallest or largest network.

Settings as in torchcrepe's README: Viterbi decoding, a hop of 10 ms, periodicity smoothed by a
median of 3 frames and thresholded at 0.21, pitch by a mean of 3. CREPE knows no pitch above 1975 Hz
(B6) and none below 32.7 Hz. Notes: the shared segmenter.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from benchmarks.peers.base import (
    SAMPLE_RATE,
    FloatArray,
    NotInstalledError,
    Options,
    package_version,
)
from benchmarks.peers.segmenter import Contour, hertz_to_midi, segment
from seqmelody import Note

LOWEST_HZ, HIGHEST_HZ = 41.2, 1975.5  # from E1 to the highest that the network has
HOP = 160  # samples
SMOOTHED = 3  # frames
PERIODICITY = 0.21
BATCH = 512  # frames; bounds memory, changes nothing else
Size = Literal["tiny", "full"]


class Crepe:
    """Tracker and segmenter."""

    def __init__(self, package: Any, size: Size, device: str) -> None:
        """``package``: torchcrepe."""
        self._package = package
        self._size = size
        self._device = device
        where = "" if device == "cpu" else f" on {device}"
        self.version = f"{package_version('torchcrepe')} ({size}){where}"

    def contour(self, samples: FloatArray) -> Contour:
        """Pitch where periodic."""
        import torch

        hertz, periodicity = self._package.predict(
            torch.from_numpy(samples)[None],
            SAMPLE_RATE,
            HOP,
            LOWEST_HZ,
            HIGHEST_HZ,
            self._size,
            decoder=self._package.decode.viterbi,
            return_periodicity=True,
            batch_size=BATCH,
            device=self._device,
        )
        periodicity = self._package.filter.median(periodicity, SMOOTHED)
        voiced = self._package.threshold.At(PERIODICITY)(hertz, periodicity)
        smooth = self._package.filter.mean(voiced, SMOOTHED)
        return Contour(hertz_to_midi(np.nan_to_num(smooth[0].cpu().numpy())), HOP / SAMPLE_RATE)

    def transcribe(self, samples: FloatArray) -> list[Note]:
        """Track, then segment."""
        return segment(self.contour(samples), samples)


def load(options: Options, *, size: Size) -> Crepe:
    """Raises NotInstalledError without the package."""
    import torch

    try:
        import torchcrepe
    except ImportError:
        raise NotInstalledError("pip install 'seqmelody[bench]'") from None
    torch.set_num_threads(options.threads)
    return Crepe(torchcrepe, size, options.device)
