"""The losses, the schedule, exact resume, and a small model that learns four melodies by heart."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

from seqmelody import training
from seqmelody.calibration import Calibration
from seqmelody.datasets import Collate, Example
from seqmelody.encoders import EncoderConfig
from seqmelody.errors import InputError
from seqmelody.heads import WindowConfig
from seqmelody.losses import joint_losses
from seqmelody.model import MelodyModel, ModelConfig, load_model
from seqmelody.notes import Note, Vocabulary
from seqmelody.training import TrainConfig, learning_rate, train
from seqmelody.transcription import transcribe

SMALL = ModelConfig(
    vocabulary=Vocabulary(57, 76),
    encoder=EncoderConfig(width=48, dilations=(1, 2, 4), pitch_channels=8, harmonics=(1, 2, 3)),
    window=WindowConfig(hidden=32),
)
MELODIES = ([60, 62, 64, 65], [67, 67, 67, 60], [72, 71, 72, 74, 76], [57, 64, 64, 69])


class Melodies(Dataset[Example]):
    """Four melodies of decaying tones with three harmonics, in a little noise."""

    def __init__(self, weak: bool = False) -> None:
        self.examples = [self._example(i, pitches, weak) for i, pitches in enumerate(MELODIES)]

    @staticmethod
    def _example(seed: int, pitches: list[int], weak: bool) -> Example:
        rng = np.random.default_rng(seed)
        waveform = 0.003 * rng.standard_normal(28_000)
        notes = [Note(0.1 + 0.3 * k, 0.38 + 0.3 * k, p) for k, p in enumerate(pitches)]
        for note in notes:
            start, count = round(note.onset * 16_000), round(note.duration * 16_000)
            time = np.arange(count) / 16_000
            phase = 2 * np.pi * 440 * 2 ** ((note.pitch - 69) / 12) * time
            tone = sum(np.sin(h * phase) / h for h in (1, 2, 3)) * np.exp(-4 * time)
            waveform[start : start + count] += 0.2 * tone
        samples = waveform.astype(np.float32)
        return Example(samples, tuple(pitches), None if weak else tuple(notes))

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> Example:
        return self.examples[index]


def test_a_small_model_learns_four_melodies_by_heart(tmp_path: Path) -> None:
    # With seed 0 its CTC head fires a second late, farther than a note is timed back: CTC may.
    torch.manual_seed(1)
    data = Melodies()
    config = TrainConfig(
        steps=250, batch_size=4, peak_rate=5e-3, warmup_steps=10, mean_decay=0.9, workers=0
    )
    path = train(MelodyModel(SMALL), data, tmp_path / "run", config)
    model = load_model(path)
    for mode in ("ctc", "window"):
        for example, pitches in zip(data.examples, MELODIES, strict=True):
            found = transcribe(example.waveform, mode=mode, model=model).notes
            assert [n.pitch for n in found] == pitches
            assert example.notes is not None
            for note, true in zip(found, example.notes, strict=True):
                assert note.onset == pytest.approx(true.onset, abs=0.05)


@pytest.mark.parametrize("quick", [False, True])
def test_a_stopped_run_goes_on_exactly(tmp_path: Path, quick: bool) -> None:
    config = TrainConfig(
        steps=6, batch_size=2, warmup_steps=2, save_every=4, workers=0, muon=quick, bfloat16=quick
    )

    def fresh() -> MelodyModel:
        torch.manual_seed(3)
        return MelodyModel(SMALL)

    whole = load_model(train(fresh(), Melodies(), tmp_path / "whole", config))
    train(fresh(), Melodies(), tmp_path / "parts", config, until=3)
    parts = load_model(train(MelodyModel(SMALL), Melodies(), tmp_path / "parts", config))
    for (name, a), b in zip(whole.state_dict().items(), parts.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0, msg=name)
    assert not list((tmp_path / "parts").glob("state.*"))


def test_muon_turns_the_matrices_of_the_encoder_by_steps_of_equal_size(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = MelodyModel(SMALL)
    before = model.encoder.enter.weight.detach().clone()
    config = TrainConfig(steps=1, batch_size=4, warmup_steps=1, peak_rate=1e-2, weight_decay=0.0)
    train(model, Melodies(), tmp_path, replace(config, muon=True))
    change = (model.encoder.enter.weight.detach() - before).double()
    # Orthogonal, times what makes its root mean square that of AdamW's steps: 0.2 of the rate.
    singular = torch.linalg.svdvals(change) / (1e-2 * 0.2 * max(change.shape) ** 0.5)
    assert 0.5 < float(singular.median()) < 1.3
    assert float(change.square().mean().sqrt()) == pytest.approx(0.2e-2, rel=0.3)


def test_a_run_is_not_continued_with_other_settings(tmp_path: Path) -> None:
    config = TrainConfig(steps=1, batch_size=1, workers=0)
    train(MelodyModel(SMALL), Melodies(), tmp_path, config)
    other = TrainConfig(steps=2, batch_size=1, workers=0)
    with pytest.raises(InputError, match="other settings"):
        train(MelodyModel(SMALL), Melodies(), tmp_path, other)


def test_the_log_can_be_plotted(tmp_path: Path) -> None:
    train(MelodyModel(SMALL), Melodies(), tmp_path, TrainConfig(steps=11, batch_size=1, workers=0))
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 10]
    assert {"window", "onset", "ctc", "rate", "seconds"} <= rows[0].keys()


def test_new_weights_do_not_keep_the_calibration_of_the_old_ones(tmp_path: Path) -> None:
    model = MelodyModel(SMALL)
    model.calibrations = {"ctc": Calibration((0.5,), (0.9,))}
    path = train(model, Melodies(), tmp_path, TrainConfig(steps=1, batch_size=1, workers=0))
    assert load_model(path).calibrations == {}


def test_weak_examples_train_the_ctc_head_alone() -> None:
    torch.manual_seed(0)
    model = MelodyModel(SMALL)
    batch = Collate(SMALL)(Melodies(weak=True).examples)
    losses = joint_losses(model(batch.waveform), batch)
    assert losses.window.item() == losses.onset.item() == 0.0
    losses.total(onset_weight=2.0, ctc_weight=0.5).backward()
    assert float(model.ctc_head.classify.weight.grad.abs().sum()) > 0
    assert float(model.window_head.classify.weight.grad.abs().sum()) == 0


def test_a_weak_example_leaves_the_aligned_ones_losses_alone() -> None:
    torch.manual_seed(0)
    model = MelodyModel(SMALL).eval()
    aligned, weak = Melodies().examples[0], Melodies(weak=True).examples[1]
    both, one = (Collate(SMALL)(examples) for examples in ([aligned, weak], [aligned]))
    a, b = (joint_losses(model(batch.waveform), batch) for batch in (both, one))
    torch.testing.assert_close(a.window, b.window)
    torch.testing.assert_close(a.onset, b.onset)


@pytest.mark.parametrize("killed_at", ["save_model", "_save"])
def test_a_run_killed_at_its_last_save_still_gives_the_trained_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    config = TrainConfig(steps=20, batch_size=2, save_every=10)

    def trained(name: str) -> MelodyModel:
        torch.manual_seed(1)
        return load_model(train(MelodyModel(SMALL), Melodies(), tmp_path / name, config))

    whole = trained("whole")
    real, calls = getattr(training, killed_at), []

    def killed(*args: object, **options: object) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(training, killed_at, killed)
        with pytest.raises(KeyboardInterrupt):
            trained("killed")
    again = trained("killed")
    for mine, other in zip(again.parameters(), whole.parameters(), strict=True):
        assert torch.equal(mine, other)
    rows = (tmp_path / "killed" / "log.jsonl").read_text().splitlines()
    assert [json.loads(row)["step"] for row in rows] == [0, 10]


def test_diverged_training_ends_before_it_is_saved(tmp_path: Path) -> None:
    class Broken(Melodies):
        def __getitem__(self, index: int) -> Example:
            example = super().__getitem__(index)
            return replace(example, waveform=np.full_like(example.waveform, np.nan))

    with pytest.raises(InputError, match=r"diverged by step 0.*lower --peak-rate"):
        train(MelodyModel(SMALL), Broken(), tmp_path / "run", TrainConfig(steps=1, batch_size=4))
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_learning_rate_warms_up_peaks_and_falls() -> None:
    config = TrainConfig(steps=1000, warmup_steps=100, peak_rate=1.0, final_share=0.1)
    assert learning_rate(0, config) == pytest.approx(0.01)
    assert learning_rate(99, config) == learning_rate(100, config) == pytest.approx(1.0)
    assert learning_rate(550, config) == pytest.approx(0.55)
    assert learning_rate(1000, config) == pytest.approx(0.1)


def test_a_run_killed_while_the_old_state_was_removed_goes_on(tmp_path: Path) -> None:
    config = TrainConfig(steps=3, batch_size=1, save_every=1)
    train(MelodyModel(SMALL), Melodies(), tmp_path, config, until=1)
    (tmp_path / "state.old").mkdir()
    (tmp_path / "state.old" / "left.bin").write_bytes(b"half removed")
    train(MelodyModel(SMALL), Melodies(), tmp_path, config)
    assert json.loads((tmp_path / "state" / "run.json").read_text())["step"] == 3
    assert not (tmp_path / "state.old").exists()


def test_processes_share_a_batch_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accelerate.Accelerator.num_processes", 6)
    with pytest.raises(InputError, match="6 processes cannot share a batch of 16"):
        train(MelodyModel(SMALL), Melodies(), tmp_path / "run", TrainConfig(steps=1))


def test_without_accelerate_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'seqmelody\[train\]'"):
        train(MelodyModel(SMALL), Melodies(), tmp_path / "run", TrainConfig(steps=1))
    assert not (tmp_path / "run").exists()
