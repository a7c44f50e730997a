"""How right are the notes, in quiet and in noise? SeqMelody beside other systems.

    python -m benchmarks.accuracy --systems seqmelody_ctc,swift_f0 --output /tmp/accuracy

Every system hears the same samples with its default settings. Measures are those of
``seqmelody.metrics``; the time is processor time (all threads added up) after a warm-up.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from benchmarks.clips import NOISES, Clip, Condition, NoiseBench, conditions, load_set
from benchmarks.peers import SYSTEMS, NotInstalledError, Options, System
from benchmarks.peers.base import SAMPLE_RATE, FloatArray, package_version
from benchmarks.report import (
    Row,
    error_rate_table,
    full_table,
    make_folder,
    provenance,
    read_csv,
    write_csv,
    write_whole,
)
from seqmelody import Note, SeqMelodyError
from seqmelody.metrics import edit_counts, note_f1, repeat_counts
from seqmelody.noise import GENERATORS

SETS = ("piano8", "real", "voice")
SNRS_DB = (10.0, 0.0, -10.0)
PACKAGES = ("numpy", "mir_eval")  # whose versions the report states beside the systems' own
EXPLANATION = """\
Clips are 16 kHz mono. SNR: power ratio over the samples where the melody sounds. NER: note error
rate, (substitutions + deletions + insertions) / reference notes; octave errors are a part of the
substitutions. COnP/COn: notes with correct onset (50 ms) and pitch (50 cents) / correct onset, mean
F-measure over clips. exact: clips without any error. repeats found: of the reference notes that
repeat their predecessor's pitch. s/min: processor seconds per minute of audio."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console(stderr=True)


@app.command(help=__doc__.splitlines()[0])
def accuracy(
    dev: Annotated[Path, typer.Option(help="Folder of the sets and of noise/.")] = Path(
        "../shared/dev"
    ),
    systems: Annotated[str, typer.Option(help="Names, parted by commas.")] = ",".join(SYSTEMS),
    sets: Annotated[str, typer.Option(help="Folders in --dev, parted by commas.")] = ",".join(SETS),
    noises: Annotated[
        str, typer.Option(help=f"ambience or generated: {', '.join(GENERATORS)}.")
    ] = ",".join(NOISES),
    snr: Annotated[str, typer.Option(help="SNRs in dB, parted by commas.")] = ",".join(
        f"{snr:g}" for snr in SNRS_DB
    ),
    model: Annotated[
        Path | None, typer.Option(help="SeqMelody checkpoint.", exists=True, dir_okay=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the noise.", min=0)] = 0,
    threads: Annotated[int, typer.Option(help="Threads of each system.", min=1)] = 1,
    reuse: Annotated[
        Path | None,
        typer.Option(
            help="clips.csv of an earlier run: copy the systems that are not in --systems.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for clips.csv and table.md.")] = Path(
        "benchmarks/results/accuracy"
    ),
) -> None:
    """Measure, then write clips.csv and table.md; rewritten after each system."""
    names = _choose(systems, SYSTEMS, "--systems")
    todo = conditions(_choose(noises, ["ambience", *GENERATORS], "--noises"), _decibels(snr))
    try:
        make_folder(output)  # before hours of measuring
        clips = [clip for name in sets.split(",") for clip in load_set(dev / name)]
        bench = NoiseBench(dev / "noise", seed)
        rows = _reused(reuse, without=names, clips=clips, todo=todo, seed=seed)
        loaded = dict(_load(names, Options(model, threads)))
        for name, system in loaded.items():
            rows += _measure(name, system, clips, todo, bench)
            write_report(output, rows)
    except SeqMelodyError as error:
        console.print(f"error: {error}", style="red", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    if not loaded:
        raise typer.Exit(1)
    console.print(f"wrote {output / 'clips.csv'} and {output / 'table.md'}", soft_wrap=True)


def write_report(output: Path, rows: list[Row]) -> None:
    """Write clips.csv and table.md into a folder."""
    versions = [package_version(name) for name in PACKAGES]
    versions += sorted({row.version for row in rows})
    parts = [
        "# Accuracy in quiet and in noise",
        provenance("benchmarks.accuracy", versions),
        EXPLANATION,
        "## Note error rate in %",
        error_rate_table(rows),
        "## All measures",
        full_table(rows),
    ]
    write_csv(output / "clips.csv", rows)
    write_whole(output / "table.md", "\n\n".join(parts) + "\n")


def score(clip: Clip, notes: list[Note]) -> dict[str, int | bool | float]:
    """Every measure of one clip, named like the fields of Row."""
    pitches = [note.pitch for note in clip.notes], [note.pitch for note in notes]
    edits, repeats = edit_counts(*pitches), repeat_counts(*pitches)
    return {
        "reference_notes": edits.reference,
        "estimated_notes": len(notes),
        "insertions": edits.insertions,
        "deletions": edits.deletions,
        "substitutions": edits.substitutions,
        "octave_errors": edits.octave_errors,
        "repeats": repeats.repeats,
        "repeats_found": repeats.found,
        "exact": edits.errors == 0,
        "conp_f1": note_f1(clip.notes, notes),
        "con_f1": note_f1(clip.notes, notes, with_pitch=False),
    }


def _measure(
    name: str, system: System, clips: list[Clip], todo: list[Condition], bench: NoiseBench
) -> Iterator[Row]:
    # First calls load weights and compile; that is not the time per minute of audio.
    system.transcribe(clips[0].samples[: 2 * SAMPLE_RATE])
    with Progress(console=console) as progress:
        task = progress.add_task(name, total=len(clips) * len(todo))
        for condition in todo:
            for clip in clips:
                notes, compute_seconds = _timed(system, bench.apply(clip, condition))
                yield Row(
                    system=name,
                    version=system.version,
                    set_name=clip.set_name,
                    noise=condition.noise,
                    snr_db=condition.snr_db,
                    seed=bench.seed,
                    clip=clip.name,
                    audio_seconds=clip.seconds,
                    compute_seconds=compute_seconds,
                    **score(clip, notes),  # type: ignore[arg-type]
                )
                progress.advance(task)


def _timed(system: System, samples: FloatArray) -> tuple[list[Note], float]:
    """Notes and processor seconds; unlike a clock, they hold on a busy machine too."""
    start = time.process_time()
    notes = system.transcribe(samples)
    return notes, time.process_time() - start


def _load(names: list[str], options: Options) -> Iterator[tuple[str, System]]:
    for name in names:
        try:
            yield name, SYSTEMS[name](options)
        except NotInstalledError as error:
            console.print(f"skipped {name}: not installed; {error}", markup=False, soft_wrap=True)


def _reused(
    path: Path | None, *, without: list[str], clips: list[Clip], todo: list[Condition], seed: int
) -> list[Row]:
    """Earlier rows of other systems on the same clips, conditions and seed."""
    if path is None:
        return []
    wanted = {(clip.set_name, clip.name) for clip in clips}
    return [
        row
        for row in read_csv(path)
        if row.system not in without
        and (row.set_name, row.clip) in wanted
        and Condition(row.noise, row.snr_db) in todo
        and row.seed == seed
    ]


def _choose(text: str, allowed: Iterable[str], option: str) -> list[str]:
    known = list(allowed)
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(known)}", param_hint=option)
    return names


def _decibels(text: str) -> list[float]:
    try:
        return [float(word) for word in text.split(",") if word.strip()]
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no list of decibels such as 10,0,-10", param_hint="--snr"
        ) from None


if __name__ == "__main__":
    app()
