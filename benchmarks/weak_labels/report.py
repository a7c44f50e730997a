"""Rows of the study, its table and its figure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import torch

from benchmarks.report import provenance, table_line
from benchmarks.weak_labels.conditions import CONDITIONS
from seqmelody import InputError

DECODERS = ("ctc", "window")


@dataclass(frozen=True, slots=True)
class Row:
    """One decoder of one trained model, clean or in noise; shares of 1."""

    condition: str
    seed: int
    heard: str
    mode: str
    note_error_rate: float
    conp_f1: float


def read_rows(path: Path) -> list[Row]:
    """Rows of one seed; none if it has not begun."""
    if not path.exists():
        return []
    return [Row(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def grouped(rows: Sequence[Row]) -> dict[tuple[str, str, str], list[Row]]:
    """The seeds' rows by condition, noise and decoder, in the order of the conditions."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    places = {name: place for place, name in enumerate(CONDITIONS)}
    for row in sorted(rows, key=lambda row: places[row.condition]):  # later runs add to a file
        groups.setdefault((row.condition, row.heard, row.mode), []).append(row)
    return groups


def report(rows: Sequence[Row]) -> str:
    """Markdown: mean and standard deviation over seeds, then every seed."""
    lines = [
        "# What note lists are worth",
        "",
        provenance("benchmarks.weak_labels", [f"torch {torch.__version__}"]),
        "",
        "Note error rate (NER) and COnP F1 in %, mean ± standard deviation over the seeds, then",
        "those of each seed.",
        "",
        table_line(
            "condition", "heard", "decoder", "NER", "COnP F1", "NER by seed", "COnP F1 by seed"
        ),
        "|---|---|---|---:|---:|---|---|",
    ]
    for key, group in grouped(rows).items():
        rates, scores = [r.note_error_rate for r in group], [r.conp_f1 for r in group]
        lines.append(table_line(*key, _spread(rates), _spread(scores), _each(rates), _each(scores)))
    return "\n".join(lines) + "\n"


def _each(shares: Sequence[float]) -> str:
    return ", ".join(f"{100 * share:.1f}" for share in shares)


def _spread(shares: Sequence[float]) -> str:
    spread = f" ± {100 * stdev(shares):.1f}" if len(shares) > 1 else ""
    return f"{100 * fmean(shares):.1f}{spread}"


def draw(rows: Sequence[Row], path: Path) -> None:
    """Bars of the mean over seeds, a dot for each seed: a row of panels for each noise.

    Raises:
        InputError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError(
            "figures need matplotlib; install it with: pip install 'seqmelody[bench]'"
        ) from None
    groups = grouped(rows)
    names = list(dict.fromkeys(name for name, _, _ in groups))
    heard = list(dict.fromkeys(row.heard for row in rows))
    figure = Figure(figsize=(11, (0.8 + 0.4 * len(names)) * len(heard)), layout="constrained")
    panels = figure.subplots(len(heard), 2, squeeze=False, sharey=True)
    for line, noise in zip(panels, heard, strict=True):
        titles = {"note_error_rate": "note error rate", "conp_f1": "COnP F1"}
        for axes, (value, title) in zip(line, titles.items(), strict=True):
            for k, mode in enumerate(DECODERS):
                places = np.arange(len(names)) + 0.4 * k - 0.2
                every = [
                    [100 * getattr(r, value) for r in groups[name, noise, mode]] for name in names
                ]
                axes.barh(places, [fmean(one) for one in every], 0.38, label=mode, alpha=0.6)
                for place, one in zip(places, every, strict=True):
                    axes.plot(one, [place] * len(one), "k.", markersize=3)
            axes.set_yticks(range(len(names)), names)
            axes.set_title(f"{title} in %, {noise}")
    panels[0, 0].invert_yaxis()
    panels[0, 0].legend()
    figure.savefig(path, dpi=110)
