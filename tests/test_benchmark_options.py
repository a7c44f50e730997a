"""Options of a sweep that make no sense are refused before anything is measured."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("typer")

from typer import BadParameter
from typer.testing import CliRunner

from benchmarks.clips import NO_MELODY
from benchmarks.noise_robustness import app
from benchmarks.options import choose, decibels, seeds, set_folders, torch_device
from benchmarks.peers import ON_TORCH_DEVICES, SYSTEMS


def make_set(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "manifest.jsonl").write_text("")
    return folder


def test_two_sets_of_one_name_are_refused(tmp_path: Path) -> None:
    make_set(tmp_path / "dev" / "mine")
    other = make_set(tmp_path / "mine")
    with pytest.raises(BadParameter, match=r"both called mine.*; rename one"):
        set_folders(f"mine,{other}/", tmp_path / "dev")


def test_a_set_named_twice_is_one(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "mine")
    assert set_folders(f"mine,mine,{folder}/../mine", tmp_path) == [folder]


def test_a_set_has_a_name_however_its_path_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(make_set(tmp_path / "mine"))
    assert [folder.name for folder in set_folders("./", tmp_path)] == ["mine"]


def test_no_folder_passes_for_the_set_without_melody(tmp_path: Path) -> None:
    assert set_folders(NO_MELODY, tmp_path) == [Path(NO_MELODY)]
    with pytest.raises(BadParameter, match="made here; rename the folder"):
        set_folders(f"{make_set(tmp_path / NO_MELODY)}/", tmp_path)


def test_a_set_that_is_not_there_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(BadParameter, match="or write mine/ for a folder of your own"):
        set_folders("mine", tmp_path)
    with pytest.raises(BadParameter, match="is missing; write one, or check the path"):
        set_folders(f"{tmp_path}/mine", tmp_path)


def test_lists_without_a_word_are_refused(tmp_path: Path) -> None:
    for text in ("", " , "):
        with pytest.raises(BadParameter, match="names none; choose of"):
            choose(text, SYSTEMS, "--systems")
        with pytest.raises(BadParameter, match="names no set"):
            set_folders(text, tmp_path)
        with pytest.raises(BadParameter, match="no list of seeds"):
            seeds(text)
    assert choose("", ["white"], "--noises", may_be_empty=True) == decibels("") == []


@pytest.mark.parametrize("text", ["-1", "0,-1", "1.5", "one"])
def test_seeds_are_whole_numbers_from_0(text: str) -> None:
    assert seeds("3,0,3") == [3, 0]
    with pytest.raises(BadParameter, match="no list of seeds from 0"):
        seeds(text)


@pytest.mark.parametrize("text", ["nan", "10,inf", "-121", "1e9"])
def test_decibels_are_those_that_evaluate_takes(text: str) -> None:
    assert decibels("120,-120") == [120, -120]
    with pytest.raises(BadParameter, match="from -120 to 120"):
        decibels(text)


def test_devices_are_those_of_torch_that_are_there() -> None:
    assert torch_device("cpu") == "cpu"
    with pytest.raises(BadParameter, match="'tpu' is no device of torch"):
        torch_device("tpu", is_remote=True)
    with pytest.raises(BadParameter, match="torch cannot use 'meta' on this machine"):
        torch_device("meta")  # which holds no numbers
    assert torch_device("cuda:99", is_remote=True) == "cuda:99"  # of a node of the cluster


def test_systems_that_heed_the_device_are_named() -> None:
    assert set(ON_TORCH_DEVICES) < set(SYSTEMS)
    text = CliRunner().invoke(app, ["run", "--help"], env={"COLUMNS": "300"}).output
    assert ", ".join(ON_TORCH_DEVICES) in " ".join(text.split())


NONSENSE = [
    *(("--systems", ""), ("--sets", ""), ("--sets", "mine"), ("--seeds", ""), ("--seeds", "-1")),
    *(("--snr", "nan"), ("--device", "tpu")),
]


@pytest.mark.parametrize(("option", "value"), NONSENSE)
def test_run_refuses_without_a_traceback(tmp_path: Path, option: str, value: str) -> None:
    output = tmp_path / "a.csv"
    options = ["--sets", NO_MELODY, "--systems", "rules", "--output", str(output), option, value]
    result = CliRunner().invoke(app, ["run", "--dev", str(tmp_path), *options])
    assert result.exit_code == 2
    assert f"Invalid value for {option}" in result.output
    assert not output.exists()
