"""A phrase played on an instrument of the note bank: dry, monophonic sound.

Each note is the bank's nearest recording, read at a varying speed: that tunes it, and gives glides
from the note before, vibrato and drift to instruments whose pitch can move.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqmelody.audio import SAMPLE_RATE
from seqmelody.banks import SoundBank
from seqmelody.notes import Note

FloatArray = NDArray[np.float32]
CONTROL = 160  # samples between two points of a pitch contour: 10 ms
FARTHEST_SEMITONES = 3.5  # that a recording is transposed
SETTLED_SECONDS = 0.2  # after which a recording has its full sound
SWELL_SECONDS = 0.03  # of attack; with less, a repeat without a gap would not be heard
LONG_ATTACK_SECONDS = 0.05  # notes late for another reason as well would begin nowhere near
LATEST_SHARE = 0.6  # of a note that passes before its recording speaks


@dataclass(frozen=True, slots=True)
class Style:
    """How one performance is played; drawn anew for every clip."""

    tuning: float  # semitones off A440, the whole clip
    looseness: float  # standard deviation of single notes, semitones
    vibrato_depth: float  # semitones
    vibrato_rate: float  # Hz
    vibrato_delay: float  # seconds
    glide_share: float  # of notes that start at the last pitch
    glide_seconds: float
    scoop: float  # semitones below at the start
    drift: float  # semitones of slow wandering
    release_seconds: float
    ring_share: float  # of notes that ring on under the next
    dynamics_db: float
    attack_seconds: float
    late_seconds: float  # from the onset until the instrument speaks
    handover_seconds: float  # in which a voice that sounds one note at a time ends the last
    slur_share: float  # of new pitches that are reached without a dip in level
    attack_power: float = 1.0  # over 1: a bow that speaks slowly at first, then swells
    tremolo_db: float = 0.0  # depth of a wavering level, to either side
    tremolo_rate: float = 6.0  # Hz
    abrupt_seconds: float = 0.0  # of fade-in, for notes that begin in mid-sound; 0: they do not
    repeat_gap_seconds: float = 0.0  # of silence before the same note again, where voices hand over
    repeat_release_seconds: float = 0.0  # if any, the last note dies away so under its repetition
    late_spread: float = 0.0  # seconds, at most, by which single recordings speak later still
    hesitation_seconds: float = 0.0  # at most, that half of the recordings whisper before the swell
    hesitation_db: float = 0.0  # by which they are softer meanwhile
    hesitation_swell: float = 0.0  # seconds of swell thereafter, at an even rate in dB


def draw_style(continuous: bool, rng: np.random.Generator) -> Style:
    """A random style that the instrument could play."""
    moving = continuous and rng.random() < 0.75
    vocal = moving and rng.random() < 0.5
    # From tongued pipes to bows that swell for longer than a short note lasts.
    slow = continuous and rng.random() < 0.55
    attack_seconds = float(10 ** rng.uniform(-2.0, -0.7)) if slow else 0.001
    # Pipes and voices cannot sound two notes at once; bowed strings can, a little.
    hands_over = rng.random() < (0.75 if continuous else 0.3)
    return Style(
        tuning=float(np.clip(rng.normal(0, 0.12), -0.4, 0.4)),
        looseness=float(rng.uniform(0.02, 0.25) if vocal else rng.uniform(0.0, 0.06)),
        vibrato_depth=float(rng.uniform(0.05, 0.8)) if moving and rng.random() < 0.6 else 0.0,
        vibrato_rate=float(rng.uniform(4.5, 7.5)),
        vibrato_delay=float(rng.uniform(0.0, 0.4)),
        glide_share=float(rng.uniform(0.2, 0.9)) if vocal else (0.15 if moving else 0.0),
        glide_seconds=float(rng.uniform(0.04, 0.22) if vocal else rng.uniform(0.02, 0.08)),
        scoop=float(rng.uniform(0.0, 3.0)) if vocal else 0.0,
        drift=float(rng.uniform(0.0, 0.25)) if vocal else 0.0,
        release_seconds=float(10 ** rng.uniform(-2.0, -0.5)),
        ring_share=0.0 if continuous else float(rng.choice([0.0, 0.3, 1.0])),
        dynamics_db=float(rng.uniform(0.5, 5.0)),
        attack_seconds=attack_seconds,
        attack_power=float(rng.uniform(1.0, 2.5)),
        late_seconds=float(rng.uniform(0.0, 0.035)) if rng.random() < 0.3 else 0.0,
        # Samples are seldom cut at the very attack; each of them has its own silence before it.
        late_spread=float(rng.uniform(0.0, 0.1))
        if attack_seconds < LONG_ATTACK_SECONDS and rng.random() < 0.25
        else 0.0,
        handover_seconds=float(10 ** rng.uniform(-2.4, -1.3)) if hands_over else 0.0,
        slur_share=float(rng.uniform(0.0, 1.0)) if continuous else 0.0,
        # Keyed and electronic tones have no attack of their own; the gap is all there is to hear.
        abrupt_seconds=float(10 ** rng.uniform(-2.7, -1.8))
        if continuous and rng.random() < 0.25
        else 0.0,
        # A tongue stops the air for a hundredth of a second; a keyboard player lifts for longer.
        repeat_gap_seconds=float(10 ** rng.uniform(-2.5, -1.3)) if rng.random() < 0.7 else 0.0,
        # Or the level falls and rises again, in a V without silence, which beats do as well.
        repeat_release_seconds=float(10 ** rng.uniform(-2.4, -1.5))
        if continuous and (not hands_over or rng.random() < 0.5)
        else 0.0,
        tremolo_db=float(rng.uniform(0.5, 3.0)) if rng.random() < 0.06 else 0.0,
        tremolo_rate=float(rng.uniform(3.0, 9.0)),
        # A bow or a breath may touch the note long before it has it; that begins no second note.
        hesitation_seconds=float(rng.uniform(0.03, 0.12))
        if continuous and rng.random() < 0.15
        else 0.0,
        hesitation_db=float(rng.uniform(8.0, 28.0)),
        hesitation_swell=float(rng.uniform(0.02, 0.12)),
    )


def perform(
    notes: list[Note], bank: SoundBank, source: int, n_samples: int, rng: np.random.Generator
) -> FloatArray:
    """Play notes on one source of the bank; (n_samples,) mono."""
    style = draw_style(bank.sources[source].continuous, rng)
    members = bank.of_source(source)
    lateness = style.late_spread * rng.random(len(members))
    hesitation = style.hesitation_seconds * np.maximum(0.0, rng.uniform(-1, 1, len(members)))
    out = np.zeros(n_samples + SAMPLE_RATE, dtype=np.float32)
    previous = notes[0].pitch if notes else 0.0
    for note in notes:
        chosen = _recording(note, bank, members, rng)
        late = style.late_seconds + float(lateness[chosen])
        late = min(late, LATEST_SHARE * note.duration)
        start = min(round((note.onset + late) * SAMPLE_RATE), n_samples)
        sound = _one_note(note, previous, style, bank, int(members[chosen]), rng)
        if hesitation[chosen]:
            whisper = min(float(hesitation[chosen]), LATEST_SHARE * note.duration - late)
            _hesitate(sound, whisper, style)
        sound = sound[: len(out) - start]
        repeated = note.pitch == previous
        if repeated and style.repeat_release_seconds:
            _let_go(out, round(note.onset * SAMPLE_RATE), style.repeat_release_seconds)
        elif style.handover_seconds:
            gap = style.repeat_gap_seconds if repeated else 0.0
            across = _crosses(repeated, style, rng)
            _end_last(out, start, style.handover_seconds, across, gap)
        out[start : start + len(sound)] += sound
        previous = note.pitch
    return out[:n_samples]


def _crosses(repeated: bool, style: Style, rng: np.random.Generator) -> bool:
    """Whether the last note fades across the new one's beginning: new pitches may be slurred; the
    same one again swells out of what is left of the last, if it has a swell and no gap."""
    if repeated:
        return not style.repeat_gap_seconds and style.attack_seconds >= SWELL_SECONDS
    return bool(rng.random() < style.slur_share)


def _hesitate(played: FloatArray, seconds: float, style: Style) -> None:
    """Soften a note's beginning for so many seconds, and let it swell from there, in place."""
    points = np.array([0.0, seconds, seconds + style.hesitation_swell]) * SAMPLE_RATE
    softer = np.array([style.hesitation_db, style.hesitation_db, 0.0])
    count = min(len(played), round(float(points[-1])))
    played[:count] *= 10 ** (-np.interp(np.arange(count), points, softer) / 20)


def _let_go(out: FloatArray, start: int, seconds: float) -> None:
    """Let what sounds die away from the new note's onset on, in place, by a factor e in
    ``seconds``."""
    tail = out[start:]
    tail *= np.exp(
        np.arange(len(tail), dtype=np.float32) * np.float32(-1 / (seconds * SAMPLE_RATE))
    )


def _end_last(out: FloatArray, start: int, seconds: float, across: bool, gap: float) -> None:
    """Fade what sounds so far, in place: until ``gap`` seconds before the new note, or across its
    beginning."""
    count = round(seconds * SAMPLE_RATE)
    end = start + count // 2 if across else max(0, start - round(gap * SAMPLE_RATE))
    begin = max(0, end - count)
    out[begin:end] *= np.linspace(1, 0, end - begin, dtype=np.float32)
    out[end:] = 0.0


def playable_range(bank: SoundBank, source: int) -> tuple[int, int]:
    """Lowest and highest MIDI pitch that a source can play."""
    pitches = bank.pitch[bank.of_source(source)]
    reach = FARTHEST_SEMITONES - 1
    return int(np.ceil(pitches.min() - reach)), int(np.floor(pitches.max() + reach))


def _recording(
    note: Note, bank: SoundBank, members: NDArray[np.int64], rng: np.random.Generator
) -> int:
    """Which of the members plays a note: one of the nearest in pitch."""
    distance = np.abs(bank.pitch[members] - note.pitch)
    return int(rng.choice(np.flatnonzero(distance <= distance.min() + 1.0)))


def _one_note(
    note: Note,
    previous: float,
    style: Style,
    bank: SoundBank,
    recording: int,
    rng: np.random.Generator,
) -> FloatArray:
    rings = rng.random() < style.ring_share
    release = 0.6 if rings else style.release_seconds
    count = int((note.duration + 3 * release) * SAMPLE_RATE)
    offset = _contour(note, previous, style, count, rng)  # semitones, at control rate
    speed = 2 ** ((note.pitch - bank.pitch[recording] + offset) / 12)
    first = 0
    if style.abrupt_seconds:
        spare = bank.length(recording) - round(note.duration * speed.max() * SAMPLE_RATE)
        first = max(0, min(round(SETTLED_SECONDS * SAMPLE_RATE), spare))
    played = _read_at(bank, recording, speed, count, first)
    _shape(played, note, style, release)
    gain = np.float32(10 ** (rng.normal(0, style.dynamics_db) / 20))
    return np.asarray(played * gain)


def _read_at(
    bank: SoundBank, recording: int, speed: NDArray[np.float64], count: int, first: int = 0
) -> FloatArray:
    """Up to ``count`` samples of a recording from the ``first`` on, read at a varying speed, given
    at control rate; linear interpolation between its samples."""
    coarse = np.concatenate([[0.0], np.cumsum(0.5 * (speed[1:] + speed[:-1]) * CONTROL)])
    position = np.interp(np.arange(count), np.arange(len(coarse)) * CONTROL, coarse)
    samples = bank.read(recording, first, int(position[-1]) + 2)
    position = position[: int(np.searchsorted(position, len(samples) - 1))]
    index = position.astype(np.int32)
    left = samples[index]
    share = (position - index).astype(np.float32)
    return np.asarray(left + (samples[index + 1] - left) * share)


def _contour(
    note: Note, previous: float, style: Style, count: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Deviation from the written pitch in semitones, a point every CONTROL samples."""
    coarse = np.arange(0, count + CONTROL, CONTROL) / SAMPLE_RATE  # seconds
    deviation = np.full(len(coarse), style.tuning + rng.normal(0, style.looseness))
    if style.vibrato_depth:
        grown = np.clip((coarse - style.vibrato_delay) / 0.3, 0, 1)
        phase = 2 * np.pi * (style.vibrato_rate * coarse + rng.random())
        deviation += style.vibrato_depth * grown * np.sin(phase)
    if rng.random() < style.glide_share:
        away = np.clip(previous - note.pitch, -7, 7) or -style.scoop * rng.random()
        glide = min(style.glide_seconds, 0.6 * note.duration)  # short notes are reached in time
        deviation += away * np.exp(-coarse / glide * 2)
    if style.drift:
        deviation += style.drift * np.sin(
            2 * np.pi * (coarse * rng.uniform(0.2, 1.5) + rng.random())
        )
    return deviation


def _shape(played: FloatArray, note: Note, style: Style, release: float) -> None:
    """Soften the attack and let go at the offset, in place."""
    attack = style.abrupt_seconds or style.attack_seconds
    rise = min(len(played), int(attack * SAMPLE_RATE))
    power = np.float32(1.0 if style.abrupt_seconds else style.attack_power)
    played[:rise] *= np.linspace(0, 1, rise, dtype=np.float32) ** power
    if style.tremolo_db:
        turns = style.tremolo_rate * np.arange(len(played), dtype=np.float32) / SAMPLE_RATE
        played *= 10 ** (np.float32(style.tremolo_db / 20) * np.sin(2 * np.pi * turns))
    held = int(note.duration * SAMPLE_RATE)
    fall = np.arange(max(0, len(played) - held), dtype=np.float32)
    played[held:] *= np.exp(fall * np.float32(-1 / (release * SAMPLE_RATE)))
