"""Two runs of ``benchmarks.accuracy`` side by side: what changed, and is it more than chance?

    git show 9554fe9:benchmarks/results/accuracy/clips.csv > /tmp/before.csv
    python -m benchmarks.compare /tmp/before.csv benchmarks/results/accuracy/clips.csv

Intervals are 95 % bootstrap intervals of the difference over clips, each with all its seeds. They
are paired: what both runs measured with the same seed was of the same samples.
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path
from statistics import fmean
from typing import Annotated, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.intervals import rate_interval
from benchmarks.report import provenance
from benchmarks.rows import write_whole
from seqmelody import InputError

RESAMPLES = 4000
Cell = tuple[str, str, str, str]  # system, set, noise, SNR in dB
Heard = tuple[str, str]  # clip, and seed of its noise
KEYS = ("system", "set_name", "noise", "snr_db")


class Result(NamedTuple):
    """One clip, once or with several seeds: errors, reference notes, COnP F1."""

    errors: int
    reference: int
    f1: float


class Change(NamedTuple):
    """Of a measure in percentage points, with its interval."""

    before: float
    after: float
    low: float
    high: float

    def __str__(self) -> str:
        if math.isnan(self.before):
            return "– | – | –"
        change = f"{self.after - self.before:+.1f} [{self.low:+.1f}, {self.high:+.1f}]"
        return f"{self.before:.1f} | {self.after:.1f} | {change}"


def compare(
    before: Annotated[Path, typer.Argument(help="clips.csv of the earlier run.")],
    after: Annotated[Path, typer.Argument(help="clips.csv of the later run.")],
    systems: Annotated[str, typer.Option(help="Names begin with this.")] = "seqmelody",
    output: Annotated[Path, typer.Option(help="Markdown file to write.")] = Path(
        "benchmarks/results/accuracy/before_after.md"
    ),
) -> None:
    """Compare the clips that both runs measured."""
    old, new = read_results(before), read_results(after)
    lines = [
        "| system | set | noise | SNR dB | NER before | after | change "
        "| F1 before | after | change |",
        "|---|---|---|---:|---:|---:|---|---:|---:|---|",
    ]
    for cell in sorted(new):
        shared = old.get(cell, {}).keys() & new[cell].keys()
        if cell[0].startswith(systems) and shared:
            clips = [by_clip(results[cell], shared) for results in (old, new)]
            error, f1 = changes([(clips[0][name], clips[1][name]) for name in sorted(clips[0])])
            lines.append(f"| {' | '.join(cell)} | {error} | {f1} |")
    if len(lines) == 2:
        raise typer.BadParameter(f"{before} and {after} share no clips of {systems!r}")
    versions = [f"before: {before.name}", f"after: {after}"]
    head = "# Before and after\n\n" + provenance("benchmarks.compare", versions)
    text = "NER: note error rate in %; F1: COnP F1 in %. Brackets: 95 % interval of the change."
    write_whole(output, "\n\n".join([head, text, "\n".join(lines)]) + "\n")
    typer.echo(f"wrote {output}")


def read_results(path: Path) -> dict[Cell, dict[Heard, Result]]:
    """Results by cell, clip and seed. Raises InputError if the file is no clips.csv."""
    cells: dict[Cell, dict[Heard, Result]] = defaultdict(dict)
    try:
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                errors = sum(int(row[k]) for k in ("insertions", "deletions", "substitutions"))
                result = Result(errors, int(row["reference_notes"]), float(row["conp_f1"]))
                system, set_name, noise, snr_db = (row[k] for k in KEYS)
                cells[system, set_name, noise, snr_db][row["clip"], row["seed"]] = result
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path}: not a clips.csv of benchmarks.accuracy ({error!r})") from None
    return cells


def by_clip(results: dict[Heard, Result], heard: Collection[Heard]) -> dict[str, Result]:
    """Of what was heard, each clip with all its seeds: counts added up, F1 as a mean."""
    seeds: dict[str, list[Result]] = defaultdict(list)
    for clip, seed in heard:
        seeds[clip].append(results[clip, seed])
    return {
        clip: Result(
            sum(r.errors for r in group),
            sum(r.reference for r in group),
            fmean(r.f1 for r in group),
        )
        for clip, group in seeds.items()
    }


def changes(pairs: list[tuple[Result, Result]]) -> tuple[Change, Change]:
    """Change of the note error rate and of the mean COnP F1."""
    old, new = (np.array(results, dtype=np.float64) for results in zip(*pairs, strict=True))
    notes, ones = old[:, 1], np.ones(len(pairs))
    return _change(old[:, 0], new[:, 0], notes), _change(old[:, 2], new[:, 2], ones)


def _change(
    old: NDArray[np.float64], new: NDArray[np.float64], bases: NDArray[np.float64]
) -> Change:
    """Of a rate: the interval is that of the difference, since the clips are the same."""
    _, low, high = rate_interval((new - old).tolist(), bases.tolist(), resamples=RESAMPLES)
    total = float(bases.sum()) or math.nan  # no rate where there is no note
    before, after = (float(counts.sum()) / total for counts in (old, new))
    return Change(100 * before, 100 * after, 100 * low, 100 * high)


if __name__ == "__main__":
    typer.run(compare)
