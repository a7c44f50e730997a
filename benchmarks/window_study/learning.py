"""One way to learn for all networks: the same clips in the same order, the same optimiser."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from benchmarks.clips import Condition
from benchmarks.window_study.data import VOCABULARY, TrainClips
from benchmarks.window_study.networks import (
    FrameNetwork,
    Network,
    RawNetwork,
    TwoStages,
    WindowNetwork,
    count_weights,
    decided,
    two_stages_alike,
)
from benchmarks.window_study.results import Heard, Measures, Row, judge, rows_of
from seqmelody.training import TrainConfig, learning_rate

Readings = Iterator[tuple[str, Condition, Measures]]
CLASSES = VOCABULARY.n_classes
HIDDEN, WIDTH, RAW_HIDDEN = 256, 64, 96
WINDOWS_MS = (50, 100, 200, 400, 800)
STRIDES = (2, 4, 8)  # windows of 20 ms
BATCH_OF_TEST = 8  # clips
PLAIN = "window 200 ms"
SOFT = "soft decision"


def window_network(milliseconds: int) -> Callable[[], Network]:
    """A maker of networks that see a window of this length."""
    return lambda: WindowNetwork(CLASSES, HIDDEN, milliseconds / 1000)


def _two_window_networks() -> Network:
    target = count_weights(WindowNetwork(CLASSES, HIDDEN, 0.2))
    return two_stages_alike(lambda outputs, size: WindowNetwork(outputs, size, 0.2), target)


def _two_conv_networks() -> Network:
    target = count_weights(FrameNetwork(CLASSES, WIDTH, "conv"))
    return two_stages_alike(lambda outputs, size: FrameNetwork(outputs, size, "conv"), target)


# One row a system. Raw ones learn from every second to tenth window of the same clips: from all of
# them one step would take them ten times as long as it does the others.
NETWORKS: dict[str, Callable[[], Network]] = {
    **{f"window {ms} ms": window_network(ms) for ms in WINDOWS_MS},
    f"{PLAIN}, two stages": _two_window_networks,
    "conv": lambda: FrameNetwork(CLASSES, WIDTH, "conv"),
    "conv, two stages": _two_conv_networks,
    "recurrent": lambda: FrameNetwork(CLASSES, WIDTH, "recurrent"),
    "raw LSTM, 50 ms": lambda: RawNetwork(CLASSES, RAW_HIDDEN, 0.05, train_stride=10),
    "raw LSTM, 50 ms, 16 samples a step": lambda: RawNetwork(CLASSES, RAW_HIDDEN, 0.05, 16, 2),
    "raw LSTM, 200 ms, 16 samples a step": lambda: RawNetwork(CLASSES, RAW_HIDDEN, 0.2, 16, 4),
}


@dataclass(frozen=True, slots=True)
class Budget:
    """What every network gets."""

    steps: int
    batch_size: int


def study_network(
    system: str, seed: int, budget: Budget, clips: TrainClips, test: list[Heard]
) -> list[Row]:
    """Train a network of NETWORKS and measure it in every condition."""
    torch.manual_seed(seed)
    network = NETWORKS[system]()
    begin = time.monotonic()
    learn(network, clips, budget, seed)
    seconds = time.monotonic() - begin
    return rows_of(system, seed, _readings(system, network, test), count_weights(network), seconds)


def learn(network: Network, clips: TrainClips, budget: Budget, seed: int) -> None:
    """Minimise the cross-entropy of windows, in place."""
    config = TrainConfig(
        steps=budget.steps, batch_size=budget.batch_size, warmup_steps=min(40, budget.steps // 4)
    )
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=config.peak_rate, weight_decay=config.weight_decay
    )
    order = clip_order(len(clips.samples), budget, seed)
    phases = np.random.default_rng([seed, 1]).integers(0, network.train_stride, budget.steps)
    network.train()
    for step, which in enumerate(order):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, config)
        first, stride = int(phases[step]), network.train_stride
        logits = network(torch.from_numpy(clips.waveforms(which)), first, stride)
        classes = torch.from_numpy(clips.classes[which][:, first::stride])
        loss = F.cross_entropy(logits.flatten(0, 1), classes.flatten())
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(network.parameters(), config.gradient_norm)
        optimizer.step()


def clip_order(count: int, budget: Budget, seed: int) -> NDArray[np.int64]:
    """Which clips are in each step, shape (steps, batch): all of them, then all again, shuffled."""
    rng = np.random.default_rng([seed, 0])
    needed = budget.steps * budget.batch_size
    rounds = [rng.permutation(count) for _ in range(-(-needed // count))]
    return np.concatenate(rounds)[:needed].reshape(budget.steps, budget.batch_size)


@torch.inference_mode()
def log_probs_of(network: Network, waveforms: NDArray[np.float32]) -> torch.Tensor:
    """(N, samples) to log-probabilities (N, T, n + 1)."""
    network.eval()
    batches = torch.split(torch.from_numpy(waveforms), BATCH_OF_TEST)
    return torch.cat([F.log_softmax(network(batch), dim=2) for batch in batches])


def _readings(system: str, network: Network, test: list[Heard]) -> Readings:
    """Each condition in each way in which the answers can be used."""
    for heard in test:
        log_probs = log_probs_of(network, heard.waveforms)
        if isinstance(network, TwoStages):
            yield SOFT, heard.condition, judge(log_probs.numpy(), heard)
            log_probs = decided(log_probs)
        yield "", heard.condition, judge(log_probs.numpy(), heard)
        if system == PLAIN:
            for stride in STRIDES:
                reading = f"every {20 * stride} ms"
                yield reading, heard.condition, judge(log_probs[:, ::stride].numpy(), heard, stride)
