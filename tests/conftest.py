"""Shared fixtures: a small bank of our own synthetic tones, two noises and hand-made tunes; and a
program run by two processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data_tools.tones import synthesise_tones, tone_sources
from seqmelody.banks import Sound, Source, write_bank, write_tunes
from seqmelody.noise import GENERATORS

TIMBRES, SEED = 3, 0
SCALE = [(p, 1.0) for p in (60, 62, 64, 65, 67, 69, 71, 72, 71, 69, 67, 65, 64, 62, 60)]
WITH_RESTS = [(55, 1.0), (0, 1.0), (55, 0.5), (58, 0.5), (62, 2.0), (0, 0.5), (60, 1.0), (55, 1.0)]
WIDE = [(40, 1.0), (88, 1.0), (45, 0.5), (80, 0.5), (60, 1.0), (41, 1.0), (87, 1.0), (64, 1.0)]


@pytest.fixture(scope="session")
def tiny_bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with notes, noise and tunes; read only."""
    folder = tmp_path_factory.mktemp("bank")
    tones = synthesise_tones(TIMBRES, 0, pitch_step=5, seconds=1.2, seed=SEED)
    write_bank(folder, "notes", tone_sources(TIMBRES, SEED), tones)
    rng = np.random.default_rng(SEED)
    noises = [
        Sound(0.1 * GENERATORS[name](n_samples, rng), float("nan"), 0)
        for name, n_samples in (("pink", 100_000), ("wind", 9_000))
    ]
    write_bank(folder, "noise", [Source("made", "tests", "MIT")], noises)
    write_tunes(folder, [SCALE, WITH_RESTS, WIDE])
    return folder


@pytest.fixture(scope="session")
def two_processes() -> Callable[..., list[str]]:
    """Runs a program twice at once, as torchrun would; what either prints."""

    def run(program: str, *arguments: object) -> list[str]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        common = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
        common |= {"MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
        started = [
            subprocess.Popen(
                [sys.executable, "-c", program, *map(str, arguments)],
                env={**common, "RANK": rank, "LOCAL_RANK": rank},
                stdout=subprocess.PIPE,
                text=True,
            )
            for rank in ("0", "1")
        ]
        outputs = [process.communicate(timeout=300)[0] for process in started]
        assert [process.returncode for process in started] == [0, 0]
        return outputs

    return run
