"""aubio's notes (Brossier 2006), by the program ``aubionotes``.

Default settings throughout; they are made for 44.1 kHz, so the samples are brought there.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.peers.base import SAMPLE_RATE, FloatArray, NotInstalledError, Options
from seqmelody import Note

PROGRAM = "aubionotes"
VERSION_PROGRAM = "aubio"  # aubionotes does not tell its own
RATE = 44_100  # Hz
SECONDS_ALLOWED = 120


class Aubio:
    """The program; it reads files only."""

    def __init__(self, program: str) -> None:
        """``program``: its path."""
        self._program = program
        shown = subprocess.run([VERSION_PROGRAM, "--version"], capture_output=True, text=True)
        self.version = shown.stdout.strip()

    def transcribe(self, samples: FloatArray) -> list[Note]:
        """Write a file, run the program, read what it prints."""
        import soundfile
        import soxr

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "clip.wav"
            soundfile.write(path, soxr.resample(samples, SAMPLE_RATE, RATE), RATE, subtype="FLOAT")
            done = subprocess.run(
                [self._program, "-i", str(path)],
                capture_output=True,
                text=True,
                check=True,
                timeout=SECONDS_ALLOWED,
            )
        return read_notes(done.stdout)


def read_notes(printed: str) -> list[Note]:
    """Notes of lines "pitch onset offset"; lines of one number tell where sound begins or ends."""
    rows = [[float(word) for word in line.split()] for line in printed.splitlines()]
    notes = [Note(row[1], row[2], round(row[0])) for row in rows if len(row) == 3]
    return [note for note in notes if note.duration > 0]


def load(options: Options) -> Aubio:
    """Raises NotInstalledError without the program."""
    program = shutil.which(PROGRAM)
    if program is None or shutil.which(VERSION_PROGRAM) is None:
        raise NotInstalledError("apt install aubio-tools (or another package with aubionotes)")
    return Aubio(program)
