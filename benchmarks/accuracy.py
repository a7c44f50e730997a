"""How right are the notes, in quiet and in noise? SeqMelody beside other systems.

    python -m benchmarks.accuracy --systems seqmelody_ctc,swift_f0 --output /tmp/accuracy

A small sweep of ``benchmarks.noise_robustness`` with a table of its own: every system hears the
same samples with its default settings.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.clips import NOISES, conditions
from benchmarks.measurement import Settings
from benchmarks.options import choose, decibels, set_folders
from benchmarks.peers import SYSTEMS, Options
from benchmarks.peers.base import package_version
from benchmarks.report import commit, error_rate_table, full_table, provenance
from benchmarks.rows import Journal, Row, read_csv, write_whole
from benchmarks.sweep import Sweep, run_sweep
from benchmarks.workers import by_processes
from seqmelody import SeqMelodyError

SETS = ("piano8", "real", "voice")
COMPARED = (
    *("seqmelody_ctc", "seqmelody_window", "seqmelody_joint"),
    *("swift_f0", "swift_f0_tuned", "basic_pitch", "basic_pitch_tuned"),
    *("seqmelody_ctc_cents", "swift_f0_cents"),  # pitches as they sounded, not rounded
)
USUAL_NOISES = ("white", "ambience")
SNRS_DB = (10.0, 0.0, -10.0)
PACKAGES = ("numpy", "mir_eval")  # whose versions the report states beside the systems' own
EXPLANATION = """\
Clips are 16 kHz mono. SNR: power ratio over the samples where the melody sounds. NER: note error
rate, (substitutions + deletions + insertions) / reference notes; octave errors are a part of the
substitutions. COnP/COn: notes with correct onset (50 ms) and pitch (50 cents) / correct onset, mean
F-measure over clips; COnPOff: correct offset (50 ms or 20 % of the note) as well. exact: clips
without any error. repeats found: of the reference notes that repeat their predecessor's pitch.
failed: clips at which the system broke down, counted as if it had recognised nothing. s/min:
processor seconds per minute of audio."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console(stderr=True)


@app.command(help=__doc__.splitlines()[0])
def accuracy(
    dev: Annotated[Path, typer.Option(help="Folder of the sets and of noise/.")] = Path(
        "../shared/dev"
    ),
    systems: Annotated[str, typer.Option(help="Names, parted by commas.")] = ",".join(COMPARED),
    sets: Annotated[str, typer.Option(help="Folders in --dev, or paths.")] = ",".join(SETS),
    noises: Annotated[str, typer.Option(help=f"Of {', '.join(NOISES)}.")] = ",".join(USUAL_NOISES),
    snr: Annotated[str, typer.Option(help="SNRs in dB, parted by commas.")] = ",".join(
        f"{snr:g}" for snr in SNRS_DB
    ),
    model: Annotated[
        Path | None, typer.Option(help="SeqMelody checkpoint.", exists=True, dir_okay=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the noise.", min=0)] = 0,
    threads: Annotated[int, typer.Option(help="Threads of each system.", min=1)] = 1,
    jobs: Annotated[int, typer.Option(help="Processes at work.", min=1)] = 1,
    reuse: Annotated[
        Path | None,
        typer.Option(
            help="clips.csv of an earlier run: take the systems from it that are not in --systems.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for clips.csv and table.md.")] = Path(
        "benchmarks/results/accuracy"
    ),
) -> None:
    """Measure what clips.csv lacks, then write it and table.md."""
    names = choose(systems, SYSTEMS, "--systems")
    folders = set_folders(sets, dev)
    sweep = Sweep(
        tuple(names),
        tuple(folders),
        tuple(choose(noises, NOISES, "--noises", may_be_empty=True)),
        tuple(decibels(snr)),
        (seed,),
    )
    settings = Settings(dev / "noise", Options(model, threads), commit())
    try:
        journal = Journal(output / "clips.csv")
        if reuse is not None:
            journal.append(row for row in read_csv(reuse) if row.system not in names)
        run_sweep(sweep, settings, journal, partial(by_processes, jobs=jobs), console)
        rows = list(_of_sweep(journal.rows, sweep))
        write_whole(output / "table.md", table(rows))
    except SeqMelodyError as error:
        console.print(f"error: {error}", style="red", highlight=False, soft_wrap=True, markup=False)
        raise typer.Exit(1) from None
    if not {row.system for row in rows} & set(names):
        raise typer.Exit(1)
    console.print(f"wrote {output / 'clips.csv'} and {output / 'table.md'}", soft_wrap=True)


def _of_sweep(rows: Iterable[Row], sweep: Sweep) -> Iterable[Row]:
    """The rows on the sets and in the conditions of a sweep, of whatever system."""
    names = {folder.name for folder in sweep.set_folders}
    wanted = {(c.noise, c.snr_db) for c in conditions(sweep.noises, sweep.snrs_db)}
    return (
        row
        for row in rows
        if row.set_name in names
        and (row.noise, row.snr_db) in wanted
        and (row.noise == "clean" or row.seed in sweep.seeds)
    )


def table(rows: list[Row]) -> str:
    """The text of table.md."""
    versions = [package_version(name) for name in PACKAGES]
    versions += sorted({row.version for row in rows})
    parts = [
        "# Accuracy in quiet and in noise",
        provenance("benchmarks.accuracy", versions),
        EXPLANATION,
        "## Note error rate in %",
        error_rate_table(rows),
        "## All measures",
        full_table(rows),
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    app()
