"""What are note lists without times worth? The same clips, network and budget under each condition.

    python -m benchmarks.weak_labels --bank data/bank --work /tmp/weak --jobs 2

Clips are composed once. Each condition then sees all of them with the labels it is allowed to see:
all times, lists only, lists that the model aligns itself in 1 to 6 rounds, few times and many
lists, few times only, and lists with mistakes. Every round of self-alignment has the full budget of
steps, and all but the first go on from the one before; so that nobody takes more steps for better
labels, there are aligned trainings of just as many rounds. Models are judged on clips of other
tunes, composed without noise, and heard clean and at 0 dB.

The network, the vocabulary and the clips are small, so that five seeds are a matter of minutes:
what is compared is labels. Each seed has its own ``rows-SEED.jsonl``, which grows by the rows of a
condition at a time, and its runs go on where they were, so a study that was stopped goes on.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.rows import make_folder, write_whole
from benchmarks.weak_labels.conditions import CONDITIONS
from benchmarks.weak_labels.report import draw, read_rows, report
from benchmarks.weak_labels.study import Study, compose, rows_path, run_seed
from seqmelody import InputError, SeqMelodyError
from seqmelody.training import TrainConfig


def weak_labels(
    bank: Annotated[Path, typer.Option(help="Bank that clips are composed from.")],
    work: Annotated[Path, typer.Option(help="Folder for clips and runs.")],
    clips: Annotated[int, typer.Option(min=1, help="Clips to train on.")] = 600,
    steps: Annotated[int, typer.Option(min=1, help="Of every training.")] = 350,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 5,
    jobs: Annotated[int, typer.Option(min=1, help="Seeds at a time; a core each.")] = 2,
    names: Annotated[str, typer.Option("--conditions", help="Parted by semicolons.")] = ";".join(
        CONDITIONS
    ),
    quick: Annotated[bool, typer.Option("--quick", help="A seed, few steps: does it run?")] = False,
    output: Annotated[
        Path, typer.Option(help="Folder for rows-*.jsonl, table.md and weak_labels.png.")
    ] = Path("benchmarks/results/weak_labels"),
) -> None:
    """Train under every condition with every seed; measure each model; write rows and a table."""
    if quick:
        clips, steps, seeds = min(clips, 24), min(steps, 4), 1
    try:
        config = TrainConfig(steps=steps, peak_rate=3e-3, mean_decay=0.98, save_every=steps)
        config = replace(config, warmup_steps=min(50, max(1, steps // 8)))
        study = Study(bank, work, output, _known(names), clips, config)
        make_folder(output)
        make_folder(work)
        compose(study)
        if jobs == 1:
            for seed in range(1, seeds + 1):
                run_seed(study, seed)
        else:
            # Fresh processes: threads of torch do not survive a fork.
            with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
                list(pool.map(run_seed, [study] * seeds, range(1, seeds + 1)))
        rows = [row for s in range(1, seeds + 1) for row in read_rows(rows_path(study, s))]
        write_whole(output / "table.md", report(rows))
        draw(rows, output / "weak_labels.png")
    except SeqMelodyError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(report(rows))


def _known(names: str) -> tuple[str, ...]:
    chosen = tuple(name.strip() for name in names.split(";"))
    for name in chosen:
        if name not in CONDITIONS:
            raise InputError(f"condition {name!r} is unknown; use some of {'; '.join(CONDITIONS)}")
    return chosen


if __name__ == "__main__":
    typer.run(weak_labels)
