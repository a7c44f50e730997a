"""Render a set of clips from public packages alone, so that anybody can repeat the benchmark.

    python -m benchmarks.public_set data/public
    python -m benchmarks.public_set data/repeats --phrases repeats
    python -m benchmarks.noise_robustness run --sets data/public --noises white,pink,babble

The sound is TimGM6mb (Tim Brechbill), which comes inside the ``pretty_midi`` wheel and which no
training data is made of; FluidSynth plays it. The tunes come inside ``music21``, from the part of
them that is kept for tests (``data_tools/tunes.py``). Every clip is put together from samples that
are written beside it, so that the oracle (``benchmarks/oracle.py``) can be told them.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import soundfile
import soxr
import typer

from benchmarks.peers.base import SAMPLE_RATE, FloatArray, NotInstalledError
from benchmarks.rows import make_folder, write_whole
from benchmarks.sample_bank import SampleBank, cached_bank
from data_tools.tunes import collect_tunes
from seqmelody import InputError, Note, SeqMelodyError
from seqmelody.banks import TuneBank
from seqmelody.phrases import PhraseConfig, make_phrase

RENDER_RATE = 48_000  # FluidSynth does not low-pass when it lowers a sample's rate; soxr does
SAMPLE_SECONDS = 2.0
SETTLE_SECONDS = 1.0  # for a note to die away before the next is rendered
PEAK = 0.5
LOUDNESS_DB = 4.0  # standard deviation of the loudness of notes
CLIP_SECONDS = 10.0
SEED = 2718
TUNE_FILES = 6  # of music21's 76: they hold hundreds of tunes, of which one in twenty is for tests
MIXED = PhraseConfig(kinds=(("tune", 0.7), ("walk", 0.1), ("leaps", 0.1), ("repeats", 0.1)))
# Three to ten notes a second, most of them of the pitch before.
REPEATS = PhraseConfig(kinds=(("repeats", 1.0),), ornament_share=0.0, slowest=0.35, fastest=0.2)
PHRASES = {"mixed": MIXED, "repeats": REPEATS}
Play = Callable[["Instrument", int], FloatArray]  # a held note's samples, SAMPLE_SECONDS long


@dataclass(frozen=True, slots=True)
class Instrument:
    """A program of General MIDI and the two octaves that it plays here."""

    program: int
    name: str
    lowest: int
    highest: int


INSTRUMENTS = (
    Instrument(0, "piano", 53, 77),
    Instrument(11, "vibraphone", 60, 84),
    Instrument(24, "guitar", 48, 72),
    Instrument(40, "violin", 60, 84),
    Instrument(42, "cello", 40, 64),
    Instrument(56, "trumpet", 58, 82),
    Instrument(71, "clarinet", 52, 76),
    Instrument(73, "flute", 64, 88),
)


def public_set(
    folder: Annotated[Path, typer.Argument(help="Folder to write the set into.")],
    clips: Annotated[int, typer.Option(help="How many.", min=1)] = 40,
    phrases: Annotated[str, typer.Option(help=f"One of {', '.join(PHRASES)}.")] = "mixed",
) -> None:
    """Render samples and clips; write manifest.jsonl."""
    try:
        if phrases not in PHRASES:
            raise InputError(f"--phrases {phrases!r} is unknown; use one of {', '.join(PHRASES)}")
        font = _soundfont()
        with tempfile.TemporaryDirectory() as tunes:
            collect_tunes(Path(tunes), limit=TUNE_FILES)
            write_set(
                folder, TuneBank(Path(tunes), "test"), Player(font).play, clips, PHRASES[phrases]
            )
    except SeqMelodyError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"wrote {clips} clips into {folder}")


def write_set(
    folder: Path, tunes: TuneBank, play: Play, clips: int, phrases: PhraseConfig = MIXED
) -> None:
    """Samples of all instruments, and clips of them in turn."""
    make_folder(folder)
    banks = {}
    for instrument in INSTRUMENTS:
        banks[instrument.name] = path = folder / "samples" / f"{instrument.name}.flac"
        pitches = range(instrument.lowest, instrument.highest + 1)
        SampleBank(
            instrument.lowest, np.stack([play(instrument, pitch) for pitch in pitches])
        ).write(path)
    lines = []
    for index in range(clips):
        instrument = INSTRUMENTS[index % len(INSTRUMENTS)]
        # Read back: the clip shall be made of what the oracle will read, to the last bit.
        bank = cached_bank(banks[instrument.name])
        samples, notes = compose(bank, tunes, phrases, np.random.default_rng([SEED, index]))
        name = f"{index:03d}.flac"
        soundfile.write(folder / name, samples, SAMPLE_RATE, subtype="PCM_16")
        entry = {
            "audio": name,
            "instrument": instrument.name,
            "samples": banks[instrument.name].relative_to(folder).as_posix(),
            "notes": [[n.onset, n.offset, n.pitch] for n in notes],
        }
        lines.append(json.dumps(entry) + "\n")
    write_whole(folder / "manifest.jsonl", "".join(lines))


def compose(
    bank: SampleBank, tunes: TuneBank, phrases: PhraseConfig, rng: np.random.Generator
) -> tuple[FloatArray, list[Note]]:
    """One clip: its sound, shape (samples,), and its notes, to the millisecond."""
    phrase = make_phrase(phrases, tunes, bank.lowest, bank.highest, CLIP_SECONDS - 0.2, rng)
    samples: FloatArray = np.zeros(round(CLIP_SECONDS * SAMPLE_RATE), dtype=np.float32)
    notes = []
    for written in phrase:
        onset = round(written.onset, 3)
        seconds = min(round(written.duration, 3), bank.seconds)
        sound = bank.note(round(written.pitch), seconds)
        first = round(onset * SAMPLE_RATE)
        loudness = np.float32(10 ** (min(0.0, rng.normal(-LOUDNESS_DB, LOUDNESS_DB)) / 20))
        span = samples[first : first + len(sound)]
        span += loudness * sound[: len(span)]
        notes.append(Note(onset, round(onset + seconds, 3), round(written.pitch)))
    return samples, notes


class Player:
    """FluidSynth with a SoundFont, without reverb and chorus."""

    def __init__(self, font: Path) -> None:
        """Raises NotInstalledError without the library."""
        try:
            import fluidsynth
        except ImportError as error:  # the package, or the library under it
            raise NotInstalledError(
                f"FluidSynth is missing ({error}); pip install 'seqmelody[bench]' and "
                "apt install libfluidsynth3"
            ) from None
        self._synth = fluidsynth.Synth(samplerate=float(RENDER_RATE), gain=0.4)
        self._synth.setting("synth.reverb.active", 0)
        self._synth.setting("synth.chorus.active", 0)
        self._font = self._synth.sfload(str(font))

    def play(self, instrument: Instrument, pitch: int) -> FloatArray:
        """A held note, mono, with a peak of PEAK."""
        self._synth.program_select(0, self._font, 0, instrument.program)
        self._synth.noteon(0, pitch, 100)
        stereo = self._synth.get_samples(round(SAMPLE_SECONDS * RENDER_RATE))
        self._synth.all_sounds_off(0)
        self._synth.get_samples(round(SETTLE_SECONDS * RENDER_RATE))
        mono = stereo.reshape(-1, 2).mean(axis=1)
        samples = soxr.resample(mono, RENDER_RATE, SAMPLE_RATE)
        return np.asarray(samples * PEAK / np.abs(samples).max(), dtype=np.float32)


def _soundfont() -> Path:
    try:
        import pretty_midi
    except ImportError:
        raise NotInstalledError(
            "the SoundFont comes with pretty_midi; pip install 'seqmelody[bench]'"
        ) from None
    return Path(pretty_midi.__file__).parent / "TimGM6mb.sf2"


if __name__ == "__main__":
    typer.run(public_set)
