"""Who sings, and how: drawn at random, one singer for each take.

Ranges are those of untrained singers. Intonation, glides and gaps are spread around what was
measured on amateurs' sight-singing (``benchmarks/results/voice``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

KINDS: tuple[tuple[str, float], ...] = (("sung", 0.72), ("hum", 0.14), ("whistle", 0.14))
VOICES = {  # name: (lowest and highest MIDI pitch, vocal tract: formants relative to a man's)
    "man": (40, 67, 1.0),
    "woman": (52, 79, 1.16),
    "child": (57, 84, 1.32),
}
WHISTLE_RANGE = (72, 103)


@dataclass(frozen=True, slots=True)
class Singer:
    """One singer on one occasion. Pitches and their deviations are in semitones."""

    kind: str  # sung, hum or whistle
    low: int  # lowest comfortable MIDI pitch
    high: int
    tract: float  # formant frequencies relative to a man's
    singers_formant: bool
    tilt: float  # harmonic k of the glottal pulse has amplitude k ** -tilt
    breath: float  # aspiration relative to the pulses
    jitter: float  # standard deviation of fast fluctuation of the pitch
    drift: float  # standard deviation of slow fluctuation
    fall: float  # in the last moments of a note before a silence; negative: it rises
    shimmer_db: float
    tuning: float  # off A440
    wander: float  # of the reference, over the take
    looseness: float  # standard deviation of single notes
    damping: float  # of the step from pitch to pitch; below 1 it overshoots
    glide_seconds: float  # from pitch to pitch
    scoop_share: float  # of notes after a silence that start below
    scoop: float
    vibrato_depth: float
    vibrato_rate: float  # Hz
    vibrato_delay: float  # seconds
    legato_share: float  # of notes that follow without a consonant
    gap_seconds: float  # typical length of a consonant
    dynamics_db: float  # standard deviation of the level of notes
    vowels: int  # how many different vowels the text has


def draw_singer(rng: np.random.Generator) -> Singer:
    """A random singer."""
    names, weights = zip(*KINDS, strict=True)
    kind = str(rng.choice(names, p=weights))
    voice = str(rng.choice(list(VOICES)))
    low, high, tract = VOICES[voice]
    if kind == "whistle":
        low, high = WHISTLE_RANGE
    trained = rng.random() < 0.25
    vibrato = rng.random() < (0.9 if trained else 0.3)
    low += int(rng.integers(-3, 6))
    return Singer(
        kind=kind,
        low=low,
        high=min(high + int(rng.integers(-4, 4)), low + 28),
        tract=tract * float(rng.uniform(0.9, 1.1)),
        singers_formant=trained and voice == "man",
        tilt=float(rng.uniform(0.7, 1.9) if kind == "sung" else rng.uniform(1.3, 2.5)),
        breath=float(10 ** rng.uniform(-2.6, -0.9)),
        jitter=float(rng.uniform(0.02, 0.12)),
        drift=float(rng.uniform(0.02, 0.12) if trained else rng.uniform(0.04, 0.3)),
        fall=float(rng.choice([0.0, rng.uniform(-0.5, 3.0)])),
        shimmer_db=float(rng.uniform(0.2, 1.5)),
        tuning=float(rng.uniform(-0.5, 0.5)),
        wander=float(rng.uniform(0.0, 0.2 if trained else 0.6)),
        looseness=float(rng.uniform(0.02, 0.12) if trained else rng.uniform(0.05, 0.35)),
        damping=float(rng.uniform(0.5, 1.0)),
        glide_seconds=float(np.exp(rng.uniform(np.log(0.03), np.log(0.3)))),
        scoop_share=float(rng.uniform(0.0, 0.9)),
        scoop=float(rng.uniform(0.3, 3.5)),
        vibrato_depth=float(rng.uniform(0.15, 1.0)) if vibrato else float(rng.uniform(0, 0.1)),
        vibrato_rate=float(rng.uniform(4.5, 7.5)),
        vibrato_delay=float(rng.uniform(0.05, 0.6)),
        legato_share=float(rng.choice([0.0, 0.1, 0.3, 0.8, 1.0])),
        gap_seconds=float(np.exp(rng.uniform(np.log(0.04), np.log(0.18)))),
        dynamics_db=float(rng.uniform(0.5, 4.0)),
        vowels=int(rng.choice([1, 2, 11], p=[0.35, 0.15, 0.5])),
    )
