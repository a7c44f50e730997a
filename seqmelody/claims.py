"""What the folder of a training run is about, so that no other is gone on with there."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from seqmelody.errors import InputError
from seqmelody.writers import make_folder, write_atomically

TRAINING_LOG = "log.jsonl"  # what a training writes first


def claim(
    path: Path, about: dict[str, Any], defaults: dict[str, Any], *, stale: Iterable[str] = ()
) -> None:
    """Note in a JSON file what a new run is about, or check that an old one is about the same.

    A run that has not trained yet may become one about something else: whoever corrects a list
    after an error shall not need a new folder.

    Args:
        path: in the folder of the run, which is made.
        about: settings, or fingerprints of data.
        defaults: of settings that runs of older versions have not noted.
        stale: patterns of files in the folder that follow from what the run was about; they are
            removed when that changes.

    Raises:
        InputError: the run is about something else, or the file was not written here.
    """
    folder = path.parent
    make_folder(folder)
    about = json.loads(json.dumps(about))
    trained = any(folder.glob(TRAINING_LOG)) or any(folder.glob(f"round-*/{TRAINING_LOG}"))
    if path.exists():
        if defaults | _read(path) == about:
            return
        if trained:
            raise InputError(
                f"{folder}: holds a run with other lists or settings; go on with the same ones or "
                "use a new folder"
            )
        for pattern in stale:
            for file in folder.glob(pattern):
                file.unlink()
    elif trained:
        raise InputError(f"{folder}: holds a run of another kind; use a new folder")
    write_atomically(path, json.dumps(about).encode())


def _read(path: Path) -> dict[str, Any]:
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        about = None
    if not isinstance(about, dict):
        raise InputError(f"{path}: is no note of what a run is about; use a new folder")
    return about
