"""Adapting a trained model to a new kind of recording, from note lists without times.

The model aligns the lists itself, the recordings are cut at the alignment, and training goes on at
a low rate, with composed clips mixed in so that nothing is forgotten. Where the model and a list
differ the list is believed: that is what there is to learn.

A part of the recordings is held out. Now and then the model is judged on it, by the CTC loss a note
(which tells smaller differences than a count of errors does); the best so far is kept as
``model.safetensors``, beginning with the model as it came, and the training ends when there has
been no better one for some time. What is judged and kept is the mean of the weights before and
after: it has most of what was learned of the new recordings and forgets much less of the others
(Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022).

A run's folder holds what one of :func:`seqmelody.training.train` does, and besides ``clips/`` with
``labels.jsonl``, ``adapt.json`` (what the run is about) and ``held_out.jsonl``, a line for each
judgement.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch

from seqmelody.audio import load
from seqmelody.claims import claim
from seqmelody.datasets import ManifestClips, read_lists
from seqmelody.decoding.ctc import decode_ctc
from seqmelody.errors import InputError
from seqmelody.likelihood import ctc_log_likelihoods
from seqmelody.list_checks import check_recordings
from seqmelody.manifests import ManifestEntry
from seqmelody.metrics import EditCounts, edit_counts
from seqmelody.model import MelodyModel, save_model, weights_fingerprint
from seqmelody.processes import processes
from seqmelody.self_alignment import (
    Mix,
    SelfAlignConfig,
    align_entry,
    fingerprint,
    label_recordings,
    warn_of_misfit,
)
from seqmelody.training import TrainConfig, train
from seqmelody.writers import write_atomically

HELD_OUT_LOG = "held_out.jsonl"


def _gentle() -> TrainConfig:
    """For some tens of recordings: a tenth of the recipe's rate, and judged twelve times."""
    return TrainConfig(steps=480, peak_rate=2e-4, warmup_steps=40, mean_decay=0.98, save_every=40)


@dataclass(frozen=True, slots=True)
class AdaptConfig:
    """Settings of an adaptation; the defaults are for some tens of recordings."""

    held_out_share: float = 0.15
    patience: int = 4  # judgements without a better one, until the training ends
    keep_share: float = 0.6  # of the weights as they came, in the mean that is kept
    train: TrainConfig = field(default_factory=_gentle)
    align: SelfAlignConfig = field(default_factory=lambda: SelfAlignConfig(clip_seconds=5.0))

    def __post_init__(self) -> None:
        if not 0.0 < self.held_out_share <= 0.5:
            raise InputError(
                "the share of recordings to hold out must be above 0 and at most 0.5, "
                f"not {self.held_out_share:g}"
            )
        if not 0.0 <= self.keep_share < 1.0:
            raise InputError(
                f"the share of the old weights must be from 0 to below 1, not {self.keep_share:g}"
            )


@dataclass(frozen=True, slots=True)
class Judgement:
    """The held-out part under one model.

    Attributes:
        step: of the training; 0 is the model as it came.
        loss: CTC loss in nats a note.
        note_error_rate: of the CTC head's notes, a share of 1.
        best: whether no model before was as good; then it was kept.
        stop: whether the training ended here.
    """

    step: int
    loss: float
    note_error_rate: float
    best: bool
    stop: bool


def adapt(
    model: MelodyModel,
    source: Path,
    run: Path,
    config: AdaptConfig,
    *,
    mix: Mix | None = None,
) -> Path:
    """Adapt ``model`` in the folder ``run``, or go on; return the path of the best model.

    Args:
        model: trained; changed in place.
        source: folder of recordings with a list beside each, or a manifest.
        run: new, or that of an earlier call with the same settings.
        config: of alignment, training and held-out part.
        mix: what the clips are trained on together with.

    Raises:
        InputError: a list or recording is unusable, there are too few, or ``run`` belongs to other
            settings.
    """
    entries = read_lists(source)
    check_recordings(entries, model, transpose=config.align.transpose)
    for_training, held_out = split(entries, config.held_out_share, config.train.seed)
    out = run / "model.safetensors"
    with processes().main_process_first():
        weights = weights_fingerprint(model)
        about = {"lists": fingerprint(entries), "weights": weights, **asdict(config)}
        claim(run / "adapt.json", about, {}, stale=("labels*.jsonl", HELD_OUT_LOG))
        if (finished := judgements(run)) and finished[-1].stop:
            return out
        judge = Judge(model, held_out, run, config)
        if not finished:
            judge(0, model)
        if not (run / "labels.jsonl").exists():
            label_recordings(for_training, model, run, config.align, by_rule=False)
    clips = ManifestClips(run / "labels.jsonl", model.vocabulary)
    train(model, clips if mix is None else mix(clips), run, config.train, on_save=judge)
    return out


def split(
    entries: Sequence[ManifestEntry], share: float, seed: int
) -> tuple[list[ManifestEntry], list[ManifestEntry]]:
    """The entries to train on and those to hold out, at least one of each; all entries of a
    recording on one side. Silence is not held out: it has no notes to judge by.

    Raises:
        InputError: there is only one recording with notes.
    """
    places = [entry.audio.resolve() for entry in entries]
    recordings = list(dict.fromkeys(p for p, e in zip(places, entries, strict=True) if e.pitches))
    if len(recordings) < 2:
        raise InputError(
            f"{entries[0].audio}: is the only recording, so none can be held out to judge by; "
            "add others, or train on it with --manifest"
        )
    count = min(len(recordings) - 1, math.ceil(share * len(recordings)))
    chosen = np.random.default_rng(seed).permutation(len(recordings))[:count]
    held = {recordings[k] for k in chosen.tolist()}
    for_training = [e for p, e in zip(places, entries, strict=True) if p not in held]
    return for_training, [e for p, e in zip(places, entries, strict=True) if p in held]


def judgements(run: Path) -> list[Judgement]:
    """All there are of a run, by step."""
    path = run / HELD_OUT_LOG
    if not path.exists():
        return []
    return [Judgement(**json.loads(line)) for line in path.read_text().splitlines()]


def summary(run: Path) -> str:
    """What was kept, in one line."""
    rows = judgements(run)
    best = [row for row in rows if row.best][-1]
    first = rows[0]
    return (
        f"kept step {best.step} of {rows[-1].step}: on the recordings held out, CTC loss a note "
        f"{first.loss:.2f} -> {best.loss:.2f}, note error rate {100 * first.note_error_rate:.1f} "
        f"-> {100 * best.note_error_rate:.1f} %"
    )


class Judge:
    """Judges a model on the held-out part, keeps the best, and says when to stop.

    To be called as :func:`seqmelody.training.train` calls its ``on_save``.
    """

    def __init__(
        self, model: MelodyModel, entries: Sequence[ManifestEntry], run: Path, config: AdaptConfig
    ) -> None:
        """``model``, as it came, says in which key each list was played."""
        self._run, self._config = run, config
        self._before = copy.deepcopy(model)
        self._lists: list[tuple[Path, list[int]]] = []
        for entry in entries:
            shift, notes = align_entry(entry, load(entry.audio), model, config.align, by_rule=False)
            if processes().is_main_process:
                warn_of_misfit(entry, notes)
            self._lists.append((entry.audio, [pitch + shift for pitch in entry.pitches]))

    def __call__(self, step: int, model: MelodyModel) -> bool:
        """Judge; write the model, then the log, so that a kill in between loses neither."""
        earlier = [row for row in judgements(self._run) if row.step < step]
        model = self._mean(model) if step else model
        loss, rate = self.measure(model)
        best = all(loss < row.loss for row in earlier)
        since = next((k for k, row in enumerate(reversed(earlier)) if row.best), 0)
        stop = not best and since + 1 >= self._config.patience
        stop = stop or step == self._config.train.steps
        if best:
            path = self._run / "model.safetensors"
            save_model(model, path, dtype=torch.float16, step=str(step))
        rows = [*earlier, Judgement(step, loss, rate, best, stop)]
        text = "".join(json.dumps(asdict(row)) + "\n" for row in rows)
        write_atomically(self._run / HELD_OUT_LOG, text.encode())
        return stop

    def _mean(self, model: MelodyModel) -> MelodyModel:
        """The weights before and after, mixed."""
        mixed, share = copy.deepcopy(self._before), self._config.keep_share
        with torch.no_grad():
            for weight, after in zip(mixed.parameters(), model.parameters(), strict=True):
                weight.mul_(share).add_(after.to(weight.device), alpha=1 - share)
        mixed.calibrations = {}  # those of the weights before
        return mixed

    def measure(self, model: MelodyModel) -> tuple[float, float]:
        """CTC loss in nats a note, and note error rate, of all lists together."""
        loss, edits = 0.0, EditCounts()
        for audio, pitches in self._lists:
            emissions = model.emissions(load(audio))
            labels = np.array([[model.vocabulary.to_class(pitch) for pitch in pitches]])
            loss -= float(ctc_log_likelihoods(emissions.ctc.log_probs, labels)[0])
            heard = decode_ctc(emissions.ctc, model.vocabulary, timing=emissions.window)
            edits += edit_counts(pitches, [note.pitch for note in heard])
        return loss / edits.reference, edits.note_error_rate
