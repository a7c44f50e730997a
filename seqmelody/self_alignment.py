"""Self-alignment: weak labels become strong ones, round by round.

Round 0 trains the CTC head on the lists as they are (left out if the model comes trained). Every
round after it aligns the lists with the model of the round before, cuts the recordings at the
alignment into clips of some seconds (:mod:`seqmelody.clip_cutting`), and trains both heads on
those. So the window head is trained without a single label that carried a time: those come from
:mod:`seqmelody.salience`, in every round. A window head that has learned from these times only
would add its own mistakes to theirs. One that came trained aligns by itself. The network of round 0
has done its work once its notes are timed: round 1 trains a new one, and the others go on from it.

A run's folder holds ``round-0``, ``round-1``, ... , each a run of :func:`seqmelody.training.train`
with its ``labels.jsonl`` (a manifest) and ``clips/``, and at the end ``model.safetensors``. While
recordings are aligned, ``labels.part.jsonl`` grows by a line for each; a run that was stopped
anywhere goes on after the last whole line. ``self_align.json`` says what the run was begun with.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from seqmelody.audio import SAMPLE_RATE, load
from seqmelody.claims import TRAINING_LOG, claim
from seqmelody.clip_cutting import cut, known_times
from seqmelody.datasets import Example, ManifestClips, read_lists
from seqmelody.errors import InputError
from seqmelody.list_alignment import AlignedNote, align_list
from seqmelody.list_checks import check_list, check_recordings
from seqmelody.list_reading import EditCosts
from seqmelody.manifests import ManifestEntry, format_entry
from seqmelody.model import MelodyModel, load_model, weights_fingerprint
from seqmelody.processes import processes
from seqmelody.salience import salience_emission
from seqmelody.training import TrainConfig, train
from seqmelody.transposition import best_shift
from seqmelody.writers import make_folder, write_atomically

MISFIT = 0.8  # share of a list's notes below which it is doubted; of right ones 0.95 are found
FloatArray = NDArray[np.float32]
LOG = logging.getLogger(__name__)
Mix = Callable[[ManifestClips], Dataset[Example]]


@dataclass(frozen=True, slots=True)
class SelfAlignConfig:
    """Settings of the rounds. A list is trusted more here than in a score check: the model is not
    yet a judge."""

    rounds: int = 1
    transpose: int = 0  # semitones that a list may be off, up or down
    clip_seconds: float = 8.0  # of the clips that recordings are cut into
    whole_seconds: float = 30.0  # longer recordings wait for round 1: memory
    costs: EditCosts = field(default_factory=lambda: EditCosts(8.0, 8.0, 6.0))


def train_self_aligned(
    model: MelodyModel,
    source: Path,
    run: Path,
    train_config: TrainConfig,
    config: SelfAlignConfig,
    *,
    trained: bool,
    mix: Mix | None = None,
) -> Path:
    """Train from lists in rounds, or go on; return the path of the trained model.

    Args:
        model: to begin with.
        source: manifest, or folder of recordings with a list beside each.
        run: folder, new or that of an earlier call with the same settings.
        train_config: of every round.
        config: of the rounds.
        trained: whether ``model`` knows anything yet; if not, there is a round 0.
        mix: what the clips of a round are trained on together with.

    Raises:
        InputError: a list or recording is unusable, or ``run`` belongs to other settings.
    """
    entries = read_lists(source)
    check_recordings(entries, model, transpose=config.transpose)
    with processes().main_process_first():
        _claim(run, entries, config, model if trained else None)
    current = model
    for number in range(1 if trained else 0, config.rounds + 1):
        folder = run / f"round-{number}"
        with processes().main_process_first():  # the others find its labels
            make_folder(folder)
            if not (folder / "labels.jsonl").exists():
                if number == 0:
                    write_whole_recordings(entries, current, folder, config)
                else:
                    label_recordings(entries, current, folder, config, by_rule=not trained)
        clips = ManifestClips(folder / "labels.jsonl", current.vocabulary)
        if number == 1 and not trained and _mostly_lists(entries):
            current = _begun_afresh(current, train_config.seed)
        chosen = train_config if number == 0 else _of_later_rounds(train_config)
        path = train(current, clips if mix is None else mix(clips), folder, chosen)
        current = load_model(path)
    out = run / "model.safetensors"
    with processes().main_process_first():
        write_atomically(out, path.read_bytes())
    return out


def write_whole_recordings(
    entries: Sequence[ManifestEntry], model: MelodyModel, folder: Path, config: SelfAlignConfig
) -> None:
    """Labels of round 0: the lists of all recordings that are short enough to train on whole."""
    lines = []
    for entry in entries:
        n_samples = len(load(entry.audio))
        check_list(entry, model, n_samples, config.transpose)
        if n_samples <= config.whole_seconds * SAMPLE_RATE and _fits(entry, model):
            lines.append(format_entry(entry, str(entry.audio.resolve())))
    if not lines:
        raise InputError(
            f"no recording is shorter than {config.whole_seconds:g} s, so an untrained model finds "
            "nothing to begin with; add short ones or start from a model with --init"
        )
    write_atomically(folder / "labels.jsonl", "".join(f"{line}\n" for line in lines).encode())


def label_recordings(
    entries: Sequence[ManifestEntry],
    model: MelodyModel,
    folder: Path,
    config: SelfAlignConfig,
    *,
    by_rule: bool,
    until: int | None = None,
) -> None:
    """Align and cut every recording; write ``clips/`` and, when all are done, ``labels.jsonl``.

    Args:
        entries: aligned ones are only cut.
        model: that aligns.
        folder: of the round.
        config: of the rounds.
        by_rule: whether times come from the spectrogram instead of the window head.
        until: stop after this many recordings, as if interrupted.

    Raises:
        InputError: a recording or its list is unusable, or none gave a clip.
    """
    (folder / "clips").mkdir(exist_ok=True)
    part = folder / "labels.part.jsonl"
    done = _resume(part)
    with part.open("a", encoding="utf-8") as file:
        for index, entry in enumerate(entries[len(done) : until], start=len(done)):
            rows = _label(index, entry, model, folder, config, by_rule)
            file.write(json.dumps(rows) + "\n")
            file.flush()
            os.fsync(file.fileno())
            done.append(rows)
    if len(done) < len(entries):
        return
    lines = [json.dumps(row) for rows in done for row in rows]
    if not lines:
        raise InputError(
            "no list fits its recording, so nothing is aligned; start from a trained model (--init)"
        )
    # Clips of one recording shall not all meet in one batch.
    order = np.random.default_rng(0).permutation(len(lines))
    write_atomically(folder / "labels.jsonl", "".join(f"{lines[k]}\n" for k in order).encode())
    part.unlink()


def _mostly_lists(entries: Sequence[ManifestEntry]) -> bool:
    """Whether most of what the first round taught was without times."""
    return 2 * sum(entry.all_notes is None for entry in entries) > len(entries)


def _begun_afresh(model: MelodyModel, seed: int) -> MelodyModel:
    """A new network to learn the times that ``model`` found.

    From lists alone a network finds places for the notes that it never leaves again, with two notes
    in one at some; one that hears of times from its first step finds better ones, and sooner than
    a network, or a CTC head, that has to unlearn them.
    """
    torch.manual_seed(seed)
    return MelodyModel(model.config)


def _of_later_rounds(config: TrainConfig) -> TrainConfig:
    """Without what only a model that knows nothing needs: it costs one that knows something."""
    return replace(config, blank_bias=0.0, label_prior=0.0, curriculum_steps=0)


def _claim(
    run: Path,
    entries: Sequence[ManifestEntry],
    config: SelfAlignConfig,
    trained: MelodyModel | None,
) -> None:
    """The run is about these lists, and the model that it began with if that was a trained one.
    More rounds may be asked for later, fewer not: the model of the last is what the run gives."""
    if (run / f"round-{config.rounds + 1}" / TRAINING_LOG).exists():
        raise InputError(
            f"{run}: has more than {config.rounds} rounds already; ask for as many or for more "
            "(--self-align), or use a new folder"
        )
    weights = None if trained is None else weights_fingerprint(trained)
    about = {"lists": fingerprint(entries), "weights": weights, **asdict(config)}
    del about["rounds"]
    claim(run / "self_align.json", about, {}, stale=("round-*/labels*.jsonl",))


def fingerprint(entries: Sequence[ManifestEntry]) -> str:
    """Of the paths and labels, not of the sound."""
    text = "\n".join(
        f"{e.audio.resolve()} {e.pitches} {e.notes}{f' {e.untimed}' if e.untimed else ''}"
        for e in entries
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _resume(part: Path) -> list[list[dict[str, Any]]]:
    """Rows of the recordings that an earlier call has finished; a line cut short is dropped."""
    if not part.exists():
        return []
    whole = part.read_text(encoding="utf-8").split("\n")[:-1]
    write_atomically(part, "".join(f"{line}\n" for line in whole).encode())
    return [json.loads(line) for line in whole]


def _label(
    index: int,
    entry: ManifestEntry,
    model: MelodyModel,
    folder: Path,
    config: SelfAlignConfig,
    by_rule: bool,
) -> list[dict[str, Any]]:
    """Write the clips of one recording; return their lines of the manifest."""
    waveform = load(entry.audio)
    shift, notes = align_entry(entry, waveform, model, config, by_rule=by_rule)
    if not by_rule:  # else the model is not yet one that could tell
        warn_of_misfit(entry, notes)
    duration = len(waveform) / SAMPLE_RATE
    rows = []
    for k, clip in enumerate(cut(notes, duration, config.clip_seconds)):
        name = f"clips/{index:06d}-{k:04d}.flac"
        samples = waveform[round(clip.begin * SAMPLE_RATE) : round(clip.end * SAMPLE_RATE)]
        soundfile.write(folder / name, samples, SAMPLE_RATE)
        # The list as it is in the key that was played.
        label = ManifestEntry(Path(name), clip.pitches, clip.notes, clip.untimed)
        row = json.loads(format_entry(label, name))
        rows.append({**row, "from": str(entry.audio), "shift": shift})
    return rows


def align_entry(
    entry: ManifestEntry,
    waveform: FloatArray,
    model: MelodyModel,
    config: SelfAlignConfig,
    *,
    by_rule: bool,
) -> tuple[int, list[AlignedNote]]:
    """Semitones that the list was off, and its notes; an entry that has times keeps them.

    Raises:
        InputError: the list does not fit the vocabulary or the recording; the message names it.
    """
    check_list(entry, model, len(waveform), config.transpose)
    if entry.all_notes is not None:
        return 0, known_times(entry.all_notes)
    emissions = model.emissions(waveform)
    vocabulary = model.vocabulary
    shift = best_shift(emissions.ctc, entry.pitches, vocabulary, config.transpose)
    timing = (
        salience_emission(waveform, model.config.features, vocabulary)
        if by_rule
        else emissions.window
    )
    pitches = [pitch + shift for pitch in entry.pitches]
    return shift, align_list(emissions.ctc, pitches, vocabulary, timing=timing, costs=config.costs)


def warn_of_misfit(entry: ManifestEntry, notes: Sequence[AlignedNote]) -> None:
    """Say so if much of a list was not found in its recording, which is trained on all the same."""
    found = sum(note.mark == "ok" for note in notes)
    if found < MISFIT * len(entry.pitches):
        LOG.warning(
            "%s: only %d of the %d listed notes were found; is it the right list?",
            entry.audio, found, len(entry.pitches),
        )  # fmt: skip


def _fits(entry: ManifestEntry, model: MelodyModel) -> bool:
    """Whether a list can be trained on before it is transposed."""
    return all(pitch in model.vocabulary for pitch in entry.pitches)
