"""Acoustics: noise at the SNR that was asked for, faults that are what they say, no accidents."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seqmelody import acoustics
from seqmelody.acoustics import AcousticsConfig, Surroundings, babble, draw_noise, record
from seqmelody.audio import SAMPLE_RATE
from seqmelody.banks import Sound, SoundBank, Source, write_bank

SECONDS = 2
N = SECONDS * SAMPLE_RATE
UNTOUCHED = AcousticsConfig(
    clean_share=1.0,
    recorded_share=0.0,
    second_noise_share=0.0,
    room_share=0.0,
    colour_share=0.0,
    band_limit_share=0.0,
    clip_share=0.0,
    codec_share=0.0,
    dropout_share=0.0,
)
NOISY = replace(UNTOUCHED, clean_share=0.0)
SPOILT = AcousticsConfig(
    clean_share=0.0,
    room_share=1.0,
    colour_share=1.0,
    band_limit_share=1.0,
    clip_share=1.0,
    codec_share=1.0,
    dropout_share=1.0,
)


def melody() -> tuple[np.ndarray, np.ndarray]:
    """A decaying tone in the middle of the clip, and the mask of where it sounds."""
    time = np.arange(N) / SAMPLE_RATE
    active = (time >= 0.5) & (time < 1.2)
    tone = 0.3 * np.sin(2 * np.pi * 440 * time) * np.exp(-np.maximum(time - 0.5, 0))
    return (tone * active).astype(np.float32), active


def run(
    config: AcousticsConfig,
    seed: int,
    noises: SoundBank | None = None,
    dry: np.ndarray | None = None,
) -> np.ndarray:
    sound, active = melody()
    return record(
        sound if dry is None else dry,
        active,
        config,
        Surroundings(noises),
        np.random.default_rng(seed),
    )


def without_level(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the recorder's level out, so that sound and noise can be told apart by subtraction."""
    monkeypatch.setattr(acoustics, "_through_recorder", lambda sound, *_: sound)


@pytest.mark.parametrize("snr_db", [-15.0, 0.0, 20.0])
def test_snr_is_met_where_the_melody_sounds(monkeypatch: pytest.MonkeyPatch, snr_db: float) -> None:
    without_level(monkeypatch)
    config = replace(NOISY, snr_low_db=snr_db, snr_high_db=snr_db)
    dry, active = melody()
    for seed in range(8):
        noise = run(config, seed).astype(np.float64) - dry
        measured = 10 * np.log10(np.mean(dry[active] ** 2) / np.mean(noise[active] ** 2))
        assert measured == pytest.approx(snr_db, abs=0.05)


def test_snr_is_drawn_over_the_whole_range(monkeypatch: pytest.MonkeyPatch) -> None:
    without_level(monkeypatch)
    dry, active = melody()
    found = []
    for seed in range(30):
        noise = run(replace(NOISY, snr_low_db=-10, snr_high_db=20), seed) - dry
        found.append(10 * np.log10(np.mean(dry[active] ** 2) / np.mean(noise[active] ** 2)))
    assert -10.1 < min(found) < -4
    assert 14 < max(found) < 20.1


def test_clean_recording_differs_in_level_only() -> None:
    dry, _ = melody()
    peaks = []
    for seed in range(20):
        sound = run(UNTOUCHED, seed)
        peaks.append(float(np.abs(sound).max()))
        np.testing.assert_allclose(sound / peaks[-1], dry / np.abs(dry).max(), atol=1e-5)
    assert 10 ** (-40 / 20) < min(peaks) < max(peaks) < 1


@pytest.mark.parametrize("config", [AcousticsConfig(), SPOILT], ids=["default", "spoilt"])
def test_every_recording_is_a_sound_file_could_hold(
    config: AcousticsConfig, tiny_bank: Path
) -> None:
    noises = SoundBank(tiny_bank, "noise")
    dry, _ = melody()
    before = dry.copy()
    for seed in range(12):
        for given in (dry, np.zeros_like(dry)):
            sound = run(config, seed, noises, given)
            assert sound.shape == (N,)
            assert sound.dtype == np.float32
            assert np.isfinite(sound).all()
            assert np.abs(sound).max() < 1.5  # a codec may overshoot
            assert sound.any() or not given.any()
    np.testing.assert_array_equal(dry, before)


def test_silence_without_noise_stays_silent() -> None:
    assert not run(UNTOUCHED, 0, dry=np.zeros(N, np.float32)).any()


def test_same_seed_same_recording(tiny_bank: Path) -> None:
    noises = SoundBank(tiny_bank, "noise")
    np.testing.assert_array_equal(run(SPOILT, 3, noises), run(SPOILT, 3, noises))
    assert not np.array_equal(run(SPOILT, 3, noises), run(SPOILT, 4, noises))


@pytest.mark.parametrize("seconds", [0.25, 5.0])  # repeated; a stretch of it
def test_recorded_noise_comes_from_the_bank(tmp_path: Path, seconds: float) -> None:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    whistle = (0.1 * np.sin(2 * np.pi * 1000 * time)).astype(np.float32)
    write_bank(tmp_path, "noise", [Source("w", "tests", "MIT")], [Sound(whistle, float("nan"), 0)])
    noises = SoundBank(tmp_path, "noise")
    config = replace(NOISY, recorded_share=1.0)
    pieces = [
        draw_noise(N, config, Surroundings(noises), np.random.default_rng(seed))
        for seed in range(12)
    ]
    # The whistle as it was recorded, or played 0.7 to 1.4 times as fast.
    speeds = [np.argmax(np.abs(np.fft.rfft(noise))) / (1000 * SECONDS) for noise in pieces]
    assert all(np.exp(-0.36) < speed < np.exp(0.36) for speed in speeds)
    assert 2 <= speeds.count(1.0) <= 10
    assert len(set(speeds)) > 2
    for noise in pieces:
        assert np.sqrt(np.mean(noise[-4000:] ** 2)) == pytest.approx(1.0, abs=0.05)
    assert not np.array_equal(pieces[0], pieces[1])


def test_single_noise_has_unit_rms() -> None:
    for seed in range(10):
        noise = draw_noise(N, NOISY, Surroundings(), np.random.default_rng(seed))
        assert np.sqrt(np.mean(noise.astype(np.float64) ** 2)) == pytest.approx(1.0, abs=1e-3)


def test_room_adds_a_tail_after_the_sound() -> None:
    dry = np.zeros(N, np.float32)
    dry[1000] = 1.0
    tails = []
    for seed in range(10):
        sound = run(replace(UNTOUCHED, room_share=1.0), seed, dry=dry)
        sound = sound / sound[1000]
        assert np.abs(sound[:1000]).max() < 1e-4  # nothing comes before the direct sound
        tails.append(float(np.sum(sound[1001:] ** 2)))
    assert 10 ** (-18 / 10) * 0.9 < min(tails) < max(tails) < 10 ** (6 / 10) * 1.1


def test_colour_keeps_onsets_and_changes_the_balance() -> None:
    rng = np.random.default_rng(0)
    dry = np.zeros(N, np.float32)
    dry[8000:] = rng.standard_normal(N - 8000)
    sound = run(replace(UNTOUCHED, colour_share=1.0), 0, dry=dry)
    rise = np.flatnonzero(np.abs(sound) > 0.1 * np.abs(sound).max())[0]
    assert abs(rise - 8000) < 0.01 * SAMPLE_RATE
    gain = np.abs(np.fft.rfft(sound))[1:] / np.abs(np.fft.rfft(dry))[1:]
    assert gain.max() / gain.min() > 2


def test_band_limit_takes_highs_away() -> None:
    rng = np.random.default_rng(0)
    dry = rng.standard_normal(N).astype(np.float32)
    ratios = []
    for seed in range(12):
        power = np.abs(np.fft.rfft(run(replace(UNTOUCHED, band_limit_share=1.0), seed, dry=dry)))
        hertz = np.fft.rfftfreq(N, 1 / SAMPLE_RATE)
        ratios.append(power[hertz > 6500].mean() / power[(hertz > 800) & (hertz < 1500)].mean())
    assert min(ratios) < 0.05


def test_overload_flattens_the_peaks() -> None:
    sound = run(replace(UNTOUCHED, clip_share=1.0), 0)
    flat = np.count_nonzero(np.abs(sound) > 0.9999 * np.abs(sound).max())
    assert flat > 100
    clean = run(UNTOUCHED, 0)
    assert np.count_nonzero(np.abs(clean) > 0.9999 * np.abs(clean).max()) < 10


def test_dropouts_are_gaps_of_milliseconds() -> None:
    dry = np.ones(N, np.float32)
    sound = run(replace(UNTOUCHED, dropout_share=1.0), 0, dry=dry)
    gone = np.count_nonzero(sound == 0)
    assert 0.005 * SAMPLE_RATE <= gone <= 3 * 0.05 * SAMPLE_RATE


def test_codecs_keep_time_and_length() -> None:
    dry, _ = melody()
    for seed in range(4):
        sound = run(replace(UNTOUCHED, codec_share=1.0), seed)
        assert sound.shape == dry.shape
        assert not np.array_equal(sound, run(UNTOUCHED, seed))
        lags = np.fft.irfft(np.fft.rfft(sound, 2 * N) * np.conj(np.fft.rfft(dry, 2 * N)))
        assert np.argmax(lags) == 0
        assert np.corrcoef(sound, dry)[0, 1] > 0.98


def test_a_recorded_room_is_heard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without_level(monkeypatch)
    response = np.zeros(2000, dtype=np.float32)
    response[0], response[1600] = 1.0, 0.5
    write_bank(tmp_path, "rooms", [Source("hall", "tests", "MIT")], [Sound(response, np.nan, 0)])
    places = Surroundings(rooms=SoundBank(tmp_path, "rooms"))
    config = replace(UNTOUCHED, room_share=1.0, recorded_room_share=1.0)
    dry, active = melody()
    wet = record(dry, active, config, places, np.random.default_rng(0))
    echoed = dry + 0.5 * np.concatenate([np.zeros(1600, np.float32), dry[:-1600]])
    np.testing.assert_allclose(wet, echoed, atol=2e-4)


def test_babble_is_many_voices(tmp_path: Path) -> None:
    time = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    voices = [
        Sound((0.1 * np.sin(2 * np.pi * f * time)).astype(np.float32), np.nan, 0)
        for f in np.arange(200, 2200, 50)
    ]
    write_bank(tmp_path, "takes", [Source("voices", "tests", "MIT")], voices)
    noise = babble(N, SoundBank(tmp_path, "takes"), np.random.default_rng(1))
    spectrum = np.abs(np.fft.rfft(noise * np.hanning(N)))
    peaks = (spectrum[1:-1] > spectrum[:-2]) & (spectrum[1:-1] > spectrum[2:])
    assert 5 <= np.sum(peaks & (spectrum[1:-1] > 0.2 * spectrum.max())) <= 20
