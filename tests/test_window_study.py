"""The study of windows: its parts against their definitions, and all of it in miniature."""

import csv
import json
import re
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from typer import Typer
from typer.testing import CliRunner

from benchmarks.window_study import __main__ as command
from benchmarks.window_study.confusion import confusion, octave_of
from benchmarks.window_study.data import (
    HOP,
    TrainClips,
    compose_test,
    compose_train,
)
from benchmarks.window_study.instruments import held_out_names
from benchmarks.window_study.learning import NETWORKS, Budget, clip_order, learn
from benchmarks.window_study.networks import (
    RawNetwork,
    SpectralWindows,
    TwoStages,
    WindowNetwork,
    count_weights,
    decided,
    two_stages_alike,
)
from seqmelody.banks import write_tunes

SCALE = [(p, 1.0) for p in (60, 62, 64, 65, 67, 69, 71, 72, 71, 69, 67, 65, 64, 62, 60)]


@pytest.fixture(scope="module")
def bank(tiny_bank: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small bank with tunes to test on."""
    folder = tmp_path_factory.mktemp("study") / "bank"
    shutil.copytree(tiny_bank, folder)
    write_tunes(folder, [SCALE], "test")
    return folder


def noise(clips: int, seconds: float, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(clips, round(seconds * 16_000), generator=generator)


def test_instruments_that_share_samples_share_their_fate() -> None:
    """A violin is a fiddle in both SoundFonts, and a horn is a horn whoever recorded it."""
    fonts = [f"{font}/{program:03d}" for font in "ab" for program in range(128)]
    folders = [f"npm/{name}" for name in ("french-horn", "violin", "flute", "guitar-nylon")]
    folders += ["notes/french_horn", "notes/flute", "notes/cor_anglais", "notes/guitar"]
    chosen = held_out_names([*fonts, *folders])
    assert {n[2:] for n in chosen if n[0] == "a"} == {n[2:] for n in chosen if n[0] == "b"}
    for together in (
        [*(f"a/{p:03d}" for p in range(40, 56)), "b/110", "npm/violin"],
        [*(f"a/{p:03d}" for p in range(56, 62)), "npm/french-horn", "notes/french_horn"],
        [*(f"a/{p:03d}" for p in (62, 63, *range(80, 104)))],
        [*(f"a/{p:03d}" for p in range(64, 72)), "notes/cor_anglais"],
        [*(f"a/{p:03d}" for p in range(8, 16)), "a/108"],
        ["a/073", "npm/flute", "notes/flute"],
        ["a/024", "npm/guitar-nylon", "notes/guitar"],
    ):
        assert len({name in chosen for name in together}) == 1, together
    assert {"a/024", "a/073"} <= chosen
    assert not {"a/000", "a/040", "a/056"} & chosen


def test_generated_timbres_are_no_programs_and_a_fifth_of_them_is_held_out() -> None:
    tones = [f"tones/{number:03d}" for number in range(60)]
    fonts = [f"a/{number:03d}" for number in range(60)]
    chosen = held_out_names(tones)
    assert len(chosen) == 12
    assert held_out_names([*fonts, *tones]) & {*tones} == chosen
    assert chosen != {f"tones/{name[2:]}" for name in held_out_names(fonts)}


def test_instruments_to_learn_from_and_to_test_on_are_apart(bank: Path) -> None:
    train = compose_train(bank, 3, 1.0)
    assert train.samples.shape == (3, 16_000)
    assert train.classes.shape == (3, 51)
    assert all(clip.notes for clip in compose_test(bank, 2, 1.0))


@pytest.mark.parametrize("seconds", [0.05, 0.2, 0.8])
def test_a_window_is_all_that_its_spectra_depend_on(seconds: float) -> None:
    features, waveform, frame = SpectralWindows(seconds), noise(1, 2), 50
    before = features(waveform)[0, frame]

    def change(at: int) -> float:
        changed = waveform.clone()
        changed[0, at] += 0.5
        return float((features(changed)[0, frame] - before).abs().max())

    half = round(seconds * 16_000) // 2
    assert change(frame * HOP + half + 1) == pytest.approx(0, abs=1e-5)
    assert change(frame * HOP - half - 1) == pytest.approx(0, abs=1e-5)
    assert change(frame * HOP + half * 9 // 10) > 1e-4


def test_the_raw_network_hears_its_window_only_and_answers_those_asked_for() -> None:
    torch.manual_seed(0)
    network, waveform = RawNetwork(25, 8, 0.05, fold=8).eval(), noise(2, 0.5)
    whole = network(waveform)
    assert whole.shape == (2, 26, 25)
    torch.testing.assert_close(network(waveform, 3, 5), whole[:, 3::5])
    changed = waveform.clone()
    changed[:, 4000:] = changed[:, 4000:].flip(1)  # keeps the level
    same = (network(changed) - whole).abs().amax(dim=(0, 2)) < 1e-6
    assert same[: 4000 // HOP - 1].all()
    assert not same[4000 // HOP + 2]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_answers_each_window(name: str) -> None:
    with torch.inference_mode():
        logits = NETWORKS[name]()(noise(1, 0.2))
    assert logits.shape == (1, 0.2 * 16_000 // HOP + 1, 25)


def _stages() -> TwoStages:
    return two_stages_alike(lambda outputs, size: WindowNetwork(outputs, size, 0.05), 30_000)


def test_two_stages_have_as_many_weights_and_make_a_distribution() -> None:
    network = _stages()
    assert count_weights(network) == pytest.approx(30_000, rel=0.02)
    log_probs = network(noise(1, 0.2))
    torch.testing.assert_close(log_probs.exp().sum(dim=2), torch.ones(1, 11))


def test_two_stages_loss_is_that_of_the_parts() -> None:
    network, waveform = _stages(), noise(1, 0.2)
    classes = torch.tensor([0, 0, 3, 3, 3, 0, 0, 7, 7, 24, 24])
    detector = torch.nn.functional.cross_entropy(
        network.detector(waveform)[0], (classes > 0).long(), reduction="sum"
    )
    sounding = classes > 0
    recogniser = torch.nn.functional.cross_entropy(
        network.recogniser(waveform)[0, sounding], classes[sounding] - 1, reduction="sum"
    )
    together = torch.nn.functional.nll_loss(network(waveform)[0], classes, reduction="sum")
    torch.testing.assert_close(together, detector + recogniser)


def test_the_detector_has_the_last_word() -> None:
    probs = torch.tensor([[[0.4, 0.3, 0.3], [0.6, 0.4, 0.0001]]])
    hard = decided(probs.log())
    assert hard.argmax(dim=2).tolist() == [[1, 0]]  # softly: none, none
    torch.testing.assert_close(hard.exp().sum(dim=2), torch.ones(1, 2), atol=1e-5, rtol=0)


def test_order_of_clips_is_whole_rounds_and_the_same_for_all() -> None:
    order = clip_order(10, Budget(5, 4), 1)
    assert order.shape == (5, 4)
    assert sorted(order.ravel()[:10].tolist()) == list(range(10))
    np.testing.assert_array_equal(order, clip_order(10, Budget(5, 4), 1))


def test_a_window_network_learns_two_tones() -> None:
    t = np.arange(8000) / 16_000
    tones = [0.3 * np.sin(2 * np.pi * f * t) for f in (440.0, 660.0)]
    samples = (np.stack(tones * 4) * 32767).astype(np.int16)
    classes = np.repeat([[10], [17]] * 4, 26, axis=1)
    torch.manual_seed(0)
    network = WindowNetwork(25, 16, 0.05)
    learn(network, TrainClips(samples, classes), Budget(40, 4), 0)
    said = network(torch.from_numpy(samples[:2].astype(np.float32) / 32767)).argmax(dim=2)
    assert (said[:, 3:-3] == torch.tensor([[10], [17]])).all()


def test_confusion_is_shares_of_the_true_class() -> None:
    truth, said = np.array([0, 1, 1, 1, 1]), np.array([0, 1, 2, 2, 2])
    np.testing.assert_array_equal(
        confusion(truth, said, 3), [[1, 0, 0], [0, 0.25, 0.75], [0, 0, 0]]
    )
    np.testing.assert_array_equal(octave_of(np.array([0, 1, 12, 13, 24])), [0, 1, 1, 2, 2])


APP = Typer()
APP.command()(command.window_study)


def run_study(bank: Path, output: Path, *more: str) -> str:
    options = ["--quick", "--bank", str(bank), "--noises", "white", "--output", str(output), *more]
    result = CliRunner().invoke(APP, options, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_whole_study_in_miniature_and_resumed(
    bank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn")
    few = {"stages": ["window 50 ms"], "classical": ["logistic regression", "rules"]}
    monkeypatch.setattr(command, "QUESTIONS", few)
    questions = ("--questions", "stages,classical")
    said = run_study(bank, tmp_path, *questions)
    assert "logistic regression, seed 1" in said
    folder = tmp_path / "quick"
    with (folder / "rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["system"] for row in rows} == {*few["stages"], *few["classical"]}
    assert {(row["noise"], row["snr_db"]) for row in rows} == {("clean", ""), ("white", "0.0")}
    assert all(0 <= float(row["wrong_windows"]) <= 1 for row in rows)
    table = (folder / "table.md").read_text()
    assert "- Commit:" in table
    assert "## How long a window?" in table
    assert "precision" in (folder / "report_logistic_regression.txt").read_text()
    for name in ("confusion_logistic_regression", "errors"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    before = (folder / "rows.csv").read_bytes()
    assert "seed 1" not in run_study(bank, tmp_path, *questions)
    assert (folder / "rows.csv").read_bytes() == before


def test_the_combiners_of_the_shipped_weights(bank: Path, tmp_path: Path) -> None:
    run_study(bank, tmp_path, "--questions", "combiners")
    table = (tmp_path / "quick" / "table.md").read_text()
    for name in ("viterbi", "hysteresis", "suppression", "joining"):
        assert re.search(rf"weights [0-9a-f]{{8}}: {name} ", table)


def test_results_of_other_settings_are_not_mixed(bank: Path, tmp_path: Path) -> None:
    folder = tmp_path / "quick"
    folder.mkdir()
    old = asdict(command.quick(command.Settings(str(bank), "noise", "white", 24, 2, 2, 3, 4)))
    del old["held_out"]  # rows of before it was whole families
    (folder / "settings.json").write_text(json.dumps(old, indent=1) + "\n")
    options = ["--quick", "--bank", str(bank), "--output", str(tmp_path)]
    options += ["--ambience", "noise", "--noises", "white"]
    result = CliRunner().invoke(APP, options)
    assert result.exit_code == 1
    assert "choose another --output" in result.output
