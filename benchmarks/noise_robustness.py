"""How does the error of each system grow with the noise?

    python -m benchmarks.noise_robustness run --systems seqmelody_ctc,rules --output sweep.csv
    python -m benchmarks.noise_robustness run --ray local --jobs 8 --output sweep.csv
    python -m benchmarks.noise_robustness report sweep.csv --output benchmarks/results/noise

``run`` measures systems x clips x noises x SNRs x seeds into a CSV, a row each
(``benchmarks/rows.py``). It may be stopped at any time: started again, it goes on. ``report`` makes
tables and figures of it. SNR is defined in ``seqmelody/evaluation.py``, the measures in
``seqmelody/metrics.py``.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.clips import NO_MELODY, NOISES
from benchmarks.measurement import Settings
from benchmarks.noise_report import write_noise_report
from benchmarks.options import choose, decibels, seeds, set_folders, torch_device
from benchmarks.peers import ON_TORCH_DEVICES, SYSTEMS, Options
from benchmarks.report import commit
from benchmarks.rows import Journal, read_finished_and_part
from benchmarks.sweep import Sweep, run_sweep
from benchmarks.workers import LOCAL, Share, by_processes, by_ray
from seqmelody import InputError, SeqMelodyError

SETS = ("piano8", "real", "voice", NO_MELODY)
SWEPT_NOISES = ("white", "pink", "ambience", "babble")
SNRS_DB = (20.0, 10.0, 5.0, 0.0, -5.0, -10.0, -15.0)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help=__doc__,
)
console = Console(stderr=True)


@app.command()
def run(
    output: Annotated[Path, typer.Option(help="CSV to write, or to go on with.")] = Path(
        "benchmarks/results/noise_robustness/clips.csv"
    ),
    systems: Annotated[str, typer.Option(help="Names, parted by commas.")] = ",".join(SYSTEMS),
    sets: Annotated[
        str, typer.Option(help=f"Folders in --dev, paths with a slash, or {NO_MELODY}.")
    ] = ",".join(SETS),
    noises: Annotated[str, typer.Option(help=f"Of {', '.join(NOISES)}.")] = ",".join(SWEPT_NOISES),
    snr: Annotated[str, typer.Option(help="SNRs in dB; clean is always measured.")] = ",".join(
        f"{snr:g}" for snr in SNRS_DB
    ),
    seed_list: Annotated[str, typer.Option("--seeds", help="Seeds of the noise.")] = "0",
    dev: Annotated[Path, typer.Option(help="Folder of the sets.")] = Path("../shared/dev"),
    ambience: Annotated[
        Path | None,
        typer.Option(help="Folder of recorded noise.", show_default="noise/ in --dev"),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="SeqMelody checkpoint.", exists=True, dir_okay=False)
    ] = None,
    device: Annotated[
        str,
        typer.Option(
            help=f"cpu, cuda or cuda:1, for {', '.join(ON_TORCH_DEVICES)}; the others run on the "
            "processor."
        ),
    ] = "cpu",
    threads: Annotated[int, typer.Option(help="Threads of each system.", min=1)] = 1,
    jobs: Annotated[int, typer.Option(help="Processes.", min=1)] = 1,
    clips: Annotated[
        int | None,
        typer.Option(help="So many clips of each set, evenly spread.", min=1, show_default="all"),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help=f"Share out by Ray: host:port, or {LOCAL}."),
    ] = None,
) -> None:
    """Measure; rows that are in the CSV already are not measured again."""
    sweep = Sweep(
        tuple(choose(systems, SYSTEMS, "--systems")),
        tuple(set_folders(sets, dev)),
        tuple(choose(noises, NOISES, "--noises", may_be_empty=True)),
        tuple(decibels(snr)),
        tuple(seeds(seed_list)),
        clips,
    )
    options = Options(model, threads, torch_device(device, is_remote=ray is not None))
    # Read by the libraries under NumPy, Numba and torch when a worker imports them.
    os.environ["OMP_NUM_THREADS"] = str(threads)
    try:
        settings = Settings(ambience or dev / "noise", options, commit())
        share: Share = partial(by_processes, jobs=jobs)
        if ray is not None:
            share = partial(by_ray, address=ray, jobs=jobs)
        run_sweep(sweep, settings, Journal(output), share, console)
    except SeqMelodyError as error:
        _fail(error)
    except KeyboardInterrupt:
        console.print("stopped; the same command goes on from here", soft_wrap=True)
        raise typer.Exit(130) from None
    console.print(f"wrote {output}", soft_wrap=True)


@app.command()
def report(
    csv: Annotated[Path, typer.Argument(help="What run wrote; unfinished will do.")],
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for report.md and figures.", show_default="the CSV's"),
    ] = None,
) -> None:
    """Make report.md and PNG figures of a CSV."""
    try:
        rows = read_finished_and_part(csv)
        if not rows and not csv.exists():
            raise InputError(f"{csv}: no such file; check the path, or measure with run first")
        if not rows:
            raise InputError(f"{csv}: holds no rows; measure with the run command first")
        written = write_noise_report(output or csv.parent, rows)
    except SeqMelodyError as error:
        _fail(error)
    console.print(f"wrote {', '.join(map(str, written))}", soft_wrap=True)


def _fail(error: SeqMelodyError) -> None:
    console.print(f"error: {error}", style="red", highlight=False, soft_wrap=True, markup=False)
    raise typer.Exit(1)


if __name__ == "__main__":
    app()
