"""Everything at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from data_tools.cli.banks import bank, fetch, tunes, voice
from data_tools.cli.sets import render


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
