"""Options that benchmarks share: lists on the command line, sets by name or folder, a device."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import typer

from benchmarks.clips import NO_MELODY
from seqmelody.commands.evaluate import LOUDEST_DB


def words(text: str) -> list[str]:
    """The words of a list parted by commas, each once."""
    return list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def choose(
    text: str, allowed: Iterable[str], option: str, *, may_be_empty: bool = False
) -> list[str]:
    """Words of a list, each of them allowed. Raises BadParameter."""
    known = list(allowed)
    names = words(text)
    if not names and not may_be_empty:
        raise typer.BadParameter(f"names none; choose of {', '.join(known)}", param_hint=option)
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(known)}", param_hint=option)
    return names


def decibels(text: str, option: str = "--snr") -> list[float]:
    """Numbers of a list, which may be empty: no noise. Raises BadParameter."""
    try:
        values = list(dict.fromkeys(float(word) for word in words(text)))
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no list of decibels such as 10,0,-10", param_hint=option
        ) from None
    if not all(-LOUDEST_DB <= value <= LOUDEST_DB for value in values):  # NaN is not, either
        raise typer.BadParameter(
            f"{text!r} is no list of decibels from -{LOUDEST_DB} to {LOUDEST_DB}; write for "
            "example 10,0,-10",
            param_hint=option,
        )
    return values


def seeds(text: str, option: str = "--seeds") -> list[int]:
    """Whole numbers of a list, from 0. Raises BadParameter."""
    try:
        values = list(dict.fromkeys(int(word) for word in words(text)))
    except ValueError:
        values = []
    if not values or min(values) < 0:
        raise typer.BadParameter(
            f"{text!r} is no list of seeds from 0 such as 0,1,2", param_hint=option
        )
    return values


def set_folders(text: str, dev: Path, option: str = "--sets") -> list[Path]:
    """Folders of sets: a word is the name of one in ``dev``, ``no_melody``, or a path.

    Raises:
        BadParameter: none is named, one has no manifest, or two have one name.
    """
    named = words(text)
    if not named:
        raise typer.BadParameter("names no set; name one at least", param_hint=option)
    folders: dict[str, Path] = {}
    for word in named:
        folder = _set_folder(word, dev, option)
        other = folders.setdefault(folder.name, folder)
        if other.resolve() != folder.resolve():  # and not the same one, written in another way
            raise typer.BadParameter(
                f"{other} and {folder} are both called {folder.name}, and results tell sets apart "
                "by that name; rename one of the folders",
                param_hint=option,
            )
    return list(folders.values())


def _set_folder(word: str, dev: Path, option: str) -> Path:
    if word == NO_MELODY:
        return Path(word)
    is_path = "/" in word
    folder = Path(word) if is_path else dev / word
    if folder.name in ("", ".."):  # mine/.. has a name only once it is resolved
        folder = folder.resolve()
    if folder.name == NO_MELODY:
        raise typer.BadParameter(
            f"{folder}: {NO_MELODY} is the set that is made here; rename the folder",
            param_hint=option,
        )
    manifest = folder / "manifest.jsonl"
    if not manifest.is_file():
        remedy = "write one, or check the path"
        if not is_path:
            remedy = (
                f"name the folder of the sets with --dev, or write {word}/ for a folder of your own"
            )
        raise typer.BadParameter(f"{manifest} is missing; {remedy}", param_hint=option)
    return folder


def torch_device(name: str, *, is_remote: bool = False, option: str = "--device") -> str:
    """The name of a device that torch knows and, unless another machine has it, can use here.

    Raises:
        BadParameter: any other.
    """
    if name == "cpu":
        return name
    import torch  # here, not on top: it takes seconds to import

    try:
        device = torch.device(name)
    except RuntimeError:
        raise typer.BadParameter(
            f"{name!r} is no device of torch; write cpu, cuda or cuda:1", param_hint=option
        ) from None
    try:
        if not is_remote:
            torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, ImportError):  # what torch raises differs by device
        raise typer.BadParameter(
            f"torch cannot use {name!r} on this machine; use cpu, or install a torch for it",
            param_hint=option,
        ) from None
    return name
