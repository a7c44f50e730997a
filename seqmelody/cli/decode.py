"""What is heard in recordings: ``decode`` writes it down, ``plot`` draws it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seqmelody.cli.options import FormatName, Mode, Model, Output, one_of, path_of
from seqmelody.decoding import MODES, SEARCH_NAMES


def decode(
    audio: Annotated[
        list[Path],
        typer.Argument(metavar="AUDIO", parser=path_of, help="Recordings, or folders of them."),
    ],
    mode: Mode = MODES[0],
    format_name: FormatName = None,
    output: Output = None,
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
            callback=one_of(SEARCH_NAMES),
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
        typer.Option(metavar="SECONDS", help="From one note's beginning to the next (to 0.04 s)."),
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
      seqmelody decode street.wav --min-confidence 0.7
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


def plot(
    audio: Annotated[Path, typer.Argument(metavar="AUDIO", parser=path_of, help="A recording.")],
    output: Annotated[
        str,  # a path would forget the slash at its end
        typer.Option(
            "-o",
            "--output",
            metavar="PNG",
            help="Picture to write. A folder, or a name that ends in a slash, takes one named as "
            "the recording is.",
        ),
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
