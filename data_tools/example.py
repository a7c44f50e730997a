"""The recording in ``examples/``: "Ode to Joy" on a flute, from recorded single notes.

Beethoven's melody (1824) is in the public domain; the notes are the Philharmonia Orchestra's flute
samples, which may be used freely in works. Pink noise at 15 dB stands for the room.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from seqmelody.audio import SAMPLE_RATE
from seqmelody.banks import SoundBank
from seqmelody.errors import InputError
from seqmelody.noise import mix_at_snr, pink
from seqmelody.notes import Note, parse_note_list
from seqmelody.performance import perform

MELODY = "E5 E5 F5 G5 G5 F5 E5 D5 C5 C5 D5 E5 E5 D5 D5"
BEATS = (1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1.5, 0.5, 2)
BEAT_SECONDS, LEAD_SECONDS, SNR_DB = 0.42, 0.4, 15.0


def write_example(bank: Path, source: str, out: Path, *, seed: int = 4) -> None:
    """Play the melody on a source of the note bank (``notes/flute``) and write FLAC."""
    notes, now = [], LEAD_SECONDS
    for pitch, beats in zip(parse_note_list(MELODY), BEATS, strict=True):
        notes.append(Note(now, now + 0.92 * beats * BEAT_SECONDS, pitch))
        now += beats * BEAT_SECONDS
    sounds = SoundBank(bank, "notes")
    names = [s.name for s in sounds.sources]
    if source not in names:
        raise InputError(f"{bank}: holds no {source!r}; it has, for one, {names[0]!r}")
    number = names.index(source)
    rng = np.random.default_rng(seed)
    n_samples = round((now + 0.4) * SAMPLE_RATE)
    dry = perform(notes, sounds, number, n_samples, rng)
    noisy = mix_at_snr(dry, pink(n_samples, rng), SNR_DB, active=np.abs(dry) > 1e-3)
    soundfile.write(out, 0.5 * noisy / np.abs(noisy).max(), SAMPLE_RATE)
