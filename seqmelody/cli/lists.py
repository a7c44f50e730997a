"""Recordings beside note lists: ``align`` and ``check``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seqmelody.cli.options import FormatName, Model, Output, path_of


def align(
    audio: Annotated[
        Path,
        typer.Argument(metavar="AUDIO", parser=path_of, help="A recording, or a folder of them."),
    ],
    notes: Annotated[
        Path | None,
        typer.Argument(
            metavar="NOTES",
            parser=path_of,
            help="Text file of the notes played: names or MIDI numbers.",
            show_default="x.txt beside x.wav",
        ),
    ] = None,
    format_name: FormatName = None,
    output: Output = None,
    model: Model = None,
) -> None:
    """Find when each note of a list was played; mark notes that are wrong, missing or extra.

    \b
    Examples:
      seqmelody align take.wav take.txt
      seqmelody align recordings/ -o aligned/
    """
    from seqmelody.commands.align import run_align

    if not run_align(audio, notes, format_name, output, model):
        raise typer.Exit(1)


def check(
    audio: Annotated[Path, typer.Argument(metavar="AUDIO", parser=path_of, help="A recording.")],
    notes: Annotated[
        Path | None,
        typer.Argument(
            metavar="NOTES",
            parser=path_of,
            help="Text file of the notes that should be played.",
            show_default="x.txt beside x.wav",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    model: Model = None,
) -> None:
    """Check a recording against a note list: wrong, missing and extra notes, octave slips.

    \b
    Example:
      seqmelody check take.wav take.txt
    """
    from seqmelody.commands.align import run_check

    print(run_check(audio, notes, json, model), end="")
