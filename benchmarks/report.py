"""Markdown tables of results, and where the results came from.

A row of the table pools the clips of a set: note error rate and repeated-note recall from added
counts, F-measures as means over clips, exact sequences as the share of clips.
"""

from __future__ import annotations

import itertools
import math
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path

from benchmarks.rows import Row
from seqmelody.evaluation import summarise
from seqmelody.metrics import EditCounts


def provenance(module: str, versions: Sequence[str]) -> str:
    """Markdown list of the command, commit, date, machine and versions behind a result."""
    command = shlex.join(["python", "-m", module, *sys.argv[1:]])
    date = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    python = f"Python {platform.python_version()}"
    return "\n".join(
        [
            f"- Command: `{command}`",
            f"- Commit: {commit()}",
            f"- Date: {date}",
            f"- Machine: {_processor()}, {os.cpu_count()} cores, {platform.system()}",
            f"- Versions: {'; '.join([python, *versions])}",
        ]
    )


def commit() -> str:
    """Of this repository, and whether code differs from it; "unknown" outside of git."""

    def git(*args: str) -> str:
        folder = Path(__file__).parent
        done = subprocess.run(["git", *args], cwd=folder, capture_output=True, text=True)
        return done.stdout.strip()

    changed = " with uncommitted changes" if git("status", "--porcelain", "--", ":/*.py") else ""
    return (git("rev-parse", "--short=12", "HEAD") or "unknown") + changed


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _grouped(rows: Iterable[Row]) -> dict[tuple[str, str, str], list[Row]]:
    """Rows by (set, condition, system); each of the three in order of first appearance."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.set_name, row.condition, row.system), []).append(row)
    parts = [list(dict.fromkeys(part)) for part in zip(*groups, strict=True)]
    # A system's rows stand together in the file; in the table, a condition's systems shall.
    return {key: groups[key] for key in itertools.product(*parts) if key in groups}


def error_rate_table(rows: Sequence[Row]) -> str:
    """Markdown: note error rate in %, a line for each set and system, a column per condition."""
    groups = _grouped(rows)
    conditions = list(dict.fromkeys(row.condition for row in rows))
    lines = [
        table_line("set", "system", *conditions),
        table_line("---", "---", *["---:"] * len(conditions)),
    ]
    for set_name, system in dict.fromkeys((key[0], key[2]) for key in groups):
        cells = [_error_rate(groups.get((set_name, c, system), [])) for c in conditions]
        lines.append(table_line(set_name, system, *cells))
    return "\n".join(lines)


def full_table(rows: Sequence[Row]) -> str:
    """Markdown: every measure, a line for each set, condition and system."""
    titles = [
        *("set", "condition", "system", "clips", "notes", "NER %", "ins", "del", "sub", "octave"),
        *("COnP F1 %", "COn F1 %", "COnPOff F1 %", "exact %", "repeats found %", "failed", "s/min"),
    ]
    lines = [table_line(*titles), table_line(*["---"] * 3, *["---:"] * (len(titles) - 3))]
    lines += [table_line(*key, *_measures(group)) for key, group in _grouped(rows).items()]
    return "\n".join(lines)


def _measures(rows: list[Row]) -> list[str]:
    summary = summarise(row.score for row in rows)
    return [
        str(len(rows)),
        str(summary.edits.reference),
        percent(summary.edits.note_error_rate),
        str(summary.edits.insertions),
        str(summary.edits.deletions),
        str(summary.edits.substitutions),
        str(summary.edits.octave_errors),
        percent(summary.conp_f1),
        percent(summary.con_f1),
        percent(summary.conpoff_f1),
        percent(summary.exact),
        percent(summary.repeats.recall),
        str(sum(bool(row.failure) for row in rows)),
        f"{seconds_per_minute(rows):.2f}",
    ]


def seconds_per_minute(rows: Sequence[Row]) -> float:
    """Processor seconds per minute of audio."""
    return 60 * sum(r.compute_seconds for r in rows) / sum(r.audio_seconds for r in rows)


def _error_rate(rows: list[Row]) -> str:
    counts = sum((row.edits for row in rows), EditCounts())
    return percent(counts.note_error_rate if rows else math.nan)


def percent(share: float) -> str:
    """A share of 1 in percent; a dash where there is none."""
    return f"{100 * share:.1f}" if math.isfinite(share) else "–"


def table_line(*cells: str) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cells)} |"
