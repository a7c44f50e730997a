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


@app.command()
def plot(
    audio: Annotated[Path, typer.Argument(metavar="AUDIO", help="A recording.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="PNG", help="Picture to write.")
    ],
    mode: Annotated[
        str,
        typer.Option(metavar="|".join(MODES), callback=_one_of(MODES), help="Which decoder."),
    ] = MODES[0],
    model: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Checkpoint.", show_default="the shipped one"),
    ] = None,
) -> None:
    """Draw the notes of a recording over its spectrogram (needs the plot extra).

    \b
    Example:
      seqmelody plot take.wav -o take.png
    """
    from seqmelody.commands.plot import run

    run(audio, output, mode, model)


@app.command()
def train(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run.")],
    bank: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Compose clips from this bank (python -m data_tools)."),
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Train on the recordings listed here.")
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Start from this model.", show_default="random weights"),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Training steps.", show_default="the recipe's")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Clips a step.", show_default="the recipe's")
    ] = None,
    peak_rate: Annotated[
        float | None,
        typer.Option(min=1e-7, help="Highest learning rate.", show_default="the recipe's"),
    ] = None,
    save_every: Annotated[
        int | None, typer.Option(min=1, help="Steps between saves.", show_default="the recipe's")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of weights and clips.", show_default="the recipe's")
    ] = None,
) -> None:
    """Train a model; a run that was stopped goes on where it was (needs the train extra).

    Writes RUN/model.safetensors and RUN/log.jsonl. Without options the settings are those that
    made the shipped weights. Runs on a GPU if there is one.

    \b
    Examples:
      seqmelody train runs/default --bank data/bank
      torchrun --nproc_per_node 2 -m seqmelody train runs/default --bank data/bank
      seqmelody decode take.wav --model runs/default/model.safetensors
    """
    from seqmelody.commands.train import run

    path = run(
        folder,
        bank,
        manifest,
        init,
        steps=steps,
        batch_size=batch_size,
        peak_rate=peak_rate,
        save_every=save_every,
        seed=seed,
    )
    print(path)


if __name__ == "__main__":
    main()
