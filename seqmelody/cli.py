"""Command line: one thin handler per verb; the work is in :mod:`seqmelody.commands`.

Exit status: 0 everything asked for was written; 1 something was not, with one line on stderr for
each cause; 2 wrong usage; 130 interrupted. Nothing here imports torch before there is work for
it, so that ``--help`` and mistakes answer at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated

import typer

import seqmelody
from seqmelody.commands.report import error_line
from seqmelody.decoding import MODES
from seqmelody.errors import SeqMelodyError
from seqmelody.writers import DEFAULT_FORMAT, WRITERS

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: faster, and it keeps the lines of the examples
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Entry point of ``seqmelody``."""
    try:
        app(prog_name="seqmelody")
    except SeqMelodyError as error:
        print(error_line(error), file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _one_of(names: Collection[str]) -> Callable[[str | None], str | None]:
    """Option callback that accepts these names only."""

    def check(value: str | None) -> str | None:
        if value is not None and value not in names:
            raise typer.BadParameter(f"{value!r} is not one of {', '.join(names)}")
        return value

    return check


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"seqmelody {seqmelody.__version__}")
        raise typer.Exit


@app.callback()
def seqmelody_command(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Recognise the melody in a recording, even in noise."""


@app.command()
def decode(
    audio: Annotated[
        list[Path],
        typer.Argument(metavar="AUDIO", help="Recordings, or folders of them."),
    ],
    mode: Annotated[
        str,
        typer.Option(
            metavar="|".join(MODES),
            callback=_one_of(MODES),
            help="Decode with the CTC head or with the window head.",
        ),
    ] = MODES[0],
    format_name: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="|".join(WRITERS),
            callback=_one_of(WRITERS),
            help="Format of the notes.",
            show_default=f"by the suffix of -o, else {DEFAULT_FORMAT}",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="PATH",
            help="File for the notes; for several recordings a folder, made if missing.",
            show_default="stdout",
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Checkpoint (.safetensors).",
            show_default="the one that comes with SeqMelody",
        ),
    ] = None,
) -> None:
    """Write down the melody of recordings as notes.

    \b
    Examples:
      seqmelody decode take.wav
      seqmelody decode take.wav -o take.mid
      seqmelody decode take.wav --mode window --format json
      seqmelody decode recordings/ solo.mp3 -o notes/
    """
    from seqmelody.commands.decode import make_plan, run

    if not run(make_plan(audio, format_name, output), mode, model):
        raise typer.Exit(1)


if __name__ == "__main__":
    main()
