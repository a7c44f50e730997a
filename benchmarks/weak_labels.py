"""What are note lists without times worth? The same clips, network and budget under each condition.

    python -m benchmarks.weak_labels --bank data/bank --work /tmp/weak --jobs 2

Clips are composed once. Each condition then sees all of them with the labels it is allowed to see:
all times, lists only, lists that the model aligns itself in 1 to 6 rounds, few times and many
lists, few times only, and lists with mistakes. Every round of self-alignment has the full budget of
steps, and all but the first go on from the one before; so that nobody takes more steps for better
labels, there are aligned trainings of just as many rounds. Models are judged on clips of other
tunes, composed without noise, and heard clean and at 0 dB.

The network, the vocabulary and the clips are small, so that five seeds are a matter of minutes:
what is compared is labels. Each seed has its own ``rows-SEED.jsonl``, which grows by the rows of a
condition at a time, and its runs go on where they were, so a study that was stopped goes on.
"""

from __future__ import annotations

import json
import math
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Annotated

import numpy as np
import soundfile
import torch
import typer

from benchmarks.alignment import corrupt
from benchmarks.clips import Clip, Condition, NoiseBench, load_set
from benchmarks.report import provenance, table_line
from benchmarks.rows import make_folder, write_whole
from seqmelody import InputError, SeqMelodyError, transcribe
from seqmelody.acoustics import AcousticsConfig
from seqmelody.audio import SAMPLE_RATE
from seqmelody.datasets import ClipConfig, ComposedClips, ManifestClips
from seqmelody.encoders import EncoderConfig
from seqmelody.features import FeatureConfig
from seqmelody.heads import WindowConfig
from seqmelody.manifests import ManifestEntry, format_entry, read_manifest
from seqmelody.metrics import EditCounts, edit_counts, note_f1
from seqmelody.model import MelodyModel, ModelConfig, load_model
from seqmelody.notes import Vocabulary
from seqmelody.self_alignment import SelfAlignConfig, train_self_aligned
from seqmelody.training import TrainConfig, train

HEARD = (Condition(), Condition("white", 0.0))
DECODERS = ("ctc", "window")
NETWORK = ModelConfig(
    vocabulary=Vocabulary(48, 83),
    features=FeatureConfig(windows=(2048, 1024), attack_bands=0),  # half of a small model's time
    encoder=EncoderConfig(width=64, pitch_channels=8, dilations=(1, 2, 4), harmonics=(1, 2, 3)),
    window=WindowConfig(hidden=48),
)
SECONDS = 3.0  # of a clip
NOISY = AcousticsConfig(clean_share=0.4, snr_low_db=0.0)
CLEAN = AcousticsConfig(
    clean_share=1.0, room_share=0.0, colour_share=0.0, band_limit_share=0.0, clip_share=0.0,
    codec_share=0.0, dropout_share=0.0,
)  # fmt: skip
TEST_CLIPS = 60
TEST_SET = "test"


@dataclass(frozen=True, slots=True)
class Labels:
    """What a condition may see.

    Attributes:
        aligned: share of the clips whose times are known.
        listed: whether the others are seen at all, as lists.
        mistakes: share of the places of each list that are wrong.
        rounds: that follow the first training.
        plain: CTC as it is, without what makes it more stable.
    """

    aligned: float = 0.0
    listed: bool = True
    mistakes: float = 0.0
    rounds: int = 0
    plain: bool = False


CONDITIONS = {
    "aligned": Labels(aligned=1.0),
    "aligned, 1 round": Labels(aligned=1.0, rounds=1),
    "aligned, 3 rounds": Labels(aligned=1.0, rounds=3),
    "aligned, 6 rounds": Labels(aligned=1.0, rounds=6),
    "lists, plain CTC": Labels(plain=True),
    "lists": Labels(),
    "lists, 1 round": Labels(rounds=1),
    "lists, 2 rounds": Labels(rounds=2),
    "lists, 3 rounds": Labels(rounds=3),
    "lists, 6 rounds": Labels(rounds=6),
    "5 % aligned, 95 % lists": Labels(aligned=0.05),
    "5 % aligned, 95 % lists, 3 rounds": Labels(aligned=0.05, rounds=3),
    "5 % aligned only": Labels(aligned=0.05, listed=False),
    "lists with 5 % mistakes, 3 rounds": Labels(mistakes=0.05, rounds=3),
    "lists with 10 % mistakes, 3 rounds": Labels(mistakes=0.1, rounds=3),
}


@dataclass(frozen=True, slots=True)
class Study:
    """What all conditions and seeds have in common."""

    bank: Path
    work: Path
    output: Path
    names: tuple[str, ...]
    clips: int
    train: TrainConfig

    @property
    def test(self) -> Path:
        """Folder of the clips to judge by."""
        return self.work / TEST_SET


@dataclass(frozen=True, slots=True)
class Row:
    """One decoder of one trained model, clean or in noise; shares of 1."""

    condition: str
    seed: int
    heard: str
    mode: str
    note_error_rate: float
    conp_f1: float


def weak_labels(
    bank: Annotated[Path, typer.Option(help="Bank that clips are composed from.")],
    work: Annotated[Path, typer.Option(help="Folder for clips and runs.")],
    clips: Annotated[int, typer.Option(min=1, help="Clips to train on.")] = 600,
    steps: Annotated[int, typer.Option(min=1, help="Of every training.")] = 350,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 5,
    jobs: Annotated[int, typer.Option(min=1, help="Seeds at a time; a core each.")] = 2,
    names: Annotated[str, typer.Option("--conditions", help="Parted by semicolons.")] = ";".join(
        CONDITIONS
    ),
    quick: Annotated[bool, typer.Option("--quick", help="A seed, few steps: does it run?")] = False,
    output: Annotated[
        Path, typer.Option(help="Folder for rows-*.jsonl, table.md and weak_labels.png.")
    ] = Path("benchmarks/results/weak_labels"),
) -> None:
    """Train under every condition with every seed; measure each model; write rows and a table."""
    if quick:
        clips, steps, seeds = min(clips, 24), min(steps, 4), 1
    try:
        config = TrainConfig(steps=steps, peak_rate=3e-3, mean_decay=0.98, save_every=steps)
        config = replace(config, warmup_steps=min(50, max(1, steps // 8)))
        study = Study(bank, work, output, _known(names), clips, config)
        make_folder(output)
        make_folder(work)
        compose(study)
        if jobs == 1:
            for seed in range(1, seeds + 1):
                run_seed(study, seed)
        else:
            # Fresh processes: threads of torch do not survive a fork.
            with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
                list(pool.map(run_seed, [study] * seeds, range(1, seeds + 1)))
        rows = [row for s in range(1, seeds + 1) for row in read_rows(_rows_path(study, s))]
        write_whole(output / "table.md", report(rows))
        draw(rows, output / "weak_labels.png")
    except SeqMelodyError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(report(rows))


def _known(names: str) -> tuple[str, ...]:
    chosen = tuple(name.strip() for name in names.split(";"))
    for name in chosen:
        if name not in CONDITIONS:
            raise InputError(f"condition {name!r} is unknown; use some of {'; '.join(CONDITIONS)}")
    return chosen


def run_seed(study: Study, seed: int) -> None:
    """All conditions of a seed; what is in its file already is left out."""
    torch.set_num_threads(1)
    path = _rows_path(study, seed)
    rows = read_rows(path)
    for name in study.names:
        if any(row.condition == name for row in rows):
            continue
        model = load_model(train_condition(CONDITIONS[name], study, seed))
        rows += measure(name, seed, model, load_set(study.test))
        write_whole(path, "".join(json.dumps(asdict(row)) + "\n" for row in rows))


def _rows_path(study: Study, seed: int) -> Path:
    return study.output / f"rows-{seed}.jsonl"


def compose(study: Study) -> None:
    """Write the clips to train on and to judge by, once, with aligned manifests."""
    _compose(study.work / f"train-{study.clips}", study.bank, study.clips, NOISY, "train")
    _compose(study.test, study.bank, TEST_CLIPS, CLEAN, "dev")


def _compose(folder: Path, bank: Path, count: int, acoustics: AcousticsConfig, part: str) -> None:
    manifest = folder / "manifest.jsonl"
    if manifest.exists():
        return
    make_folder(folder)
    config = ClipConfig(
        seconds=SECONDS,
        silent_share=0.0,
        accompanied_share=0.0,
        take_share=0.0,
        acoustics=acoustics,
    )
    data = ComposedClips(bank, NETWORK.vocabulary, seed=0, config=config, part=part)
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


def recipe(labels: Labels, config: TrainConfig) -> TrainConfig:
    """The settings of a condition: all that lists need where most clips have no times."""
    if labels.aligned == 1.0 or not labels.listed or labels.plain:
        return config
    return replace(
        config, blank_bias=-1.0, label_prior=0.3, curriculum_steps=max(1, config.steps // 4)
    )


def train_condition(labels: Labels, study: Study, seed: int) -> Path:
    """Train from scratch with the labels of a condition; return the model's path.

    Conditions that differ in their rounds only share a folder, so none is trained twice.
    """
    torch.manual_seed(seed)
    model = MelodyModel(NETWORK)
    config = recipe(labels, replace(study.train, seed=seed))
    kind = "plain" if labels.plain else "lists" if labels.listed else "no-lists"
    run = study.work / f"{kind}-aligned-{labels.aligned:g}-mistakes-{labels.mistakes:g}-{seed}"
    make_folder(run)
    manifest = study.work / f"train-{study.clips}" / "manifest.jsonl"
    seen = allowed(read_manifest(manifest), labels, seed, model.vocabulary)
    own = run / "manifest.jsonl"
    lines = [format_entry(entry, str(entry.audio.resolve())) for entry in seen]
    write_whole(own, "\n".join(lines) + "\n")
    if not labels.listed:
        return train(model, ManifestClips(own, model.vocabulary), run, config)
    rounds = SelfAlignConfig(rounds=labels.rounds)
    return train_self_aligned(model, own, run, config, rounds, trained=False)


def measure(name: str, seed: int, model: MelodyModel, clips: Sequence[Clip]) -> list[Row]:
    """Both decoders, clean and in noise."""
    bench = NoiseBench(Path(), 0)
    rows = []
    for heard in HEARD:
        label = "clean" if heard.snr_db is None else f"{heard.noise} {heard.snr_db:g} dB"
        for mode in DECODERS:
            edits, scores = EditCounts(), []
            for clip in clips:
                notes = transcribe(bench.apply(clip, heard), mode=mode, model=model).notes
                edits += edit_counts([n.pitch for n in clip.notes], [n.pitch for n in notes])
                scores.append(note_f1(clip.notes, notes))
            rows.append(Row(name, seed, label, mode, edits.note_error_rate, fmean(scores)))
    return rows


def read_rows(path: Path) -> list[Row]:
    """Rows of one seed; none if it has not begun."""
    if not path.exists():
        return []
    return [Row(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def grouped(rows: Sequence[Row]) -> dict[tuple[str, str, str], list[Row]]:
    """The seeds' rows by condition, noise and decoder, in the order of the conditions."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    places = {name: place for place, name in enumerate(CONDITIONS)}
    for row in sorted(rows, key=lambda row: places[row.condition]):  # later runs add to a file
        groups.setdefault((row.condition, row.heard, row.mode), []).append(row)
    return groups


def report(rows: Sequence[Row]) -> str:
    """Markdown: mean and standard deviation over seeds, then every seed."""
    lines = [
        "# What note lists are worth",
        "",
        provenance("benchmarks.weak_labels", [f"torch {torch.__version__}"]),
        "",
        "Note error rate (NER) and COnP F1 in %, mean ± standard deviation over the seeds, then",
        "those of each seed.",
        "",
        table_line(
            "condition", "heard", "decoder", "NER", "COnP F1", "NER by seed", "COnP F1 by seed"
        ),
        "|---|---|---|---:|---:|---|---|",
    ]
    for key, group in grouped(rows).items():
        rates, scores = [r.note_error_rate for r in group], [r.conp_f1 for r in group]
        lines.append(table_line(*key, _spread(rates), _spread(scores), _each(rates), _each(scores)))
    return "\n".join(lines) + "\n"


def _each(shares: Sequence[float]) -> str:
    return ", ".join(f"{100 * share:.1f}" for share in shares)


def _spread(shares: Sequence[float]) -> str:
    spread = f" ± {100 * stdev(shares):.1f}" if len(shares) > 1 else ""
    return f"{100 * fmean(shares):.1f}{spread}"


def draw(rows: Sequence[Row], path: Path) -> None:
    """Bars of the mean over seeds, a dot for each seed: a row of panels for each noise.

    Raises:
        InputError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError(
            "figures need matplotlib; install it with: pip install 'seqmelody[bench]'"
        ) from None
    groups = grouped(rows)
    names = list(dict.fromkeys(name for name, _, _ in groups))
    heard = list(dict.fromkeys(row.heard for row in rows))
    figure = Figure(figsize=(11, (0.8 + 0.4 * len(names)) * len(heard)), layout="constrained")
    panels = figure.subplots(len(heard), 2, squeeze=False, sharey=True)
    for line, noise in zip(panels, heard, strict=True):
        titles = {"note_error_rate": "note error rate", "conp_f1": "COnP F1"}
        for axes, (value, title) in zip(line, titles.items(), strict=True):
            for k, mode in enumerate(DECODERS):
                places = np.arange(len(names)) + 0.4 * k - 0.2
                every = [
                    [100 * getattr(r, value) for r in groups[name, noise, mode]] for name in names
                ]
                axes.barh(places, [fmean(one) for one in every], 0.38, label=mode, alpha=0.6)
                for place, one in zip(places, every, strict=True):
                    axes.plot(one, [place] * len(one), "k.", markersize=3)
            axes.set_yticks(range(len(names)), names)
            axes.set_title(f"{title} in %, {noise}")
    panels[0, 0].invert_yaxis()
    panels[0, 0].legend()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    typer.run(weak_labels)
