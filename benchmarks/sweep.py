"""Measuring systems on clips in conditions: what one worker does, and how work is shared out.

The smallest piece of work is a :class:`Task`: one system, one clip, one noise and one seed at all
SNRs. Any process can do any task, and gets the same rows for it; what it has to load it keeps.
"""

from __future__ import annotations

import multiprocessing
import resource
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.clips import Clip, Condition, NoiseBench, cached_set
from benchmarks.peers import INFORMED, SYSTEMS, NotInstalledError, Options, System
from benchmarks.peers.base import PEER_ERRORS, SAMPLE_RATE, FloatArray, Informed
from benchmarks.rows import Journal, Row, score_fields
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


@dataclass(frozen=True, slots=True)
class Sweep:
    """Everything that is to be measured: all combinations of these."""

    systems: tuple[str, ...]
    set_folders: tuple[Path, ...]
    noises: tuple[str, ...]
    snrs_db: tuple[float, ...]
    seeds: tuple[int, ...]

    def tasks(self, settings: Settings, versions: Mapping[str, str]) -> Iterator[Task]:
        """Clip by clip, so that the time left can be told from the time taken.

        ``versions``: of the systems that can be measured.
        """
        for folder in self.set_folders:
            for index, clip in enumerate(cached_set(folder, settings.ambience)):
                for noise, snrs_db, seed in self._conditions(clip):
                    for system, version in versions.items():
                        if system not in INFORMED or clip.sample_bank is not None:
                            yield Task(system, version, folder, index, noise, snrs_db, seed)

    def _conditions(self, clip: Clip) -> Iterator[tuple[str, tuple[float | None, ...], int]]:
        # The clean clip knows no seed, and where there is no melody there is no SNR.
        yield "clean", (None,), 0
        if clip.notes:
            for noise in self.noises:
                for seed in self.seeds:
                    yield noise, self.snrs_db, seed


def run_sweep(
    sweep: Sweep, settings: Settings, journal: Journal, *, jobs: int, console: Console
) -> None:
    """Measure what the journal lacks, and finish it.

    A row is measured again if the system's version has changed since. Systems that are not
    installed are left out with a line that says so.
    """
    versions = installed_versions(sweep.systems, settings.options, console)
    tasks = [
        missing
        for task in sweep.tasks(settings, versions)
        if (missing := _missing(task, settings, journal)).snrs_db
    ]
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("measuring", total=sum(len(t.snrs_db) for t in tasks))
        for rows in share_out(tasks, settings, jobs):
            journal.append(rows)
            progress.advance(bar, len(rows))
    journal.finish()


def installed_versions(
    systems: Iterable[str], options: Options, console: Console
) -> dict[str, str]:
    """Version of each system that can be loaded; a printed line for each that cannot."""
    versions = {}
    for name in systems:
        try:
            versions[name] = _system(name, options).version
        except NotInstalledError as error:
            console.print(f"skipped {name}: not installed; {error}", markup=False, soft_wrap=True)
    return versions


def _missing(task: Task, settings: Settings, journal: Journal) -> Task:
    """The part of a task that was not measured yet."""
    clip = _clip(task, settings)

    def is_missing(snr: float | None) -> bool:
        row = journal.find((task.system, clip.set_name, clip.name, task.noise, snr, task.seed))
        return row is None or row.version != task.version

    return replace(task, snrs_db=tuple(filter(is_missing, task.snrs_db)))


def share_out(tasks: Iterable[Task], settings: Settings, jobs: int) -> Iterator[list[Row]]:
    """The rows of each task, as they get done, by this process or by several."""
    if jobs == 1:
        yield from (measure(task, settings) for task in tasks)
        return
    waiting = deque(tasks)
    while waiting:
        running: dict[Future[list[Row]], Task] = {}
        try:
            with _pool(jobs) as pool:
                while waiting or running:
                    while waiting and len(running) < 2 * jobs:
                        task = waiting.popleft()
                        running[pool.submit(measure, task, settings)] = task
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        rows = future.result()
                        del running[future]
                        yield rows
        except BrokenProcessPool:
            # One of these killed its process, and the pool does not tell which.
            for task in running.values():
                yield _measure_alone(task, settings)


def _measure_alone(task: Task, settings: Settings) -> list[Row]:
    try:
        with _pool(1) as pool:
            return pool.submit(measure, task, settings).result()
    except BrokenProcessPool:
        clip = _clip(task, settings)
        return [
            _row(task, settings, clip, snr, [], 0.0, "the system's process died")
            for snr in task.snrs_db
        ]


def _pool(jobs: int) -> ProcessPoolExecutor:
    # Fresh processes: threads of torch and of ONNX Runtime do not survive a fork.
    return ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"))


def measure(task: Task, settings: Settings) -> list[Row]:
    """Do a task; a system that fails makes a row as well."""
    clip = _clip(task, settings)
    bench = _bench(settings.ambience, task.seed)
    system = _system(task.system, settings.options)
    ready = system.told(clip) if isinstance(system, Informed) else system
    rows = []
    for snr in task.snrs_db:
        samples = bench.apply(clip, Condition(task.noise, snr))
        notes, seconds, failure = _attempt(ready, samples)
        rows.append(_row(task, settings, clip, snr, notes, seconds, failure))
    return rows


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
        **measures,  # type: ignore[arg-type]
    )


def _clip(task: Task, settings: Settings) -> Clip:
    return cached_set(task.set_folder, settings.ambience)[task.index]


@lru_cache(maxsize=4)
def _bench(ambience: Path, seed: int) -> NoiseBench:
    return NoiseBench(ambience, seed)


@cache
def _system(name: str, options: Options) -> System | Informed:
    """Load a system once a process, and warm it up.

    First calls read weights and compile; that is not the time per minute of audio.
    """
    system = SYSTEMS[name](options)
    if not isinstance(system, Informed):
        time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
        hiss = np.random.default_rng(0).normal(0, 0.001, len(time))
        tone = 0.1 * np.sin(2 * np.pi * 440 * time) + hiss
        _attempt(system, tone.astype(np.float32))
    return system
