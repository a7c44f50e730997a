"""The windows' sequence loss beside a sum over all paths, written out."""

import itertools

import numpy as np
import pytest
import torch

from seqmelody.datasets import Batch
from seqmelody.losses import ctc_loss, sequence_loss

Symbol = tuple[int, bool]  # class, and whether a note begins
SILENT: Symbol = (0, False)


def batch_of(lists: list[list[int]], frames: list[int]) -> Batch:
    n_windows = max(frames)
    return Batch(
        torch.zeros(len(lists), 1),
        torch.tensor(frames),
        torch.zeros(len(lists), n_windows, dtype=torch.long),
        torch.zeros(len(lists), n_windows),
        torch.tensor([label for labels in lists for label in labels], dtype=torch.long),
        torch.tensor([len(labels) for labels in lists]),
        torch.tensor(frames),
    )


def read(path: tuple[Symbol, ...]) -> list[Symbol]:
    """What a path says: equal neighbours are one, and silence is nothing."""
    return [symbol for symbol, _ in itertools.groupby(path) if symbol != SILENT]


def probability(window: np.ndarray, onset: np.ndarray, labels: list[int]) -> float:
    """Sum over all paths that say: every note begun, then held."""
    classes = np.exp(window) / np.exp(window).sum(axis=1, keepdims=True)
    begins = 1 / (1 + np.exp(-onset))
    symbols = [SILENT, *itertools.product(range(1, window.shape[1]), (True, False))]
    wanted = [(label, begun) for label in labels for begun in (True, False)]
    total = 0.0
    for path in itertools.product(symbols, repeat=len(window)):
        if read(path) == wanted:
            parts = [
                classes[t, label] * (1 if not label else begins[t] if begun else 1 - begins[t])
                for t, (label, begun) in enumerate(path)
            ]
            total += float(np.prod(parts))
    return total


@pytest.mark.parametrize("labels", [[], [1], [2, 1], [1, 1]])
def test_sequence_loss_is_the_sum_over_all_paths(labels: list[int]) -> None:
    torch.manual_seed(0)
    window, onset = torch.randn(1, 5, 3), torch.randn(1, 5)
    loss = float(sequence_loss(window, onset, batch_of([labels], [5])))
    expected = -np.log(probability(window[0].numpy(), onset[0].numpy(), labels))
    assert loss == pytest.approx(expected / 5, rel=1e-4)


def test_padding_does_not_count() -> None:
    torch.manual_seed(0)
    window, onset = torch.randn(2, 9, 3), torch.randn(2, 9)
    both = sequence_loss(window, onset, batch_of([[1, 2], [1, 1]], [9, 5]))
    window[1, 5:], onset[1, 5:] = 7.0, -7.0
    assert float(sequence_loss(window, onset, batch_of([[1, 2], [1, 1]], [9, 5]))) == float(both)


def test_a_list_too_long_teaches_nothing() -> None:
    window = torch.randn(1, 3, 3, requires_grad=True)
    loss = sequence_loss(window, torch.zeros(1, 3), batch_of([[1, 2]], [3]))
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert window.grad is not None
    assert not window.grad.any()


@pytest.mark.parametrize("prior", [0.0, 0.5])
def test_a_list_too_long_for_ctc_teaches_nothing(prior: float) -> None:
    """Four equal notes need seven frames."""
    torch.manual_seed(0)
    logits = torch.randn(2, 5, 3, requires_grad=True)
    loss = ctc_loss(logits, batch_of([[1, 2], [1, 1, 1, 1]], [5, 5]), prior)
    loss.backward()
    assert logits.grad is not None
    assert logits.grad[0].any()
    assert not logits.grad[1].any()
    assert torch.isfinite(loss)
