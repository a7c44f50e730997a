"""Importers: sets in their authors' layout become manifests, noise becomes a folder of links.

To add one, write a function that yields the items of a folder and give it a row of ``IMPORTERS``
and a card in ``CARDS.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from data_tools.importers import kern, mirdata_sets, noise, sidecar, singing
from data_tools.importers.entries import Faulty, Item, LeftOut, Noise, Recording
from data_tools.importers.output import write_manifest, write_noise_folder
from seqmelody.audio import AUDIO_SUFFIXES
from seqmelody.errors import InputError


@dataclass(frozen=True, slots=True)
class Importer:
    """A set that can be imported.

    Attributes:
        read: folder to items; it complains with InputError.
        about: one line for the help.
    """

    read: Callable[[Path], Iterator[Item]]
    about: str


IMPORTERS: dict[str, Importer] = {
    "vocadito": Importer(mirdata_sets.vocadito, "solo singing, aligned"),
    "mdb_stem_synth": Importer(mirdata_sets.mdb_stem_synth, "stems, notes derived from f0"),
    "guitarset": Importer(mirdata_sets.guitarset, "guitar solos, aligned"),
    "filosax": Importer(mirdata_sets.filosax, "jazz saxophone, aligned"),
    "tinysol": Importer(mirdata_sets.tinysol, "single notes of 14 instruments"),
    "mir_st500": Importer(singing.mir_st500, "pop singing, aligned; bring the audio"),
    "ssvd": Importer(singing.ssvd, "sight-singing, aligned"),
    "kern": Importer(kern.kern, "x.wav + x.krn, weak: Essen and other **kern scores"),
    "sidecar": Importer(sidecar.sidecar, "x.wav + x.mid .tsv .csv (aligned) or .txt (weak)"),
    "musan": Importer(noise.musan, "noise: the folder noise/ of MUSAN"),
    "demand": Importer(noise.demand, "noise: places, one channel each"),
    "esc50": Importer(noise.esc50, "noise: environmental sounds by category"),
    "noise": Importer(noise.plain, "noise: any folder of recordings"),
}


@dataclass(frozen=True, slots=True)
class Report:
    """What an import did: how many recordings it wrote, and which it left out, by reason."""

    written: int
    left_out: dict[str, list[str]]


def import_set(name: str, folder: Path, output: Path, exclude: Sequence[str] = ()) -> Report:
    """Read a set and write its manifest or, for noise, its folder of links.

    Args:
        name: row of ``IMPORTERS``.
        folder: where the set lies.
        output: manifest to write, or noise folder to make.
        exclude: patterns (``test/*``) of recordings to leave out: paths below ``folder``, for
            noise ``kind/file``.

    Raises:
        InputError: the set cannot be read or nothing of it is left; nothing is written.
        OutputError: the output cannot be written; what was there before stays.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name the one that the set was unpacked to")
    if output.suffix.lower() in AUDIO_SUFFIXES | sidecar.READERS.keys():
        raise InputError(
            f"{output}: may be a recording or a label; name a manifest, such as x.jsonl"
        )
    items = list(_chosen(IMPORTERS[name].read(folder), folder, exclude))
    left_out: dict[str, list[str]] = {}
    for item in items:
        if isinstance(item, LeftOut):
            left_out.setdefault(item.reason, []).append(item.name)
    noises = [i for i in items if isinstance(i, Noise)]
    recordings = [i for i in items if isinstance(i, Recording)]
    if noises:
        write_noise_folder(output, noises)
    elif recordings:
        write_manifest(output, recordings)
    else:
        why = "; ".join(left_out) or "it is empty"
        raise InputError(f"{folder}: nothing of it can be imported ({why}); see CARDS.md")
    return Report(len(noises) + len(recordings), left_out)


def _chosen(items: Iterable[Item], folder: Path, exclude: Sequence[str]) -> Iterator[Item]:
    """The items that no pattern names. Raises InputError if a pattern names none: a slip."""
    unused = set(exclude)
    for item in items:
        name = _name(item, folder)
        hits = {pattern for pattern in exclude if fnmatchcase(name, pattern)}
        unused -= hits
        if isinstance(item, Faulty) and not hits:
            raise item.error
        yield LeftOut(name, "excluded") if hits else item
    if unused:
        raise InputError(
            f"--exclude {sorted(unused)[0]!r} names nothing in {folder}; patterns are such as "
            "'test/*' and match paths below it, for noise kind/file"
        )


def _name(item: Item, folder: Path) -> str:
    if isinstance(item, Noise):
        return item.name.as_posix()
    path = Path(item.name) if isinstance(item, LeftOut) else item.audio
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
