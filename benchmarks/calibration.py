"""Are notes said with 0.9 right nine times in ten?

    python -m benchmarks.calibration

For each decoder and condition: the expected calibration error (Naeini et al., AAAI 2015; ten bins
of equal width), of the network's own confidences and of the calibrated ones that users see, and a
reliability diagram. A note is right if an optimal edit alignment pairs it with an equal pitch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from benchmarks.clips import Clip, Condition, NoiseBench, load_set
from benchmarks.options import set_folders
from benchmarks.report import provenance, table_line
from benchmarks.rows import make_folder, write_whole
from seqmelody import SeqMelodyError, __version__
from seqmelody.metrics import calibration_error, right_notes
from seqmelody.model import MelodyModel, load_model
from seqmelody.transcription import DECODERS, SearchOptions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CONDITIONS = (Condition(), Condition("white", 0.0), Condition("ambience", 0.0))
BINS = 10
EXPLANATION = """\
`raw` is the network's own confidence, `calibrated` what a note carries; `mean` is the mean of the
calibrated ones, to be compared with `right`, the share of recognised notes that are right. ECE:
expected calibration error, ten bins."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The notes that one decoder found on a set in one condition."""

    set_name: str
    condition: Condition
    decoder: str
    raw: list[float]
    calibrated: list[float]
    right: list[bool]


def judge(model: MelodyModel, clips: Sequence[Clip], bench: NoiseBench) -> Iterable[Judged]:
    """All decoders on one set in all conditions."""
    for condition in CONDITIONS:
        heard = [(clip, model.emissions(bench.apply(clip, condition))) for clip in clips]
        for name, decode in DECODERS.items():
            raw: list[float] = []
            right: list[bool] = []
            for clip, emissions in heard:
                notes = decode(emissions, model.vocabulary, SearchOptions()).notes
                raw += [note.confidence for note in notes]
                right += right_notes([n.pitch for n in clip.notes], [n.pitch for n in notes])
            calibrated = [model.calibrations[name](c) for c in raw]
            yield Judged(clips[0].set_name, condition, name, raw, calibrated, right)


def table(results: Sequence[Judged]) -> str:
    """Markdown: a line for each set, condition and decoder."""
    titles = ("set", "condition", "decoder", "notes", "right %", "mean %", "ECE raw", "ECE")
    lines = [table_line(*titles), table_line("---", "---", "---", *["---:"] * 5)]
    for r in results:
        snr = r.condition.snr_db
        lines.append(
            table_line(
                r.set_name,
                "clean" if snr is None else f"{r.condition.noise} {snr:g} dB",
                r.decoder,
                str(len(r.right)),
                f"{100 * fmean(r.right):.1f}",
                f"{100 * fmean(r.calibrated):.1f}",
                f"{calibration_error(r.raw, r.right, bins=BINS):.3f}",
                f"{calibration_error(r.calibrated, r.right, bins=BINS):.3f}",
            )
        )
    return "\n".join(lines)


def reliability_diagram(results: Sequence[Judged]) -> Figure:
    """Share of right notes against confidence, a panel for each decoder, all sets together."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.4 * len(DECODERS), 3.8), layout="constrained")
    panels = figure.subplots(1, len(DECODERS), sharey=True)
    for panel, decoder in zip(np.atleast_1d(panels), DECODERS, strict=True):
        own = [r for r in results if r.decoder == decoder]
        right = np.concatenate([r.right for r in own]).astype(float)
        for label, said in (
            ("raw", np.concatenate([r.raw for r in own])),
            ("calibrated", np.concatenate([r.calibrated for r in own])),
        ):
            place = np.minimum((said * BINS).astype(int), BINS - 1)
            filled = [b for b in range(BINS) if (place == b).any()]
            means = [said[place == b].mean() for b in filled]
            panel.plot(means, [right[place == b].mean() for b in filled], "o-", label=label)
        panel.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
        panel.set(title=decoder, xlabel="confidence", xlim=(0, 1), ylim=(0, 1))
        panel.legend()
    np.atleast_1d(panels)[0].set_ylabel("share of notes that are right")
    return figure


def calibration(
    dev: Annotated[Path, typer.Option(help="Folder of the sets and of noise/.")] = Path(
        "../shared/dev"
    ),
    sets: Annotated[str, typer.Option(help="Folders in --dev.")] = "piano8,real,voice",
    model: Annotated[Path | None, typer.Option(help="SeqMelody checkpoint.")] = None,
    output: Annotated[Path, typer.Option(help="Folder for the table and the diagram.")] = Path(
        "benchmarks/results/calibration"
    ),
) -> None:
    """Measure; write table.md and reliability.png."""
    try:
        loaded = load_model(model)
        if missing := set(DECODERS) - set(loaded.calibrations):
            typer.echo(f"error: the model has no calibration of {', '.join(missing)}", err=True)
            raise typer.Exit(1)
        bench = NoiseBench(dev / "noise", 0)
        folders = set_folders(sets, dev)
        results = [r for folder in folders for r in judge(loaded, load_set(folder), bench)]
        make_folder(output)
    except SeqMelodyError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    parts = ["# Calibration", provenance("benchmarks.calibration", [f"seqmelody {__version__}"])]
    parts += [EXPLANATION, "![reliability](reliability.png)", table(results)]
    reliability_diagram(results).savefig(output / "reliability.png", dpi=110)
    write_whole(output / "table.md", "\n\n".join(parts) + "\n")
    typer.echo(f"wrote {output / 'table.md'}")


if __name__ == "__main__":
    typer.run(calibration)
