"""Progress of long work, for those who watch: on standard error, and only on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import track as track_on

Item = TypeVar("Item")


def track(items: Iterable[Item], description: str, total: float | None = None) -> Iterator[Item]:
    """The items, with a bar that shows how many of them are done."""
    console = Console(stderr=True)
    yield from track_on(items, description, total, console=console, disable=not console.is_terminal)
