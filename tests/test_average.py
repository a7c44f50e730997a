"""Means of weights: by hand, and what cannot be averaged."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from data_tools.average import average
from seqmelody.errors import InputError
from seqmelody.model import MelodyModel, ModelConfig, load_model, save_model
from seqmelody.notes import Vocabulary


def constant(value: float, path: Path, config: ModelConfig | None = None) -> Path:
    model = MelodyModel(config)
    for weight in model.parameters():
        torch.nn.init.constant_(weight, value)
    save_model(model, path)
    return path


def test_mean_is_weighted_by_the_shares(tmp_path: Path) -> None:
    one, other = constant(1.0, tmp_path / "a"), constant(3.0, tmp_path / "b")
    average({one: 3.0, other: 1.0}, tmp_path / "mean")
    for weight in load_model(tmp_path / "mean").parameters():
        torch.testing.assert_close(weight, torch.full_like(weight, 1.5))


def test_what_has_no_mean_is_refused(tmp_path: Path) -> None:
    one = constant(1.0, tmp_path / "a")
    narrow = constant(1.0, tmp_path / "b", ModelConfig(vocabulary=Vocabulary(60, 72)))
    with pytest.raises(InputError, match="another shape"):
        average({one: 1.0, narrow: 1.0}, tmp_path / "mean")
    with pytest.raises(InputError, match="above 0"):
        average({one: 0.0}, tmp_path / "mean")
    assert not (tmp_path / "mean").exists()
