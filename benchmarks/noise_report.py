"""Tables and figures of ``benchmarks.noise_robustness``."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.clips import NO_MELODY
from benchmarks.figures import draw_figures
from benchmarks.head_to_head import loss_table, match_table
from benchmarks.intervals import error_interval
from benchmarks.peers import INFORMED
from benchmarks.report import full_table, percent, provenance, seconds_per_minute, table_line
from benchmarks.rows import Row, make_folder, place, write_whole

OURS = "seqmelody"  # names of our systems begin with it
DEFAULT = "seqmelody_ctc"  # what a user gets who asks for nothing
EXPLANATION = """\
Every system hears the same samples (`benchmarks/peers/`); those that leave thresholds to their user
have them from training-side clips (`..._tuned`: beside the defaults). SNR:
ratio of mean powers in dB over the samples where a reference note sounds. NER: note error rate,
(substitutions + deletions + insertions) / reference notes, in percent, all noises pooled, with a
95 % bootstrap interval over clips. A clip at which a system failed counts as if it had recognised
nothing. Systems with fewer clips heard an evenly spread part of them: compare those in the table
of pairs only. The oracle is no system but a limit: see `benchmarks/oracle.py`."""
PAIRED_EXPLANATION = """\
Note error rate in % on just the clips and conditions that both have heard, all conditions pooled;
the difference with its 95 % bootstrap interval over clips. Below 0, SeqMelody errs less."""
ALARM_EXPLANATION = """\
Recordings without any melody: silence, generated noise, recorded ambience, and babble of singers
(whose single voices do sing melodies). Whatever is recognised in them is false."""


def write_noise_report(folder: Path, rows: Sequence[Row]) -> list[Path]:
    """Write report.md and its figures into a folder; return their paths.

    Raises:
        OutputError: the folder cannot be made.
    """
    make_folder(folder)
    rows = sorted(rows, key=place)
    melodies = [row for row in rows if row.set_name != NO_MELODY]
    silent = [row for row in rows if row.set_name == NO_MELODY]
    figures = draw_figures(folder, melodies) if melodies else []
    report = folder / "report.md"
    write_whole(report, "\n\n".join(_parts(melodies, silent, figures)) + "\n")
    return [report, *figures]


def _parts(melodies: list[Row], silent: list[Row], figures: list[Path]) -> Iterable[str]:
    yield "# Notes in noise"
    yield provenance("benchmarks.noise_robustness", sorted({r.version for r in melodies + silent}))
    commits = sorted({row.commit for row in melodies + silent if row.commit})
    yield f"Measured at: {'; '.join(commits) or 'unknown'}."
    yield EXPLANATION
    yield from (f"![{path.stem.replace('_', ' ')}]({path.name})" for path in figures)
    if melodies:
        yield "## Note error rate in % by SNR"
        yield snr_table(melodies)
    if any(row.system == DEFAULT for row in melodies):
        yield f"## {DEFAULT} beside each"
        yield PAIRED_EXPLANATION
        yield match_table(melodies, DEFAULT)
        yield f"## Where a peer makes fewer errors than {DEFAULT}"
        peers = [r for r in melodies if r.system == DEFAULT or _is_peer(r.system)]
        yield loss_table(peers, DEFAULT)
    if silent:
        yield "## False notes per minute"
        yield ALARM_EXPLANATION
        yield alarm_table(silent)
    failures = [row for row in melodies + silent if row.failure]
    if failures:
        yield "## Failures"
        yield failure_table(failures)
    if melodies:
        yield "## All measures"
        yield full_table(melodies)


def _is_peer(system: str) -> bool:
    return not system.startswith(OURS) and system not in INFORMED


def by_snr(rows: Iterable[Row]) -> dict[float | None, list[Row]]:
    """Rows of each SNR, clean (None) first, then falling."""
    groups: dict[float | None, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.snr_db].append(row)
    return dict(
        sorted(groups.items(), key=lambda item: -float("inf" if item[0] is None else item[0]))
    )


def snr_table(rows: Sequence[Row]) -> str:
    """Markdown: error rate with interval, a line for each set and system, a column per SNR."""
    columns = list(by_snr(rows))
    titles = ["clean" if snr is None else f"{snr:g} dB" for snr in columns]
    lines = [
        table_line("set", "system", "clips", *titles, "s/min"),
        table_line("---", "---", *["---:"] * (len(titles) + 2)),
    ]
    for (set_name, system), group in _by_set_and_system(rows).items():
        groups = by_snr(group)
        cells = [_rate(groups.get(snr, [])) for snr in columns]
        clips = str(len({row.clip for row in group}))
        lines.append(
            table_line(set_name, system, clips, *cells, f"{seconds_per_minute(group):.2f}")
        )
    return "\n".join(lines)


def _rate(rows: list[Row]) -> str:
    if not rows:
        return "–"
    value, low, high = error_interval(rows)
    if math.isnan(value):
        return "–"
    return f"{percent(value)} ({percent(low)} to {percent(high)})"


def _by_set_and_system(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.set_name, row.system].append(row)
    return groups


def alarm_table(rows: Sequence[Row]) -> str:
    """Markdown: false notes per minute, a line for each system, a column per kind of recording."""
    kinds = list(dict.fromkeys(_kind(row) for row in rows))
    lines = [table_line("system", *kinds, "all"), table_line("---", *["---:"] * (len(kinds) + 1))]
    for system in dict.fromkeys(row.system for row in rows):
        own = [row for row in rows if row.system == system]
        groups = [*([row for row in own if _kind(row) == kind] for kind in kinds), own]
        lines.append(table_line(system, *(_per_minute(group) for group in groups)))
    return "\n".join(lines)


def _kind(row: Row) -> str:
    return row.clip.rpartition("-")[0]


def _per_minute(rows: list[Row]) -> str:
    if not rows:
        return "–"
    return f"{60 * sum(r.estimated_notes for r in rows) / sum(r.audio_seconds for r in rows):.1f}"


def failure_table(rows: Sequence[Row]) -> str:
    """Markdown: how often each system failed with which message."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        counts[row.system, row.failure.replace("|", "\\|")] += 1
    lines = [table_line("system", "failure", "clips"), table_line("---", "---", "---:")]
    return "\n".join(lines + [table_line(*key, str(count)) for key, count in counts.items()])
