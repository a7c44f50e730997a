"""Does the synthesised voice move like people's? Pitch, onsets and lengths of notes, side by side.

    python -m benchmarks.voice_statistics --singing ../shared/data/singing

Recordings that are in the development clips are left out.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.peers.base import package_version
from benchmarks.report import provenance
from benchmarks.rows import make_folder, write_whole
from data_tools.voice.takes import sing_takes
from seqmelody import Note
from seqmelody.audio import SAMPLE_RATE, load
from seqmelody.banks import TuneBank

FloatArray = NDArray[np.float64]
CONFIDENT = 0.7
LEVEL_SAMPLES = SAMPLE_RATE // 50  # 20 ms
METHOD = (
    "Both are measured alike: pitch by SwiftF0 where its confidence is above 0.7, level over 20 ms."
)
PERCENTILES = (5, 10, 25, 50, 75, 90, 95)
AROUND_ONSET = np.arange(-0.1, 0.42, 0.02)  # seconds


class Recording(NamedTuple):
    """Samples and their notes, with fractional pitch."""

    samples: NDArray[np.float32]
    notes: list[Note]


class Measured(NamedTuple):
    """Quantities of all notes of a set, end to end."""

    length: FloatArray  # seconds
    gap: FloatArray  # seconds to the next onset
    offset_from_label: FloatArray  # semitones, median of the steady part
    spread: FloatArray  # semitones, standard deviation in the steady part
    rise: FloatArray  # dB between 40 ms before and 60 ms after the onset
    approach: FloatArray  # (notes, len(AROUND_ONSET)) semitones from the label, NaN where unvoiced


ROWS = {
    "length": "note length, s",
    "gap": "gap to the next note, s",
    "offset_from_label": "pitch less label, semitones",
    "spread": "spread of pitch in a note, semitones",
    "rise": "rise of level at the onset, dB",
}


def voice_statistics(
    singing: Annotated[Path, typer.Option(help="Recordings with .tsv notes.")] = Path(
        "../shared/data/singing"
    ),
    leave_out: Annotated[Path, typer.Option(help="Manifest whose sources are not used.")] = Path(
        "../shared/dev/voice/manifest.jsonl"
    ),
    bank: Annotated[Path, typer.Option(help="Bank with tunes.")] = Path("data/bank"),
    takes: Annotated[int, typer.Option(min=1, help="Takes to synthesise.")] = 100,
    output: Annotated[Path, typer.Option(help="Folder to write to.")] = Path(
        "benchmarks/results/voice"
    ),
) -> None:
    """Measure people and the synthesiser; write statistics.md and two figures."""
    make_folder(output)
    people = list(read_singing(singing, leave_out))
    made = [
        Recording(t.samples, list(t.notes)) for t in sing_takes(takes, 20.0, TuneBank(bank), 10_000)
    ]
    sets = {"people": measure(people), "synthesiser": measure(made)}
    write_whole(output / "statistics.md", report(sets, len(people), takes))
    _plot_distributions(sets, output / "statistics.png")
    _plot_spectrograms([*people[:3], *made[:5]], output / "spectrograms.png")
    typer.echo(f"wrote {output / 'statistics.md'} and two figures beside it")


def read_singing(folder: Path, leave_out: Path) -> Iterable[Recording]:
    """Recordings of a folder with a .tsv of onset, offset and pitch beside each."""
    lines = leave_out.read_text().splitlines() if leave_out.exists() else []
    measured_elsewhere = {json.loads(line)["source"] for line in lines}
    for path in sorted(folder.glob("*.flac")):
        if path.name not in measured_elsewhere:
            with path.with_suffix(".tsv").open() as file:
                rows = list(csv.DictReader(file, delimiter="\t"))
            notes = [Note(float(r["onset"]), float(r["offset"]), float(r["pitch"])) for r in rows]
            yield Recording(load(path), notes)


def measure(recordings: Iterable[Recording]) -> Measured:
    """All quantities of all notes."""
    from swift_f0 import SwiftF0

    tracker = SwiftF0()
    parts: dict[str, list[float]] = {name: [] for name in ROWS}
    approach: list[FloatArray] = []
    for samples, notes in recordings:
        contour = tracker.detect(samples, SAMPLE_RATE)
        time = np.asarray(contour.timestamps)
        pitch = 69 + 12 * np.log2(np.maximum(contour.pitch_hz, 1.0) / 440)
        pitch = np.where(np.asarray(contour.confidence) > CONFIDENT, pitch, np.nan)
        power = np.convolve(samples**2, np.full(LEVEL_SAMPLES, 1 / LEVEL_SAMPLES), "same") + 1e-9
        for note, following in zip(notes, [*notes[1:], None], strict=True):
            parts["length"].append(note.duration)
            if following is not None:
                parts["gap"].append(following.onset - note.offset)
            steady = pitch[(time > note.onset + 0.1) & (time < note.offset - 0.06)]
            steady = steady[np.isfinite(steady)]
            if len(steady) > 4:
                parts["offset_from_label"].append(float(np.median(steady)) - note.pitch)
                parts["spread"].append(float(np.std(steady)))
            places = [round((note.onset + t) * SAMPLE_RATE) for t in (-0.04, 0.06)]
            before, after = power[np.clip(places, 0, len(power) - 1)]
            parts["rise"].append(float(10 * np.log10(after / before)))
            approach.append(_approach(time, pitch, note))
    return Measured(**{k: np.array(v) for k, v in parts.items()}, approach=np.array(approach))


def _approach(time: FloatArray, pitch: FloatArray, note: Note) -> FloatArray:
    """Pitch less label at AROUND_ONSET; NaN where unvoiced or past the note."""
    at = note.onset + AROUND_ONSET
    nearest = np.clip(np.searchsorted(time, at), 0, len(time) - 1)
    return np.where(at < note.offset - 0.04, pitch[nearest] - note.pitch, np.nan)


def report(sets: dict[str, Measured], n_people: int, n_takes: int) -> str:
    """Percentiles of every quantity, people above the synthesiser."""
    header = "| quantity | | notes | " + " | ".join(f"{p} %" for p in PERCENTILES) + " |"
    lines = [header, "|" + "---|" * (len(PERCENTILES) + 3)]
    for name, title in ROWS.items():
        for who, measured in sets.items():
            values = getattr(measured, name)
            cells = " | ".join(f"{v:.2f}" for v in np.percentile(values, PERCENTILES))
            lines.append(f"| {title} | {who} | {len(values)} | {cells} |")
    facts = f"{n_people} recordings of people's sight-singing, {n_takes} synthesised takes."
    return "\n\n".join(
        [
            "# The synthesised voice beside people's",
            provenance("benchmarks.voice_statistics", [package_version("swift-f0")]),
            f"{facts} {METHOD}",
            "\n".join(lines),
            "![Distributions](statistics.png)",
            "The first three spectrograms are people's, the others the synthesiser's:",
            "![Spectrograms](spectrograms.png)",
        ]
    )


def _plot_distributions(sets: dict[str, Measured], path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(13, 7))
    for axis, (name, title) in zip(axes.flat, ROWS.items(), strict=False):
        both = np.concatenate([getattr(m, name) for m in sets.values()])
        low, high = np.percentile(both, (1, 99))
        bins = np.linspace(low, high, 40)
        for who, measured in sets.items():
            axis.hist(getattr(measured, name), bins, density=True, alpha=0.5, label=who)
        axis.set_xlabel(title)
    for who, measured in sets.items():
        low, middle, high = np.nanpercentile(measured.approach, (10, 50, 90), axis=0)
        axes.flat[-1].fill_between(AROUND_ONSET, low, high, alpha=0.3)
        axes.flat[-1].plot(AROUND_ONSET, middle, label=f"{who}: median, 10 to 90 %")
    axes.flat[-1].set(xlabel="seconds after the onset", ylabel="semitones from the label")
    for axis in axes.flat:
        axis.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)


def _plot_spectrograms(recordings: list[Recording], path: Path, seconds: float = 6.0) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(recordings), 1, figsize=(12, 2.2 * len(recordings)))
    for axis, (samples, notes) in zip(axes, recordings, strict=True):
        shown = samples[: round(seconds * SAMPLE_RATE)] + 1e-5
        axis.specgram(shown, NFFT=1024, Fs=SAMPLE_RATE, noverlap=768, vmin=-140, vmax=-40)
        for note in (n for n in notes if n.offset < seconds):
            hertz = 440 * 2 ** ((note.pitch - 69) / 12)
            axis.plot([note.onset, note.offset], [hertz, hertz], "w", linewidth=1)
        axis.set(ylim=(0, 4000), ylabel="Hz")
    figure.tight_layout()
    figure.savefig(path, dpi=70)
    plt.close(figure)


if __name__ == "__main__":
    typer.run(voice_statistics)
