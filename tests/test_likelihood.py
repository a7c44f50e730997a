"""The sum over all paths, against brute force over each of them and against torch's loss."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from seqmelody.likelihood import ctc_log_likelihoods


def random_log_probs(n_frames: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.log(rng.dirichlet(np.ones(3), n_frames)).astype(np.float32)


def sum_over_paths(log_probs: np.ndarray, labels: list[int], begins: bool, ends: bool) -> float:
    total = 0.0
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        if [k for k, _ in itertools.groupby(path) if k] != labels:
            continue
        if (begins and path[0] != labels[0]) or (ends and path[-1] != labels[-1]):
            continue
        total += float(np.exp(sum(log_probs[t, c] for t, c in enumerate(path))))
    return float(np.log(total)) if total else -np.inf


@pytest.mark.parametrize("labels", [[], [1], [1, 1], [1, 2], [2, 2, 1], [1, 2, 1, 2, 1], [1] * 4])
@pytest.mark.parametrize(("begins", "ends"), [*itertools.product([False, True], repeat=2)])
def test_it_is_the_sum_over_all_paths(labels: list[int], begins: bool, ends: bool) -> None:
    if not labels and (begins or ends):
        return
    sequence = np.array([labels], dtype=np.int64)
    for n_frames in (1, 3, 6):
        log_probs = random_log_probs(n_frames, 0)
        expected = sum_over_paths(log_probs, labels, begins, ends)
        found = ctc_log_likelihoods(log_probs, sequence, begins=begins, ends=ends)
        assert found.tolist() == pytest.approx([expected], abs=1e-5)


@pytest.mark.parametrize("labels", [[], [1, 2]])
def test_without_frames_only_the_empty_list_is_possible(labels: list[int]) -> None:
    found = ctc_log_likelihoods(np.zeros((0, 3)), np.array([labels], dtype=np.int64))
    assert found.tolist() == [-np.inf if labels else 0.0]


@pytest.mark.parametrize("seed", range(5))
def test_several_lists_at_once_equal_torch(seed: int) -> None:
    log_probs = random_log_probs(6, seed)
    labels = np.array([[1, 2], [1, 1], [2, 1]])
    found = ctc_log_likelihoods(log_probs, labels)
    for row, value in zip(labels, found, strict=True):
        loss = torch.nn.functional.ctc_loss(
            torch.from_numpy(log_probs)[:, None],
            torch.from_numpy(row)[None],
            torch.tensor([6]),
            torch.tensor([2]),
            reduction="sum",
        )
        assert value == pytest.approx(-float(loss), abs=1e-4)
