"""Measuring one system on one clip: what any worker of a sweep does.

The smallest piece of work is a :class:`Task`: one system, one clip, one noise and one seed at all
SNRs. Any process can do any task, and gets the same rows for it; what it has to load it keeps.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from benchmarks.clips import Clip, Condition, NoiseBench, cached_set
from benchmarks.peers import SYSTEMS, Options, System
from benchmarks.peers.base import PEER_ERRORS, SAMPLE_RATE, FloatArray, Informed
from benchmarks.rows import Row, score_fields
from seqmelody import Note
from seqmelody.evaluation import score


@dataclass(frozen=True, slots=True)
class Settings:
    """What every task of a sweep has in common.

    Attributes:
        ambience: folder of recorded noise.
        options: for the loaders of the systems.
        commit: of this repository, stated in every row.
    """

    ambience: Path
    options: Options
    commit: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """One system on one clip with one noise at several SNRs (None: no noise)."""

    system: str
    version: str
    set_folder: Path
    index: int  # place of the clip in its set
    noise: str
    snrs_db: tuple[float | None, ...]
    seed: int
    fingerprint: str  # of the clip


def measure(task: Task, settings: Settings) -> list[Row]:
    """Do a task; a system that fails makes a row as well."""
    clip = clip_of(task, settings)
    bench = _bench(settings.ambience, task.seed)
    loaded = system(task.system, settings.options)
    ready = loaded.told(clip) if isinstance(loaded, Informed) else loaded
    rows = []
    for snr in task.snrs_db:
        samples = bench.apply(clip, Condition(task.noise, snr))
        notes, seconds, failure = _attempt(ready, samples)
        rows.append(_row(task, settings, clip, snr, notes, seconds, failure))
    return rows


def process_died(task: Task, settings: Settings) -> list[Row]:
    """The rows of a task that took its process with it."""
    clip = clip_of(task, settings)
    return [
        _row(task, settings, clip, snr, [], 0.0, "the system's process died")
        for snr in task.snrs_db
    ]


def _attempt(system: System, samples: FloatArray) -> tuple[list[Note], float, str]:
    """Notes, processor seconds, and what went wrong (empty: nothing)."""
    start = processor_seconds()
    try:
        notes, failure = system.transcribe(samples), ""
    except PEER_ERRORS as error:
        notes, failure = [], " ".join(f"{type(error).__name__}: {error}".split())
    return notes, processor_seconds() - start, failure


def processor_seconds() -> float:
    """Processor time of this process and of those it started and waited for.

    Unlike a clock it holds on a busy machine too. What a GPU does is not in it.
    """
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _row(
    task: Task,
    settings: Settings,
    clip: Clip,
    snr_db: float | None,
    notes: list[Note],
    compute_seconds: float,
    failure: str,
) -> Row:
    measures = score_fields(score([n.pitch for n in clip.notes], notes, clip.notes))
    return Row(
        system=task.system,
        version=task.version,
        set_name=clip.set_name,
        noise=task.noise,
        snr_db=snr_db,
        seed=task.seed,
        clip=clip.name,
        audio_seconds=clip.seconds,
        compute_seconds=compute_seconds,
        commit=settings.commit,
        failure=failure,
        fingerprint=task.fingerprint,
        **measures,  # type: ignore[arg-type]
    )


def clip_of(task: Task, settings: Settings) -> Clip:
    """The clip of a task, read once a process."""
    return cached_set(task.set_folder, settings.ambience)[task.index]


@lru_cache(maxsize=4)
def _bench(ambience: Path, seed: int) -> NoiseBench:
    return NoiseBench(ambience, seed)


@cache
def system(name: str, options: Options) -> System | Informed:
    """Load a system once a process, and warm it up.

    First calls read weights and compile; that is not the time per minute of audio.
    """
    loaded = SYSTEMS[name](options)
    if not isinstance(loaded, Informed):
        time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
        hiss = np.random.default_rng(0).normal(0, 0.001, len(time))
        tone = 0.1 * np.sin(2 * np.pi * 440 * time) + hiss
        _attempt(loaded, tone.astype(np.float32))
    return loaded
