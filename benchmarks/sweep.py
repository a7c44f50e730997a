"""A sweep: which systems are measured on which clips in which conditions, less what is done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.clips import Clip, cached_set
from benchmarks.measurement import Settings, Task, clip_of, system
from benchmarks.peers import INFORMED, NotInstalledError, Options
from benchmarks.rows import DECIMALS, Journal, Key, Row
from benchmarks.workers import Share


@dataclass(frozen=True, slots=True)
class Sweep:
    """Everything that is to be measured: all combinations of these."""

    systems: tuple[str, ...]
    set_folders: tuple[Path, ...]
    noises: tuple[str, ...]
    snrs_db: tuple[float, ...]
    seeds: tuple[int, ...]
    clips: int | None = None  # of each set at most, evenly spread

    def tasks(self, settings: Settings, versions: Mapping[str, str]) -> Iterator[Task]:
        """Clip by clip, so that the time left can be told from the time taken.

        ``versions``: of the systems that can be measured.
        """
        for folder in self.set_folders:
            clips = cached_set(folder, settings.ambience)
            for index in spread(len(clips), self.clips):
                clip = clips[index]
                mark = clip.fingerprint()
                for noise, snrs_db, seed in self._conditions(clip):
                    for name, version in versions.items():
                        if name not in INFORMED or clip.sample_bank is not None:
                            yield Task(name, version, folder, index, noise, snrs_db, seed, mark)

    def _conditions(self, clip: Clip) -> Iterator[tuple[str, tuple[float | None, ...], int]]:
        # The clean clip knows no seed, and where there is no melody there is no SNR.
        yield "clean", (None,), 0
        if clip.notes:
            for noise in self.noises:
                for seed in self.seeds:
                    yield noise, self.snrs_db, seed


def spread(count: int, most: int | None) -> list[int]:
    """At most ``most`` of ``count`` places, evenly spread, the first one among them."""
    wanted = count if most is None else min(count, most)
    return [k * count // wanted for k in range(wanted)]


def run_sweep(
    sweep: Sweep, settings: Settings, journal: Journal, share: Share, console: Console
) -> None:
    """Measure what the journal lacks, and finish it.

    A row is measured again if the system's version or the clip has changed since. Systems that are
    not installed are left out with a line that says so.
    """
    versions = installed_versions(sweep.systems, settings.options, console)
    wanted = list(sweep.tasks(settings, versions))
    tasks = [t for task in wanted if (t := _missing(task, settings, journal)).snrs_db]
    total, left = (sum(len(task.snrs_db) for task in some) for some in (wanted, tasks))
    old = sum(journal.find(key) is not None for task in tasks for key in _keys(task, settings))
    again = f"; {old} are of another version of their system or clip: these are measured again"
    console.print(
        f"{total - left} of {total} rows are there already{again if old else ''}",
        highlight=False,
        soft_wrap=True,
    )
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("measuring", total=left)
        for rows in share(tasks, settings):
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
            versions[name] = system(name, options).version
        except NotInstalledError as error:
            console.print(f"skipped {name}: not installed; {error}", markup=False, soft_wrap=True)
    return versions


def _missing(task: Task, settings: Settings, journal: Journal) -> Task:
    """The part of a task that was not measured yet, or not as system and clip are now."""
    clip = clip_of(task, settings)
    keys = zip(task.snrs_db, _keys(task, settings), strict=True)
    missing = (snr for snr, key in keys if not _is_of(journal.find(key), task, clip))
    return replace(task, snrs_db=tuple(missing))


def _keys(task: Task, settings: Settings) -> list[Key]:
    """Of a task's rows, an SNR each."""
    clip = clip_of(task, settings)
    return [
        (task.system, clip.set_name, clip.name, task.noise, snr, task.seed) for snr in task.snrs_db
    ]


def _is_of(row: Row | None, task: Task, clip: Clip) -> bool:
    """Whether a row is there and of the very system and clip."""
    return (
        row is not None
        and row.version == task.version
        and row.reference_notes == len(clip.notes)
        and round(row.audio_seconds, DECIMALS) == round(clip.seconds, DECIMALS)
        and row.fingerprint in ("", task.fingerprint)  # rows of before the column have none
    )
