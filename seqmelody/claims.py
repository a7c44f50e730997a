"""What the folder of a training run is about, so that no other is gone on with there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from seqmelody.errors import InputError
from seqmelody.writers import make_folder, write_atomically


def claim(path: Path, about: dict[str, Any], defaults: dict[str, Any]) -> None:
    """Note in a JSON file what a new run is about, or check that an old one is about the same.

    Args:
        path: in the folder of the run, which is made.
        about: settings, or fingerprints of data.
        defaults: of settings that runs of older versions have not noted.

    Raises:
        InputError: the run is about something else.
    """
    make_folder(path.parent)
    about = json.loads(json.dumps(about))
    if not path.exists():
        if (path.parent / "log.jsonl").exists():
            raise InputError(f"{path.parent}: holds a run of another kind; use a new folder")
        write_atomically(path, json.dumps(about).encode())
    elif defaults | json.loads(path.read_text(encoding="utf-8")) != about:
        raise InputError(
            f"{path.parent}: holds a run with other lists or settings; go on with the same ones or "
            "use a new folder"
        )
