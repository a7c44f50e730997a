"""Sampled instruments from the npm registry: the ``tonejs-instrument-*-mp3`` packages.

The samples are CC-BY 3.0 (Nicholaus P. Brosowsky, "tonejs-instruments"); the packages are unpacked,
never run. Instruments that the development clips use (cello, clarinet, guitar-electric, piano) are
left out.
"""

from __future__ import annotations

import subprocess
import tarfile
import tempfile
from pathlib import Path

from data_tools.progress import track
from seqmelody.errors import InputError
from seqmelody.writers import make_folder

INSTRUMENTS = (
    "bass-electric", "bassoon", "contrabass", "flute", "french-horn", "guitar-nylon", "harmonium",
    "harp", "organ", "saxophone", "trumpet", "tuba", "violin", "xylophone",
)  # fmt: skip
LICENCE = "CC-BY 3.0"


def fetch(folder: Path) -> int:
    """Write a folder of MP3 files for each instrument that is not there yet; return how many."""
    wanted = [name for name in INSTRUMENTS if not (folder / name).is_dir()]
    make_folder(folder)
    (folder / "licence.txt").write_text(f"{LICENCE}\n")
    for name in track(wanted, description="Instruments"):
        with tempfile.TemporaryDirectory(dir=folder) as work:
            _unpack(_download(f"tonejs-instrument-{name}-mp3", Path(work)), Path(work) / name)
            (Path(work) / name).rename(folder / name)
    return len(wanted)


def _download(package: str, folder: Path) -> Path:
    command = ["npm", "pack", "--silent", package, "--pack-destination", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise InputError("npm is missing; install Node.js, or leave these samples out") from None
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise InputError(f"{package}: npm could not fetch it ({reason})") from None
    return next(folder.glob("*.tgz"))


def _unpack(archive: Path, folder: Path) -> None:
    """Only the sound files, by their bare names."""
    folder.mkdir()
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            data = tar.extractfile(member) if member.name.endswith(".mp3") else None
            if data is not None:
                (folder / Path(member.name).name).write_bytes(data.read())
