"""Training: the schedule, the optimisers, and a loop that can stop anywhere and go on exactly.

The losses are those of :mod:`seqmelody.losses`. What is kept is the running mean of the weights,
which is steadier than the last step's.

Two settings make training from scratch on much data faster, and are off by default: ``muon`` turns
the encoder's matrices by Muon (Jordan et al., 2024), at the size of AdamW's steps (Liu et al.,
"Muon is scalable for LLM training", 2025), and ``bfloat16`` multiplies in half the digits.

Three settings help where there are lists only, and are off by default. CTC starts with a blank on
every path, and many a run stays there: ``blank_bias`` makes blanks rarer from the first step,
``label_prior`` pays for notes as long as they are rare, and ``curriculum_steps`` begins with the
recordings of the fewest notes.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from rich.progress import Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset

from seqmelody.datasets import Batch, Collate, Example
from seqmelody.errors import InputError
from seqmelody.losses import Losses, joint_losses
from seqmelody.model import Logits, MelodyModel, save_model
from seqmelody.notes import NO_NOTE
from seqmelody.processes import processes
from seqmelody.writers import make_folder, write_atomically


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Settings of a training run; the defaults, with Muon and bfloat16, are those of the recipe in
    the README. MODEL_CARD.md has the stages of the shipped weights."""

    steps: int = 8000
    batch_size: int = 16
    peak_rate: float = 2e-3
    warmup_steps: int = 200
    final_share: float = 0.02  # of the peak rate, at the end of the cosine
    weight_decay: float = 0.01
    gradient_norm: float = 2.0
    ctc_weight: float = 0.5
    sequence_weight: float = 0.0  # of the windows' sequence loss, for the last part of a training
    onset_weight: float = 2.0
    mean_decay: float = 0.998  # of the running mean of the weights
    save_every: int = 250
    workers: int = 0  # clips are cheap to make; more processes for the loop serve better
    seed: int = 1
    blank_bias: float = 0.0  # nats added to the blank of a CTC head that has not learned yet
    label_prior: float = 0.0  # exponent; 0.3 or so. See ctc_loss
    curriculum_steps: int = 0  # until all examples take part
    muon: bool = False  # for the encoder's matrices; the rest has AdamW anyway
    bfloat16: bool = False  # on processors and GPUs that have it; elsewhere it is slow


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
    on_save: Callable[[int, MelodyModel], bool] | None = None,
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
        on_save: called with the number of steps done and the mean weights whenever the run is
            saved, before its state is; writes ``model.safetensors`` in this function's place. If
            it returns True the training ends there. A run that was killed may repeat a call.

    Raises:
        InputError: ``run`` belongs to another configuration, a curriculum is asked for and the
            data cannot tell what is easy, or the losses are no longer finite.
    """
    processes()
    config = config or TrainConfig()
    torch.manual_seed(config.seed)
    model.calibrations = {}  # those of the weights it had
    make_folder(run)
    accelerator = _accelerator(config)
    mean = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(config.mean_decay))  # type: ignore[no-untyped-call]
    mean.to(accelerator.device)
    wrapped, *optimizers = accelerator.prepare(model, *_optimizers(model, config))
    accelerator.register_for_checkpointing(mean)
    start = _resume(accelerator, run, config, model)
    if accelerator.is_main_process:
        _forget_after(run / "log.jsonl", start)
    if start == 0 and config.blank_bias:
        with torch.no_grad():
            model.ctc_head.classify.bias[NO_NOTE] += config.blank_bias
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
            losses, norm = _step(accelerator, wrapped, batch, optimizers, rate, config)
            mean.update_parameters(model)
            is_due = (step + 1) % config.save_every == 0 or step + 1 == last
            if step % 10 == 0 or is_due:
                _check_finite(norm, step, run)
            if step % 10 == 0:
                row = _row(step, rate, losses, norm, time.monotonic() - clock)
                if accelerator.is_main_process:
                    log.write(json.dumps(row) + "\n")
                    log.flush()
                progress.update(task, completed=step + 1, description=_describe(row))
            if is_due:
                # The model before the state: a run killed between the two makes the model again.
                _save_model(accelerator, cast(MelodyModel, mean.module), step + 1, out, on_save)
                _save(accelerator, run, config, model, step + 1)
                if on_save and accelerator.check_trigger():  # by any process, for all
                    break
    accelerator.wait_for_everyone()  # what one process writes last, all may read now
    return out


def _accelerator(config: TrainConfig) -> Any:
    from accelerate import Accelerator
    from accelerate.utils import DataLoaderConfiguration

    # batch_size counts the clips of all processes together. Composed clips are alike in length, so
    # the number of processes changes nothing; of recordings, each process weighs its own frames.
    accelerator = Accelerator(dataloader_config=DataLoaderConfiguration(split_batches=True))
    if config.batch_size % accelerator.num_processes:
        raise InputError(
            f"{accelerator.num_processes} processes cannot share a batch of {config.batch_size} "
            "clips; take a number of processes that divides it, or another --batch-size"
        )
    return accelerator


def _step(
    accelerator: Any,
    model: Any,
    batch: Batch,
    optimizers: list[Any],
    rate: float,
    config: TrainConfig,
) -> tuple[Losses, Tensor]:
    """One change of the weights; the losses before it, and the norm of their gradient."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
    with torch.autocast(accelerator.device.type, torch.bfloat16, config.bfloat16):
        parts = model(batch.waveform, batch.frames)
    logits = Logits(*(part.float() for part in parts))
    sequence = config.sequence_weight > 0
    losses = joint_losses(logits, batch, config.label_prior, with_sequence=sequence)
    total = losses.total(
        onset_weight=config.onset_weight,
        ctc_weight=config.ctc_weight,
        sequence_weight=config.sequence_weight,
    )
    accelerator.backward(total)
    norm: Tensor = accelerator.clip_grad_norm_(model.parameters(), config.gradient_norm)
    for optimizer in optimizers:
        optimizer.step()
    return losses, norm


def _optimizers(model: MelodyModel, config: TrainConfig) -> list[torch.optim.Optimizer]:
    """AdamW for all weights, or Muon for the encoder's matrices and AdamW for the others."""
    matrices = [p for p in model.encoder.parameters() if p.ndim == 2] if config.muon else []
    turned = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in turned]
    rate, decay = config.peak_rate, config.weight_decay
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(others, lr=rate, weight_decay=decay)
    ]
    if matrices:
        optimizers.append(
            torch.optim.Muon(matrices, lr=rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
        )
    return optimizers


def _loader(
    accelerator: Any,
    data: Dataset[Example],
    model: MelodyModel,
    config: TrainConfig,
    start: int,
    last: int,
) -> Any:
    order = _Order(data, config, start * config.batch_size, last * config.batch_size)
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
    """Example numbers from ``start`` to ``stop``, cycling through data of a known length.

    During a curriculum only a part of the data is cycled through: first a batch, at its end all.
    """

    def __init__(self, data: Dataset[Example], config: TrainConfig, start: int, stop: int) -> None:
        self._numbers = range(start, stop)
        self._length = len(data) if hasattr(data, "__len__") else None
        self._until = config.curriculum_steps * config.batch_size
        self._batch_size = config.batch_size
        if self._until and not hasattr(data, "easiest_first"):
            raise InputError(
                "a curriculum needs listed recordings, whose notes can be counted; "
                "leave curriculum_steps at 0"
            )
        self._easiest: list[int] = data.easiest_first() if self._until else []  # type: ignore[attr-defined]

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[int]:
        return (self._example(n) for n in self._numbers)

    def _example(self, n: int) -> int:
        if self._length is None:
            return n
        if n >= self._until:
            return n % self._length
        share = n / self._until
        part = round(self._batch_size + share * (self._length - self._batch_size))
        return self._easiest[n % max(1, min(part, self._length))]


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


def _check_finite(norm: Tensor, step: int, run: Path) -> None:
    """What is not finite once stays so: no need to look at every step, but before each save."""
    if not math.isfinite(float(norm)):
        raise InputError(
            f"{run}: training has diverged by step {step}, and what was saved before stays; begin "
            "in a new folder with a lower --peak-rate"
        )


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


def _forget_after(log: Path, start: int) -> None:
    """Drop the steps that a run which was killed had made since its last save."""
    if log.exists():
        rows = log.read_text().splitlines()
        whole = [row for row in rows if row.endswith("}") and json.loads(row)["step"] < start]
        write_atomically(log, "".join(f"{row}\n" for row in whole).encode())


def _save_model(
    accelerator: Any,
    average: MelodyModel,
    step: int,
    out: Path,
    on_save: Callable[[int, MelodyModel], bool] | None,
) -> None:
    """Write the mean weights, or leave that to ``on_save``, which may ask for the end."""
    if not accelerator.is_main_process:
        return
    if on_save is None:
        save_model(average, out, dtype=torch.float16, step=str(step))
    elif on_save(step, average):
        accelerator.set_trigger()


def _save(accelerator: Any, run: Path, config: TrainConfig, model: MelodyModel, step: int) -> None:
    """Write the state beside the old one, then swap, so that one whole state is always there."""
    fresh, old, older = run / "state.part", run / "state", run / "state.old"
    accelerator.save_state(str(fresh), safe_serialization=True)
    accelerator.wait_for_everyone()
    if not accelerator.is_main_process:
        return
    header = {"step": step, "train": asdict(config), "model": model.config.to_json()}
    (fresh / "run.json").write_text(json.dumps(header))
    if old.exists():
        shutil.rmtree(older, ignore_errors=True)  # left by a call that was killed
        old.rename(older)
    fresh.rename(old)
    shutil.rmtree(older, ignore_errors=True)


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
    # A run begun before a setting was there ran as its default says.
    header["train"] = asdict(TrainConfig()) | header["train"]
    if {k: header[k] for k in here} != here:
        raise InputError(
            f"{run}: holds a run with other settings; go on with the same ones or use a new folder"
        )
    accelerator.load_state(str(run / "state"))
    return int(header["step"])
