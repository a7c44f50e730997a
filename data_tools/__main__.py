"""Command line of the data tools: ``python -m data_tools --help``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import track

from seqmelody.banks import Sound, Source, write_bank
from seqmelody.errors import InputError, SeqMelodyError

FLUID = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")  # Debian package fluid-soundfont-gm
app = typer.Typer(help="Make the data that SeqMelody trains on.", no_args_is_help=True)


@app.command()
def bank(
    folder: Annotated[Path, typer.Argument(help="Where to write the bank.")],
    soundfont: Annotated[
        Path, typer.Option(help="General MIDI SoundFont (.sf2, MIT-licensed FluidR3).")
    ] = FLUID,
    no_soundfont: Annotated[
        bool, typer.Option("--no-soundfont", help="Render no SoundFont.")
    ] = False,
    samples: Annotated[
        list[Path] | None,
        typer.Option(help="Folder with one folder of single notes for each instrument."),
    ] = None,
    noise: Annotated[list[Path] | None, typer.Option(help="Folder of noise recordings.")] = None,
    compact: Annotated[
        bool, typer.Option(help="At most 50 MB: fewer pitches, shorter notes and noises.")
    ] = False,
    timbres: Annotated[int, typer.Option(min=0, help="Synthetic timbres of our own.")] = 60,
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 0,
) -> None:
    """Collect single notes and noises into a bank.

    Example: python -m data_tools bank data/bank --samples ../shared/data/notes
    --noise ../shared/data/noise/moodist
    """
    step, seconds, noise_seconds = (7, 1.0, 4.0) if compact else (2, 2.6, 90.0)
    sources, sounds = _notes(
        None if no_soundfont else soundfont,
        samples or [],
        timbres,
        step,
        step if compact else 0,
        seconds,
        seed,
    )
    noise_sources, noise_sounds = _noises(noise or [], noise_seconds)
    count = write_bank(folder, "notes", sources, track(sounds, description="Notes"))
    typer.echo(f"{count} notes of {len(sources)} instruments in {folder}")
    if noise:
        count = write_bank(folder, "noise", noise_sources, track(noise_sounds, description="Noise"))
        typer.echo(f"{count} noises in {folder}")


def _notes(
    soundfont: Path | None,
    samples: list[Path],
    timbres: int,
    step: int,
    sample_step: int,
    seconds: float,
    seed: int,
) -> tuple[list[Source], Iterator[Sound]]:
    """All note sources, and a generator over their sounds."""
    from data_tools import samples as sampled
    from data_tools import soundfonts, tones

    sources: list[Source] = []
    parts: list[Iterator[Sound]] = []
    if soundfont is not None:
        if not soundfont.exists():
            raise InputError(
                f"{soundfont}: no such SoundFont; 'apt-get install fluid-soundfont-gm' "
                "brings the default one, --no-soundfont does without"
            )
        parts.append(
            soundfonts.render_notes(
                soundfont, len(sources), pitch_step=step, seconds=seconds, seed=seed
            )
        )
        sources += soundfonts.program_sources("fluid", "Debian fluid-soundfont-gm", "MIT")
    for folder in samples:
        parts.append(
            sampled.read_notes(folder, len(sources), seconds=seconds, pitch_step=sample_step)
        )
        sources += sampled.sample_sources(folder, "free to use in works / CC0")
    tone_notes = tones.synthesise_tones(
        timbres, len(sources), pitch_step=step, seconds=seconds, seed=seed
    )
    sources += tones.tone_sources(timbres, seed)
    return sources, (sound for part in [*parts, tone_notes] for sound in part)


def _noises(folders: list[Path], seconds: float) -> tuple[list[Source], Iterator[Sound]]:
    """One source for each folder of noise, and a generator over their sounds."""
    from data_tools.samples import read_noises
    from seqmelody.audio import SAMPLE_RATE, find_audio

    for folder in folders:
        find_audio(folder)  # complain now, before the notes are rendered
    sources = [Source(f.name, str(f.name), "Pixabay or CC0") for f in folders]
    count = int(seconds * SAMPLE_RATE)
    sounds = (
        Sound(sound.samples[:count], sound.pitch, number)
        for number, folder in enumerate(folders)
        for sound in read_noises(folder, number)
    )
    return sources, sounds


@app.command()
def tunes(
    folder: Annotated[Path, typer.Argument(help="The bank to add the tunes to.")],
    limit: Annotated[int | None, typer.Option(min=1, help="Read only this many files.")] = None,
    processes: Annotated[int, typer.Option(min=1, help="Processes to read with.")] = 2,
) -> None:
    """Collect the melodies of the music21 corpora.

    Example: python -m data_tools tunes data/bank
    """
    from data_tools.tunes import collect_tunes

    typer.echo(f"{collect_tunes(folder, limit=limit, processes=processes)} tunes in {folder}")


@app.command()
def example(
    folder: Annotated[Path, typer.Argument(help="A bank with the source.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="FLAC file to write.")],
    source: Annotated[str, typer.Option(help="Instrument of the bank.")] = "samples/flute",
) -> None:
    """Play the example melody on an instrument of a bank.

    Example: python -m data_tools example data/bank -o examples/ode_to_joy.flac
    """
    from data_tools.example import write_example

    write_example(folder, source, output)


def main() -> None:
    """Run the command line; errors are one line each."""
    try:
        app(standalone_mode=True)
    except SeqMelodyError as error:
        sys.exit(_complain(error))


def _complain(error: Any) -> int:
    print(f"data_tools: error: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    main()
