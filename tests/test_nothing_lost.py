"""No command writes over what it reads, or into a folder that holds something else."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from data_tools.__main__ import app
from seqmelody.claims import claim
from seqmelody.cli import main
from seqmelody.commands.train import run as train
from seqmelody.errors import InputError, OutputError
from seqmelody.writers import check_unlike, make_folder


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "take.wav"
    soundfile.write(path, 0.1 * np.sin(np.arange(16_000) * 0.2), 16_000)
    return path


def refused(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr("sys.argv", ["seqmelody", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1


def test_a_picture_does_not_replace_the_recording(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    before = recording.read_bytes()
    refused(monkeypatch, "plot", recording, "-o", recording)
    assert "would replace it" in capsys.readouterr().err
    refused(monkeypatch, "plot", recording, "-o", tmp_path / "take.jpg")
    assert "suffix .png" in capsys.readouterr().err
    assert recording.read_bytes() == before
    assert not (tmp_path / "take.jpg").exists()


def test_an_alignment_does_not_replace_a_list_that_was_named(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    notes = tmp_path / "mine.txt"
    notes.write_text("C4 D4")
    refused(monkeypatch, "align", recording, notes, "-o", notes, "--format", "tsv")
    assert "would replace the note list" in capsys.readouterr().err
    assert notes.read_text() == "C4 D4"


@pytest.mark.parametrize(
    "arguments",
    [
        ("import", "sidecar", "d", "-o", "d/take.wav"),
        ("import", "sidecar", "d", "-o", "d/take.txt"),
        ("lm", "d", "-o", "d/take.txt"),
        ("average", "m.safetensors", "-o", "d/take.wav"),
        ("stats", "m.jsonl", "--plot", "d/take.wav"),
        ("example", "bank", "-o", "d/take.wav"),
    ],
    ids=lambda arguments: " ".join(arguments),
)
def test_data_tools_write_no_result_under_a_recordings_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    for name in ("take.wav", "take.txt"):
        (folder / name).write_text("C4 D4")
    (tmp_path / "m.jsonl").write_text('{"audio": "d/take.wav", "pitches": [60]}')
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, list(arguments))
    assert isinstance(result.exception, InputError)
    assert (folder / "take.wav").read_text() == (folder / "take.txt").read_text() == "C4 D4"


def test_a_file_in_place_of_a_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        make_folder(tmp_path / "file")


def test_results_are_not_written_over_what_they_are_made_from(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    with pytest.raises(InputError, match="would replace it"):
        check_unlike(tmp_path / "sub" / ".." / "m.jsonl", tmp_path / "m.jsonl")
    check_unlike(tmp_path / "m.png", tmp_path / "m.jsonl")


def test_a_run_of_another_kind_is_not_claimed(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text("{}\n")  # a training that claimed nothing
    with pytest.raises(InputError, match="a run of another kind"):
        claim(tmp_path / "adapt.json", {"lists": "a"}, {})
    assert not (tmp_path / "adapt.json").exists()


def manifest_of(path: Path, pitches: list[int]) -> Path:
    path.write_text(json.dumps({"audio": "take.wav", "pitches": pitches}) + "\n")
    return path


def test_training_goes_on_with_the_same_lists_only(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    pytest.importorskip("accelerate", reason="training needs the train extra")
    run = tmp_path / "run"
    common = ("--steps", 1, "--batch-size", 1, "--init", "default")
    manifest = manifest_of(tmp_path / "m.jsonl", [60])
    monkeypatch.setattr(
        "sys.argv", ["seqmelody", *map(str, ("train", run, "--manifest", manifest, *common))]
    )
    with pytest.raises(SystemExit) as done:
        main()
    assert done.value.code == 0
    manifest_of(manifest, [62])
    refused(monkeypatch, "train", run, "--manifest", manifest, *common)
    assert "other lists or settings" in capsys.readouterr().err
    manifest_of(manifest, [12])
    refused(monkeypatch, "train", tmp_path / "new", "--manifest", manifest, *common)
    assert "do not fit the vocabulary" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_run_with_lists_does_not_go_on_with_a_bank_alone(tmp_path: Path, tiny_bank: Path) -> None:
    pytest.importorskip("accelerate", reason="training needs the train extra")
    (tmp_path / "log.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match="a run of another kind"):
        train(tmp_path, tiny_bank, None, None, steps=1, batch_size=1)


def test_a_run_goes_on_with_its_own_bank_only(tmp_path: Path, tiny_bank: Path) -> None:
    pytest.importorskip("accelerate", reason="training needs the train extra")
    other = tmp_path / "bank"
    shutil.copytree(tiny_bank, other)
    train(tmp_path / "run", tiny_bank, None, None, steps=1, batch_size=1)
    train(tmp_path / "run", other, None, None, steps=1, batch_size=1)  # the same, in another place
    (other / "tunes.npz").write_bytes((other / "tunes.npz").read_bytes() + b"more")
    with pytest.raises(InputError, match="other lists or settings"):
        train(tmp_path / "run", other, None, None, steps=1, batch_size=1)
