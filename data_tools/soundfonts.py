"""Single notes out of a General MIDI SoundFont, rendered with FluidSynth.

Programs with several octaves sounding at once (organs, fifths), inharmonic ones (bells) and sound
effects are left out: their pitch is ambiguous. What remains is checked by measurement anyway.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soxr

from data_tools.pitch_check import measure_pitch
from seqmelody.audio import SAMPLE_RATE
from seqmelody.banks import Sound, Source
from seqmelody.errors import InputError

RENDER_RATE = 48_000  # FluidSynth does not low-pass when it lowers a sample's rate; soxr does
ORIGINS = {  # file: (package, licence)
    "FluidR3_GM.sf2": ("Debian fluid-soundfont-gm", "MIT"),
    "MuseScore_General_Full.sf3": ("Debian musescore-general-soundfont", "MIT"),
}
CONTINUOUS = frozenset([*range(40, 45), *range(48, 55), *range(56, 80), *range(80, 92), 110, 111])
PIANOS = range(0, 4)
PIANO_WEIGHT = 4.0  # people play pianos more often than shamisens
PROGRAMS = (
    *range(0, 8), 9, 10, 11, 12, 13, 15, 20, 21, 22, 23, *range(24, 31), *range(32, 46), 46,
    *range(48, 55), *range(56, 86), 87, 89, 91, 104, 105, 106, 107, 108, 110, 111, 114,
)  # fmt: skip
RANGES = {  # (lowest, highest) MIDI pitch worth rendering, by General MIDI family
    0: (28, 104), 1: (48, 108), 2: (40, 96), 3: (36, 92), 4: (28, 67), 5: (28, 100), 6: (40, 96),
    7: (30, 90), 8: (34, 96), 9: (55, 108), 10: (36, 100), 11: (40, 96), 13: (43, 91),
    14: (48, 96),
}  # fmt: skip


def program_sources(font: Path) -> list[Source]:
    """One source for each program."""
    origin, licence = ORIGINS.get(font.name, (str(font), "as the SoundFont states"))
    return [
        Source(
            f"{font.stem}/{program:03d}",
            origin,
            licence,
            program in CONTINUOUS,
            PIANO_WEIGHT if program in PIANOS else 1.0,
        )
        for program in PROGRAMS
    ]


def render_notes(
    soundfont: Path, first_source: int, *, pitch_step: int, seconds: float, seed: int
) -> Iterator[Sound]:
    """Every ``pitch_step``-th semitone of every program, at a random velocity."""
    try:
        import fluidsynth
    except ImportError as error:  # the package, or the library under it
        raise InputError(
            f"cannot render {soundfont} ({error}); install pyfluidsynth and FluidSynth, "
            "or leave the SoundFont out with --no-soundfont"
        ) from None
    rng = np.random.default_rng(seed)
    synth = fluidsynth.Synth(samplerate=float(RENDER_RATE), gain=0.4)
    synth.setting("synth.reverb.active", 0)
    synth.setting("synth.chorus.active", 0)
    font = synth.sfload(str(soundfont))
    if font == -1:  # FluidSynth's FLUID_FAILED
        raise InputError(f"{soundfont}: FluidSynth cannot read it; name a SoundFont 2 file")
    for number, program in enumerate(PROGRAMS):
        low, high = RANGES[program // 8]
        first = low + int(rng.integers(pitch_step))
        for pitch in range(first, high + 1, pitch_step):
            synth.program_select(0, font, 0, program)
            samples = _render_one(synth, pitch, int(rng.integers(50, 125)), seconds)
            measured = measure_pitch(samples, pitch)
            if measured is not None:
                yield Sound(samples, measured, first_source + number)
    synth.delete()


def _render_one(synth: object, pitch: int, velocity: int, seconds: float) -> np.ndarray:
    """One held note as mono samples at SAMPLE_RATE, peak 0.5, leading silence cut."""
    synth.noteon(0, pitch, velocity)  # type: ignore[attr-defined]
    stereo = synth.get_samples(int(seconds * RENDER_RATE))  # type: ignore[attr-defined]
    synth.all_sounds_off(0)  # type: ignore[attr-defined]
    synth.get_samples(RENDER_RATE // 10)  # type: ignore[attr-defined]
    mono = stereo.reshape(-1, 2).mean(axis=1).astype(np.float32)
    return trim(soxr.resample(mono, RENDER_RATE, SAMPLE_RATE))


def trim(samples: np.ndarray, peak: float = 0.5) -> np.ndarray:
    """Cut what lies before 3 % of the peak (the onset must be where the sound starts); scale."""
    top = float(np.abs(samples).max(initial=0.0))
    if top < 1e-4:
        return samples[:0]
    first = int(np.argmax(np.abs(samples) > 0.03 * top))
    first = max(0, first - SAMPLE_RATE // 500)
    kept = samples[first:] * (peak / top)
    loud = np.flatnonzero(np.abs(kept) > 0.002 * peak)
    return np.asarray(kept[: int(loud[-1]) + 1], dtype=np.float32)
