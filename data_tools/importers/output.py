"""Manifests and noise folders, written whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

from data_tools.importers.entries import Noise, Recording
from seqmelody.errors import InputError, OutputError
from seqmelody.writers import check_writable, write_atomically


def write_manifest(path: Path, recordings: Sequence[Recording]) -> None:
    """JSON lines as :mod:`seqmelody.datasets` reads them; audio paths relative to the manifest.

    Raises:
        OutputError: it cannot be written there; what was there before stays.
    """
    lines = [json.dumps(_entry(path, r), ensure_ascii=False) + "\n" for r in recordings]
    write_atomically(path, "".join(lines).encode())


def write_noise_folder(folder: Path, noises: Sequence[Noise]) -> None:
    """A new folder of links to the recordings, one sub-folder for each kind of noise.

    Raises:
        OutputError: the folder exists, or links cannot be made there.
        InputError: two recordings have one name.
    """
    if os.path.lexists(folder):
        raise OutputError(f"{folder}: exists; noise goes into a new folder, so name another one")
    fresh = folder.parent / f".seqmelody-{secrets.token_hex(8)}.tmp"
    check_writable(folder)
    try:
        for noise in noises:
            _link(fresh / noise.name, noise)
        fresh.rename(folder)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written ({error.strerror}); choose a place that can hold links"
        ) from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)  # gone after the rename


def _entry(manifest: Path, recording: Recording) -> dict[str, object]:
    # realpath: a link on the way would turn ".." into another place.
    relative = os.path.relpath(os.path.realpath(recording.audio), os.path.realpath(manifest.parent))
    audio = Path(relative).as_posix()
    if recording.notes is None:
        return {"audio": audio, "pitches": recording.pitches}
    notes = [[round(n.onset, 4), round(n.offset, 4), round(n.pitch, 2)] for n in recording.notes]
    return {"audio": audio, "notes": notes}


def _link(link: Path, noise: Noise) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    try:
        link.symlink_to(noise.audio.resolve())
    except FileExistsError:
        raise InputError(
            f"{noise.audio}: another recording is called {noise.name.as_posix()} too; "
            "keep one version of the set in the folder"
        ) from None
