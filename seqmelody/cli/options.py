"""Options that several verbs have."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated

import typer

from seqmelody.decoding import MODES
from seqmelody.writers import DEFAULT_FORMAT, WRITERS


def one_of(names: Collection[str]) -> Callable[[str | None], str | None]:
    """Option callback that accepts these names only."""

    def check(value: str | None) -> str | None:
        if value is not None and value not in names:
            raise typer.BadParameter(f"{value!r} is not one of {', '.join(names)}")
        return value

    return check


def path_of(text: str) -> Path:
    """Read an argument; empty, as an unset shell variable is, it would be the current folder."""
    if not text:
        raise typer.BadParameter("it is empty; name a file, or a folder (. for this one)")
    return Path(text)


Mode = Annotated[
    str,
    typer.Option(
        metavar="|".join(MODES),
        callback=one_of(MODES),
        help="ctc: the CTC head. window: the window head. both: notes on which the two agree, and "
        "where they do not. joint: the better of the two where they disagree.",
    ),
]
FormatName = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="|".join(WRITERS),
        callback=one_of(WRITERS),
        help="Format of the notes.",
        show_default=f"by the suffix of -o, else {DEFAULT_FORMAT}",
    ),
]
Output = Annotated[
    str | None,  # a path would forget the slash at its end
    typer.Option(
        "-o",
        "--output",
        metavar="PATH",
        help="File for the notes. A folder, or a name that ends in a slash, takes a file for each "
        "recording, as several need.",
        show_default="stdout",
    ),
]
Model = Annotated[
    Path | None,
    typer.Option(
        metavar="default|FILE",
        callback=lambda path: None if path == Path("default") else path,
        help="Checkpoint (.safetensors).",
        show_default="the one that comes with SeqMelody",
    ),
]
