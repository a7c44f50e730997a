"""Figures of ``benchmarks.noise_robustness``; noises are pooled where none is named.

A system looks alike in all panels, ours come first and stand out, and one that has heard fewer
clips than the others says so in the legend.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from benchmarks.intervals import error_interval
from benchmarks.report import seconds_per_minute
from benchmarks.rows import Row
from seqmelody import InputError
from seqmelody.metrics import EditCounts, RepeatCounts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

T = TypeVar("T")
Look = dict[str, Any]  # keywords of Axes.plot
DOTS_PER_INCH = 110
HIGHEST_RATE = 1.5  # of the axes: insertions can raise an error rate without end
OURS = "seqmelody"  # names of our systems begin with it
ERROR_KINDS = ("deletions", "insertions", "octave errors", "other substitutions")


def draw_figures(folder: Path, rows: Sequence[Row]) -> list[Path]:
    """Draw all figures into a folder; return their paths. Raises InputError without matplotlib."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise InputError(
            "figures need matplotlib; install it with: pip install 'seqmelody[bench]'"
        ) from None
    drawings: dict[str, Callable[[Sequence[Row]], Figure]] = {
        "error_rate": error_rates,
        "error_rate_by_noise": error_rates_by_noise,
        "error_types": error_types,
        "repeated_notes": repeated_notes,
        "compute": compute,
    }
    return [_save(draw(rows), folder / f"{name}.png") for name, draw in drawings.items()]


def error_rates(rows: Sequence[Row]) -> Figure:
    """Note error rate against SNR: a panel for each set, a line for each system."""
    return _panels(rows, [("", lambda row: True)], _draw_error_rates, "note error rate in %")


def error_rates_by_noise(rows: Sequence[Row]) -> Figure:
    """The same with a row of panels for each noise."""
    noises = sorted({row.noise for row in rows} - {"clean"}) or ["clean"]

    def of(noise: str) -> Callable[[Row], bool]:
        return lambda row: row.noise in (noise, "clean")

    chosen = [(noise, of(noise)) for noise in noises]
    return _panels(rows, chosen, _draw_error_rates, "note error rate in %")


def repeated_notes(rows: Sequence[Row]) -> Figure:
    """Share of repeated notes found against SNR."""
    return _panels(rows, [("", lambda row: True)], _draw_repeats, "repeated notes found in %")


def error_types(rows: Sequence[Row]) -> Figure:
    """Kinds of error per reference note: bars for each system, a panel for each of a few SNRs."""
    snrs = _snrs(rows)
    shown = list(dict.fromkeys([snrs[0], snrs[len(snrs) // 2], snrs[-1]]))
    figure = _figure(4.5 * len(shown), 1.0 + 0.35 * len(_systems(rows)))
    for axes, snr in zip(_grid(figure, 1, len(shown)), shown, strict=True):
        looks = _looks(rows)
        names = [look["label"] for look in looks.values()]
        left = np.zeros(len(looks))
        for kind in ERROR_KINDS:
            shares = [_error_shares(_of(rows, s, snr))[kind] for s in looks]
            axes.barh(names, 100 * np.array(shares), left=left, label=kind)
            left += 100 * np.array(shares)
        axes.invert_yaxis()
        axes.set_title(_snr_name(snr))
        axes.set_xlabel("% of reference notes")
    bars, kinds = figure.axes[0].get_legend_handles_labels()
    figure.legend(bars, kinds, loc="outside lower center", ncols=len(ERROR_KINDS), fontsize="small")
    return figure


def compute(rows: Sequence[Row]) -> Figure:
    """Note error rate over all conditions against processor time."""
    figure = _figure(7, 4.5)
    (axes,) = _grid(figure, 1, 1)
    for number, (system, look) in enumerate(_looks(rows).items()):
        own = [row for row in rows if row.system == system]
        rate = sum((r.edits for r in own), EditCounts()).note_error_rate
        # The scale is logarithmic; a system faster than the clock ticks shall be on it.
        seconds = max(seconds_per_minute(own), 1e-3)
        axes.plot(seconds, 100 * rate, "o", color=look["color"])
        shift = (6, (4, -10, 16)[number % 3])  # ours lie close together
        axes.annotate(look["label"], (seconds, 100 * rate), shift, textcoords="offset points")
    axes.set_xscale("log")
    axes.set_xlim(right=20 * axes.get_xlim()[1])  # room for the last label
    axes.set_xlabel("processor seconds per minute of audio")
    axes.set_ylabel("note error rate in %, all conditions")
    return figure


def _panels(
    rows: Sequence[Row],
    noises: list[tuple[str, Callable[[Row], bool]]],
    draw: Callable[[Axes, Sequence[Row], list[float | None], Mapping[str, Look]], None],
    label: str,
) -> Figure:
    """A column of panels for each set, a row for each choice of noises; one legend."""
    sets = list(dict.fromkeys(row.set_name for row in rows))
    figure = _figure(3.4 * len(sets) + 1.8, 3.3 * len(noises) + 0.4)
    grid = iter(_grid(figure, len(noises), len(sets)))
    looks = _looks(rows)
    for noise, is_chosen in noises:
        for set_name in sets:
            axes = next(grid)
            chosen = [r for r in rows if r.set_name == set_name and is_chosen(r)]
            draw(axes, chosen, _snrs(rows), looks)
            axes.set_title(f"{set_name} {noise}".strip())
            axes.set_xlabel("SNR in dB")
            axes.grid(alpha=0.3)
            if set_name == sets[0]:
                axes.set_ylabel(label)
    lines = {line.get_label(): line for axes in figure.axes for line in axes.get_lines()}
    shown = [look["label"] for look in looks.values() if look["label"] in lines]
    figure.legend([lines[name] for name in shown], shown, loc="outside right upper")
    return figure


def _looks(rows: Sequence[Row]) -> dict[str, Look]:
    """How each system is drawn, in every panel: ten colours, then with another stroke."""
    clips = {system: _most_clips(rows, system) for system in _systems(rows)}
    return {
        system: {
            "color": f"C{number % 10}",
            "linestyle": ("-", "--", ":")[number // 10 % 3],
            "linewidth": 2.5 if system.startswith(OURS) else 1.2,
            "marker": "os^"[number // 10 % 3],
            "markersize": 3,
            "label": system if n == max(clips.values()) else f"{system} ({_clips(n)})",
        }
        for number, (system, n) in enumerate(clips.items())
    }


def _clips(n: int) -> str:
    return "1 clip" if n == 1 else f"{n} clips"


def _most_clips(rows: Sequence[Row], system: str) -> int:
    """Of the set of which the system has heard the most."""
    heard = {(row.set_name, row.clip) for row in rows if row.system == system}
    return max(Counter(set_name for set_name, _ in heard).values())


def _draw_error_rates(
    axes: Axes, rows: Sequence[Row], snrs: list[float | None], looks: Mapping[str, Look]
) -> None:
    for system in _systems(rows):
        places, points = _points(rows, system, snrs, error_interval)
        values, low, high = 100 * np.array(points).T
        axes.plot(places, values, **looks[system])
        axes.fill_between(places, low, high, color=looks[system]["color"], alpha=0.12, linewidth=0)
    axes.set_xticks(range(len(snrs)), [_snr_name(snr, unit="") for snr in snrs])
    axes.set_ylim(0, 100 * HIGHEST_RATE)


def _draw_repeats(
    axes: Axes, rows: Sequence[Row], snrs: list[float | None], looks: Mapping[str, Look]
) -> None:
    def recall(chosen: Sequence[Row]) -> float:
        return sum((row.score.repeats for row in chosen), RepeatCounts()).recall

    for system in _systems(rows):
        places, values = _points(rows, system, snrs, recall)
        axes.plot(places, 100 * np.array(values), **looks[system])
    axes.set_xticks(range(len(snrs)), [_snr_name(snr, unit="") for snr in snrs])
    axes.set_ylim(0, 100)


def _points(
    rows: Sequence[Row],
    system: str,
    snrs: list[float | None],
    measure: Callable[[Sequence[Row]], T],
) -> tuple[list[int], list[T]]:
    """Place on the axis and measure of each SNR at which the system was measured."""
    chosen = [(place, _of(rows, system, snr)) for place, snr in enumerate(snrs)]
    filled = [(place, measure(group)) for place, group in chosen if group]
    return [place for place, _ in filled], [value for _, value in filled]


def _error_shares(rows: Sequence[Row]) -> dict[str, float]:
    counts = sum((row.edits for row in rows), EditCounts())
    notes = max(1, counts.reference)
    other = counts.substitutions - counts.octave_errors
    kinds = (counts.deletions, counts.insertions, counts.octave_errors, other)
    return {kind: count / notes for kind, count in zip(ERROR_KINDS, kinds, strict=True)}


def _of(rows: Sequence[Row], system: str, snr: float | None) -> list[Row]:
    return [row for row in rows if row.system == system and row.snr_db == snr]


def _systems(rows: Sequence[Row]) -> list[str]:
    """Ours, then the others, by name."""
    return sorted({row.system for row in rows}, key=lambda name: (not name.startswith(OURS), name))


def _snrs(rows: Sequence[Row]) -> list[float | None]:
    """Clean, then falling."""
    noisy = sorted({row.snr_db for row in rows if row.snr_db is not None}, reverse=True)
    clean: list[float | None] = [None] if any(row.snr_db is None for row in rows) else []
    return clean + list(noisy)


def _snr_name(snr: float | None, unit: str = " dB") -> str:
    return "clean" if snr is None else f"{snr:g}{unit}"


def _figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", dpi=DOTS_PER_INCH)
    FigureCanvasAgg(figure)
    return figure


def _grid(figure: Figure, rows: int, columns: int) -> list[Axes]:
    return list(figure.subplots(rows, columns, sharey=True, squeeze=False).flat)


def _save(figure: Figure, path: Path) -> Path:
    figure.savefig(path, metadata={"Software": None})  # the same rows make the same bytes
    return path
