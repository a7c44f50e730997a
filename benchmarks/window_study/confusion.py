"""Which class is taken for which, by semitone and by octave, as a figure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.clips import Condition
from benchmarks.window_study.data import VOCABULARY
from seqmelody import InputError
from seqmelody.notes import NO_NOTE, pitch_name

IntArray = NDArray[np.int64]
SHOWN_SNR_DB = 0.0


def confusion(truth: IntArray, said: IntArray, n_classes: int) -> NDArray[np.float64]:
    """Shares [true class, said class]; a row sums to 1, or to 0 if the class does not occur."""
    counts = np.bincount(truth.ravel() * n_classes + said.ravel(), minlength=n_classes**2)
    counts = counts.reshape(n_classes, n_classes).astype(np.float64)
    return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))


def octave_of(classes: IntArray) -> IntArray:
    """0 for "no note", 1 for pitches in the lowest octave of the vocabulary, and so on."""
    return np.where(classes == NO_NOTE, 0, (classes - 1) // 12 + 1)


def draw_confusion(
    path: Path, title: str, pictured: list[tuple[Condition, IntArray, IntArray]]
) -> None:
    """Semitones and octaves, clean and at 0 dB in each noise. Raises InputError without
    matplotlib."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError(
            "figures need matplotlib; install it with: pip install 'seqmelody[bench]'"
        ) from None
    shown = [p for p in pictured if p[0].snr_db is None or p[0].snr_db == SHOWN_SNR_DB]
    figure = Figure(figsize=(4.2 * len(shown), 7.5), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    figure.suptitle(f"{title}: share of the true class's windows")
    axes = figure.subplots(2, len(shown), squeeze=False)
    octaves = -(-VOCABULARY.n_pitches // 12)
    for column, (condition, truth, said) in enumerate(shown):
        pairs = (
            (truth, said, VOCABULARY.n_classes, _semitone_names()),
            (octave_of(truth), octave_of(said), octaves + 1, _octave_names(octaves)),
        )
        for row, (true, heard, size, names) in enumerate(pairs):
            panel = axes[row, column]
            shares = confusion(true, heard, size)
            image = panel.imshow(shares, vmin=0, vmax=1, cmap="magma_r")
            panel.set_xticks(range(size), names, rotation=90, fontsize="xx-small")
            panel.set_yticks(range(size), names, fontsize="xx-small")
            panel.set_xlabel("said")
            panel.set_ylabel("true")
        snr = "" if condition.snr_db is None else f" {condition.snr_db:g} dB"
        axes[0, column].set_title(f"{condition.noise}{snr}")
    figure.colorbar(image, ax=axes, shrink=0.5)
    figure.savefig(path, metadata={"Software": None})


def _semitone_names() -> list[str]:
    pitches = [VOCABULARY.to_pitch(c) for c in range(1, VOCABULARY.n_classes)]
    return ["none", *(pitch_name(p) for p in pitches)]


def _octave_names(octaves: int) -> list[str]:
    lowest = VOCABULARY.low // 12 - 1
    return ["none", *(f"octave {lowest + k}" for k in range(octaves))]
