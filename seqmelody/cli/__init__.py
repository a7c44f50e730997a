"""Command line: one thin handler per verb, in the modules beside; the work is in
:mod:`seqmelody.commands`.

Exit status: 0 everything asked for was written; 1 something was not, with one line on stderr for
each cause; 2 wrong usage; 130 interrupted. Nothing here imports torch before there is work for
it, so that ``--help`` and mistakes answer at once.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import seqmelody
from seqmelody.cli import decode, evaluate, lists, train
from seqmelody.commands.report import error_line
from seqmelody.errors import SeqMelodyError

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


# In the order of the help.
for verb in (
    decode.decode,
    lists.align,
    lists.check,
    evaluate.evaluate,
    decode.plot,
    train.train,
):
    app.command()(verb)
