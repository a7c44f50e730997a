"""Features and what the front looks at, beside their definitions written out."""

import numpy as np
import pytest
import torch

from seqmelody.encoders import ConvEncoder, EncoderConfig, HarmonicFront
from seqmelody.features import (
    AttackBands,
    FeatureConfig,
    LogFrequencySpectrogram,
    filterbank,
    local_mean,
)
from seqmelody.notes import Vocabulary


def front(vocabulary: Vocabulary, features: FeatureConfig) -> HarmonicFront:
    torch.manual_seed(0)
    return HarmonicFront(EncoderConfig(pitch_channels=3), features, vocabulary)


def looked_at(features: np.ndarray, config: FeatureConfig, pitch: int, weight: np.ndarray) -> float:
    """Sum of a pitch's bands at its harmonics, each by its weight (S, H, bands); 0 outside of F."""
    total = 0.0
    for s, plane in enumerate(features):
        for h, harmonic in enumerate(EncoderConfig().harmonics):
            semitone = pitch - config.lowest + 12 * np.log2(harmonic)
            for own in range(config.bands_per_semitone):
                band = round(semitone * config.bands_per_semitone) + own
                band -= config.bands_per_semitone // 2
                if 0 <= band < len(plane):
                    total += plane[band] * weight[s, h, own]
    return total


@pytest.mark.parametrize("vocabulary", [Vocabulary(28, 108), Vocabulary(60, 64)])
@pytest.mark.parametrize("bands_per_semitone", [1, 3, 5])
def test_every_pitch_is_seen_by_its_harmonics(
    vocabulary: Vocabulary, bands_per_semitone: int
) -> None:
    config = FeatureConfig(bands_per_semitone=bands_per_semitone, n_bands=92 * bands_per_semitone)
    one = front(vocabulary, config)
    features = torch.randn(1, len(config.windows), 2, config.n_bands)
    with torch.no_grad():
        seen = torch.nn.functional.linear(one._around(features), one._weight())  # (1, 2, n, 3)
    sizes = (3, len(config.windows), len(EncoderConfig().harmonics), bands_per_semitone)
    weight = one.look.weight.detach().numpy().reshape(sizes)
    for pitch in {vocabulary.low, (vocabulary.low + vocabulary.high) // 2, vocabulary.high}:
        expected = looked_at(features[0, :, 1].numpy(), config, pitch, weight[2])
        got = float(seen[0, 1, vocabulary.to_class(pitch) - 1, 2])
        assert got == pytest.approx(expected, abs=1e-4)


def test_bands_by_octave_are_those_of_the_whole_filterbank() -> None:
    config = FeatureConfig(windows=(1024, 256))
    spectrogram = LogFrequencySpectrogram(config)
    for i, size in enumerate(config.windows):
        bank, power = filterbank(config, size), torch.rand(5, size // 2 + 1)
        parts = [power[:, bins] @ bank[bins, octave] for bins, octave in spectrogram.parts[i]]
        torch.testing.assert_close(torch.cat(parts, dim=1), power @ bank)
        work = sum((b.stop - b.start) * (o.stop - o.start) for b, o in spectrogram.parts[i])
        assert work < bank.numel() / 3


@pytest.mark.parametrize("size", [1, 3, 101, 405])
@pytest.mark.parametrize("length", [1, 50, 260])
def test_local_mean_is_that_of_pooling(size: int, length: int) -> None:
    x = torch.randn(2, length, 4)
    pooled = torch.nn.functional.avg_pool1d(
        x.transpose(1, 2), size, 1, size // 2, count_include_pad=False
    )
    torch.testing.assert_close(local_mean(x, size), pooled.transpose(1, 2))


def test_padding_a_batch_changes_no_features() -> None:
    config = FeatureConfig(windows=(1024, 256))
    rng = np.random.default_rng(0)
    long, short = (torch.from_numpy(rng.normal(0, 0.1, n).astype("f")) for n in (40_000, 30_000))
    batch = torch.stack([long, torch.nn.functional.pad(short, (0, 10_000))])
    frames = torch.tensor([len(long) // 320 + 1, len(short) // 320 + 1])
    for front, steps in ((LogFrequencySpectrogram(config), 1), (AttackBands(config), 4)):
        both = front(batch, frames)
        for row, alone in enumerate((front(long[None])[0], front(short[None])[0])):
            filled = (int(frames[row]) - 1) * steps + 1
            torch.testing.assert_close(both[row, ..., :filled, :], alone, atol=2e-3, rtol=1e-3)
            assert not both[row, ..., filled:, :].any()


def test_bands_beyond_the_spectrum_are_empty() -> None:
    config = FeatureConfig(windows=(512,), n_bands=330)  # up to 25 kHz; the spectrum ends at 8
    features = LogFrequencySpectrogram(config)(torch.randn(1, 8000))
    assert features.shape[3] == 330
    assert bool(torch.isfinite(features).all())


def test_attack_steps_divide_the_hop() -> None:
    with pytest.raises(ValueError, match="do not divide"):
        FeatureConfig(hop=441, attack_steps=4)


def test_silence_lies_fifty_decibels_under_the_level_around_it() -> None:
    rng = np.random.default_rng(0)
    waveform = rng.normal(0, 0.1, 48_000).astype("f")
    waveform[24_000:25_600] = 0.0  # digital, 0.1 s
    for gain in (1.0, 0.1):
        bands = AttackBands(FeatureConfig())(torch.from_numpy(np.float32(gain) * waveform)[None])[0]
        torch.testing.assert_close(
            bands[305:315], torch.full((10, 12), -50 / 20), atol=5e-3, rtol=0
        )


def test_the_first_plane_keeps_the_spectrum_and_the_others_remove_what_is_steady() -> None:
    time = torch.arange(4 * 16_000) / 16_000
    planes = LogFrequencySpectrogram(FeatureConfig())(
        0.1 * torch.sin(2 * torch.pi * 440 * time)[None]
    )
    middle, band = planes[0, :, 100], (69 - 27) * 3
    assert float(middle[0, band] - middle[0].median()) > 40 / 20  # dB/20
    assert float(middle[0].mean()) == pytest.approx(0, abs=0.05)  # relative to all bands at once
    assert float(middle[1:].abs().max()) < 3 / 20


@pytest.mark.parametrize("attack_bands", [0, 12])
def test_the_encoder_sees_no_farther_than_it_says_and_as_far(attack_bands: int) -> None:
    torch.manual_seed(0)
    features = FeatureConfig(n_bands=60, windows=(512,), attack_bands=attack_bands)
    config = EncoderConfig(width=8, pitch_channels=4, dilations=(1, 2), harmonics=(1,))
    encoder = ConvEncoder(config, features, Vocabulary(40, 44)).eval()
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    middle, steps = 20, features.attack_steps
    planes = torch.randn(1, 1, 41, 60)
    attacks = torch.randn(1, 40 * steps + 1, max(1, attack_bands))  # heeded if there are any
    reach = 0.0  # frames
    with torch.inference_mode():
        before = encoder(planes, attacks)[0, middle]
        for at in range(41):
            changed = planes.clone()
            changed[0, :, at] += 1.0
            if not torch.equal(encoder(changed, attacks)[0, middle], before):
                reach = max(reach, abs(at - middle))
        for at in range(40 * steps + 1):
            struck = attacks.clone()
            struck[0, at] += 1.0
            if not torch.equal(encoder(planes, struck)[0, middle], before):
                reach = max(reach, abs(at / steps - middle))
    assert encoder.radius - 1 < reach <= encoder.radius
    assert encoder.radius == 2 * (1 + 2) + (2 if attack_bands else 1)
