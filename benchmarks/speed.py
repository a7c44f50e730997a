"""How fast is a whole decode of a long file, and how much memory does it take?

    python -m benchmarks.speed --minutes 60

Each mode decodes the same file in a process of its own, start-up and loading included, as a user
would run it. Times are ratios to real time; memory is the process's peak resident set.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import soundfile
import typer

from benchmarks.report import provenance
from benchmarks.rows import write_whole
from seqmelody.audio import SAMPLE_RATE
from seqmelody.decoding import HEADS
from seqmelody.noise import pink

NOTE_SECONDS = 0.4
MEGABYTE = 1e6


@dataclass(frozen=True, slots=True)
class Measurement:
    """One decode."""

    mode: str
    notes: int
    wall_seconds: float
    peak_bytes: int


def speed(
    minutes: Annotated[float, typer.Option(help="Length of the file.")] = 60.0,
    model: Annotated[Path | None, typer.Option(help="Checkpoint.")] = None,
    output: Annotated[Path, typer.Option(help="Markdown file to write.")] = Path(
        "benchmarks/results/speed.md"
    ),
) -> None:
    """Decode a long file in every mode; write time and memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.wav"
        write_long_file(path, minutes)
        rows = [measure(path, mode, model) for mode in HEADS]
    output.parent.mkdir(parents=True, exist_ok=True)
    write_whole(output, report(rows, minutes))
    typer.echo(report(rows, minutes))


def write_long_file(path: Path, minutes: float, *, seed: int = 0) -> None:
    """Random notes with harmonics in pink noise, written a minute at a time."""
    rng = np.random.default_rng(seed)
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1, "PCM_16") as file:
        remaining = round(minutes * 60 * SAMPLE_RATE)
        while remaining > 0:
            count = min(remaining, 60 * SAMPLE_RATE)
            file.write(_melody(count, rng) + 0.01 * pink(count, rng))
            remaining -= count


def _melody(n_samples: int, rng: np.random.Generator) -> np.ndarray:
    note = round(NOTE_SECONDS * SAMPLE_RATE)
    pitch = np.repeat(rng.integers(48, 85, n_samples // note + 1), note)[:n_samples]
    phase = 2 * np.pi * np.cumsum(440 * 2 ** ((pitch - 69) / 12)) / SAMPLE_RATE
    fade = np.exp(-4 * (np.arange(n_samples) % note) / SAMPLE_RATE)
    return np.asarray(0.2 * fade * sum(np.sin(h * phase) / h for h in (1, 2, 3)))


def measure(path: Path, mode: str, model: Path | None) -> Measurement:
    """Run the command line on a file; wall time and peak memory of that process alone."""
    command = [sys.executable, "-m", "seqmelody", "decode", str(path), "--mode", mode]
    if model is not None:
        command += ["--model", str(model)]
    begin = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines = process.stdout.read().count(b"\n")
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - begin
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Measurement(mode, lines - 1, seconds, _peak_bytes(usage))


def _peak_bytes(usage: resource.struct_rusage) -> int:
    """macOS counts bytes, Linux kibibytes."""
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def report(rows: list[Measurement], minutes: float) -> str:
    """Markdown with provenance."""
    lines = [
        "# Speed and memory of a whole decode",
        "",
        provenance("benchmarks.speed", []),
        "",
        f"One file of {minutes:g} minutes, 16 kHz mono; start-up, loading and decoding included.",
        "",
        "| mode | notes | seconds | times real time | peak memory (MB) |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        ratio = minutes * 60 / row.wall_seconds
        lines.append(
            f"| {row.mode} | {row.notes} | {row.wall_seconds:.1f} | {ratio:.0f} "
            f"| {row.peak_bytes / MEGABYTE:.0f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    typer.run(speed)
