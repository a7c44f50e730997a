"""The recurrent encoder, for comparison, through the same model as the default one."""

from pathlib import Path

import numpy as np
import torch

from seqmelody.encoders import ENCODERS, EncoderConfig
from seqmelody.model import MelodyModel, ModelConfig, load_model, save_model
from seqmelody.notes import Vocabulary

CONFIG = ModelConfig(vocabulary=Vocabulary(60, 64), encoder=EncoderConfig("recurrent", width=16))


def model() -> MelodyModel:
    torch.manual_seed(0)
    return MelodyModel(CONFIG).eval()


def noise(seconds: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (0.1 * rng.standard_normal(round(seconds * 16_000))).astype(np.float32)


def test_every_encoder_keeps_frames_and_states_its_output_size() -> None:
    for name in ENCODERS:
        config = EncoderConfig(name, width=16, dilations=(1,))
        encoder = ENCODERS[name](config, CONFIG.features, CONFIG.vocabulary)
        features = torch.zeros(2, len(CONFIG.features.windows), 7, CONFIG.features.n_bands)
        assert encoder(features).shape == (2, 7, encoder.output_size)


def test_it_hears_both_ways_in_time() -> None:
    encoder = model().encoder
    features = torch.randn(1, 4, 30, CONFIG.features.n_bands)
    changed = features.clone()
    changed[:, :, 15] += 1
    differs = (encoder(features) != encoder(changed)).any(dim=2)[0]
    assert differs.all()


def test_chunks_change_little(tmp_path: Path) -> None:
    network, waveform = model(), noise(6)
    whole = network.emissions(waveform, chunk_seconds=100).window.log_probs
    parts = network.emissions(waveform, chunk_seconds=1).window.log_probs
    np.testing.assert_allclose(whole, parts, atol=0.02)


def test_its_checkpoint_can_be_read_back(tmp_path: Path) -> None:
    network, waveform = model(), noise(1)
    save_model(network, tmp_path / "m.safetensors")
    again = load_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(
        network.emissions(waveform).ctc.log_probs, again.emissions(waveform).ctc.log_probs
    )
