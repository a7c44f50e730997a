"""``seqmelody decode``: plan which notes go where, then decode.

Whatever is wrong with the command itself is found while planning, before torch is imported.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from seqmelody.commands.report import error_line
from seqmelody.errors import InputError, OutputError, SeqMelodyError
from seqmelody.notes import parse_pitch
from seqmelody.writers import (
    DEFAULT_FORMAT,
    WRITERS,
    Writer,
    check_folder,
    check_writable,
    format_of_suffix,
    make_folder,
    write_atomically,
)

if TYPE_CHECKING:
    from seqmelody.transcription import SearchOptions

# Options that a search knows nothing of.
UNHEEDED = {
    "greedy": ("--beam", "--melody-model", "--shortest"),
    "ctcdecode": ("--melody-model", "--shortest"),
}


@dataclass(frozen=True, slots=True)
class Job:
    """One recording and the file its notes go to; None stands for stdout."""

    source: Path
    target: Path | None


@dataclass(frozen=True, slots=True)
class Plan:
    """All jobs of one command; ``folder`` is made for the notes of several recordings."""

    jobs: list[Job]
    writer: Writer
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class SearchChoice:
    """What the options of ``decode`` say of the CTC search, as they were typed; None: not given.

    Attributes:
        search: a name in SEARCH_NAMES.
        beam: width.
        melody_model: ``default`` or a file.
        key: as :class:`~seqmelody.decoding.constraints.Constraints` has it.
        pitch_range: two pitches parted by ``-``.
        shortest: seconds.
        notes: how many are expected.
    """

    search: str | None = None
    beam: int | None = None
    melody_model: str | None = None
    key: str | None = None
    pitch_range: str | None = None
    shortest: float | None = None
    notes: int | None = None

    def given(self) -> list[str]:
        """Names of the options given."""
        values = {
            "--search": self.search,
            "--beam": self.beam,
            "--melody-model": self.melody_model,
            "--key": self.key,
            "--range": self.pitch_range,
            "--shortest": self.shortest,
            "--notes": self.notes,
        }
        return [name for name, value in values.items() if value is not None]

    def check(self, mode: str) -> None:
        """Raises typer.BadParameter if the options do not go with the mode or each other."""
        given = self.given()
        if mode == "window" and given:
            raise typer.BadParameter(
                f"{given[0]} is of the CTC search, which --mode window has not; "
                "leave it out or use --mode ctc, both or joint"
            )
        for name in UNHEEDED.get(self.search or "", ()):
            if name in given:
                raise typer.BadParameter(
                    f"--search {self.search} cannot heed {name}; leave it out or use --search beam"
                )

    def options(self) -> SearchOptions:
        """What the library is told. Raises InputError for what makes no sense."""
        from seqmelody.decoding.beam import BeamConfig
        from seqmelody.decoding.constraints import Constraints
        from seqmelody.decoding.language_model import load_interval_model
        from seqmelody.transcription import SearchOptions

        low, high = _pitch_range(self.pitch_range)
        constraints = Constraints(self.key, low, high, self.shortest, self.notes)
        melody_model = None
        if self.melody_model is not None:
            is_shipped = self.melody_model == "default"
            melody_model = load_interval_model(None if is_shipped else self.melody_model)
        return SearchOptions(
            self.search,
            None if self.beam is None else BeamConfig(width=self.beam),
            melody_model,
            None if constraints == Constraints() else constraints,
        )


def _pitch_range(text: str | None) -> tuple[int | None, int | None]:
    """``C3-C6`` or ``48-84``. Raises InputError for what is no range."""
    if text is None:
        return None, None
    for at, letter in enumerate(text):
        if letter != "-":
            continue  # a name such as C-1 holds one too, so each is tried
        try:
            return parse_pitch(text[:at].strip()), parse_pitch(text[at + 1 :].strip())
        except InputError:
            pass
    raise InputError(f"--range {text}: no two notes; write for example C3-C6 or 48-84")


def make_plan(audio: Sequence[Path], format_name: str | None, output: str | None) -> Plan:
    """Give each recording a target.

    ``output`` is as it was typed: a file, a folder if one is there or the text ends in a slash, and
    ``-`` for stdout.

    Raises:
        typer.BadParameter: format, suffix and kind of output do not fit together.
        InputError: a folder holds no recording, two would be written to one file, or notes would
            replace a recording.
        OutputError: nothing can be written there.
    """
    path = None if output is None or output == "-" else Path(output)
    in_folder = output is not None and is_folder(output)
    if in_folder or len(audio) > 1 or os.path.isdir(audio[0]):
        if path is None or (format_of_suffix(path.suffix) and not in_folder):
            many = "several recordings" if len(audio) > 1 else "the recordings of a folder"
            raise typer.BadParameter(f"{many} need a folder for their notes: -o DIR")
        writer = WRITERS[format_name or DEFAULT_FORMAT]
        if path.is_dir():  # else it is made
            check_folder(path)
        plan = Plan(_jobs_in_folder(audio, path, writer.suffix), writer, path)
    else:
        if path is not None:
            _check_no_recording(path, audio[0])
        writer = WRITERS[_choose_format(format_name, path)]
        if path is None and writer.binary and sys.stdout.isatty():
            raise typer.BadParameter(f"{writer.suffix} is binary, no text to print; use -o FILE")
        if path is not None:
            check_writable(path)
        plan = Plan([Job(audio[0], path)], writer)
    for job in plan.jobs:
        if job.target is not None:
            _check_no_recording(job.target, job.source)
    return plan


def is_folder(output: str) -> bool:
    """Whether a place for results, as it was typed, is a folder or ends in a slash to name one."""
    return os.path.isdir(output) or output.endswith(("/", os.sep))


def _check_no_recording(target: Path, source: Path) -> None:
    """Raise InputError if notes would replace their recording, or be named as another one is."""
    if target.resolve() == source.resolve():
        raise InputError(f"{source}: the notes would replace the recording; change -o")
    suffixes = {target.suffix.lower(), target.resolve().suffix.lower()}  # of a link, its file's
    if all(suffix == "" or format_of_suffix(suffix) for suffix in suffixes):
        return
    from seqmelody.audio import AUDIO_SUFFIXES  # brings soundfile; notes have no such suffix

    if suffixes & AUDIO_SUFFIXES:
        raise InputError(
            f"{target}: notes under the name of a recording; give the file another suffix"
        )


def run(
    plan: Plan,
    mode: str,
    model_path: Path | None,
    choice: SearchChoice | None = None,
    min_confidence: float = 0.0,
    intonation: bool = False,
) -> bool:
    """Decode and write every job; a broken recording is reported and does not stop the others.

    Returns:
        Whether everything was written.

    Raises:
        InputError: an option makes no sense.
        CheckpointError: no usable model.
        OutputError: the folder for the notes cannot be made.
    """
    # Here, not on top: torch takes seconds to import.
    from rich.console import Console
    from rich.progress import track

    from seqmelody.model import load_model
    from seqmelody.transcription import transcribe

    # Without a choice nothing is imported for it.
    options = choice.options() if choice is not None and choice.given() else None
    model = load_model(model_path)
    if plan.folder is not None:
        make_folder(plan.folder)
    console = Console(stderr=True)
    quiet = len(plan.jobs) == 1 or not console.is_terminal
    complete = True
    for job in track(plan.jobs, "decoding", console=console, transient=True, disable=quiet):
        try:
            melody = transcribe(
                job.source,
                mode=mode,
                model=model,
                options=options,
                min_confidence=min_confidence,
                intonation=intonation,
            )
            data = plan.writer.render(melody.notes, melody.duration, melody.disagreements)
            write_notes(job.target, data)
            if not (melody.notes or melody.disagreements):
                least = f" of a confidence of {min_confidence:g}" if min_confidence else ""
                said = f"seqmelody: {job.source}: no note{least} was found"
                console.print(said, soft_wrap=True, markup=False, highlight=False)
        except SeqMelodyError as error:
            complete = False
            # soft_wrap: one line however narrow the terminal.
            console.print(error_line(error), soft_wrap=True, markup=False, highlight=False)
    return complete


def _choose_format(format_name: str | None, output: Path | None) -> str:
    """The format asked for by name, by suffix, or by neither. Two that differ are wrong usage."""
    suffix = "" if output is None else output.suffix
    by_suffix = format_of_suffix(suffix)
    if format_name and by_suffix and format_name != by_suffix:
        raise typer.BadParameter(
            f"--format {format_name} contradicts the suffix of {output}; leave one of them out"
        )
    if suffix and not (format_name or by_suffix):
        raise typer.BadParameter(
            f"no format has the suffix of {output}; add --format ({', '.join(WRITERS)})"
        )
    return format_name or by_suffix or DEFAULT_FORMAT


def _jobs_in_folder(audio: Sequence[Path], output: Path, suffix: str) -> list[Job]:
    """Targets below ``output`` that lie as the recordings lie below the folder they came with."""
    jobs: dict[Path, Job] = {}
    for given in audio:
        for source in _recordings(given):
            relative = source.relative_to(given) if source != given else Path(source.name)
            target = output / relative.with_suffix(suffix)
            earlier = jobs.setdefault(target, Job(source, target)).source
            if earlier.resolve() != source.resolve():
                raise InputError(
                    f"{earlier} and {source} would both be written to {target}; "
                    "rename one or decode them into different folders"
                )
    return list(jobs.values())


def _recordings(given: Path) -> list[Path]:
    """Those below a folder, or the one recording itself."""
    if not os.path.isdir(given):
        return [given]
    from seqmelody.audio import find_audio  # brings soundfile, which one file need not wait for

    return find_audio(given)


def write_notes(target: Path | None, data: bytes) -> None:
    """Write whole to a file, or to stdout where there is no target. Raises OutputError."""
    if target is not None:
        make_folder(target.parent)
        write_atomically(target, data)
        return
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        # What the buffer still holds must not fail a second time when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OutputError(f"stdout: cannot be written ({error.strerror}); use -o FILE") from None
