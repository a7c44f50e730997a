"""Pack the recordings of a manifest into tar files (format: :mod:`seqmelody.shards`).

Written by the standard library rather than the ``webdataset`` package, which does not tell where in
a shard a file begins. The same manifest and seed give the same shards, bit for bit.
"""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from seqmelody.errors import InputError
from seqmelody.list_checks import check_length
from seqmelody.manifests import ManifestEntry, format_entry
from seqmelody.mixing import MixConfig
from seqmelody.shards import INDEX, Place
from seqmelody.writers import make_folder


def write_shards(
    entries: list[ManifestEntry], folder: Path, *, size_mb: float, seed: int = 0
) -> Iterator[int]:
    """Write shards of about ``size_mb`` megabytes, examples in random order; yields the number of
    examples after each. The folder appears when all is written.

    Raises:
        InputError: the folder holds something already, or a recording is missing, unreadable, or
            could not be trained on.
    """
    _check(entries, folder)
    order = np.random.default_rng(seed).permutation(len(entries))
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # of an earlier call that was killed
    make_folder(part)
    try:
        index: list[tuple[int, ...]] = []
        groups = _groups([entries[i] for i in order], size_mb * 1e6)
        for number, group in enumerate(groups):
            places = _write_shard(part / _shard_name(number), group, len(index))
            index += [(number, *place) for place in places]
            yield len(index)
        shards = [_shard_name(number) for number in range(len(groups))]
        (part / INDEX).write_text(json.dumps({"shards": shards, "examples": index}))
        if folder.exists():
            folder.rmdir()  # empty
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _check(entries: list[ManifestEntry], folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: is there already and not an empty folder; name a new one")
    for entry in entries:
        if not entry.audio.is_file():
            raise InputError(
                f"{entry.audio}: no such file; 'python -m data_tools check' names all faults of a "
                "manifest"
            )
        check_length(entry, MixConfig().whole_seconds)


def _groups(entries: list[ManifestEntry], size: float) -> list[list[ManifestEntry]]:
    """Entries parted where a shard would exceed ``size`` bytes of recordings."""
    groups: list[list[ManifestEntry]] = [[]]
    filled = 0.0
    for entry in entries:
        more = entry.audio.stat().st_size
        if groups[-1] and filled + more > size:
            groups.append([])
            filled = 0.0
        groups[-1].append(entry)
        filled += more
    return groups


def _write_shard(path: Path, entries: list[ManifestEntry], first: int) -> list[Place]:
    """Write one tar file; return where its examples lie."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as shard:
        for number, entry in enumerate(entries, start=first):
            key = f"{number:08d}"  # no dot in it: what follows the first one is the kind of file
            name = key + entry.audio.suffix.lower()
            _add(shard, name, entry.audio.read_bytes())
            _add(shard, f"{key}.json", format_entry(entry, name).encode())
    with tarfile.open(path) as shard:
        members = shard.getmembers()
    return [
        Place(audio.offset_data, audio.size, text.offset_data, text.size)
        for audio, text in zip(members[::2], members[1::2], strict=True)
    ]


def _add(shard: tarfile.TarFile, name: str, data: bytes) -> None:
    """Add a file that tells nothing of when and by whom."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    shard.addfile(info, io.BytesIO(data))


def _shard_name(number: int) -> str:
    return f"shard-{number:06d}.tar"
