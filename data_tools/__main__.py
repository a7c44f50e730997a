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
        list[Path] | None,
        typer.Option(help="General MIDI SoundFont; FluidR3 of Debian unless said."),
    ] = None,
    no_soundfont: Annotated[
        bool, typer.Option("--no-soundfont", help="Render no SoundFont.")
    ] = False,
    samples: Annotated[
        list[Path] | None,
        typer.Option(help="Folder with one folder of single notes for each instrument."),
    ] = None,
    noise: Annotated[list[Path] | None, typer.Option(help="Folder of noise recordings.")] = None,
    rooms: Annotated[Path | None, typer.Option(help="Folder of impulse responses.")] = None,
    compact: Annotated[
        bool, typer.Option(help="At most 50 MB: fewer pitches, shorter notes and noises.")
    ] = False,
    timbres: Annotated[int, typer.Option(min=0, help="Synthetic timbres of our own.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 0,
) -> None:
    """Collect single notes and noises into a bank.

    Example: python -m data_tools bank data/bank --samples ../shared/data/notes
    --noise ../shared/data/noise/moodist
    """
    step, seconds, noise_seconds = (7, 1.0, 4.0) if compact else (2, 2.6, 90.0)
    sources, sounds = _notes(
        [] if no_soundfont else soundfont or [FLUID],
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
    if rooms:
        from data_tools.samples import read_rooms

        source = Source(rooms.name, str(rooms), "as stated beside the recordings")
        typer.echo(f"{write_bank(folder, 'rooms', [source], read_rooms(rooms, 0))} rooms")


def _notes(
    fonts: list[Path],
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
    for font in fonts:
        if not font.exists():
            raise InputError(
                f"{font}: no such SoundFont; 'apt-get install fluid-soundfont-gm' "
                "brings the default one, --no-soundfont does without"
            )
        parts.append(
            soundfonts.render_notes(font, len(sources), pitch_step=step, seconds=seconds, seed=seed)
        )
        sources += soundfonts.program_sources(font)
    for folder in samples:
        parts.append(
            sampled.read_notes(folder, len(sources), seconds=seconds, pitch_step=sample_step)
        )
        sources += sampled.sample_sources(folder)
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
def fetch(
    folder: Annotated[Path, typer.Argument(help="Where to put a folder for each instrument.")],
) -> None:
    """Fetch sampled instruments (CC-BY 3.0) from the npm registry, to name in 'bank --samples'.

    Example: python -m data_tools fetch data/npm
    """
    from data_tools.npm_samples import fetch as fetch_samples

    typer.echo(f"{fetch_samples(folder)} instruments fetched into {folder}")


@app.command()
def voice(
    folder: Annotated[Path, typer.Argument(help="The bank to add the takes to; it has tunes.")],
    hours: Annotated[float, typer.Option(min=0.001, help="Hours of singing.")] = 8.0,
    seconds: Annotated[float, typer.Option(min=5.0, help="Length of a take.")] = 20.0,
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 0,
) -> None:
    """Sing takes with the voice synthesiser: voices, hums and whistles.

    Example: python -m data_tools voice data/bank --hours 8
    """
    from data_tools.voice.takes import sing_takes
    from seqmelody.banks import TuneBank
    from seqmelody.takes import write_takes

    count = max(1, round(hours * 3600 / seconds))
    sung = track(sing_takes(count, seconds, TuneBank(folder), seed), "Singing", total=count)
    source = Source("voice", "seqmelody data_tools.voice", "MIT", continuous=True)
    typer.echo(f"{write_takes(folder, [source], sung)} takes in {folder}")


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
    source: Annotated[str, typer.Option(help="Instrument of the bank.")] = "notes/flute",
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
