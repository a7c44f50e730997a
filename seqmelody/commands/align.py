"""``seqmelody align`` and ``seqmelody check``: note lists and their recordings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from seqmelody.commands.decode import Job, Plan, make_plan, write_notes
from seqmelody.commands.report import error_line
from seqmelody.errors import InputError, SeqMelodyError
from seqmelody.note_lists import list_beside, read_note_list
from seqmelody.writers import WRITERS, make_folder

if TYPE_CHECKING:
    from seqmelody.model import MelodyModel
    from seqmelody.transcription import Alignment


def run_align(
    audio: Path,
    notes: Path | None,
    format_name: str | None,
    output: str | None,
    model_path: Path | None,
) -> bool:
    """Align one recording, or all of a folder with the lists beside them.

    Returns:
        Whether everything was written; what was not is reported, and does not stop the others.

    Raises:
        InputError: the one list, or all of a folder.
        CheckpointError: no usable model.
        OutputError: nothing can be written there.
        typer.BadParameter: the arguments do not fit together.
    """
    if os.path.isdir(audio) and notes is not None:
        raise typer.BadParameter("a folder brings its lists, x.txt beside x.wav; leave NOTES out")
    plan = make_plan([audio], format_name, output)
    _check_lists_survive(plan, notes)
    listed = None
    if plan.folder is None:  # complain before torch is imported; and read once, it may be a pipe
        check_recording(audio)
        listed = read_note_list(notes or list_beside(audio))
    from seqmelody.model import load_model

    model = load_model(model_path)
    if plan.folder is not None:
        make_folder(plan.folder)
    # Each, whatever fails.
    written = [_align_job(job, notes, listed, plan, model) for job in plan.jobs]
    return all(written)


def run_check(audio: Path, notes: Path | None, as_json: bool, model_path: Path | None) -> str:
    """The score check of one recording as text or JSON. Raises as :func:`run_align`."""
    check_recording(audio)
    pitches = read_note_list(notes or list_beside(audio))
    from seqmelody.model import load_model
    from seqmelody.score_check import check_to_json, check_to_text

    done = _align(audio, notes or list_beside(audio), pitches, load_model(model_path))
    return check_to_json(done.notes, done.duration) if as_json else check_to_text(done.notes)


def _align_job(
    job: Job, notes: Path | None, listed: list[int] | None, plan: Plan, model: MelodyModel
) -> bool:
    """Align a recording with ``listed``, or else with the list in its file."""
    from seqmelody.score_check import render_alignment

    format_name = next(name for name, writer in WRITERS.items() if writer is plan.writer)
    path = notes or list_beside(job.source)
    try:
        pitches = read_note_list(path) if listed is None else listed
        done = _align(job.source, path, pitches, model)
        write_notes(job.target, render_alignment(format_name, done.notes, done.duration))
    except SeqMelodyError as error:
        typer.echo(error_line(error), err=True)
        return False
    return True


def _align(audio: Path, path: Path, pitches: Sequence[int], model: MelodyModel) -> Alignment:
    from seqmelody.audio import SAMPLE_RATE, load
    from seqmelody.transcription import align

    waveform = load(audio)  # names the recording in what it raises; after it, only the list can err
    try:
        return align(waveform, pitches, SAMPLE_RATE, model=model)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def check_recording(audio: Path) -> None:
    """Raise InputError if it is no file; the list looked for beside it is not to blame."""
    if not audio.is_file():
        what = "is a folder, not a recording" if audio.is_dir() else "no such file"
        raise InputError(f"{audio}: {what}; check the path")


def _check_lists_survive(plan: Plan, notes: Path | None) -> None:
    for job in plan.jobs:
        read = notes or list_beside(job.source)
        if job.target is not None and job.target.resolve() == read.resolve():
            raise InputError(f"{job.target}: the result would replace the note list; change -o")
