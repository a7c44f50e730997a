"""How good a model is: ``evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seqmelody.cli.options import Mode, Model, path_of
from seqmelody.decoding import MODES


def evaluate(
    manifest: Annotated[
        Path,
        typer.Argument(
            metavar="MANIFEST", parser=path_of, help="Recordings and their notes, JSON lines."
        ),
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

    if compare and mode != MODES[0]:
        raise typer.BadParameter("--compare is of ctc and window; leave --mode out")

    print(run(manifest, mode, model, choose_noise(noise, snr), seed=seed, compare=compare), end="")
