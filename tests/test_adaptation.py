"""Adaptation: the split, early stop that keeps the best, exact resume, and the label prior."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from benchmarks.adaptation import write_lists
from seqmelody import adaptation
from seqmelody.adaptation import AdaptConfig, Judge, adapt, judgements, split, summary
from seqmelody.datasets import Batch, read_lists
from seqmelody.encoders import EncoderConfig
from seqmelody.errors import InputError
from seqmelody.heads import WindowConfig
from seqmelody.list_reading import EditCosts
from seqmelody.losses import ctc_loss
from seqmelody.manifests import ManifestEntry
from seqmelody.model import MelodyModel, ModelConfig, load_model
from seqmelody.notes import Vocabulary
from seqmelody.self_alignment import SelfAlignConfig
from seqmelody.training import TrainConfig

SMALL = ModelConfig(
    vocabulary=Vocabulary(48, 76),
    encoder=EncoderConfig(width=24, dilations=(1, 2), pitch_channels=8, harmonics=(1, 2)),
    window=WindowConfig(hidden=16),
)
QUICK = AdaptConfig(
    held_out_share=0.25,
    patience=2,
    train=TrainConfig(steps=6, batch_size=2, warmup_steps=2, save_every=1),
    align=SelfAlignConfig(clip_seconds=1.0, costs=EditCosts(50.0, 50.0, 50.0)),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lists = tmp_path / "lists"
    lists.mkdir()
    rng = np.random.default_rng(0)
    for k in range(4):
        soundfile.write(lists / f"{k}.wav", 0.1 * rng.standard_normal(32_000), 16_000)
        (lists / f"{k}.txt").write_text("C4 D4 E4")
    return lists


def small_model() -> MelodyModel:
    torch.manual_seed(0)
    return MelodyModel(SMALL)


def entries(count: int) -> list[ManifestEntry]:
    return [ManifestEntry(Path(f"{k}.wav"), (60,), None) for k in range(count)]


@pytest.mark.parametrize(("count", "held"), [(2, 1), (6, 1), (7, 2), (36, 6), (100, 15)])
def test_a_part_is_held_out(count: int, held: int) -> None:
    for_training, held_out = split(entries(count), 0.15, seed=1)
    assert len(held_out) == held
    assert sorted(for_training + held_out) == sorted(entries(count))
    assert split(entries(count), 0.15, seed=1) == (for_training, held_out)


def test_all_entries_of_a_recording_are_on_one_side() -> None:
    twice = entries(3) + [ManifestEntry(Path(f"./{k}.wav"), (62,), None) for k in range(3)]
    for seed in range(5):
        for_training, held_out = split(twice, 0.3, seed=seed)
        assert len(held_out) == 2
        assert not {e.audio.name for e in for_training} & {e.audio.name for e in held_out}


def test_silence_is_not_held_out() -> None:
    silent = ManifestEntry(Path("silent.wav"), (), ())
    for seed in range(5):
        for_training, held_out = split([silent, *entries(2)], 0.5, seed=seed)
        assert silent in for_training
        assert len(held_out) == 1


def test_one_recording_is_too_few() -> None:
    for alone in (entries(1), entries(1) * 2):
        with pytest.raises(InputError, match=r"0\.wav: is the only recording"):
            split(alone, 0.15, seed=1)


def with_losses(monkeypatch: pytest.MonkeyPatch, losses: list[float]) -> None:
    """Judgements as planned, whatever the model; the last repeats."""
    planned: Iterator[float] = itertools.chain(losses, itertools.repeat(losses[-1]))
    monkeypatch.setattr(Judge, "measure", lambda self, model: (next(planned), 0.5))


def test_it_stops_early_and_keeps_the_best(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {}
    real = adaptation.save_model

    def spy(model: MelodyModel, path: Path, **rest: object) -> None:
        real(model, path, **rest)  # type: ignore[arg-type]
        kept[str(rest["step"])] = path.read_bytes()

    monkeypatch.setattr(adaptation, "save_model", spy)
    with_losses(monkeypatch, [3.0, 2.0, 1.0, 1.5, 1.2, 0.1])
    path = adapt(small_model(), folder, tmp_path / "run", QUICK)
    rows = judgements(tmp_path / "run")
    assert [row.step for row in rows] == [0, 1, 2, 3, 4]
    assert [row.best for row in rows] == [True, True, True, False, False]
    assert [row.stop for row in rows] == [False] * 4 + [True]
    assert path.read_bytes() == kept["2"]
    assert summary(tmp_path / "run").startswith("kept step 2 of 4")
    adapt(small_model(), folder, tmp_path / "run", QUICK)  # finished: nothing is left to do
    assert judgements(tmp_path / "run") == rows


def test_a_model_that_only_gets_worse_stays_as_it_was(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_losses(monkeypatch, [1.0, 2.0])
    model = small_model()
    before = {name: value.half().float() for name, value in model.state_dict().items()}
    after = load_model(adapt(model, folder, tmp_path / "run", QUICK)).state_dict()
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, rtol=0, atol=0)


def test_what_is_judged_and_kept_is_the_mean_of_before_and_after(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = small_model(), small_model()
    with torch.no_grad():
        for weight in after.parameters():
            weight.add_(1.0)
    judged = []

    def measure(self: Judge, model: MelodyModel) -> tuple[float, float]:
        judged.append(model.state_dict())
        return -float(len(judged)), 0.5  # better each time, so it is kept

    monkeypatch.setattr(Judge, "measure", measure)
    judge = Judge(before, read_lists(folder), tmp_path, replace(QUICK, keep_share=0.75))
    judge(0, before)
    judge(1, after)
    kept = load_model(tmp_path / "model.safetensors").state_dict()
    for name, weight in before.named_parameters():
        assert torch.equal(judged[0][name], weight)
        torch.testing.assert_close(judged[1][name], weight + 0.25, atol=1e-5, rtol=0)
        torch.testing.assert_close(kept[name], weight + 0.25, atol=2e-3, rtol=0)  # half precision
    with pytest.raises(InputError, match="share of the old weights"):
        replace(QUICK, keep_share=1.0)


def test_a_stopped_adaptation_goes_on_exactly(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(QUICK, patience=99)
    whole = adapt(small_model(), folder, tmp_path / "whole", config)
    real = Judge.__call__

    def killed(self: Judge, step: int, model: MelodyModel) -> bool:
        result = real(self, step, model)
        if step == 3:  # judged and logged, but its state is not saved
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(Judge, "__call__", killed)
    with pytest.raises(KeyboardInterrupt):
        adapt(small_model(), folder, tmp_path / "parts", config)
    monkeypatch.setattr(Judge, "__call__", real)
    parts = adapt(small_model(), folder, tmp_path / "parts", config)
    assert judgements(tmp_path / "parts") == judgements(tmp_path / "whole")
    weights = [load_model(path).state_dict() for path in (whole, parts)]
    for name in weights[0]:
        torch.testing.assert_close(weights[0][name], weights[1][name], rtol=0, atol=0)


def test_another_folder_of_lists_is_another_run(folder: Path, tmp_path: Path) -> None:
    adapt(small_model(), folder, tmp_path / "run", replace(QUICK, patience=1))
    (folder / "0.txt").write_text("C4 D4")
    with pytest.raises(InputError, match="other lists or settings"):
        adapt(small_model(), folder, tmp_path / "run", QUICK)


def test_held_out_lists_are_checked(folder: Path, tmp_path: Path) -> None:
    for k in range(4):
        (folder / f"{k}.txt").write_text("C4 C8")
    with pytest.raises(InputError, match=r"\.wav: pitches 60\.\.108 .* do not fit"):
        Judge(small_model(), read_lists(folder), tmp_path, QUICK)


def batch(labels: list[list[int]], frames: list[int]) -> Batch:
    flat = torch.tensor([label for row in labels for label in row])
    empty = torch.zeros(0)
    lengths = torch.tensor([len(row) for row in labels])
    return Batch(empty, torch.tensor(frames), empty, empty, flat, lengths, torch.tensor(frames))


def by_paths(
    logits: torch.Tensor, labels: list[list[int]], frames: list[int], a: float
) -> torch.Tensor:
    """The same loss summed over all paths, with autograd's own gradient."""
    log_probs = torch.log_softmax(logits, 2)
    filled = torch.cat([row[:n] for row, n in zip(log_probs, frames, strict=True)]).detach()
    blank, n_notes = filled[:, 0].exp().mean(), logits.shape[2] - 1
    prior = torch.tensor([blank, *[(1 - blank) / n_notes] * n_notes], dtype=logits.dtype)
    scaled = log_probs - a * prior.log()
    losses = []
    for row, wanted, n in zip(scaled, labels, frames, strict=True):
        paths = [
            sum(row[t, c] for t, c in enumerate(path))
            for path in itertools.product(range(logits.shape[2]), repeat=n)
            if [c for c, _ in itertools.groupby(path) if c] == wanted
        ]
        losses.append(-torch.logsumexp(torch.stack(paths), 0) / len(wanted))
    return torch.stack(losses).mean()


def test_label_prior_equals_brute_force_in_value_and_gradient() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 5, 3, dtype=torch.double, requires_grad=True)
    labels, frames = [[1, 2], [1, 1]], [5, 4]
    found = ctc_loss(logits, batch(labels, frames), 0.4)
    expected = by_paths(logits, labels, frames, 0.4)
    torch.testing.assert_close(found, expected)
    (a,), (b,) = (torch.autograd.grad(loss, logits) for loss in (found, expected))
    torch.testing.assert_close(a, b)


def test_a_list_that_does_not_fit_teaches_nothing_with_a_prior_either() -> None:
    logits = torch.randn(1, 3, 3, requires_grad=True)
    loss = ctc_loss(logits, batch([[1, 1, 1, 1]], [3]), 0.4)
    loss.backward()
    assert loss.item() == 0.0
    assert logits.grad is not None
    assert float(logits.grad.abs().sum()) == 0.0


def test_without_a_prior_the_loss_is_torchs_own_bit_for_bit() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 9, 5)
    one = batch([[1, 2], [4, 4, 3]], [9, 7])
    expected = torch.nn.functional.ctc_loss(
        torch.log_softmax(logits, 2).transpose(0, 1),
        one.labels, one.frames, one.label_lengths, zero_infinity=True,
    )  # fmt: skip
    assert torch.equal(ctc_loss(logits, one), expected)


def test_recordings_measured_on_are_not_adapted_to(tmp_path: Path) -> None:
    singing = tmp_path / "singing"
    singing.mkdir()
    for name in ("1", "2", "3"):
        soundfile.write(singing / f"{name}.flac", np.zeros(1600), 16_000)
        (singing / f"{name}.tsv").write_text("onset\toffset\tpitch\n0\t1\t60.6\n1\t2\t59.2\n")
    measured = tmp_path / "manifest.jsonl"
    measured.write_text('{"audio": "0.flac", "source": "2.flac", "notes": []}\n')
    assert write_lists(singing, measured, tmp_path / "lists", None) == ["1.flac", "3.flac"]
    assert [list(e.pitches) for e in read_lists(tmp_path / "lists")] == [[61, 59]] * 2
    measured.write_text('{"audio": "0.flac"}\n')
    with pytest.raises(InputError, match="which recordings to leave out"):
        write_lists(singing, measured, tmp_path / "lists", None)


def test_a_folder_is_not_claimed_for_lists_that_cannot_be_used(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = (folder / "0.txt").read_text()
    (folder / "0.txt").write_text("C4 C8")
    with pytest.raises(InputError, match="do not fit the vocabulary"):
        adapt(small_model(), folder, tmp_path / "run", QUICK)
    (folder / "0.txt").write_text(right)  # as the message says
    with_losses(monkeypatch, [1.0, 2.0])
    adapt(small_model(), folder, tmp_path / "run", QUICK)
