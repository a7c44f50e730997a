"""One seed of the study: clips, trainings, measurements."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean

import soundfile
import torch

from benchmarks.clips import Clip, Condition, NoiseBench, load_set
from benchmarks.rows import make_folder, write_whole
from benchmarks.weak_labels.conditions import CONDITIONS, Labels, allowed, recipe
from benchmarks.weak_labels.report import DECODERS, Row, read_rows
from seqmelody import transcribe
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


def run_seed(study: Study, seed: int) -> None:
    """All conditions of a seed; what is in its file already is left out."""
    torch.set_num_threads(1)
    path = rows_path(study, seed)
    rows = read_rows(path)
    for name in study.names:
        if any(row.condition == name for row in rows):
            continue
        model = load_model(train_condition(CONDITIONS[name], study, seed))
        rows += measure(name, seed, model, load_set(study.test))
        write_whole(path, "".join(json.dumps(asdict(row)) + "\n" for row in rows))


def rows_path(study: Study, seed: int) -> Path:
    """Where a seed's rows are kept."""
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
