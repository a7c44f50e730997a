"""Clips composed from a bank, written to disk: FLAC files and a manifest.

Clip i of a seed is always the same, bit for bit, whoever makes it. Beside ``audio/000000.flac``
lies ``audio/000000.json`` with its notes, written first: where the sound is, the clip is done, and
a call that was stopped goes on with the next one. The manifest, last, lists whole clips only.
"""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import soundfile
import torch

import seqmelody
from data_tools.pool import map_in_processes
from seqmelody.acoustics import AcousticsConfig
from seqmelody.audio import SAMPLE_RATE
from seqmelody.banks import fingerprint
from seqmelody.datasets import ClipConfig, ComposedClips
from seqmelody.errors import InputError
from seqmelody.manifests import ManifestEntry, format_entry
from seqmelody.notes import Vocabulary
from seqmelody.writers import write_atomically

MANIFEST, SETTINGS, AUDIO = "manifest.jsonl", "render.json", "audio"
LENGTHS_STREAM = 1  # of the seed, so that lengths and clips are drawn apart
CLEAN = ClipConfig(
    silent_share=0.0,
    accompanied_share=0.0,
    acoustics=AcousticsConfig(
        clean_share=1.0,
        room_share=0.0,
        colour_share=0.0,
        band_limit_share=0.0,
        clip_share=0.0,
        codec_share=0.0,
        dropout_share=0.0,
    ),
)


@dataclass(frozen=True, slots=True)
class RenderConfig:
    """What a rendered set is like; how large it is is not part of it."""

    seed: int = 0
    part: str = "train"  # of the tunes: train, dev or test
    clean: bool = False  # no noise, no room, no other instrument
    shortest: float = 5.0  # seconds
    longest: float = 30.0


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip to make: its number and its length."""

    index: int
    seconds: float


def plan(config: RenderConfig, hours: float) -> list[Clip]:
    """The clips that make up so many hours; more hours begin with the same clips."""
    clips: list[Clip] = []
    total = 0.0
    for index in itertools.count():
        if total >= 3600 * hours:
            return clips
        rng = np.random.default_rng([config.seed, index, LENGTHS_STREAM])
        clips.append(Clip(index, round(float(rng.uniform(config.shortest, config.longest)), 2)))
        total += clips[-1].seconds
    raise AssertionError("itertools.count ends")


def unfinished(folder: Path, clips: list[Clip]) -> list[Clip]:
    """The clips that an earlier call has not made."""
    return [c for c in clips if not (folder / _audio_name(c.index)).exists()]


def prepare(bank: Path, folder: Path, config: RenderConfig) -> None:
    """Make the folder, or see that it holds a set with these very settings.

    Raises:
        InputError: the bank is unusable, or the folder holds something else.
    """
    _clips(bank, config)  # complain before anything is made
    settings = json.dumps(
        {**asdict(config), "bank": fingerprint(bank), "version": seqmelody.__version__}
    )
    path = folder / SETTINGS
    if path.exists():
        if path.read_text() != settings:
            raise InputError(
                f"{folder}: holds a set of another bank or with other settings; "
                "go on with the same ones or use a new folder"
            )
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: is not empty and holds no rendered set; use a new folder")
    (folder / AUDIO).mkdir(parents=True)
    write_atomically(path, settings.encode())


def render_clips(
    bank: Path, folder: Path, config: RenderConfig, clips: list[Clip], processes: int
) -> Iterator[float]:
    """Make clips; yields the length of each, in seconds, when it is written."""
    (folder / AUDIO).mkdir(exist_ok=True)
    return map_in_processes(partial(render_clip, bank, folder, config), clips, processes)


def render_clip(bank: Path, folder: Path, config: RenderConfig, clip: Clip) -> float:
    """Make one clip and write it, notes first; return its length in seconds."""
    with _one_thread():
        example = _clips(bank, config).compose(clip.index, clip.seconds)
    name = _audio_name(clip.index)
    entry = ManifestEntry(Path(name), example.pitches, example.notes)
    write_atomically(_notes_path(folder, clip.index), format_entry(entry, name).encode())
    sound = io.BytesIO()
    soundfile.write(sound, example.waveform, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    write_atomically(folder / name, sound.getvalue())
    return clip.seconds


def write_manifest(folder: Path, clips: list[Clip]) -> Path:
    """List clips, all of which are made; return the path of the manifest."""
    lines = [_notes_path(folder, clip.index).read_text() + "\n" for clip in clips]
    write_atomically(folder / MANIFEST, "".join(lines).encode())
    return folder / MANIFEST


@cache
def _clips(bank: Path, config: RenderConfig) -> ComposedClips:
    return ComposedClips(
        bank,
        Vocabulary(),
        seed=config.seed,
        config=CLEAN if config.clean else ClipConfig(),
        part=config.part,
    )


@contextmanager
def _one_thread() -> Iterator[None]:
    """A sum that threads share is added up in another order, and its last bits differ."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _audio_name(index: int) -> str:
    return f"{AUDIO}/{index:06d}.flac"


def _notes_path(folder: Path, index: int) -> Path:
    return folder / AUDIO / f"{index:06d}.json"
