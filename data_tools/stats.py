"""What a manifest holds: hours, notes, and how high and how long the notes are."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile

from seqmelody.errors import InputError, SeqMelodyError
from seqmelody.manifests import ManifestEntry
from seqmelody.notes import pitch_name

LENGTH_EDGES_SECONDS = (0, 0.08, 0.12, 0.18, 0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0, float("inf"))
BAR_LENGTH = 50  # characters


@dataclass(slots=True)
class Stats:
    """Sums over the entries of a manifest; ``lengths`` (seconds) are those of aligned notes."""

    recordings: int = 0
    aligned: int = 0  # recordings whose notes have times
    seconds: float = 0.0
    pitches: Counter[int] = field(default_factory=Counter)
    lengths: list[float] = field(default_factory=list)

    @property
    def notes(self) -> int:
        """Number of notes."""
        return self.pitches.total()

    @property
    def notes_a_minute(self) -> float:
        """Notes in a minute of sound, rests included."""
        return 60 * self.notes / self.seconds if self.seconds else 0.0


def collect_stats(entries: Iterable[ManifestEntry]) -> Stats:
    """Read how long each recording is, and add everything up.

    Raises:
        InputError: a recording cannot be read.
    """
    stats = Stats()
    for entry in entries:
        stats.recordings += 1
        stats.seconds += _seconds(entry.audio)
        stats.pitches.update(entry.pitches)
        if entry.notes is not None:
            stats.aligned += 1
            stats.lengths += [note.duration for note in entry.notes]
    return stats


def _seconds(audio: Path) -> float:
    """Length by the header."""
    try:
        return float(soundfile.info(audio).duration)
    except (soundfile.LibsndfileError, TypeError):  # TypeError: *.raw has no header
        raise InputError(
            f"{audio}: missing or not readable audio; 'python -m data_tools check' names all "
            "such faults of a manifest"
        ) from None


def describe(stats: Stats) -> str:
    """The statistics as text, with histograms."""
    pitches = range(min(stats.pitches, default=0), max(stats.pitches, default=-1) + 1)
    parts = [
        f"recordings      {stats.recordings} ({stats.aligned} aligned)",
        f"hours           {stats.seconds / 3600:.3f}",
        f"notes           {stats.notes}",
        f"notes a minute  {stats.notes_a_minute:.1f}",
        "",
        "pitch",
        *_bars([(f"{p:3d} {pitch_name(p)}", stats.pitches[p]) for p in pitches]),
    ]
    if stats.lengths:
        parts += ["", "note length (s)", *_bars(_length_counts(stats.lengths))]
    return "\n".join(parts)


def _length_counts(lengths: list[float]) -> list[tuple[str, int]]:
    """(range, notes in it) for each of the ranges of lengths."""
    rounded = np.round(lengths, 6)  # 0.7 - 0.2 belongs to 0.5
    counts, _ = np.histogram(rounded, LENGTH_EDGES_SECONDS)
    names = [f"{low:g} to {high:g}" for low, high in pairwise(LENGTH_EDGES_SECONDS)]
    names[-1] = f"{LENGTH_EDGES_SECONDS[-2]:g} and more"
    return [(name, int(n)) for name, n in zip(names, counts, strict=True)]


def _bars(rows: list[tuple[str, int]]) -> list[str]:
    """A histogram on its side: name, count and bar; the longest bar is BAR_LENGTH."""
    most = max((count for _, count in rows), default=0)
    return [
        f"  {name:12} {count:8d} {'#' * -(-BAR_LENGTH * count // max(1, most))}".rstrip()
        for name, count in rows
    ]


def draw_stats(stats: Stats, title: str) -> bytes:
    """PNG of both histograms.

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
    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    pitches = sorted(stats.pitches)
    left.bar(pitches, [stats.pitches[p] for p in pitches], width=1.0)
    left.set(xlabel="pitch (MIDI)", ylabel="notes")
    names, counts = zip(*_length_counts(stats.lengths), strict=True)
    right.bar(range(len(names)), counts, width=0.9)
    right.set(xlabel="note length (s)")
    right.set_xticks(range(len(names)), names, rotation=60, ha="right")
    figure.suptitle(
        f"{title}: {stats.recordings} recordings, {stats.seconds / 3600:.2f} h, {stats.notes} notes"
    )
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110)
    return out.getvalue()
