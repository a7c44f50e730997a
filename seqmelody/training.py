"""Training: the losses, the schedule, and a loop that can stop anywhere and go on exactly.

The joint loss is window cross-entropy and onset cross-entropy where notes are aligned, and CTC
everywhere. What is kept is the running mean of the weights, which is steadier than the last step's.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from rich.progress import Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset

from seqmelody.datasets import Batch, Collate, Example
from seqmelody.errors import InputError
from seqmelody.model import Logits, MelodyModel, save_model
from seqmelody.notes import NO_NOTE


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Settings of a training run; the defaults train the shipped weights."""

    steps: int = 8000
    batch_size: int = 16
    peak_rate: float = 2e-3
    warmup_steps: int = 200
    final_share: float = 0.02  # of the peak rate, at the end of the cosine
    weight_decay: float = 0.01
    gradient_norm: float = 2.0
    ctc_weight: float = 0.5
    onset_weight: float = 2.0
    mean_decay: float = 0.998  # of the running mean of the weights
    save_every: int = 250
    workers: int = 0  # clips are cheap to make; more processes for the loop serve better
    seed: int = 1


class Losses(NamedTuple):
    """Parts of the joint loss; each is a mean, of frames or of clips."""

    window: Tensor
    onset: Tensor
    ctc: Tensor

    def total(self, config: TrainConfig) -> Tensor:
        """The weighted sum that is minimised."""
        return self.window + config.onset_weight * self.onset + config.ctc_weight * self.ctc


def joint_losses(logits: Logits, batch: Batch) -> Losses:
    """Window cross-entropy, onset cross-entropy and CTC (Graves et al., 2006) of a batch."""
    known = batch.classes >= 0
    window = F.cross_entropy(logits.window.flatten(0, 1), batch.classes.flatten(), ignore_index=-1)
    onset = F.binary_cross_entropy_with_logits(logits.onset[known], batch.onsets[known])
    if not known.any():  # all weak: the mean of nothing is NaN; 0, but still a function of all
        window, onset = 0.0 * logits.window.sum(), 0.0 * logits.onset.sum()
    ctc = F.ctc_loss(
        F.log_softmax(logits.ctc, dim=2).transpose(0, 1),  # (T, B, n + 1)
        batch.labels,
        batch.frames,
        batch.label_lengths,
        blank=NO_NOTE,
        zero_infinity=True,  # a list too long for its clip teaches nothing, and must not break all
    )
    return Losses(window, onset, ctc)


def learning_rate(step: int, config: TrainConfig) -> float:
    """Linear warm-up, then half a cosine down to a small share of the peak."""
    if step < config.warmup_steps:
        return config.peak_rate * (step + 1) / config.warmup_steps
    passed = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, passed)))
    return config.peak_rate * (config.final_share + (1 - config.final_share) * cosine)


def train(
    model: MelodyModel,
    data: Dataset[Example],
    run: Path,
    config: TrainConfig | None = None,
    *,
    until: int | None = None,
) -> Path:
    """Train, or go on training, in the folder ``run``; return the path of the trained model.

    ``run`` holds ``model.safetensors`` (the mean weights), ``log.jsonl`` (a line every few steps)
    and ``state/`` (everything needed to go on). Example i of ``data`` is used in step
    i // batch_size, so a run that was stopped goes on with just the clips it would have seen.

    Args:
        model: trained in place.
        data: indexed by example number; without a length it is endless, else it is cycled.
        run: new, or that of an earlier call with the same configuration.
        until: stop after this step, as if interrupted.

    Raises:
        InputError: ``run`` belongs to another configuration.
    """
    from accelerate import Accelerator
    from accelerate.utils import DataLoaderConfiguration

    config = config or TrainConfig()
    torch.manual_seed(config.seed)
    run.mkdir(parents=True, exist_ok=True)
    # batch_size counts the clips of all processes together, so their number changes nothing else
    accelerator = Accelerator(dataloader_config=DataLoaderConfiguration(split_batches=True))
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.peak_rate, weight_decay=config.weight_decay
    )
    mean = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(config.mean_decay))  # type: ignore[no-untyped-call]
    mean.to(accelerator.device)
    wrapped, optimizer = accelerator.prepare(model, optimizer)
    accelerator.register_for_checkpointing(mean)
    start = _resume(accelerator, run, config, model)
    last = min(config.steps, until or config.steps)
    loader = _loader(accelerator, data, model, config, start, last)
    out = run / "model.safetensors"
    with (
        _progress(config.steps, start, accelerator.is_main_process) as progress,
        (run / "log.jsonl").open("a") as log,
    ):
        task = progress.task_ids[0]
        clock = time.monotonic()
        for step, batch in enumerate(loader, start=start):
            wrapped.train()
            rate = learning_rate(step, config)
            for group in optimizer.param_groups:
                group["lr"] = rate
            losses = joint_losses(wrapped(batch.waveform), batch)
            optimizer.zero_grad()
            accelerator.backward(losses.total(config))
            norm = accelerator.clip_grad_norm_(wrapped.parameters(), config.gradient_norm)
            optimizer.step()
            mean.update_parameters(model)
            if step % 10 == 0:
                row = _row(step, rate, losses, norm, time.monotonic() - clock)
                if accelerator.is_main_process:
                    log.write(json.dumps(row) + "\n")
                    log.flush()
                progress.update(task, completed=step + 1, description=_describe(row))
            if (step + 1) % config.save_every == 0 or step + 1 == last:
                _save(accelerator, run, config, model, step + 1)
                if accelerator.is_main_process:
                    save_model(
                        cast(MelodyModel, mean.module), out, dtype=torch.float16, step=str(step + 1)
                    )
    return out


def _loader(
    accelerator: Any,
    data: Dataset[Example],
    model: MelodyModel,
    config: TrainConfig,
    start: int,
    last: int,
) -> Any:
    order = _Order(data, start * config.batch_size, last * config.batch_size)
    loader = DataLoader(
        data,
        config.batch_size,
        sampler=order,
        num_workers=config.workers,
        collate_fn=Collate(model.config),
        prefetch_factor=4 if config.workers else None,
    )
    return accelerator.prepare_data_loader(loader)


class _Order:
    """Example numbers from ``start`` to ``stop``, cycling through data of a known length."""

    def __init__(self, data: Dataset[Example], start: int, stop: int) -> None:
        self._numbers = range(start, stop)
        self._length = len(data) if hasattr(data, "__len__") else None

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[int]:
        return (n if self._length is None else n % self._length for n in self._numbers)


def _progress(steps: int, start: int, visible: bool) -> Progress:
    progress = Progress(
        *Progress.get_default_columns()[:2],
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        disable=not visible,
    )
    progress.add_task("starting", total=steps, completed=start)
    return progress


def _row(step: int, rate: float, losses: Losses, norm: Tensor, seconds: float) -> dict[str, float]:
    parts = {name: round(float(value.detach()), 4) for name, value in losses._asdict().items()}
    return {
        "step": step,
        "rate": rate,
        **parts,
        "norm": round(float(norm), 3),
        "seconds": round(seconds, 1),
    }


def _describe(row: dict[str, float]) -> str:
    return f"window {row['window']:.3f} onset {row['onset']:.3f} ctc {row['ctc']:.3f}"


def _save(accelerator: Any, run: Path, config: TrainConfig, model: MelodyModel, step: int) -> None:
    """Write the state beside the old one, then swap, so that one whole state is always there."""
    fresh, old = run / "state.part", run / "state"
    accelerator.save_state(str(fresh), safe_serialization=True)
    accelerator.wait_for_everyone()
    if not accelerator.is_main_process:
        return
    header = {"step": step, "train": asdict(config), "model": model.config.to_json()}
    (fresh / "run.json").write_text(json.dumps(header))
    if old.exists():
        old.rename(run / "state.old")
    fresh.rename(old)
    shutil.rmtree(run / "state.old", ignore_errors=True)


def _resume(accelerator: Any, run: Path, config: TrainConfig, model: MelodyModel) -> int:
    """Load the state of an earlier call, if there is one; return the step to go on from."""
    with accelerator.main_process_first():
        shutil.rmtree(run / "state.part", ignore_errors=True)
        if (run / "state.old").exists() and not (run / "state").exists():
            (run / "state.old").rename(run / "state")
    if not (run / "state" / "run.json").exists():
        return 0
    header = json.loads((run / "state" / "run.json").read_text())
    here = {"train": asdict(config), "model": model.config.to_json()}
    if {k: header[k] for k in here} != here:
        raise InputError(
            f"{run}: holds a run with other settings; go on with the same ones or use a new folder"
        )
    accelerator.load_state(str(run / "state"))
    return int(header["step"])
