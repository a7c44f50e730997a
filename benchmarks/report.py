"""Results on disk: one CSV row per clip, a Markdown table, and where they came from.

A row of the table pools the clips of a set: note error rate and repeated-note recall from added
counts, F-measures as means over clips, exact sequences as the share of clips.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timezone
from pathlib import Path
from statistics import fmean

from seqmelody import InputError, OutputError
from seqmelody.metrics import EditCounts, RepeatCounts


@dataclass(frozen=True, slots=True)
class Row:
    """One system on one clip in one condition; rates are shares of 1, times are seconds."""

    system: str
    version: str
    set_name: str
    noise: str
    snr_db: float | None
    seed: int
    clip: str
    reference_notes: int
    estimated_notes: int
    insertions: int
    deletions: int
    substitutions: int
    octave_errors: int
    repeats: int
    repeats_found: int
    exact: bool
    conp_f1: float
    con_f1: float
    audio_seconds: float
    compute_seconds: float

    @property
    def edits(self) -> EditCounts:
        """The counts, ready for adding."""
        return EditCounts(
            self.insertions,
            self.deletions,
            self.substitutions,
            self.octave_errors,
            self.reference_notes,
        )

    @property
    def condition(self) -> str:
        """Noise and SNR in words."""
        return self.noise if self.snr_db is None else f"{self.noise} {self.snr_db:g} dB"


def write_csv(path: Path, rows: Iterable[Row]) -> None:
    """Write one line per row under a header of field names."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [f.name for f in fields(Row)], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        values = asdict(row)
        rounded = {k: round(v, 5) for k, v in values.items() if isinstance(v, float)}
        writer.writerow(values | rounded)
    write_whole(path, text.getvalue())


def read_csv(path: Path) -> list[Row]:
    """Read what :func:`write_csv` wrote. Raises InputError for any other file."""
    with path.open(encoding="utf-8", newline="") as file:
        try:
            return [_parse(record) for record in csv.DictReader(file)]
        except (KeyError, ValueError) as error:
            raise InputError(
                f"{path} is no CSV of this benchmark ({error}); measure anew"
            ) from None


def _parse(record: dict[str, str]) -> Row:
    parse: dict[str, Callable[[str], object]] = {
        "int": int,
        "float": float,
        "str": str,
        "bool": lambda text: text == "True",
        "float | None": lambda text: float(text) if text else None,
    }
    return Row(**{f.name: parse[str(f.type)](record[f.name]) for f in fields(Row)})  # type: ignore[arg-type]


def make_folder(path: Path) -> None:
    """Make a folder for results. Raises OutputError if that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {path}: {error.strerror}; choose another") from None


def write_whole(path: Path, text: str) -> None:
    """Write a file so that nobody ever sees half of it."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        file.write(text)
    Path(file.name).chmod(0o644)
    os.replace(file.name, path)


def provenance(module: str, versions: Sequence[str]) -> str:
    """Markdown list of the command, commit, date, machine and versions behind a result."""
    command = shlex.join(["python", "-m", module, *sys.argv[1:]])
    date = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    python = f"Python {platform.python_version()}"
    return "\n".join(
        [
            f"- Command: `{command}`",
            f"- Commit: {_commit()}",
            f"- Date: {date}",
            f"- Machine: {_processor()}, {os.cpu_count()} cores, {platform.system()}",
            f"- Versions: {'; '.join([python, *versions])}",
        ]
    )


def _commit() -> str:
    def git(*args: str) -> str:
        folder = Path(__file__).parent
        done = subprocess.run(["git", *args], cwd=folder, capture_output=True, text=True)
        return done.stdout.strip()

    changed = " with uncommitted changes" if git("status", "--porcelain") else ""
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
    lines = [_line("set", "system", *conditions), _line("---", "---", *["---:"] * len(conditions))]
    for set_name, system in dict.fromkeys((key[0], key[2]) for key in groups):
        cells = [_error_rate(groups.get((set_name, c, system), [])) for c in conditions]
        lines.append(_line(set_name, system, *cells))
    return "\n".join(lines)


def full_table(rows: Sequence[Row]) -> str:
    """Markdown: every measure, a line for each set, condition and system."""
    titles = [
        *("set", "condition", "system", "clips", "notes", "NER %", "ins", "del", "sub", "octave"),
        *("COnP F1 %", "COn F1 %", "exact %", "repeats found %", "s/min"),
    ]
    lines = [_line(*titles), _line(*["---"] * 3, *["---:"] * (len(titles) - 3))]
    lines += [_line(*key, *_measures(group)) for key, group in _grouped(rows).items()]
    return "\n".join(lines)


def _measures(rows: list[Row]) -> list[str]:
    edits = sum((row.edits for row in rows), EditCounts())
    repeats = sum((RepeatCounts(row.repeats_found, row.repeats) for row in rows), RepeatCounts())
    audio_minutes = sum(row.audio_seconds for row in rows) / 60
    return [
        str(len(rows)),
        str(edits.reference),
        _error_rate(rows),
        str(edits.insertions),
        str(edits.deletions),
        str(edits.substitutions),
        str(edits.octave_errors),
        _percent(fmean(row.conp_f1 for row in rows)),
        _percent(fmean(row.con_f1 for row in rows)),
        _percent(fmean(row.exact for row in rows)),
        _percent(repeats.recall),
        f"{sum(row.compute_seconds for row in rows) / audio_minutes:.2f}",
    ]


def _error_rate(rows: list[Row]) -> str:
    counts = sum((row.edits for row in rows), EditCounts())
    return _percent(counts.note_error_rate if rows else math.nan)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}" if math.isfinite(share) else "–"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
