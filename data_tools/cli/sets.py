"""Sets of recordings: rendered or published, checked, counted and packed."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from data_tools.importers import IMPORTERS, import_set
from data_tools.progress import track
from data_tools.tunes import PARTS
from seqmelody.notes import Vocabulary


def example(
    folder: Annotated[Path, typer.Argument(help="A bank with the source.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="FLAC file to write.")],
    source: Annotated[str, typer.Option(help="Instrument of the bank.")] = "notes/flute",
) -> None:
    """Play the example melody on an instrument of a bank.

    Example: python -m data_tools example data/bank -o examples/ode_to_joy.flac
    """
    from data_tools.example import write_example
    from seqmelody.writers import check_suffix

    check_suffix(output, ".flac", "the example is FLAC")
    write_example(folder, source, output)


def import_help() -> str:
    """Help of ``import``: every set that can be read."""
    names = "\n\n".join(f"{name}: {row.about}" for name, row in IMPORTERS.items())
    return (
        "Turn a published set, or your own labelled recordings, into a manifest; noise becomes a "
        "folder of links for 'bank --noise'.\n\ndata_tools/CARDS.md says where to get each set, "
        f"its licence and what is taken. NAME is one of:\n\n{names}\n\n"
        "Example: python -m data_tools import ssvd SSVD-v2.0 -o ssvd.jsonl --exclude 'test/*'"
    )


def import_(
    name: Annotated[str, typer.Argument(help="Which set.")],
    folder: Annotated[Path, typer.Argument(help="Where it was unpacked to.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Manifest to write; for noise, a new folder.")
    ],
    exclude: Annotated[
        list[str] | None,
        typer.Option(help="Pattern of paths to leave out, below FOLDER; for noise, kind/file."),
    ] = None,
) -> None:
    """Write one manifest or noise folder, and say what was left out of it."""
    if name not in IMPORTERS:
        raise typer.BadParameter(f"{name!r} is none of {', '.join(IMPORTERS)}", param_hint="NAME")
    report = import_set(name, folder, output, exclude or [])
    typer.echo(f"{report.written} recordings in {output}")
    for reason, names in report.left_out.items():
        typer.echo(f"{len(names)} left out: {reason} (first: {names[0]})")


def check(
    manifest: Annotated[Path, typer.Argument(help="Manifest to look through.")],
    low: Annotated[int, typer.Option(help="Lowest pitch of the vocabulary.")] = Vocabulary().low,
    high: Annotated[int, typer.Option(help="Highest pitch of the vocabulary.")] = Vocabulary().high,
    processes: Annotated[int, typer.Option(min=1, help="Processes to check with.")] = 2,
) -> None:
    """Find the faults of a manifest: one line each, and exit status 1 if there are any.

    Example: python -m data_tools check data/set/manifest.jsonl
    """
    from data_tools.check import check_lines
    from seqmelody.manifests import read_lines

    lines = read_lines(manifest)
    count = 0
    with Progress(console=Console(stderr=True), redirect_stdout=sys.stdout.isatty()) as progress:
        found = check_lines(manifest, lines, Vocabulary(low, high), processes)
        for faults in progress.track(found, total=len(lines), description="Checking"):
            count += len(faults)
            for fault in faults:
                typer.echo(fault)
    if count:
        raise typer.Exit(1)


def stats(
    manifest: Annotated[Path, typer.Argument(help="Manifest to count up.")],
    plot: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Picture of the histograms to write.")
    ] = None,
) -> None:
    """Hours, notes, and histograms of pitch and note length (a picture needs the plot extra).

    Example: python -m data_tools stats data/set/manifest.jsonl --plot set.png
    """
    from data_tools.stats import collect_stats, describe, draw_stats
    from seqmelody.manifests import read_manifest
    from seqmelody.writers import check_suffix, check_writable, write_atomically

    if plot:
        check_suffix(plot, ".png", "pictures are PNG files")
        check_writable(plot)
    entries = track(read_manifest(manifest), "Reading")
    found = collect_stats(entries)
    if plot:
        write_atomically(plot, draw_stats(found, str(manifest)))
    typer.echo(describe(found))


def _seconds_range(text: str) -> tuple[float, float]:
    """``5..30`` or ``10``. A Typer parser, so errors are those of usage."""
    try:
        low, high = (float(part) for part in (text.split("..") * 2)[:2])
    except ValueError:
        low = high = float("nan")
    if not 1 <= low <= high <= 600:
        raise typer.BadParameter(f"{text!r} is no range of lengths from 1 to 600 s, such as 5..30")
    return low, high


def render(
    bank: Annotated[Path, typer.Argument(help="Bank to compose from.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the set.")],
    hours: Annotated[float, typer.Option(min=0.0001, help="Hours of sound, at least.")] = 10.0,
    seconds: Annotated[str, typer.Option(help="Lengths of the clips: 5..30, or one.")] = "5..30",
    part: Annotated[str, typer.Option(help="Which tunes: train, dev or test.")] = "train",
    clean: Annotated[bool, typer.Option("--clean", help="No noise, no room.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every random choice.")] = 0,
    processes: Annotated[int, typer.Option(min=1, help="Processes to render with.")] = 2,
) -> None:
    """Write a set of composed clips: FLAC files and an aligned manifest.

    A call that was stopped goes on where it was; one for more hours adds to the set.

    Example: python -m data_tools render data/bank -o data/set --hours 10
    """
    from data_tools import render as rendering

    if part not in PARTS:
        raise typer.BadParameter(f"{part!r} is none of {', '.join(PARTS)}", param_hint="--part")
    config = rendering.RenderConfig(seed, part, clean, *_seconds_range(seconds))
    rendering.prepare(bank, output, config)
    clips = rendering.plan(config, hours)
    todo = rendering.unfinished(output, clips)
    begin = time.monotonic()
    made = rendering.render_clips(bank, output, config, todo, processes)
    new = sum(track(made, "Rendering", total=len(todo))) / 3600
    minutes = (time.monotonic() - begin) / 60
    typer.echo(f"{len(clips)} clips in {rendering.write_manifest(output, clips)}")
    typer.echo(f"{new:.3f} new hours in {minutes:.1f} min: {new / minutes:.3f} hours a minute")


def shard(
    manifest: Annotated[Path, typer.Argument(help="Manifest of the recordings.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="New folder for the shards.")],
    size_mb: Annotated[float, typer.Option(min=0.001, help="Megabytes a shard.")] = 256.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the order of the examples.")] = 0,
) -> None:
    """Pack the recordings of a manifest into tar files, to train on with 'train --manifest DIR'.

    Example: python -m data_tools shard data/set/manifest.jsonl -o data/shards
    """
    from data_tools.shards import write_shards
    from seqmelody.manifests import read_manifest

    entries = read_manifest(manifest)
    done = 0
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("Packing", total=len(entries))
        for done in write_shards(entries, output, size_mb=size_mb, seed=seed):
            progress.update(task, completed=done)
    typer.echo(f"{done} recordings in {output}")
