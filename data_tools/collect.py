"""Collect a bank: single notes from SoundFonts, sample folders and synthesis, noises, rooms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from data_tools import samples as sampled
from data_tools import soundfonts, tones
from data_tools.progress import track
from seqmelody.audio import SAMPLE_RATE, find_audio
from seqmelody.banks import Sound, Source, write_bank
from seqmelody.errors import InputError

FLUID = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")  # Debian package fluid-soundfont-gm
MUSESCORE = Path("/usr/share/sounds/sf3/MuseScore_General_Full.sf3")  # musescore-general-soundfont


@dataclass(frozen=True, slots=True)
class BankConfig:
    """What goes into a bank.

    Attributes:
        fonts: SoundFonts; None stands for those of Debian that are installed.
        samples: folders with one folder of single notes for each instrument.
        noise: folders of noise recordings.
        rooms: folder of impulse responses.
        compact: at most 50 MB, to train on a machine without SoundFonts.
        timbres: synthetic ones.
        seed: of every random choice.
    """

    fonts: list[Path] | None = None
    samples: list[Path] = field(default_factory=list)
    noise: list[Path] = field(default_factory=list)
    rooms: Path | None = None
    compact: bool = False
    timbres: int = 60
    seed: int = 0

    @property
    def pitch_step(self) -> int:
        """Semitones from one rendered note to the next."""
        return 7 if self.compact else 2

    @property
    def seconds(self) -> float:
        """Longest note."""
        return 1.0 if self.compact else 2.6

    @property
    def noise_seconds(self) -> float:
        """Longest noise."""
        return 4.0 if self.compact else 90.0


def collect(folder: Path, config: BankConfig) -> dict[str, int]:
    """Write the bank; return how many sounds of each kind it holds.

    Raises:
        InputError: a SoundFont or a folder is missing or empty.
    """
    for place in [*config.noise, *([config.rooms] if config.rooms else [])]:
        find_audio(place)  # complain now, before the notes are rendered
    notes = _notes(config)  # complains of SoundFonts now, and renders later
    counts = {}
    if config.noise:
        sources, sounds = _noises(config)
        counts["noises"] = write_bank(folder, "noise", sources, track(sounds, "Noise"))
    if config.rooms:
        sources = [_recordings(config.rooms)]
        counts["rooms"] = write_bank(folder, "rooms", sources, sampled.read_rooms(config.rooms, 0))
    # Last, since a bank with notes is taken for a whole one.
    sources, sounds = notes
    counts["notes"] = write_bank(folder, "notes", sources, track(sounds, "Notes"))
    return counts


def _notes(config: BankConfig) -> tuple[list[Source], Iterator[Sound]]:
    """All note sources, and a generator over their sounds."""
    step, seconds, seed = config.pitch_step, config.seconds, config.seed
    sources: list[Source] = []
    parts: list[Iterator[Sound]] = []
    for font in _fonts(config):
        parts.append(
            soundfonts.render_notes(font, len(sources), pitch_step=step, seconds=seconds, seed=seed)
        )
        sources += soundfonts.program_sources(font)
    for folder in config.samples:
        sample_step = step if config.compact else 0
        parts.append(
            sampled.read_notes(folder, len(sources), seconds=seconds, pitch_step=sample_step)
        )
        sources += sampled.sample_sources(folder)
    parts.append(
        tones.synthesise_tones(
            config.timbres, len(sources), pitch_step=step, seconds=seconds, seed=seed
        )
    )
    sources += tones.tone_sources(config.timbres, seed)
    return sources, (sound for part in parts for sound in part)


def _fonts(config: BankConfig) -> list[Path]:
    """FluidR3, without which there is no bank unless asked for, and MuseScore's if it is there."""
    fonts = config.fonts
    if fonts is None:
        fonts = [FLUID, *([MUSESCORE] if MUSESCORE.exists() else [])]
    for font in fonts:
        if not font.exists():
            raise InputError(
                f"{font}: no such SoundFont; 'apt-get install fluid-soundfont-gm' "
                "brings the default one, --no-soundfont does without"
            )
    return fonts


def _noises(config: BankConfig) -> tuple[list[Source], Iterator[Sound]]:
    """One source for each folder of noise, and a generator over their sounds."""
    count = int(config.noise_seconds * SAMPLE_RATE)
    sounds = (
        Sound(sound.samples[:count], sound.pitch, number)
        for number, folder in enumerate(config.noise)
        for sound in sampled.read_noises(folder, number)
    )
    return [_recordings(folder) for folder in config.noise], sounds


def _recordings(folder: Path) -> Source:
    return Source(folder.name, str(folder), sampled.stated_licence(folder))
