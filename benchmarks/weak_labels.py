"""What are note lists without times worth? The same clips, network and budget under each condition.

    python -m benchmarks.weak_labels --bank data/bank --output benchmarks/results/weak_labels

Clips are composed once. Each condition then sees all of them with the labels it is allowed to see:
all times, lists only, lists that the model aligns itself in 1, 2 or 3 rounds (every round has the
full budget of steps, and goes on from the one before), few times and many lists, few times only,
and lists with mistakes. The rows of a finished (condition, seed) are kept in ``rows.jsonl``, so a
stopped run goes on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Annotated

import numpy as np
import soundfile
import torch
import typer

from benchmarks.alignment import corrupt
from benchmarks.clips import Condition, NoiseBench, load_set
from benchmarks.report import provenance
from benchmarks.rows import make_folder, write_whole
from seqmelody import SeqMelodyError, transcribe
from seqmelody.audio import SAMPLE_RATE
from seqmelody.datasets import ComposedClips, ManifestClips
from seqmelody.decoding import MODES
from seqmelody.manifests import ManifestEntry, format_entry, read_manifest
from seqmelody.metrics import EditCounts, edit_counts, note_f1
from seqmelody.model import MelodyModel, load_model
from seqmelody.notes import Vocabulary
from seqmelody.self_alignment import SelfAlignConfig, train_self_aligned
from seqmelody.training import TrainConfig, train

HEARD = (Condition(), Condition("white", 0.0))


@dataclass(frozen=True, slots=True)
class Labels:
    """What a condition may see.

    Attributes:
        aligned: share of the clips whose times are known.
        listed: whether the others are seen at all, as lists.
        mistakes: share of the places of each list that are wrong.
        rounds: of self-alignment.
    """

    aligned: float = 0.0
    listed: bool = True
    mistakes: float = 0.0
    rounds: int = 0


CONDITIONS = {
    "aligned": Labels(aligned=1.0),
    "lists": Labels(),
    "lists, 1 round": Labels(rounds=1),
    "lists, 2 rounds": Labels(rounds=2),
    "lists, 3 rounds": Labels(rounds=3),
    "5 % aligned, 95 % lists": Labels(aligned=0.05),
    "5 % aligned only": Labels(aligned=0.05, listed=False),
    "lists with 5 % mistakes, 2 rounds": Labels(mistakes=0.05, rounds=2),
    "lists with 10 % mistakes, 2 rounds": Labels(mistakes=0.1, rounds=2),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One decoder of one trained model on one set in one noise condition; shares of 1."""

    condition: str
    seed: int
    set_name: str
    heard: str
    mode: str
    note_error_rate: float
    conp_f1: float


def weak_labels(
    bank: Annotated[Path, typer.Option(help="Bank that clips are composed from.")],
    work: Annotated[Path, typer.Option(help="Folder for clips and runs.")],
    clips: Annotated[int, typer.Option(min=1, help="Clips to train on.")] = 8000,
    steps: Annotated[int, typer.Option(min=1, help="Of every training.")] = 1600,
    batch_size: Annotated[int, typer.Option(min=1)] = 16,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 5,
    names: Annotated[str, typer.Option("--conditions", help="Parted by semicolons.")] = ";".join(
        CONDITIONS
    ),
    dev: Annotated[Path, typer.Option(help="Folder of the sets.")] = Path("../shared/dev"),
    sets: Annotated[str, typer.Option(help="Sets, by commas.")] = "piano8,real",
    limit: Annotated[int | None, typer.Option(help="Clips of each set.")] = None,
    output: Annotated[Path, typer.Option(help="Folder for rows.jsonl and table.md.")] = Path(
        "benchmarks/results/weak_labels"
    ),
) -> None:
    """Train under every condition with every seed; measure each model; write rows and a table."""
    try:
        make_folder(output)
        make_folder(work)
        manifest = compose(work / "clips", bank, clips)
        rows = _read_rows(output / "rows.jsonl")
        for seed in range(1, seeds + 1):
            config = TrainConfig(steps=steps, batch_size=batch_size, seed=seed)
            config = replace(config, warmup_steps=min(config.warmup_steps, steps // 4))
            for name in names.split(";"):
                if any((row.condition, row.seed) == (name, seed) for row in rows):
                    continue
                path = train_condition(CONDITIONS[name], manifest, work, config)
                rows += measure(name, seed, load_model(path), dev, sets.split(","), limit)
                lines = [json.dumps(asdict(row)) for row in rows]
                write_whole(output / "rows.jsonl", "\n".join(lines) + "\n")
                write_whole(output / "table.md", report(rows))
    except SeqMelodyError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(report(rows))


def compose(folder: Path, bank: Path, count: int) -> Path:
    """Write ``count`` clips as FLAC with an aligned manifest, once; silent clips are left out."""
    manifest = folder / f"aligned-{count}.jsonl"
    if manifest.exists():
        return manifest
    make_folder(folder)
    data = ComposedClips(bank, Vocabulary(), seed=0)
    lines: list[str] = []
    index = 0
    while len(lines) < count:
        example = data[index]
        if example.notes:
            name = f"{index:06d}.flac"
            soundfile.write(folder / name, example.waveform, SAMPLE_RATE)
            entry = ManifestEntry(folder / name, example.pitches, example.notes)
            lines.append(format_entry(entry, name))
        index += 1
    write_whole(manifest, "\n".join(lines) + "\n")
    return manifest


def allowed(
    entries: Sequence[ManifestEntry], labels: Labels, seed: int, vocabulary: Vocabulary
) -> list[ManifestEntry]:
    """The entries as a condition may see them; which are aligned depends on the seed."""
    rng = np.random.default_rng(seed)
    count = math.ceil(labels.aligned * len(entries))
    with_times = set(rng.permutation(len(entries))[:count].tolist())
    seen = []
    for index, entry in enumerate(entries):
        if index in with_times:
            seen.append(entry)
        elif labels.listed:
            pitches = corrupt(entry.pitches, labels.mistakes, rng).pitches or entry.pitches
            inside = tuple(min(max(p, vocabulary.low), vocabulary.high) for p in pitches)
            seen.append(ManifestEntry(entry.audio, inside, None))
    return seen


def train_condition(labels: Labels, manifest: Path, work: Path, config: TrainConfig) -> Path:
    """Train from scratch with the labels of a condition; return the model's path.

    Conditions that differ in their rounds only share a folder, so none is trained twice.
    """
    torch.manual_seed(config.seed)
    model = MelodyModel()
    kind = "lists" if labels.listed else "no-lists"
    run = work / f"{kind}-aligned-{labels.aligned:g}-mistakes-{labels.mistakes:g}-{config.seed}"
    make_folder(run)
    seen = allowed(read_manifest(manifest), labels, config.seed, model.vocabulary)
    own = run / "manifest.jsonl"
    lines = [format_entry(entry, str(entry.audio.resolve())) for entry in seen]
    write_whole(own, "\n".join(lines) + "\n")
    if labels.aligned == 0.0:
        rounds = SelfAlignConfig(rounds=labels.rounds)
        return train_self_aligned(model, own, run, config, rounds, trained=False)
    return train(model, ManifestClips(own, model.vocabulary), run, config)


def measure(
    name: str, seed: int, model: MelodyModel, dev: Path, sets: Sequence[str], limit: int | None
) -> list[Row]:
    """Both decoders on every set, clean and in noise."""
    bench = NoiseBench(dev / "noise", 0)
    rows = []
    for set_name in sets:
        clips = load_set(dev / set_name)[:limit]
        for heard in HEARD:
            label = "clean" if heard.snr_db is None else f"{heard.noise} {heard.snr_db:g} dB"
            for mode in MODES:
                edits, scores = EditCounts(), []
                for clip in clips:
                    notes = transcribe(bench.apply(clip, heard), mode=mode, model=model).notes
                    edits += edit_counts([n.pitch for n in clip.notes], [n.pitch for n in notes])
                    scores.append(note_f1(clip.notes, notes))
                rate = edits.note_error_rate
                rows.append(Row(name, seed, set_name, label, mode, rate, fmean(scores)))
    return rows


def _read_rows(path: Path) -> list[Row]:
    if not path.exists():
        return []
    return [Row(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def report(rows: Sequence[Row]) -> str:
    """Markdown: mean and standard deviation over seeds, then every seed."""
    lines = [
        "# What note lists are worth",
        "",
        provenance("benchmarks.weak_labels", [f"torch {torch.__version__}"]),
        "",
        "Note error rate (NER) and COnP F1 in %, mean ± standard deviation over the seeds, then",
        "the NER of each seed.",
        "",
        "| condition | set | heard | decoder | NER | COnP F1 | NER by seed |",
        "|---|---|---|---|---:|---:|---|",
    ]
    groups: dict[tuple[str, str, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.condition, row.set_name, row.heard, row.mode), []).append(row)
    for key, group in groups.items():
        rates, scores = [r.note_error_rate for r in group], [r.conp_f1 for r in group]
        each = ", ".join(f"{100 * rate:.1f}" for rate in rates)
        lines.append(f"| {' | '.join(key)} | {_spread(rates)} | {_spread(scores)} | {each} |")
    return "\n".join(lines) + "\n"


def _spread(shares: Sequence[float]) -> str:
    spread = f" ± {100 * stdev(shares):.1f}" if len(shares) > 1 else ""
    return f"{100 * fmean(shares):.1f}{spread}"


if __name__ == "__main__":
    typer.run(weak_labels)
