"""What does the melody model bring, as noise rises, and what does it cost?

    python -m benchmarks.melody_model --output benchmarks/results/melody_model.md

Every clip is heard in every condition, noisy ones once a seed; the CTC emission is then searched by
the best path (the default), by the beam, and by the beam with the melody model, each as ``seqmelody
decode`` does it. Differences from the best path are paired, with 95 % bootstrap intervals over
clips, each with all its seeds. The tunes of ``real`` and of the public set were not used to train
the melody model; the melodies of ``piano8`` are random, so there is nothing for it to know.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.clips import conditions
from benchmarks.decoders import Heard, hear
from benchmarks.intervals import Interval, rate_interval
from benchmarks.options import decibels, set_folders, words
from benchmarks.peers.base import package_version
from benchmarks.report import percent, provenance, table_line
from benchmarks.rows import make_folder, write_whole
from seqmelody import SeqMelodyError
from seqmelody.decoding.ctc import search_ctc
from seqmelody.decoding.language_model import load_interval_model
from seqmelody.metrics import edit_counts
from seqmelody.notes import Vocabulary

SEARCHES = ("best path", "beam", "beam + melody model")  # others are compared with the first


@dataclass(frozen=True, slots=True)
class Result:
    """A search in a condition, beside the best path; shares of 1."""

    condition: str
    search: str
    note_error_rate: float
    change: Interval


def melody_model(
    sets: Annotated[str, typer.Option(help="Folders in --dev, or paths with a slash.")] = (
        "real,data/public,piano8"
    ),
    dev: Annotated[Path, typer.Option(help="Folder of the sets and of noise/.")] = Path(
        "../shared/dev"
    ),
    noises: Annotated[str, typer.Option(help="Kinds of noise, parted by commas.")] = "white",
    snr: Annotated[str, typer.Option(help="SNRs in dB, parted by commas.")] = "0,-5,-10",
    limit: Annotated[int | None, typer.Option(min=1, help="Clips of each set.")] = None,
    model: Annotated[Path | None, typer.Option(help="SeqMelody checkpoint.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of the noise, from 0.")] = 1,
    output: Annotated[Path, typer.Option(help="Markdown file to write.")] = Path(
        "benchmarks/results/melody_model.md"
    ),
) -> None:
    """Compare the best path, the beam, and the beam with the melody model."""
    try:
        make_folder(output.parent)
        todo = conditions(words(noises), decibels(snr))
        folders = set_folders(sets, dev)
        heard, vocabulary = hear(folders, todo, dev, limit, model, 0)
        for seed in range(1, seeds):
            heard += hear(folders, todo[1:], dev, limit, model, seed)[0]  # clean is clean
    except SeqMelodyError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    write_whole(output, report(list(compare(heard, vocabulary))))
    typer.echo(f"wrote {output}")


def compare(heard: Sequence[Heard], vocabulary: Vocabulary) -> Iterator[Result]:
    """Every search in every condition."""
    groups: dict[str, list[Heard]] = defaultdict(list)
    for clip in heard:
        groups[clip.condition].append(clip)
    for condition, clips in groups.items():
        names = [clip.clip or str(number) for number, clip in enumerate(clips)]
        notes = _by_clip(names, [len(clip.pitches) for clip in clips])
        first: list[int] = []
        for search in SEARCHES:
            errors = _by_clip(names, [_errors(clip, search, vocabulary) for clip in clips])
            first = first or errors
            change = rate_interval([a - b for a, b in zip(errors, first, strict=True)], notes)
            yield Result(condition, search, sum(errors) / sum(notes), change)


def _by_clip(names: Sequence[str], counts: Sequence[int]) -> list[int]:
    """Sums over the seeds of each clip."""
    sums: dict[str, int] = defaultdict(int)
    for name, count in zip(names, counts, strict=True):
        sums[name] += count
    return list(sums.values())


def _errors(clip: Heard, search: str, vocabulary: Vocabulary) -> int:
    find = partial(search_ctc, clip.emission, vocabulary)
    if search == "best path":
        found = find()
    else:
        known = load_interval_model() if search == SEARCHES[2] else None
        found = find(search="beam", language_model=known)
    pitches = [vocabulary.to_pitch(spike.label) for spike in found[0].spikes]
    return edit_counts(clip.pitches, pitches).errors


def report(results: Sequence[Result]) -> str:
    """Markdown with provenance."""
    titles = ("condition", "search", "NER %", "change [95 % interval]")
    lines = [table_line(*titles), table_line("---", "---", "---:", "---:")]
    for r in results:
        value, low, high = (f"{100 * share:+.1f}" for share in r.change)
        change = "" if r.search == SEARCHES[0] else f"{value} [{low}, {high}]"
        lines.append(table_line(r.condition, r.search, percent(r.note_error_rate), change))
    text = "NER: note error rate, edits / reference notes, pooled over clips."
    head = provenance("benchmarks.melody_model", [package_version("numpy")])
    return "\n\n".join(["# The melody model", head, text, "\n".join(lines)]) + "\n"


if __name__ == "__main__":
    typer.run(melody_model)
