from __future__ import annotations

import itertools

import numpy as np
import pytest

from seqmelody import noise
from seqmelody.errors import InputError

SECONDS = 20
N = SECONDS * noise.SAMPLE_RATE


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def power_spectrum(signal: noise.FloatArray) -> tuple[np.ndarray, np.ndarray]:
    return np.fft.rfftfreq(len(signal), 1 / noise.SAMPLE_RATE), np.abs(np.fft.rfft(signal)) ** 2


def slope(signal: noise.FloatArray) -> float:
    """Exponent of f in the power spectral density, from mean powers in third-octave bands."""
    frequencies, power = power_spectrum(signal)
    edges = 100 * 2 ** (np.arange(19) / 3)  # 100 Hz to 6.4 kHz
    bands = [
        (
            np.log10(low * high) / 2,
            np.log10(power[(frequencies >= low) & (frequencies < high)].mean()),
        )
        for low, high in itertools.pairwise(edges)
    ]
    x, y = np.array(bands).T
    return float(np.polyfit(x, y, 1)[0])


def measured_snr_db(clean: np.ndarray, noisy: np.ndarray, active: np.ndarray) -> float:
    clean = clean.astype(np.float64)
    added = noisy.astype(np.float64) - clean
    return float(10 * np.log10(np.mean(clean[active] ** 2) / np.mean(added[active] ** 2)))


@pytest.mark.parametrize("name", noise.GENERATORS)
@pytest.mark.parametrize("n_samples", [1, 257, 16_001])
def test_generators_give_finite_unit_rms(name: str, n_samples: int) -> None:
    signal = noise.GENERATORS[name](n_samples, rng())
    assert signal.shape == (n_samples,)
    assert signal.dtype == np.float32
    assert np.isfinite(signal).all()
    assert np.sqrt(np.mean(signal.astype(np.float64) ** 2)) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("name", noise.GENERATORS)
def test_generators_depend_on_the_seed_alone(name: str) -> None:
    make = noise.GENERATORS[name]
    np.testing.assert_array_equal(make(4000, rng(1)), make(4000, rng(1)))
    assert not np.array_equal(make(4000, rng(1)), make(4000, rng(2)))


@pytest.mark.parametrize("name", noise.GENERATORS)
def test_generators_refuse_no_samples(name: str) -> None:
    with pytest.raises(InputError, match="at least 1"):
        noise.GENERATORS[name](0, rng())


@pytest.mark.parametrize(("name", "exponent"), [("white", 0.0), ("pink", -1.0), ("brown", -2.0)])
def test_spectral_slopes(name: str, exponent: float) -> None:
    assert slope(noise.GENERATORS[name](N, rng())) == pytest.approx(exponent, abs=0.05)


def test_hum_peaks_at_the_mains_frequency_and_has_harmonics() -> None:
    peaks = set()
    for seed in range(12):
        frequencies, power = power_spectrum(noise.hum(N, rng(seed)))
        peak = frequencies[np.argmax(power)]
        peaks.add(round(peak, 2))
        harmonics = np.isclose(frequencies % peak, 0)
        assert power[harmonics].sum() > 0.999 * power.sum()
        assert power[np.isclose(frequencies, 3 * peak)] > 1e-4 * power.max()
    assert peaks == {50.0, 60.0}


def test_clicks_are_impulsive() -> None:
    signal = noise.clicks(N, rng())
    kurtosis = np.mean(signal.astype(np.float64) ** 4)  # 3 for Gaussian noise of unit RMS
    assert kurtosis > 20


def test_wind_is_low_and_swells() -> None:
    signal = noise.wind(N, rng())
    frequencies, power = power_spectrum(signal)
    assert power[frequencies < 200].sum() > 0.5 * power.sum()
    levels = np.sqrt(np.mean(signal.reshape(-1, noise.SAMPLE_RATE) ** 2, axis=1))
    assert levels.max() > 2 * levels.min()


@pytest.mark.parametrize("snr_db", [30.0, 10.0, 0.0, -10.0])
@pytest.mark.parametrize("name", noise.GENERATORS)
def test_mix_meets_the_snr(name: str, snr_db: float) -> None:
    clean = np.sin(np.arange(N) * 0.2).astype(np.float32) * 0.1
    added = 7 * noise.GENERATORS[name](N, rng())
    noisy = noise.mix_at_snr(clean, added, snr_db)
    assert noisy.dtype == np.float32
    assert measured_snr_db(clean, noisy, np.ones(N, bool)) == pytest.approx(snr_db, abs=0.01)


def test_mix_takes_powers_where_the_melody_sounds() -> None:
    clean = np.sin(np.arange(N) * 0.2).astype(np.float32)
    clean[N // 4 :] = 0
    active = np.arange(N) < N // 4
    swelling = noise.white(N, rng()) * np.linspace(0.1, 3, N, dtype=np.float32)
    noisy = noise.mix_at_snr(clean, swelling, 5.0, active=active)
    assert measured_snr_db(clean, noisy, active) == pytest.approx(5.0, abs=0.01)
    assert measured_snr_db(clean, noisy, np.ones(N, bool)) < -5


def test_mix_leaves_its_arguments_alone() -> None:
    clean, added = noise.white(100, rng(1)), noise.white(100, rng(2))
    before = clean.copy(), added.copy()
    noise.mix_at_snr(clean, added, 0.0)
    np.testing.assert_array_equal(clean, before[0])
    np.testing.assert_array_equal(added, before[1])


@pytest.mark.parametrize("which", ["clean signal", "noise"])
@pytest.mark.parametrize(("value", "reason"), [(0.0, "silent"), (np.nan, "NaN"), (np.inf, "NaN")])
def test_mix_refuses_silence_and_nan(which: str, value: float, reason: str) -> None:
    good = noise.white(100, rng())
    bad = np.full(100, value, dtype=np.float32)
    clean, added = (bad, good) if which == "clean signal" else (good, bad)
    with pytest.raises(InputError, match=f"{which}.*{reason}"):
        noise.mix_at_snr(clean, added, 0.0)


def test_mix_refuses_an_empty_mask_other_shapes_and_an_infinite_snr() -> None:
    good = noise.white(100, rng())
    with pytest.raises(InputError, match="silent"):
        noise.mix_at_snr(good, good, 0.0, active=np.zeros(100, bool))
    with pytest.raises(InputError, match="share one shape"):
        noise.mix_at_snr(good, good[:50], 0.0)
    with pytest.raises(InputError, match="finite"):
        noise.mix_at_snr(good, good, np.inf)
