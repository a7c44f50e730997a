"""Performance: the sound has the pitch, the onset and the length that the notes state.

The bank here holds pure tones, whose frequency can be measured to a fraction of a cent.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seqmelody import performance
from seqmelody.audio import SAMPLE_RATE
from seqmelody.banks import Sound, SoundBank, Source, write_bank
from seqmelody.notes import Note
from seqmelody.performance import Style, draw_style, perform, playable_range

PITCHES = (48.2, 54.0, 60.3, 66.0, 72.0)  # as measured: not whole, as real recordings are
AMPLITUDE = 0.5
PLAIN = Style(
    tuning=0.0,
    looseness=0.0,
    vibrato_depth=0.0,
    vibrato_rate=6.0,
    vibrato_delay=0.0,
    glide_share=0.0,
    glide_seconds=0.05,
    scoop=0.0,
    drift=0.0,
    release_seconds=0.01,
    ring_share=0.0,
    dynamics_db=0.0,
    attack_seconds=0.001,
    late_seconds=0.0,
    handover_seconds=0.0,
    slur_share=0.0,
)


def sine(pitch: float, seconds: float) -> np.ndarray:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = AMPLITUDE * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * time)
    return wave.astype(np.float32)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> SoundBank:
    """Source 0: five long tones. Source 1: one tone of 0.3 s."""
    folder = tmp_path_factory.mktemp("sines")
    sources = [Source("long", "tests", "MIT"), Source("short", "tests", "MIT")]
    sounds = [Sound(sine(p, 2.6), p, 0) for p in PITCHES] + [Sound(sine(60, 0.3), 60.0, 1)]
    write_bank(folder, "notes", sources, sounds)
    return SoundBank(folder, "notes")


def play(
    bank: SoundBank,
    monkeypatch: pytest.MonkeyPatch,
    style: Style,
    *notes: Note,
    seconds: float = 3.0,
    source: int = 0,
    seed: int = 0,
) -> np.ndarray:
    monkeypatch.setattr(performance, "draw_style", lambda *_: style)
    n_samples = round(seconds * SAMPLE_RATE)
    return perform(list(notes), bank, source, n_samples, np.random.default_rng(seed))


def measured_pitch(sound: np.ndarray) -> float:
    """MIDI pitch of the strongest partial: peak of a finely interpolated spectrum."""
    size = 1 << 19
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), size))
    return float(69 + 12 * np.log2(np.argmax(spectrum) * SAMPLE_RATE / size / 440))


def pitch_curve(sound: np.ndarray) -> np.ndarray:
    """MIDI pitch at each sample of a single sinusoid, from the phase of its analytic signal."""
    spectrum = np.fft.fft(sound)
    spectrum[len(sound) // 2 :] = 0
    phase = np.unwrap(np.angle(np.fft.ifft(spectrum)))
    frequency = np.convolve(np.diff(phase), np.ones(80) / 80, "same") * SAMPLE_RATE / (2 * np.pi)
    return np.asarray(69 + 12 * np.log2(np.maximum(frequency, 1.0) / 440))


@pytest.mark.parametrize("tuning", [-0.4, 0.0, 0.23])
@pytest.mark.parametrize("pitch", [46, 48, 51, 60, 61, 69, 74])
def test_pitch_is_the_note_plus_the_tuning(
    bank: SoundBank, monkeypatch: pytest.MonkeyPatch, pitch: int, tuning: float
) -> None:
    style = replace(PLAIN, tuning=tuning)
    sound = play(bank, monkeypatch, style, Note(0.2, 1.4, pitch), seconds=2.0, seed=pitch)
    piece = sound[round(0.25 * SAMPLE_RATE) : round(1.35 * SAMPLE_RATE)]
    assert 100 * abs(measured_pitch(piece) - pitch - tuning) < 2  # cents


def test_each_note_of_a_phrase_has_its_pitch(
    bank: SoundBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = [Note(0.1 + 0.5 * i, 0.55 + 0.5 * i, p) for i, p in enumerate((60, 60, 67, 55, 62))]
    sound = play(bank, monkeypatch, PLAIN, *notes)
    for note in notes:
        middle = slice(
            round((note.onset + 0.05) * SAMPLE_RATE), round((note.offset - 0.05) * SAMPLE_RATE)
        )
        assert 100 * abs(measured_pitch(sound[middle]) - note.pitch) < 3


@pytest.mark.parametrize("onset", [0.0, 0.5, 1.23456])
def test_sound_begins_and_ends_with_the_note(
    bank: SoundBank, monkeypatch: pytest.MonkeyPatch, onset: float
) -> None:
    sound = play(bank, monkeypatch, PLAIN, Note(onset, onset + 0.4, 69))
    start, end = round(onset * SAMPLE_RATE), round((onset + 0.4) * SAMPLE_RATE)
    assert not sound[:start].any()
    loud = np.flatnonzero(np.abs(sound) > 0.1 * AMPLITUDE)
    assert 0 <= loud[0] - start < 0.003 * SAMPLE_RATE
    assert np.abs(sound[end - 200 : end]).max() == pytest.approx(AMPLITUDE, rel=0.03)
    assert np.abs(sound[end + 640 :]).max(initial=0) < 1e-3 * AMPLITUDE  # 4 release times later


def test_level_is_the_recordings(bank: SoundBank, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = play(bank, monkeypatch, PLAIN, Note(0.0, 1.0, 66))
    assert np.abs(sound).max() == pytest.approx(AMPLITUDE, rel=0.02)
    loudness = [
        np.abs(
            play(bank, monkeypatch, replace(PLAIN, dynamics_db=4.0), Note(0, 0.3, 66), seed=s)
        ).max()
        for s in range(30)
    ]
    spread_db = np.std(20 * np.log10(loudness))
    assert 2.5 < spread_db < 5.5


def test_vibrato_swings_as_far_and_as_fast_as_stated(
    bank: SoundBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    style = replace(PLAIN, vibrato_depth=0.5, vibrato_rate=6.0)
    sound = play(bank, monkeypatch, style, Note(0.0, 2.0, 66), seconds=2.0)
    curve = pitch_curve(sound)[round(0.4 * SAMPLE_RATE) : round(1.9 * SAMPLE_RATE)] - 66
    assert np.abs(curve).max() == pytest.approx(0.5, abs=0.05)
    crossings = np.count_nonzero(np.diff(np.sign(curve)))
    assert crossings == pytest.approx(2 * 6.0 * 1.5, abs=1.5)
    assert abs(curve.mean()) < 0.05


def test_glide_starts_at_the_note_before(bank: SoundBank, monkeypatch: pytest.MonkeyPatch) -> None:
    style = replace(PLAIN, glide_share=1.0, glide_seconds=0.1)
    notes = Note(0.0, 0.5, 60), Note(0.52, 1.5, 65)
    sound = play(bank, monkeypatch, style, *notes, seconds=1.5)
    start = round(0.6 * SAMPLE_RATE)  # once the first note has faded
    curve = pitch_curve(sound[start:])
    later = 0.01  # seconds after `start`, past the smoothing's edge
    expected = 65 - 5 * np.exp(-2 * (0.08 + later) / 0.1)
    assert curve[round(later * SAMPLE_RATE)] == pytest.approx(expected, abs=0.15)
    assert curve[round(0.6 * SAMPLE_RATE)] == pytest.approx(65, abs=0.02)


def test_ringing_notes_sound_on(bank: SoundBank, monkeypatch: pytest.MonkeyPatch) -> None:
    tail = slice(round(0.7 * SAMPLE_RATE), round(0.8 * SAMPLE_RATE))
    damped = play(bank, monkeypatch, PLAIN, Note(0.0, 0.4, 60))
    ringing = play(bank, monkeypatch, replace(PLAIN, ring_share=1.0), Note(0.0, 0.4, 60))
    assert not damped[tail].any()
    assert np.abs(ringing[tail]).max() > 0.3 * AMPLITUDE


@pytest.mark.parametrize("slur_share", [0.0, 1.0])
def test_new_note_ends_the_last(
    bank: SoundBank, monkeypatch: pytest.MonkeyPatch, slur_share: float
) -> None:
    """Even one that would ring on; a slur has no dip in level, else silence parts the notes."""
    ringing = replace(PLAIN, ring_share=1.0, attack_seconds=0.03)
    style = replace(ringing, handover_seconds=0.04, slur_share=slur_share)
    notes = Note(0.0, 0.5, 60), Note(0.5, 1.0, 67)
    start = SAMPLE_RATE // 2
    both = play(bank, monkeypatch, style, *notes)
    first = play(bank, monkeypatch, style, notes[0])
    before = start - round(0.041 * SAMPLE_RATE)
    np.testing.assert_array_equal(both[:before], first[:before])
    second = both[start + round(0.05 * SAMPLE_RATE) : SAMPLE_RATE]
    spectrum = np.abs(np.fft.rfft(second * np.hanning(len(second)), SAMPLE_RATE))  # 1 Hz a bin
    assert spectrum[262] < 0.01 * spectrum[392]  # C4 is gone under G4
    dip = np.abs(both[start - 60 : start + 60]).max() / AMPLITUDE
    assert dip > 0.3 if slur_share else dip < 0.2


def test_recording_shorter_than_the_note(bank: SoundBank, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = play(bank, monkeypatch, PLAIN, Note(0.1, 1.5, 60), source=1)
    assert np.abs(sound[: round(0.4 * SAMPLE_RATE)]).max() > 0.4
    assert not sound[round(0.41 * SAMPLE_RATE) :].any()


def test_notes_at_the_very_end_fit(bank: SoundBank, monkeypatch: pytest.MonkeyPatch) -> None:
    style = replace(PLAIN, ring_share=1.0)
    sound = play(bank, monkeypatch, style, Note(0.9, 1.0, 60), seconds=1.0)
    assert sound.shape == (SAMPLE_RATE,)
    assert play(bank, monkeypatch, PLAIN).shape == (3 * SAMPLE_RATE,)  # no notes: silence


def test_same_seed_same_sound(bank: SoundBank) -> None:
    notes = [Note(0.1, 0.5, 60), Note(0.5, 0.9, 64)]
    one, same, other = (
        perform(notes, bank, 0, SAMPLE_RATE, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_playable_range(bank: SoundBank) -> None:
    assert playable_range(bank, 0) == (46, 74)
    assert playable_range(bank, 1) == (58, 62)


def test_struck_instruments_do_not_bend_and_others_do_not_ring() -> None:
    struck = [draw_style(False, np.random.default_rng(s)) for s in range(100)]
    moving = [draw_style(True, np.random.default_rng(s)) for s in range(100)]
    assert all(
        s.vibrato_depth == s.glide_share == s.scoop == s.drift == 0 and s.looseness <= 0.06
        for s in struck
    )
    assert {s.ring_share for s in struck} == {0.0, 0.3, 1.0}
    assert all(s.ring_share == 0 for s in moving)
    for attribute in ("vibrato_depth", "glide_share", "scoop", "drift"):
        assert 0.1 < np.mean([getattr(s, attribute) > 0 for s in moving]) < 0.9
    assert max(abs(s.tuning) for s in struck + moving) <= 0.4


def test_tremolo_wavers_by_its_depth(bank: SoundBank, monkeypatch: pytest.MonkeyPatch) -> None:
    style = replace(PLAIN, tremolo_db=6.0, tremolo_rate=4.0)
    monkeypatch.setattr("seqmelody.performance.draw_style", lambda *_: style)
    played = perform([Note(0.0, 1.0, 60.3)], bank, 0, SAMPLE_RATE, np.random.default_rng(0))
    loud, soft = (
        np.abs(played[round((at - 0.01) * SAMPLE_RATE) : round((at + 0.01) * SAMPLE_RATE)]).max()
        for at in (0.0625 + 0.25, 0.1875 + 0.25)
    )
    assert 20 * np.log10(loud / soft) == pytest.approx(12.0, abs=0.7)


def first_sound(sound: np.ndarray) -> float:
    """Seconds until something is heard."""
    return float(np.flatnonzero(np.abs(sound) > 0.01 * AMPLITUDE)[0] / SAMPLE_RATE)


def test_recordings_that_speak_late_do_so_within_the_first_part_of_a_note(
    bank: SoundBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    style = replace(PLAIN, late_spread=0.1)
    long = [first_sound(play(bank, monkeypatch, style, Note(0, 1, 60), seed=s)) for s in range(30)]
    assert 0.02 < np.mean(long) < 0.08  # spread evenly over 0 to 0.1 s
    assert max(long) <= 0.101
    short = [
        first_sound(play(bank, monkeypatch, style, Note(0, 0.1, 60), seed=s)) for s in range(30)
    ]
    # Of 0.1 s, at most LATEST_SHARE: something of it is always left to hear.
    assert 0.05 < max(short) <= 0.061


def test_half_of_the_recordings_whisper_before_they_swell(
    bank: SoundBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    style = replace(PLAIN, hesitation_seconds=0.1, hesitation_db=20.0, hesitation_swell=0.05)
    notes = [Note(0.0, 1.0, 60)]
    sure = play(bank, monkeypatch, PLAIN, *notes)
    played = [play(bank, monkeypatch, style, *notes, seed=seed) for seed in range(30)]
    hesitant = [sound for sound in played if not np.array_equal(sound, sure)]
    assert 8 <= len(hesitant) <= 22
    begin, settled = round(0.001 * SAMPLE_RATE), round(0.151 * SAMPLE_RATE)
    for sound in hesitant:
        np.testing.assert_allclose(sound[:begin], 0.1 * sure[:begin], atol=1e-6)
        np.testing.assert_array_equal(sound[settled:], sure[settled:])


def test_the_same_note_again_comes_after_a_gap(
    bank: SoundBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    style = replace(PLAIN, handover_seconds=0.01, repeat_gap_seconds=0.03, abrupt_seconds=0.004)
    notes = [Note(0.0, 0.5, 60), Note(0.5, 1.0, 60), Note(1.0, 1.5, 67)]
    sound = np.abs(play(bank, monkeypatch, style, *notes))

    def loudest(begin: float, end: float) -> float:
        return float(sound[round(begin * SAMPLE_RATE) : round(end * SAMPLE_RATE)].max())

    assert loudest(0.471, 0.4999) == 0.0  # the same pitch: a gap
    assert loudest(0.98, 0.9885) > 0.5 * AMPLITUDE  # another one: none
    assert loudest(0.505, 0.51) > 0.9 * AMPLITUDE  # there at once


def test_abrupt_notes_begin_in_mid_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = sine(60, 2.0) * np.minimum(1, np.arange(2 * SAMPLE_RATE) / (0.2 * SAMPLE_RATE))
    source = Source("slow", "tests", "MIT")
    write_bank(tmp_path, "notes", [source], [Sound(slow.astype(np.float32), 60.0, 0)])
    slow_bank = SoundBank(tmp_path, "notes")
    for abrupt, share in ((0.0, 0.06), (0.005, 1.0)):
        style = replace(PLAIN, abrupt_seconds=abrupt)
        sound = play(slow_bank, monkeypatch, style, Note(0.0, 1.0, 60))
        begin = np.abs(sound[round(0.006 * SAMPLE_RATE) : round(0.012 * SAMPLE_RATE)]).max()
        assert begin == pytest.approx(share * AMPLITUDE, abs=0.05 * AMPLITUDE)


def test_a_bow_swells_by_its_power(bank: SoundBank, monkeypatch: pytest.MonkeyPatch) -> None:
    style = replace(PLAIN, attack_seconds=0.2, attack_power=2.0)
    sound = np.abs(play(bank, monkeypatch, style, Note(0.0, 1.0, 60)))
    for at, share in ((0.05, 1 / 16), (0.1, 1 / 4), (0.3, 1.0)):
        around = sound[round((at - 0.002) * SAMPLE_RATE) : round((at + 0.002) * SAMPLE_RATE)].max()
        assert around == pytest.approx(share * AMPLITUDE, rel=0.1)


def test_the_same_note_again_swells_out_of_the_last_without_silence(
    bank: SoundBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    style = replace(PLAIN, handover_seconds=0.04, attack_seconds=0.1)
    sound = np.abs(play(bank, monkeypatch, style, Note(0.0, 0.5, 60), Note(0.5, 1.0, 60)))
    periods = sound[round(0.48 * SAMPLE_RATE) : round(0.54 * SAMPLE_RATE)].reshape(-1, 64)  # 4 ms
    dip = periods.max(axis=1).min() / AMPLITUDE
    assert 0.02 < dip < 0.4  # there to be heard, and never silent
    sharp = replace(style, attack_seconds=0.001)
    sound = np.abs(play(bank, monkeypatch, sharp, Note(0.0, 0.5, 60), Note(0.5, 1.0, 60)))
    assert sound[round(0.499 * SAMPLE_RATE) : SAMPLE_RATE // 2].max() < 0.05 * AMPLITUDE


def test_the_last_note_dies_away_under_its_repetition(
    bank: SoundBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The level falls and rises in a V, whether or not the instrument would ring on."""
    style = replace(
        PLAIN,
        ring_share=1.0,
        handover_seconds=0.04,
        attack_seconds=0.1,
        repeat_release_seconds=0.02,
    )
    sound = np.abs(play(bank, monkeypatch, style, Note(0.0, 0.5, 60), Note(0.5, 1.0, 60)))
    levels = sound[: SAMPLE_RATE * 4 // 5].reshape(-1, 80).max(axis=1) / AMPLITUDE  # 5 ms each
    assert levels[90:99].min() > 0.95  # before it, nothing is taken away
    bottom = 100 + int(levels[100:130].argmin())
    assert 0.1 < levels[bottom] < 0.6
    assert 0.51 < bottom * 0.005 < 0.55
    assert (np.diff(levels[100:bottom]) < 0.02).all()
    assert (np.diff(levels[bottom + 2 : 118]) > -0.05).all()
    other = np.abs(play(bank, monkeypatch, style, Note(0.0, 0.5, 60), Note(0.5, 1.0, 67)))
    assert other[round(0.499 * SAMPLE_RATE) : SAMPLE_RATE // 2].max() < 0.1 * AMPLITUDE
