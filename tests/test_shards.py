"""Shards: what goes in comes out, others can read them, and processes share them out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import Result
from typer.testing import CliRunner

from data_tools.__main__ import app
from seqmelody.audio import SAMPLE_RATE
from seqmelody.commands.train import run
from seqmelody.datasets import ManifestClips
from seqmelody.errors import InputError
from seqmelody.notes import Vocabulary
from seqmelody.shards import ShardedClips

PITCHES = range(40, 52)  # one for each recording, to tell them apart
SIZE_MB = 0.02

READER = """
import sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration
from seqmelody.model import MelodyModel
from seqmelody.shards import ShardedClips
from seqmelody.training import TrainConfig, _loader

accelerator = Accelerator(cpu=True, dataloader_config=DataLoaderConfiguration(split_batches=True))
model = MelodyModel()
data = ShardedClips(Path(sys.argv[1]), model.vocabulary)
config = TrainConfig(batch_size=4, workers=2)
start = int(sys.argv[2])
for batch in _loader(accelerator, data, model, config, start, 3):
    print(*(model.vocabulary.to_pitch(int(label)) for label in batch.labels))
"""


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dozen short recordings of one note each, some stereo WAV at 22 kHz, some weak."""
    folder = tmp_path_factory.mktemp("recordings")
    rng = np.random.default_rng(0)
    lines = []
    for i, pitch in enumerate(PITCHES):
        name = f"take.{i}.wav" if i % 4 == 0 else f"take.{i}.flac"
        rate = 22_050 if i % 4 == 0 else SAMPLE_RATE
        soundfile.write(folder / name, 0.1 * rng.standard_normal((rate // 5, 1 + i % 2)), rate)
        label = {"pitches": [pitch]} if i % 3 == 0 else {"notes": [[0.05, 0.125, pitch]]}
        lines.append(json.dumps({"audio": name, **label}))
    (folder / "list.jsonl").write_text("\n".join(lines))
    return folder / "list.jsonl"


def shard(manifest: Path, folder: Path, *options: str) -> Result:
    arguments = ["shard", str(manifest), "-o", str(folder), "--size-mb", str(SIZE_MB), *options]
    return CliRunner().invoke(app, arguments)


@pytest.fixture(scope="module")
def shards(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recordings in several shards; read only."""
    folder = tmp_path_factory.mktemp("packed") / "shards"
    result = shard(manifest, folder)
    assert result.exit_code == 0, result.output
    assert f"{len(PITCHES)} recordings" in result.stdout
    assert len(list(folder.glob("shard-*.tar"))) > 2
    return folder


def test_shards_give_the_recordings_in_random_order(manifest: Path, shards: Path) -> None:
    packed = ShardedClips(shards, Vocabulary())
    loose = ManifestClips(manifest, Vocabulary())
    assert len(packed) == len(loose)
    by_pitch = {e.pitches: e for e in (loose[i] for i in range(len(loose)))}
    order = []
    for i in range(len(packed)):
        example = packed[i]
        expected = by_pitch[example.pitches]
        np.testing.assert_allclose(example.waveform, expected.waveform, atol=1e-6)
        assert example.notes == expected.notes
        order.append(example.pitches[0])
    assert sorted(order) == list(PITCHES)
    assert order != list(PITCHES)


def test_same_seed_same_bytes(manifest: Path, shards: Path, tmp_path: Path) -> None:
    shard(manifest, tmp_path / "same")
    shard(manifest, tmp_path / "other", "--seed", "1")
    first = "shard-000000.tar"
    assert (tmp_path / "same" / first).read_bytes() == (shards / first).read_bytes()
    assert (tmp_path / "other" / first).read_bytes() != (shards / first).read_bytes()


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # webdataset leaves files open
def test_webdataset_reads_the_shards(shards: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    urls = [str(path) for path in sorted(shards.glob("*.tar"))]
    samples = list(webdataset.WebDataset(urls, shardshuffle=False, empty_check=False))
    assert [s["__key__"] for s in samples] == [f"{i:08d}" for i in range(len(PITCHES))]
    packed = ShardedClips(shards, Vocabulary())
    for i, sample in enumerate(samples):
        entry = json.loads(sample["json"])
        kind = entry["audio"].rpartition(".")[2]
        assert sample[kind].startswith(b"fLaC" if kind == "flac" else b"RIFF")
        pitches = entry.get("pitches") or [note[2] for note in entry["notes"]]
        assert tuple(pitches) == packed[i].pitches


def test_two_processes_see_every_example_once_an_epoch(
    shards: Path, two_processes: Callable[..., list[str]]
) -> None:
    def seen_from(start: int) -> list[list[int]]:
        """The pitches that either process sees from a batch to the third."""
        outputs = two_processes(READER, shards, start)
        return [[int(word) for word in output.split()] for output in outputs]

    one, other = seen_from(0)  # three batches of four: an epoch
    assert len(one) == len(other) == 6
    assert sorted(one + other) == list(PITCHES)
    resumed = seen_from(1)
    assert resumed == [one[2:], other[2:]]  # as if never stopped


def test_training_takes_a_folder_of_shards(shards: Path, tmp_path: Path) -> None:
    path = run(tmp_path / "run", None, shards, None, steps=1, batch_size=2)
    assert path.is_file()


def test_a_run_goes_on_with_the_same_shards_only(
    manifest: Path, shards: Path, tmp_path: Path
) -> None:
    assert shard(manifest, tmp_path / "larger", "--size-mb", "1").exit_code == 0
    run(tmp_path / "run", None, shards, None, steps=1, batch_size=2)
    with pytest.raises(InputError, match="other lists"):
        run(tmp_path / "run", None, tmp_path / "larger", None, steps=1, batch_size=2)


def test_missing_or_damaged_shards_are_named(manifest: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"index\.json: no such file"):
        ShardedClips(tmp_path, Vocabulary())
    shard(manifest, tmp_path / "s")
    data = ShardedClips(tmp_path / "s", Vocabulary())
    path = tmp_path / "s" / "shard-000000.tar"
    whole = path.read_bytes()
    path.write_bytes(whole[:700])
    with pytest.raises(InputError, match=r"shard-000000\.tar: cannot be read .*too early"):
        data[0]
    path.write_bytes(b"\0" * len(whole))
    with pytest.raises(InputError, match=r"shard-000000\.tar, line 1: not a manifest entry"):
        data[0]
    path.unlink()
    with pytest.raises(InputError, match=r"shard-000000\.tar: no such shard"):
        ShardedClips(tmp_path / "s", Vocabulary())
    (tmp_path / "s" / "index.json").write_text('{"shards": ["x"]}')
    with pytest.raises(InputError, match="not an index of shards"):
        ShardedClips(tmp_path / "s", Vocabulary())


@pytest.mark.parametrize(
    ("content", "label", "reason"),
    [
        (b"no sound", {"pitches": [60]}, "not audio"),
        (None, {"notes": [[9.0, 9.5, 60]]}, "are they of the same recording"),
    ],
)
def test_what_could_not_be_trained_on_is_not_packed(
    tmp_path: Path, content: bytes | None, label: dict[str, object], reason: str
) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(8000), SAMPLE_RATE)
    if content is not None:
        (tmp_path / "a.wav").write_bytes(content)
    (tmp_path / "m.jsonl").write_text(json.dumps({"audio": "a.wav", **label}))
    result = shard(tmp_path / "m.jsonl", tmp_path / "shards")
    assert isinstance(result.exception, InputError)
    assert reason in str(result.exception)
    assert not (tmp_path / "shards").exists()


def test_a_run_is_not_begun_with_labels_outside_the_vocabulary(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(8000), SAMPLE_RATE)
    (tmp_path / "m.jsonl").write_text(json.dumps({"audio": "a.wav", "pitches": [12]}))
    assert shard(tmp_path / "m.jsonl", tmp_path / "shards").exit_code == 0
    with pytest.raises(InputError, match="pitch 12"):
        run(tmp_path / "run", None, tmp_path / "shards", None, steps=1, batch_size=1)
    assert not (tmp_path / "run").exists()


def test_unknown_pitch_is_refused(shards: Path) -> None:
    data = ShardedClips(shards, Vocabulary(60, 70))
    with pytest.raises(InputError, match="outside the vocabulary"):
        data[0]


def test_nothing_is_written_over_or_left_half(manifest: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "x").write_text("x")
    assert "not an empty folder" in str(shard(manifest, tmp_path / "mine").exception)
    bad = manifest.with_name("bad.jsonl")
    bad.write_text(manifest.read_text() + '\n{"audio": "gone.flac", "pitches": [60]}')
    assert "gone.flac: no such file" in str(shard(bad, tmp_path / "new").exception)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine"]
    (tmp_path / "empty").mkdir()
    assert shard(manifest, tmp_path / "empty").exit_code == 0
