"""How near are the times of a note list that is aligned to its recording, and what if it is wrong?

    python -m benchmarks.alignment --sets piano8,real

Every recording is aligned with its true list, and with several in which a share of the places is
corrupted, drawn at random: a note at another pitch, a note left out, or a note too many, a third
each. A corrupted place is *marked* if the alignment marks it, or one of the notes beside it if they
have the same pitch, so that no listener could tell which of them is one too many; a note left out
also if it is heard, as wrong, in place of a listed note beside it. Onset errors are those of the
notes that are truly in both and are found ("ok"), in the true list and in the corrupted ones.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import typer

from benchmarks.clips import Clip, NoiseBench, conditions, load_set
from benchmarks.peers.base import FloatArray, package_version
from benchmarks.report import provenance
from benchmarks.rows import make_folder, write_whole
from seqmelody import AlignedNote, Note, SeqMelodyError, align
from seqmelody.model import MelodyModel, load_model

LARGEST_SLIP = 7  # semitones between a note and what a corrupted list says instead
KINDS = ("pitch", "left out", "too many")


class Mistake(NamedTuple):
    """One of ``KINDS``, the index of the listed note (of one left out, of its successor), and the
    pitch that the list says there, or should."""

    kind: str
    place: int
    pitch: int


@dataclass(frozen=True, slots=True)
class Corrupted:
    """A list with mistakes.

    Attributes:
        pitches: MIDI numbers.
        true: for each of them, the index of the reference note that it is, or None.
        mistakes: by place.
    """

    pitches: list[int]
    true: list[int | None]
    mistakes: list[Mistake]


@dataclass(slots=True)
class Tally:
    """Counts of one set in one condition."""

    notes: int = 0
    found: int = 0
    errors: list[float] = field(default_factory=list)  # seconds
    corrupted_errors: list[float] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    marked: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    intact: int = 0
    false_alarms: int = 0


def alignment(
    dev: Annotated[Path, typer.Option(help="Folder of the sets.")] = Path("../shared/dev"),
    sets: Annotated[str, typer.Option(help="Folders in --dev, by commas.")] = "piano8,real,voice",
    snr: Annotated[float, typer.Option(help="SNR of the white noise in dB.")] = 0.0,
    share: Annotated[float, typer.Option(help="Of the list that is corrupted.")] = 0.1,
    limit: Annotated[int | None, typer.Option(help="Clips of each set.")] = None,
    model: Annotated[Path | None, typer.Option(help="Checkpoint.")] = None,
    seed: Annotated[int, typer.Option(help="Of noise and mistakes.")] = 0,
    draws: Annotated[int, typer.Option(min=1, help="Corrupted lists of each recording.")] = 5,
    output: Annotated[Path, typer.Option(help="Markdown file to write.")] = Path(
        "benchmarks/results/alignment.md"
    ),
) -> None:
    """Align true and corrupted lists; write onset errors and the share of mistakes marked."""
    try:
        make_folder(output.parent)
        loaded = load_model(model)
        bench = NoiseBench(dev / "noise", seed)
        rows: dict[tuple[str, str], Tally] = {}
        for name in sets.split(","):
            for condition in conditions(["white"], [snr]):
                label = "clean" if condition.snr_db is None else f"{condition.noise} {snr:g} dB"
                tally = rows[name, label] = Tally()
                for clip in load_set(dev / name)[:limit]:
                    aligner = partial(_aligned, bench.apply(clip, condition), loaded)
                    measure(tally, clip, aligner, share, seed, draws)
    except SeqMelodyError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    write_whole(output, report(rows, share))
    typer.echo(report(rows, share))


def _aligned(samples: FloatArray, model: MelodyModel, pitches: Sequence[int]) -> list[AlignedNote]:
    return align(samples, pitches, model=model).notes


def measure(
    tally: Tally,
    clip: Clip,
    aligner: Callable[[Sequence[int]], list[AlignedNote]],
    share: float,
    seed: int,
    draws: int = 1,
) -> None:
    """Align one clip's true list and ``draws`` corrupted ones; add to the counts."""
    pitches = [round(note.pitch) for note in clip.notes]
    true = list(range(len(pitches)))
    found = _errors(clip.notes, aligner(pitches), true)
    tally.notes += len(pitches)
    tally.found += len(found)
    tally.errors += found
    rng = np.random.default_rng([seed, zlib.crc32(f"{clip.set_name}/{clip.name}".encode())])
    for _ in range(draws):
        corrupted = corrupt(pitches, share, rng)
        notes = aligner(corrupted.pitches)
        tally.corrupted_errors += _errors(clip.notes, notes, corrupted.true)
        _count_marks(tally, corrupted, notes)


def _errors(
    reference: Sequence[Note], notes: Sequence[AlignedNote], true: Sequence[int | None]
) -> list[float]:
    """Absolute onset errors in seconds of the listed notes that are right and found."""
    listed = [note for note in notes if note.listed is not None]
    return [
        abs(note.onset - reference[index].onset)
        for note, index in zip(listed, true, strict=True)
        if index is not None and note.mark == "ok"
    ]


def corrupt(pitches: Sequence[int], share: float, rng: np.random.Generator) -> Corrupted:
    """Corrupt each place of a list with probability ``share``."""
    result = Corrupted([], [], [])
    for index, pitch in enumerate(pitches):
        kind = KINDS[int(rng.integers(len(KINDS)))] if rng.random() < share else None
        slip = int(rng.integers(1, LARGEST_SLIP + 1)) * int(rng.choice([-1, 1]))
        if kind is not None:
            written = pitch if kind == "left out" else pitch + slip
            result.mistakes.append(Mistake(kind, len(result.pitches), written))
            if kind != "left out":
                result.pitches.append(written)
                result.true.append(None)
        if kind in (None, "too many"):
            result.pitches.append(pitch)
            result.true.append(index)
    return result


def _count_marks(tally: Tally, corrupted: Corrupted, notes: Sequence[AlignedNote]) -> None:
    bad, before = marks_by_place(notes)
    listed = [note for note in notes if note.listed is not None]
    accounted: set[int] = set()  # listed notes and gaps whose marks a mistake accounts for
    accounted_gaps: set[int] = set()
    for mistake in corrupted.mistakes:
        tally.places[mistake.kind] += 1
        first, last = _twins(corrupted.pitches, mistake)
        if mistake.kind == "left out":
            stand_ins = [
                k
                for k in range(max(0, first - 1), min(last + 1, len(listed)))
                if listed[k].mark == "wrong" and listed[k].heard == mistake.pitch
            ]
            hit = any(before[first : last + 1]) or bool(stand_ins)
            accounted_gaps.update(range(first, last + 1))
            accounted.update(stand_ins)
        else:
            hit = any(bad[first:last])
            accounted.update(range(first, last))
        tally.marked[mistake.kind] += hit
    tally.intact += len(bad) - len(accounted)
    tally.false_alarms += sum(mark for k, mark in enumerate(bad) if k not in accounted)
    tally.false_alarms += sum(n for k, n in enumerate(before) if k not in accounted_gaps)


def marks_by_place(notes: Sequence[AlignedNote]) -> tuple[list[bool], list[int]]:
    """Of each listed note: is it marked? And before each, and at the end: how many extra notes?"""
    bad: list[bool] = []
    before = [0]
    for note in notes:
        if note.listed is None:
            before[-1] += 1
        else:
            bad.append(note.mark != "ok")
            before.append(0)
    return bad, before


def _twins(pitches: Sequence[int], mistake: Mistake) -> tuple[int, int]:
    """The listed notes, from first up to last, among which no listener can tell the mistake's: it
    and its neighbours of the same pitch. Of a note left out: the gaps first to last likewise."""
    first, last = mistake.place, mistake.place + (mistake.kind != "left out")
    while first > 0 and pitches[first - 1] == mistake.pitch:
        first -= 1
    while last < len(pitches) and pitches[last] == mistake.pitch:
        last += 1
    return first, last


def report(rows: dict[tuple[str, str], Tally], share: float) -> str:
    """Markdown with provenance."""
    lines = [
        "# Alignment of note lists",
        "",
        provenance("benchmarks.alignment", [package_version("numpy")]),
        "",
        f"Onset errors in milliseconds, median and 90th percentile; {100 * share:g} % of the",
        "places of each list corrupted. found: notes of the true list that are marked ok. marked:",
        "of the corrupted places. false alarms: marks elsewhere, per intact place.",
        "",
        "| set | condition | notes | found % | median | p90 | corrupted: median | p90 "
        f"| marked % | {' | '.join(f'{kind} %' for kind in KINDS)} | false alarms % |",
        "|---|---|" + "---:|" * (8 + len(KINDS)),
    ]
    for (name, condition), tally in rows.items():
        cells = [
            str(tally.notes),
            _percent(tally.found, tally.notes),
            *_quantiles(tally.errors),
            *_quantiles(tally.corrupted_errors),
            _percent(sum(tally.marked.values()), sum(tally.places.values())),
            *(_percent(tally.marked[kind], tally.places[kind]) for kind in KINDS),
            _percent(tally.false_alarms, tally.intact),
        ]
        lines.append(f"| {name} | {condition} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "–"


def _quantiles(errors: list[float]) -> list[str]:
    if not errors:
        return ["–", "–"]
    return [f"{1000 * float(np.quantile(errors, q)):.1f}" for q in (0.5, 0.9)]


if __name__ == "__main__":
    typer.run(alignment)
