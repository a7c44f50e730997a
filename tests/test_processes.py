"""Training by two processes on a machine without a GPU, as torchrun starts them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from seqmelody.errors import InputError
from seqmelody.model import load_model
from seqmelody.processes import processes

pytest.importorskip("accelerate", reason="training needs the train extra")

PROGRAM = """
import sys
from pathlib import Path
import torch
from seqmelody.encoders import EncoderConfig
from seqmelody.heads import WindowConfig
from seqmelody.model import MelodyModel, ModelConfig
from seqmelody.notes import Vocabulary
from seqmelody.processes import processes
from seqmelody.self_alignment import SelfAlignConfig, train_self_aligned
from seqmelody.training import TrainConfig

encoder = EncoderConfig(width=24, dilations=(1, 2), pitch_channels=8, harmonics=(1, 2))
torch.manual_seed(1)
model = MelodyModel(
    ModelConfig(vocabulary=Vocabulary(57, 76), encoder=encoder, window=WindowConfig(hidden=16))
)
config = TrainConfig(steps=2, batch_size=2, warmup_steps=1, save_every=1)
lists, run = map(Path, sys.argv[1:])
path = train_self_aligned(model, lists, run, config, SelfAlignConfig(rounds=1), trained=False)
state = processes()
print(state.num_processes, state.process_index, path)
"""


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    folder = tmp_path / "lists"
    folder.mkdir()
    time = np.arange(8_000) / 16_000
    for k, pitches in enumerate(([60, 64], [67, 62], [65, 69], [72, 60])):
        tones = [np.sin(2 * np.pi * 440 * 2 ** ((p - 69) / 12) * time) for p in pitches]
        soundfile.write(folder / f"{k}.wav", 0.2 * np.concatenate(tones), 16_000)
        (folder / f"{k}.txt").write_text(" ".join(map(str, pitches)))
    return folder


def test_two_processes_train_one_model_from_lists(
    lists: Path,
    tmp_path: Path,
    two_processes: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ACCELERATE_USE_CPU", raising=False)
    run = tmp_path / "run"
    outputs = two_processes(PROGRAM, lists, run)
    last = [output.splitlines()[-1].split() for output in outputs]  # after bars of progress
    assert [words[:2] for words in last] == [["2", "0"], ["2", "1"]]
    load_model(run / "model.safetensors")
    rows = (run / "round-1" / "log.jsonl").read_text().splitlines()
    assert [json.loads(row)["step"] for row in rows] == [0]  # not once by each


def test_another_number_of_processes_than_torchrun_started_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert processes().num_processes == 1
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="torchrun started 2 processes, but accelerate sees 1"):
        processes()
