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
from seqmelody.decoding import MODES, SEARCH_NAMES
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


Mode = Annotated[
    str,
    typer.Option(
        metavar="|".join(MODES),
        callback=_one_of(MODES),
        help="ctc: the CTC head. window: the window head. both: notes on which the two agree, and "
        "where they do not. joint: the better of the two where they disagree.",
    ),
]
FormatName = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="|".join(WRITERS),
        callback=_one_of(WRITERS),
        help="Format of the notes.",
        show_default=f"by the suffix of -o, else {DEFAULT_FORMAT}",
    ),
]
Model = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Checkpoint (.safetensors).",
        show_default="the one that comes with SeqMelody",
    ),
]


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
    mode: Mode = MODES[0],
    format_name: FormatName = None,
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
    model: Model = None,
    min_confidence: Annotated[
        float,
        typer.Option(metavar="SHARE", min=0, max=1, help="Leave out notes less certain than this."),
    ] = 0.0,
    intonation: Annotated[
        bool,
        typer.Option("--intonation", help="Write pitches to the cent: 60.21 is a C4 sung 21 high."),
    ] = False,
    search: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(SEARCH_NAMES),
            callback=_one_of(SEARCH_NAMES),
            help="How the CTC head's note sequence is found.",
            show_default="greedy; beam where an option needs it",
        ),
    ] = None,
    beam: Annotated[
        int | None,
        typer.Option(
            metavar="WIDTH", min=1, help="Sequences that the beam search keeps.", show_default="16"
        ),
    ] = None,
    melody_model: Annotated[
        str | None,
        typer.Option(
            metavar="default|FILE",
            help="Let a model of how melodies go on count too.",
            show_default="none",
        ),
    ] = None,
    key: Annotated[
        str | None, typer.Option(metavar="KEY", help="The melody's, e.g. 'D minor' or Bb.")
    ] = None,
    pitch_range: Annotated[
        str | None,
        typer.Option("--range", metavar="LOW-HIGH", help="No note lies outside, e.g. C3-C6."),
    ] = None,
    shortest: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="From one note's beginning to the next, at least."),
    ] = None,
    notes: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="About how many notes there are."),
    ] = None,
) -> None:
    """Write down the melody of recordings as notes.

    \b
    Examples:
      seqmelody decode take.wav
      seqmelody decode take.wav -o take.mid
      seqmelody decode take.wav --mode window --format json
      seqmelody decode take.wav --mode both
      seqmelody decode street.wav --min-confidence 0.5
      seqmelody decode song.wav --intonation
      seqmelody decode take.wav --key 'D minor' --range A3-A5 --melody-model default
      seqmelody decode recordings/ solo.mp3 -o notes/
    """
    from seqmelody.commands.decode import SearchChoice, make_plan, run

    choice = SearchChoice(search, beam, melody_model, key, pitch_range, shortest, notes)
    choice.check(mode)
    plan = make_plan(audio, format_name, output)
    if not run(plan, mode, model, choice, min_confidence, intonation):
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
    format_name: FormatName = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="PATH", help="File; for a folder, a folder."),
    ] = None,
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
    model: Model = None,
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
    mode: Mode = MODES[0],
    noise: Annotated[
        str | None,
        typer.Option(metavar="KIND|DIR", help="Add white, pink, ... or recorded noise."),
    ] = None,
    snr: Annotated[
        str | None, typer.Option(metavar="DB,DB,...", help="How loud, e.g. 20,10,0,-10.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the noise.")] = 0,
    compare: Annotated[
        bool, typer.Option("--compare", help="ctc and window, and the places where they differ.")
    ] = False,
    model: Model = None,
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
    mode: Mode = MODES[0],
    model: Model = None,
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
        Path | None,
        typer.Option(
            metavar="FILE|DIR",
            help="Train on the recordings listed here, with or without times; or on a folder with "
            "x.txt beside x.wav. With --bank: on both.",
        ),
    ] = None,
    weak: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR",
            help="Adapt the model of --init to recordings with note lists, at a low rate; --bank "
            "keeps it from forgetting others. Stops early and keeps the best model.",
        ),
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|default",
            help="Start from this model; default is the shipped one.",
            show_default="random weights",
        ),
    ] = None,
    bank_share: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="Of clips that come from --bank.", show_default="0.5"),
    ] = None,
    augment: Annotated[
        bool | None,
        typer.Option(
            "--augment/--no-augment",
            help="Add noise and rooms to recordings on the fly.",
            show_default="with --bank or --weak",
        ),
    ] = None,
    held_out: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="With --weak: of recordings, to judge by and not to train on.",
            show_default="0.15",
        ),
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
    muon: Annotated[
        bool,
        typer.Option("--muon", help="Turn the encoder's matrices by Muon: learns in fewer steps."),
    ] = False,
    bfloat16: Annotated[
        bool,
        typer.Option(
            "--bfloat16",
            help="Multiply in half the digits: about twice as fast on GPUs and processors that "
            "have it (AVX-512 BF16, AMX), slower on others.",
        ),
    ] = False,
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
            help="With --self-align or --weak: each list may be off by up to so many semitones.",
        ),
    ] = 0,
) -> None:
    """Train a model; a run that was stopped goes on where it was (needs the train extra).

    Writes RUN/model.safetensors and RUN/log.jsonl. With --muon and --bfloat16 the settings are
    those that made the shipped weights; --weak has gentler ones. Runs on a GPU if there is one.

    \b
    Examples:
      seqmelody train runs/default --bank data/bank --muon --bfloat16
      torchrun --nproc_per_node 2 -m seqmelody train runs/default --bank data/bank --muon --bfloat16
      seqmelody train runs/mine --weak my_lists/ --init default --bank data/bank
      seqmelody train runs/both --manifest mine/manifest.jsonl --bank data/bank --bank-share 0.5
      seqmelody train runs/lists --manifest my_lists/ --self-align 2
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
        muon=muon or None,
        bfloat16=bfloat16 or None,
        weak=weak,
        bank_share=bank_share,
        augment=augment,
        held_out=held_out,
        self_align=self_align,
        transpose=transpose,
    )
    print(path)


if __name__ == "__main__":
    main()
