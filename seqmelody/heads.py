"""The two heads on the shared encoder: windows and CTC."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqmelody.linear import Linear


@dataclass(frozen=True, slots=True)
class WindowConfig:
    """The sliding window, in frames of the encoder."""

    length: int = 5  # 100 ms
    stride: int = 1  # 20 ms
    hidden: int = 128

    def __post_init__(self) -> None:
        if not all(isinstance(n, int) for n in (self.length, self.stride, self.hidden)):
            raise ValueError(f"sizes of windows must be whole numbers, not {self}")
        if self.length % 2 == 0 or min(self.length, self.stride, self.hidden) < 1:
            raise ValueError(f"window length must be odd and stride positive, not {self}")


class WindowHead(nn.Module):
    """Which note, or none, sounds in the middle of each window; and does one begin there?

    The onset answer is a cue beside the n + 1 classes: without it two equal notes in a row, which
    have the same class from start to end, could not be told from one long note.
    """

    def __init__(self, config: WindowConfig, input_size: int, n_classes: int) -> None:
        super().__init__()
        self.config = config
        self.slide = nn.Conv1d(
            input_size, config.hidden, config.length, config.stride, config.length // 2
        )
        self.classify = Linear(config.hidden + input_size, n_classes)
        self.onset = Linear(config.hidden, 1)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, D) to class logits (B, T', n + 1) and onset logits (B, T'), T' = T / stride."""
        window = F.gelu(self.slide(frames.transpose(1, 2))).transpose(1, 2)  # (B, T', hidden)
        middle = frames[:, :: self.config.stride]
        logits = self.classify(torch.cat([window, middle], dim=2))
        return logits, self.onset(window).squeeze(2)


class CTCHead(nn.Module):
    """Which note, or blank, each frame adds to the sequence (Graves et al., 2006)."""

    def __init__(self, input_size: int, n_classes: int) -> None:
        super().__init__()
        self.classify = Linear(input_size, n_classes)

    def forward(self, frames: Tensor) -> Tensor:
        """(B, T, D) to logits (B, T, n + 1)."""
        logits: Tensor = self.classify(frames)
        return logits
