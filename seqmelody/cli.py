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
def align(
    audio: Annotated[
        Path, typer.Argument(metavar="AUDIO", help="A recording, or a folder of them.")
    ],
    notes: Annotated[
        Path | None,
        typer.Argument(
            metavar="NOTES",
            help="Text file of the notes played: names or MIDI numbers.",
            show_default="x.txt beside x.wav",
        ),
    ] = None,
    format_name: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="|".join(WRITERS),
            callback=_one_of(WRITERS),
            help="Format of the result.",
            show_default=f"by the suffix of -o, else {DEFAULT_FORMAT}",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="PATH", help="File; for a folder, a folder."),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Checkpoint.", show_default="the shipped one"),
    ] = None,
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


@app.command()
def check(
    audio: Annotated[Path, typer.Argument(metavar="AUDIO", help="A recording.")],
    notes: Annotated[
        Path | None,
        typer.Argument(
            metavar="NOTES",
            help="Text file of the notes that should be played.",
            show_default="x.txt beside x.wav",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    model: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Checkpoint.", show_default="the shipped one"),
    ] = None,
) -> None:
    """Check a recording against a note list: wrong, missing and extra notes, octave slips.

    \b
    Example:
      seqmelody check take.wav take.txt
    """
    from seqmelody.commands.align import run_check

    print(run_check(audio, notes, json, model), end="")


@app.command()
def evaluate(
    manifest: Annotated[
        Path, typer.Argument(metavar="MANIFEST", help="Recordings and their notes, JSON lines.")
    ],
    mode: Annotated[
        str,
        typer.Option(metavar="|".join(MODES), callback=_one_of(MODES), help="Which decoder."),
    ] = MODES[0],
    noise: Annotated[
        str | None,
        typer.Option(metavar="KIND|DIR", help="Add white, pink, ... or recorded noise."),
    ] = None,
    snr: Annotated[
        str | None, typer.Option(metavar="DB,DB,...", help="How loud, e.g. 20,10,0,-10.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the noise.")] = 0,
    compare: Annotated[
        bool, typer.Option("--compare", help="Both decoders, and the places where they differ.")
    ] = False,
    model: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Checkpoint.", show_default="the shipped one"),
    ] = None,
) -> None:
    """Measure a model on recordings whose notes are known, also in added noise.

    \b
    Examples:
      seqmelody evaluate mine/manifest.jsonl
      seqmelody evaluate mine/manifest.jsonl --noise white --snr 20,10,0,-10
      seqmelody evaluate mine/manifest.jsonl --compare
    """
    from seqmelody.commands.evaluate import choose_noise, run

    print(run(manifest, mode, model, choose_noise(noise, snr), seed=seed, compare=compare), end="")


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
    self_align: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            help="Rounds of aligning the lists of --manifest (or of a folder with x.txt beside "
            "x.wav) with the model so far, then training on the times found.",
        ),
    ] = 0,
    transpose: Annotated[
        int,
        typer.Option(
            metavar="SEMITONES",
            min=0,
            help="With --self-align: each list may be off by up to so many semitones.",
        ),
    ] = 0,
) -> None:
    """Train a model; a run that was stopped goes on where it was (needs the train extra).

    Writes RUN/model.safetensors and RUN/log.jsonl. Without options the settings are those that
    made the shipped weights. Runs on a GPU if there is one.

    \b
    Examples:
      seqmelody train runs/default --bank data/bank
      torchrun --nproc_per_node 2 -m seqmelody train runs/default --bank data/bank
      seqmelody train runs/mine --manifest my_lists/ --init default.safetensors --self-align 2
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
        self_align=self_align,
        transpose=transpose,
    )
    print(path)


if __name__ == "__main__":
    main()
