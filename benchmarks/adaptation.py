"""What does adapting to singing, from plain note lists, bring, and what does it cost elsewhere?

    python -m benchmarks.adaptation --bank data/bank --work /tmp/adaptation

The recordings of ``singing`` that ``dev/voice`` was not cut from are copied into a folder with a
list of rounded pitches beside each, without a time. The shipped weights (or ``--init``) are adapted
to them with the defaults of ``seqmelody train --weak``. The model before and the model after are
measured on all sets, clean and at 0 dB. The adapted weights are for this study only: the recordings
state no licence. A run that was stopped goes on; what was measured is not measured again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Annotated

import torch
import typer

from benchmarks.clips import Condition, NoiseBench, conditions, load_set
from benchmarks.report import percent, provenance, table_line
from benchmarks.rows import make_folder, write_whole
from seqmelody import InputError, SeqMelodyError, transcribe
from seqmelody.adaptation import judgements
from seqmelody.commands.train import SHIPPED, run
from seqmelody.metrics import EditCounts, edit_counts, note_f1
from seqmelody.model import MelodyModel, load_model

DECODERS = ("ctc", "window")
HEARD = conditions(["white", "ambience"], [0.0])
NOISE_SEEDS = 3  # pooled: one seed moves the rate of 320 notes by a point


@dataclass(frozen=True, slots=True)
class Row:
    """One decoder of one model on one set in one condition; shares of 1."""

    model: str
    set_name: str
    heard: str
    decoder: str
    note_error_rate: float
    conp_f1: float


def adaptation(
    bank: Annotated[Path, typer.Option(help="Bank that composed clips are mixed in from.")],
    work: Annotated[Path, typer.Option(help="Folder for lists, the run and rows.jsonl.")],
    singing: Annotated[Path, typer.Option(help="Recordings, each with a .tsv of notes.")] = Path(
        "../shared/data/singing"
    ),
    dev: Annotated[Path, typer.Option(help="Folder of the sets.")] = Path("../shared/dev"),
    sets: Annotated[str, typer.Option(help="Folders in --dev, by commas.")] = "voice,real,piano8",
    init: Annotated[Path, typer.Option(help="Model to adapt.")] = SHIPPED,
    steps: Annotated[int | None, typer.Option(min=1, help="Instead of the default.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Likewise.")] = None,
    recordings: Annotated[int | None, typer.Option(min=2, help="Only so many of them.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many clips of a set.")] = None,
    output: Annotated[Path, typer.Option(help="Markdown file to write.")] = Path(
        "benchmarks/results/adaptation.md"
    ),
) -> None:
    """Adapt to sung lists; measure before and after; write a table."""
    try:
        make_folder(output.parent)
        make_folder(work)
        names = write_lists(singing, dev / "voice" / "manifest.jsonl", work / "lists", recordings)
        lists, folder = work / "lists", work / "run"
        path = run(folder, bank, None, init, weak=lists, steps=steps, batch_size=batch_size)
        models = {"before": None if init == SHIPPED else init, "after": path}
        rows = read_rows(work / "rows.jsonl")
        for name, file in models.items():
            model = load_model(file)
            for set_name in sets.split(","):
                if any((row.model, row.set_name) == (name, set_name) for row in rows):
                    continue
                rows += measure(name, model, dev, set_name, limit)
                lines = [json.dumps(asdict(row)) + "\n" for row in rows]
                write_whole(work / "rows.jsonl", "".join(lines))
    except SeqMelodyError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    text = report(rows, folder, len(names))
    write_whole(output, text)
    typer.echo(text)


def write_lists(singing: Path, measured: Path, folder: Path, limit: int | None) -> list[str]:
    """Copy the recordings that are not measured on, with a list beside each; return their names.

    Raises:
        InputError: there is none, or the manifest of those measured on does not name its sources.
    """
    try:
        text = measured.read_text(encoding="utf-8")
        excluded = {json.loads(line)["source"] for line in text.splitlines()}
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{measured}: does not say which recordings to leave out ({error!r})"
        ) from None
    paths = [path for path in sorted(singing.glob("*.flac")) if path.name not in excluded][:limit]
    if not paths:
        raise InputError(f"{singing}: holds no recording to adapt to; name the folder")
    make_folder(folder)
    for path in paths:
        shutil.copyfile(path, folder / path.name)
        lines = path.with_suffix(".tsv").read_text(encoding="utf-8").splitlines()[1:]
        pitches = [round(float(line.split("\t")[2])) for line in lines if line.strip()]
        write_whole((folder / path.name).with_suffix(".txt"), " ".join(map(str, pitches)) + "\n")
    return [path.name for path in paths]


def measure(
    name: str, model: MelodyModel, dev: Path, set_name: str, limit: int | None
) -> list[Row]:
    """Both decoders on a set in all conditions."""
    benches = [NoiseBench(dev / "noise", seed) for seed in range(NOISE_SEEDS)]
    clips = load_set(dev / set_name)[:limit]
    rows = []
    for heard in HEARD:
        used = benches[:1] if heard.snr_db is None else benches
        samples = [(clip, bench.apply(clip, heard)) for bench in used for clip in clips]
        for decoder in DECODERS:
            edits, scores = EditCounts(), []
            for clip, sound in samples:
                notes = transcribe(sound, mode=decoder, model=model).notes
                edits += edit_counts([n.pitch for n in clip.notes], [n.pitch for n in notes])
                scores.append(note_f1(clip.notes, notes))
            rate = edits.note_error_rate
            rows.append(Row(name, set_name, _label(heard), decoder, rate, fmean(scores)))
    return rows


def _label(heard: Condition) -> str:
    return "clean" if heard.snr_db is None else f"{heard.noise} {heard.snr_db:g} dB"


def read_rows(path: Path) -> list[Row]:
    """What was measured by an earlier call."""
    if not path.exists():
        return []
    return [Row(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def report(rows: Sequence[Row], folder: Path, count: int) -> str:
    """Markdown: before, after, and the difference; then how the held-out part went."""
    lines = [
        "# Adapting to singing from note lists",
        "",
        provenance("benchmarks.adaptation", [f"torch {torch.__version__}"]),
        "",
        f"{count} recordings with lists, no times. Note error rate (NER) and COnP F1 in %, before",
        f"and after; the differences are in points. Noise: {NOISE_SEEDS} seeds, pooled.",
        "",
        table_line(
            *("set", "heard", "decoder", "NER before", "after", "change"),
            *("COnP F1 before", "after", "change"),
        ),
        "|---|---|---|" + "---:|" * 6,
    ]
    after = {(r.set_name, r.heard, r.decoder): r for r in rows if r.model == "after"}
    for row in rows:
        if row.model == "before":
            other = after[row.set_name, row.heard, row.decoder]
            rates = _change(row.note_error_rate, other.note_error_rate)
            scores = _change(row.conp_f1, other.conp_f1)
            lines.append(table_line(row.set_name, row.heard, row.decoder, *rates, *scores))
    lines += [
        "",
        "On the recordings held out, while it trained; the best by loss was kept:",
        "",
        table_line("step", "CTC loss a note", "NER %", "best so far"),
        "|---:|---:|---:|---|",
    ]
    for one in judgements(folder):
        cells = str(one.step), f"{one.loss:.3f}", percent(one.note_error_rate)
        lines.append(table_line(*cells, "yes" if one.best else ""))
    return "\n".join(lines) + "\n"


def _change(before: float, after: float) -> tuple[str, str, str]:
    return percent(before), percent(after), f"{100 * (after - before):+.1f}"


if __name__ == "__main__":
    typer.run(adaptation)
