"""Options that benchmarks share: lists on the command line, and sets by name or folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import typer

from benchmarks.clips import NO_MELODY


def words(text: str) -> list[str]:
    """The words of a list parted by commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def choose(text: str, allowed: Iterable[str], option: str) -> list[str]:
    """Words of a list, each of them allowed. Raises BadParameter."""
    known = list(allowed)
    names = words(text)
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(known)}", param_hint=option)
    return names


def decibels(text: str, option: str = "--snr") -> list[float]:
    """Numbers of a list. Raises BadParameter."""
    try:
        return [float(word) for word in words(text)]
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no list of decibels such as 10,0,-10", param_hint=option
        ) from None


def seeds(text: str, option: str = "--seeds") -> list[int]:
    """Whole numbers of a list. Raises BadParameter."""
    try:
        return [int(word) for word in words(text)]
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no list of seeds such as 0,1,2", param_hint=option
        ) from None


def set_folders(text: str, dev: Path) -> list[Path]:
    """Folders of sets: a word is the name of one in ``dev``, ``no_melody``, or a path."""
    return [Path(word) if "/" in word or word == NO_MELODY else dev / word for word in words(text)]
