"""Calibration: curves against known chances, the file they travel in, and the error measure."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from seqmelody.calibration import Calibration, from_json, to_json
from seqmelody.errors import CheckpointError, InputError
from seqmelody.metrics import calibration_error, right_notes
from seqmelody.model import MelodyModel, add_calibrations, load_model, save_model
from seqmelody.notes import Note

CURVE = Calibration((0.2, 0.6, 0.9), (0.1, 0.5, 0.95))


def test_curve_is_straight_between_its_points_and_level_outside() -> None:
    assert [CURVE(c) for c in (0.0, 0.2, 0.4, 0.9, 1.0)] == pytest.approx(
        [0.1, 0.1, 0.3, 0.95, 0.95]
    )
    assert CURVE.of([Note(0, 1, 60, 0.6)]) == [Note(0, 1, 60, 0.5)]


@pytest.mark.parametrize(
    ("said", "right"),
    [((), ()), ((0.1,), (0.1, 0.2)), ((0.5, 0.5), (0.1, 0.2)), ((0.1, 0.2), (0.9, 0.1)),
     ((0.1, 1.2), (0.1, 0.2)), ((math.nan,), (0.5,))],
)  # fmt: skip
def test_points_that_are_no_rising_curve_are_refused(
    said: tuple[float, ...], right: tuple[float, ...]
) -> None:
    with pytest.raises(ValueError, match="calibration"):
        Calibration(said, right)


def test_text_is_the_inverse() -> None:
    assert from_json(to_json({"ctc": CURVE})) == {"ctc": CURVE}


def test_fit_finds_the_chances_that_notes_were_drawn_with() -> None:
    fit = pytest.importorskip("data_tools.calibrate").fit
    pytest.importorskip("sklearn", reason="needs scikit-learn: pip install 'seqmelody[data]'")
    rng = np.random.default_rng(0)
    said = rng.uniform(0, 1, 20_000)
    curve = fit(said.tolist(), (rng.random(20_000) < said**2).tolist())
    places = np.linspace(0.05, 0.95, 91)
    errors = [abs(curve(place) - place**2) for place in places]
    assert np.mean(errors) < 0.025  # isotonic regression of n notes is off by about n ** (-1 / 3)
    assert max(errors) < 0.1
    assert fit([0.2, 0.8] * 50, [True] * 100)(0.9) < 1


def test_checkpoint_keeps_calibrations_and_its_weights_bit_for_bit(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_model(MelodyModel(), path, dtype=torch.float16, step="7")
    assert load_model(path).calibrations == {}
    with safe_open(path, framework="pt") as file:
        before = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    add_calibrations(path, {"ctc": CURVE})
    assert load_model(path).calibrations == {"ctc": CURVE}
    with safe_open(path, framework="pt") as file:
        assert file.metadata()["step"] == "7"
        assert all(torch.equal(file.get_tensor(key), value) for key, value in before.items())
    save_model(load_model(path), tmp_path / "again.safetensors")
    assert load_model(tmp_path / "again.safetensors").calibrations == {"ctc": CURVE}


def test_a_broken_calibration_is_a_broken_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_model(MelodyModel(), path, calibration='{"ctc": {"said": [0.5], "right": []}}')
    with pytest.raises(CheckpointError, match="calibration"):
        load_model(path)


def test_nothing_found_cannot_be_calibrated_by(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="needs scikit-learn: pip install 'seqmelody[data]'")
    from data_tools.calibrate import calibrate

    path = tmp_path / "model.safetensors"
    save_model(MelodyModel(), path)
    with pytest.raises(InputError, match="use more clips"):
        calibrate(path, [])
    assert load_model(path).calibrations == {}


def test_right_notes_are_those_of_an_optimal_alignment() -> None:
    assert right_notes([60, 62, 64], [60, 61, 64.3]) == [True, False, True]
    assert right_notes([60], [62, 60]) == [False, True]
    assert right_notes([], [62]) == [False]


def test_calibration_error_by_hand() -> None:
    # bin 0.9..1: said 0.9 and 0.9, right half; bin 0.2..0.3: said 0.2, wrong
    assert calibration_error([0.9, 0.9, 0.2], [True, False, False]) == pytest.approx(
        (2 * 0.4 + 1 * 0.2) / 3
    )
    assert calibration_error([1.0], [True]) == 0
    assert math.isnan(calibration_error([], []))
