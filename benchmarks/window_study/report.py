"""The study's tables and its figure of error against SNR."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev

from benchmarks.peers.base import package_version
from benchmarks.report import percent, provenance, table_line
from benchmarks.window_study.classical import LEARNERS, RULES
from benchmarks.window_study.learning import NETWORKS, PLAIN, SOFT, STRIDES, WINDOWS_MS
from benchmarks.window_study.results import Row
from seqmelody import InputError
from seqmelody.decoding.window import COMBINERS

Series = tuple[str, str]  # system and reading
WEIGHTS = "weights"  # of a checkpoint: begins their name, which ends with a checksum
STAGES = [f"{PLAIN}, two stages", "conv, two stages"]
# One row a question: its title, and the systems that answer it.
SECTIONS: dict[str, list[Series]] = {
    "One classifier, or detect and then recognise?": [
        (PLAIN, ""),
        *((STAGES[0], reading) for reading in ("", SOFT)),
        ("conv", ""),
        *((STAGES[1], reading) for reading in ("", SOFT)),
    ],
    "How long a window?": [(f"window {ms} ms", "") for ms in WINDOWS_MS],
    "How far apart?": [(PLAIN, ""), *((PLAIN, f"every {20 * s} ms") for s in STRIDES)],
    "Which encoder?": [
        (name, "") for name in NETWORKS if name == PLAIN or name.split()[0] != "window"
        if name not in STAGES
    ],
    "Learned windows, classical learners, and rules": [
        *((name, "") for name in LEARNERS),
        (PLAIN, ""),
        ("conv", ""),
        (RULES, ""),
    ],
}  # fmt: skip
EXPLANATION = """\
Mean over the seeds, ± standard deviation where there are several. *Windows*: share of windows \
said to be of another class than they are. *NER*: note error rate, equal neighbours joined first. \
*COnP F1*: correct onset and pitch. SNRs in dB. *weights*: trained numbers. All networks see the \
same clips in the same order; raw ones answer only some of a clip's windows in training. Classical \
learners see some windows of each of those clips once or, the MLP, until they help no more. Rules \
search all pitches, the others know the 24 that occur. Where windows are farther apart than 20 ms \
the network is the same and answers fewer of them."""


def report(rows: Sequence[Row], data: Sequence[str]) -> str:
    """Markdown: provenance, then a section for each question that has rows."""
    versions = [package_version(p) for p in ("torch", "numpy", "scikit-learn")]
    parts = ["# The study of windows", provenance("benchmarks.window_study", versions)]
    parts += ["\n".join(f"- {line}" for line in data), EXPLANATION]
    for title, series in SECTIONS.items():
        known = _known(rows, series)
        if known:
            parts += [f"## {title}", _table(rows, known, "wrong_windows", "Windows")]
            parts += [_table(rows, known, "note_error_rate", "NER")]
            parts += [_table(rows, known, "conp_f1", "COnP F1")]
    parts += _combiner_sections(rows)
    return "\n\n".join(parts) + "\n"


def _combiner_sections(rows: Sequence[Row]) -> list[str]:
    parts = []
    for system in dict.fromkeys(r.system for r in rows if r.system.startswith(WEIGHTS)):
        series = _known(rows, [(system, name) for name in COMBINERS])
        parts += [f"## Combiners: {system}", _table(rows, series, "note_error_rate", "NER")]
        parts += [_table(rows, series, "conp_f1", "COnP F1")]
    return parts


def _known(rows: Sequence[Row], series: Sequence[Series]) -> list[Series]:
    there = {(row.system, row.reading) for row in rows}
    return [s for s in series if s in there]


def _table(rows: Sequence[Row], series: Sequence[Series], field: str, label: str) -> str:
    """A line for each series, a column for each condition, in %."""
    chosen = [row for row in rows if (row.system, row.reading) in series]
    columns = list(dict.fromkeys((row.noise, row.snr_db) for row in chosen))
    titles = [noise if snr is None else f"{noise} {snr:g}" for noise, snr in columns]
    lines = [table_line(f"{label} %", "weights", "seeds", *titles)]
    lines.append(table_line("---", *["---:"] * (len(columns) + 2)))
    for system, reading in series:
        own = [row for row in chosen if (row.system, row.reading) == (system, reading)]
        cells = [
            _cell([getattr(row, field) for row in own if (row.noise, row.snr_db) == column])
            for column in columns
        ]
        name = f"{system}: {reading}" if reading else system
        weights = f"{own[0].weights:,}" if own[0].weights else "–"
        lines.append(table_line(name, weights, str(len({r.seed for r in own})), *cells))
    return "\n".join(lines)


def _cell(shares: Sequence[float]) -> str:
    if not shares or any(math.isnan(share) for share in shares):
        return "–"
    spread = f" ± {100 * stdev(shares):.1f}" if len(shares) > 1 else ""
    return percent(fmean(shares)) + spread


def draw_errors(path: Path, rows: Sequence[Row]) -> None:
    """Wrong windows against SNR: a row of panels for each noise, a panel for each question. Raises
    InputError without matplotlib."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError(
            "figures need matplotlib; install it with: pip install 'seqmelody[bench]'"
        ) from None
    shown = {title: _known(rows, series) for title, series in SECTIONS.items()}
    shown = {title: series for title, series in shown.items() if series}
    noises = sorted({row.noise for row in rows if row.snr_db is not None})
    if not shown or not noises:
        return
    figure = Figure(
        figsize=(4.0 * len(shown), 3.6 * len(noises) + 1.4), layout="constrained", dpi=110
    )
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(noises), len(shown), sharey=True, squeeze=False)
    for i, noise in enumerate(noises):
        for j, (title, series) in enumerate(shown.items()):
            axes = grid[i, j]
            for system, reading in series:
                places, values = _points(rows, (system, reading), noise)
                name = f"{system}: {reading}" if reading else system
                axes.plot(places, values, "o-", markersize=3, label=name)
            axes.set_title(f"{title}\n{noise}", fontsize="small")
            axes.set_xlabel("SNR in dB")
            axes.set_ylim(0, 100)
            axes.grid(alpha=0.3)
            if i == len(noises) - 1:
                axes.legend(fontsize="xx-small")
        grid[i, 0].set_ylabel("wrong windows in %")
    figure.savefig(path, metadata={"Software": None})


def _points(rows: Sequence[Row], series: Series, noise: str) -> tuple[list[str], list[float]]:
    """SNRs, clean first, and mean shares of wrong windows in %."""
    own = [r for r in rows if (r.system, r.reading) == series and r.noise in (noise, "clean")]
    snrs = sorted({r.snr_db for r in own if r.snr_db is not None}, reverse=True)
    groups = [("clean", [r for r in own if r.snr_db is None])]
    groups += [(f"{snr:g}", [r for r in own if r.snr_db == snr]) for snr in snrs]
    groups = [(name, group) for name, group in groups if group]
    return (
        [name for name, _ in groups],
        [100 * fmean(r.wrong_windows for r in group) for _, group in groups],
    )
