"""A recording's notes drawn over its spectrogram."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from seqmelody.errors import SeqMelodyError
from seqmelody.features import FeatureConfig, LogFrequencySpectrogram
from seqmelody.notes import Note, pitch_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

SECONDS_PER_INCH = 1.2
MARGIN_SEMITONES = 7
DECIBELS_SHOWN = 60


def draw_notes(waveform: NDArray[np.float32], notes: Sequence[Note], title: str = "") -> bytes:
    """PNG of the notes over the log-frequency spectrogram of a mono waveform at 16 kHz.

    Raises:
        SeqMelodyError: matplotlib is missing.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise SeqMelodyError(
            "drawing needs matplotlib; install it with: pip install 'seqmelody[plot]'"
        ) from None
    seconds = len(waveform) / FeatureConfig().sample_rate
    width = min(max(6.0, seconds / SECONDS_PER_INCH), 40.0)
    figure = Figure(figsize=(width, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    _spectrogram(axes, waveform)
    _notes(axes, notes)
    axes.set(xlabel="time (s)", ylabel="pitch", xlim=(0, seconds))
    axes.set_title(title, parse_math=False)  # a file's name may hold a $
    out = io.BytesIO()
    with warnings.catch_warnings():  # a title in letters that the font lacks is no fault
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(out, format="png", dpi=110)
    return out.getvalue()


def _spectrogram(axes: Axes, waveform: NDArray[np.float32]) -> None:
    import torch

    config = FeatureConfig(windows=(4096,))
    with torch.inference_mode():
        plane = LogFrequencySpectrogram(config)(torch.from_numpy(waveform)[None])[0, 0]
    decibels = 20 * plane.numpy().T
    half, before = 0.5 / config.bands_per_semitone, -0.5 * config.hop_seconds
    end = before + plane.shape[0] * config.hop_seconds
    top = config.lowest + config.n_bands / config.bands_per_semitone
    axes.imshow(
        decibels,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=decibels.max() - DECIBELS_SHOWN,
        extent=(before, end, config.lowest - half, top - half),
    )


def _notes(axes: Axes, notes: Sequence[Note]) -> None:
    for note in notes:
        axes.plot([note.onset, note.offset], [note.pitch] * 2, color="#40e0d0", linewidth=4)
        axes.plot([note.onset] * 2, [note.pitch - 0.8, note.pitch + 0.8], color="white")
        axes.text(note.onset, note.pitch + 1.2, note.name, color="white", fontsize=8)
    pitches = [n.pitch for n in notes] or [48.0, 84.0]
    low, high = min(pitches) - MARGIN_SEMITONES, max(pitches) + 3 * MARGIN_SEMITONES
    axes.set_ylim(low, high)
    ticks = [p for p in range(0, 128, 12 if high - low > 40 else 6) if low < p < high]
    axes.set_yticks(ticks, [pitch_name(p) for p in ticks])
