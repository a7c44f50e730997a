"""The model as a function of sound and of its file."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from seqmelody.encoders import ENCODERS, EncoderConfig
from seqmelody.errors import CheckpointError, InputError
from seqmelody.features import AttackBands, FeatureConfig, LogFrequencySpectrogram
from seqmelody.heads import WindowConfig
from seqmelody.model import MelodyModel, ModelConfig, load_model, save_model, weights_fingerprint
from seqmelody.notes import Vocabulary

SMALL = ModelConfig(
    vocabulary=Vocabulary(48, 84), encoder=EncoderConfig(width=32, dilations=(1, 4), expansion=1)
)


def random_model(config: ModelConfig = SMALL) -> MelodyModel:
    """Weights that let everything through: fresh blocks are the identity and would hide faults."""
    torch.manual_seed(0)
    model = MelodyModel(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (0.1 * rng.standard_normal(round(seconds * 16_000))).astype(np.float32)


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("chunk_seconds", [0.37, 1.0, 5.0])
def test_whole_and_in_chunks_agree(chunk_seconds: float, stride: int) -> None:
    model = random_model(replace(SMALL, window=WindowConfig(5, stride, 16)))
    waveform = noise(11.3)
    whole = model.emissions(waveform, chunk_seconds=1000)
    parts = model.emissions(waveform, chunk_seconds=chunk_seconds)
    assert len(whole.ctc) == len(waveform) // 320 + 1
    assert len(whole.window) == -(-len(whole.ctc) // stride)
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_allclose(a.log_probs, b.log_probs, atol=1e-4)
    assert whole.window.onset_probs is not None
    np.testing.assert_allclose(whole.window.onset_probs, parts.window.onset_probs, atol=1e-4)


def test_a_frame_depends_on_its_context_only_and_on_all_of_it() -> None:
    model = random_model()
    middle, context = 8.0, model.context_samples
    waveform = noise(16.0)
    frame = round(middle / 0.02)
    before = model.emissions(waveform, chunk_seconds=1000).ctc.log_probs[frame]

    def change(at: int) -> float:
        changed = waveform.copy()
        changed[at : at + 4000] += noise(0.25, seed=1)
        after = model.emissions(changed, chunk_seconds=1000).ctc.log_probs[frame]
        return float(np.abs(after - before).max())

    assert change(round(middle * 16_000) + context + 1) < 1e-5
    assert change(round(middle * 16_000) - context - 4001) < 1e-5
    assert change(round(middle * 16_000) + context - 6000) > 1e-5


def test_emissions_are_distributions_and_keep_time() -> None:
    emissions = random_model().emissions(noise(1.0))
    for emission in emissions:
        np.testing.assert_allclose(np.exp(emission.log_probs).sum(axis=1), 1, atol=1e-4)
        assert emission.frame_to_seconds(50) == pytest.approx(1.0)


def test_level_does_not_matter() -> None:
    model, waveform = random_model(), noise(3.0)
    loud, soft = (model.emissions(waveform * np.float32(g)).ctc.log_probs for g in (1.0, 0.03))
    # Not quite equal: the floor under the logarithm (16-bit quantisation noise) shows at -50 dB.
    np.testing.assert_allclose(loud, soft, atol=0.1)


def test_a_tone_stands_at_its_band() -> None:
    features = LogFrequencySpectrogram(FeatureConfig())
    for pitch in (45, 60, 69, 81, 100):
        f0 = 440 * 2 ** ((pitch - 69) / 12)
        tone = torch.sin(2 * torch.pi * f0 * torch.arange(32_000) / 16_000)
        planes = features(0.1 * tone[None])[0]  # (S, T, F)
        assert int(planes[0, 50].argmax()) == round((pitch - 27) * 3)


def test_attack_bands_show_a_gap_of_five_milliseconds_that_the_spectrogram_hides() -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(32_000) / 16_000)
    tone[16_000:16_080] = 0.0
    config, waveform = FeatureConfig(), torch.from_numpy(0.1 * tone.astype(np.float32))[None]
    steps = AttackBands(config)(waveform)[0]  # (T', A)
    assert steps.shape == (100 * config.attack_steps + 1, config.attack_bands)
    own = steps[:, int(steps[150].argmax())]
    assert int(own[100:300].argmin()) + 100 in (200, 201)  # 5 ms a step: at 1.000 to 1.005 s
    assert float(own[150] - own[100:300].min()) > 0.2  # 4 dB
    finest = LogFrequencySpectrogram(config)(waveform)[0, -1]  # (T, F), windows of 32 ms
    band = finest[25:75, (69 - 27) * 3]
    assert float(band.max() - band.min()) < 0.15  # 3 dB


def test_attack_bands_are_relative_to_the_level() -> None:
    bands = AttackBands(FeatureConfig())
    waveform = torch.from_numpy(noise(2.0))[None]
    torch.testing.assert_close(bands(waveform), bands(0.03 * waveform), atol=0.01, rtol=0)
    assert torch.isfinite(bands(torch.zeros(1, 5000))).all()


def test_short_and_silent_clips_pass() -> None:
    model = random_model()
    for n_samples in (1, 319, 320, 5000):
        emissions = model.emissions(np.zeros(n_samples, np.float32))
        assert len(emissions.ctc) == n_samples // 320 + 1
        assert np.isfinite(emissions.ctc.log_probs).all()
    for shape in ((0,), (2, 100)):
        with pytest.raises(InputError, match="shape"):
            model.emissions(np.zeros(shape, np.float32))


def test_saved_and_loaded_models_are_equal(tmp_path: Path) -> None:
    model, waveform = random_model(), noise(1.0)
    save_model(model, tmp_path / "m.safetensors", note="kept")
    loaded = load_model(tmp_path / "m.safetensors")
    assert loaded.config == model.config
    np.testing.assert_array_equal(
        model.emissions(waveform).ctc.log_probs, loaded.emissions(waveform).ctc.log_probs
    )
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]


@pytest.mark.parametrize("encoder", ENCODERS)
def test_loading_leaves_the_random_numbers_alone(encoder: str, tmp_path: Path) -> None:
    """Also while other threads load: each would set back what another had drawn meanwhile."""
    model = random_model(replace(SMALL, encoder=replace(SMALL.encoder, name=encoder)))
    path = tmp_path / "m.safetensors"
    save_model(model, path)
    threads = [Thread(target=lambda: [load_model(path) for _ in range(10)]) for _ in range(4)]
    interval = sys.getswitchinterval()
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            assert torch.equal(torch.random.get_rng_state(), state)
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert torch.equal(torch.random.get_rng_state(), state)
    for name, tensor in load_model(path).state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name])


def test_hearing_leaves_every_part_in_its_mode() -> None:
    model = random_model().train()
    model.encoder.eval()  # one that is not to be trained
    before = [module.training for module in model.modules()]
    model.emissions(noise(0.1))
    assert [module.training for module in model.modules()] == before
    with pytest.raises(InputError):
        model.emissions(np.full(1000, 1e30, np.float32))
    assert [module.training for module in model.modules()] == before


def test_what_is_too_loud_for_any_emission_is_refused() -> None:
    with pytest.raises(InputError, match=r"up to 1e\+30 .* scale samples to -1..1"):
        random_model().emissions(np.full(1000, 1e30, np.float32))


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_not_loaded(number: float, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    tensors = {k: v.clone() for k, v in random_model().state_dict().items()}
    tensors["ctc_head.classify.bias"][3] = number
    save_file(tensors, path, {"format": "seqmelody-1", "config": SMALL.to_json()})
    with pytest.raises(CheckpointError, match=r"m.safetensors: .*ctc_head.classify.bias"):
        load_model(path)


def test_weights_too_large_for_the_file_are_not_saved(tmp_path: Path) -> None:
    model, path = random_model(), tmp_path / "m.safetensors"
    with torch.no_grad():
        model.ctc_head.classify.bias[0] = 70_000.0  # float16 ends at 65504
    save_model(model, path)
    whole = path.read_bytes()
    with pytest.raises(CheckpointError, match=r"m.safetensors: .*classify.bias .*float16"):
        save_model(model, path, dtype=torch.float16)
    assert path.read_bytes() == whole


DAMAGED = [
    ("features", "attack_steps", 0),
    ("features", "hop", 0),
    ("features", "hop", -320),
    ("features", "hop", 320.5),
    ("features", "level_frames", 0),
    ("features", "level_frames", -1),
    ("features", "level_frames", 100),
    ("features", "attack_window", 161),
    ("features", "windows", [4096, 2048, 1024, 511]),
    ("features", "windows", []),
    ("features", "lowest", float("nan")),
    ("encoder", "dilations", [1, 0]),
    ("encoder", "dilations", [1, -4]),
    ("encoder", "kernel", 4),
    ("encoder", "harmonics", [0.0, 1, 2, 3, 4, 5, 6, 8]),
    ("window", "stride", 0),
    ("window", "hidden", 1.5),
]


@pytest.mark.parametrize(("part", "name", "value"), DAMAGED)
def test_damaged_configurations_are_named(
    part: str, name: str, value: object, tmp_path: Path
) -> None:
    data = json.loads(SMALL.to_json())
    data[part][name] = value
    path = tmp_path / "m.safetensors"
    header = {"format": "seqmelody-1", "config": json.dumps(data)}
    save_file(random_model().state_dict(), path, header)
    with pytest.raises(CheckpointError, match=r"m.safetensors: configuration and weights"):
        load_model(path)


def test_default_configuration_survives_json() -> None:
    config = ModelConfig()
    assert ModelConfig.from_json(config.to_json()) == config


def test_configurations_of_before_attack_bands_have_none() -> None:
    data = json.loads(SMALL.to_json())
    for name in ("attack_bands", "attack_window", "attack_steps"):
        del data["features"][name]
    del data["encoder"]["attack_channels"]
    model = MelodyModel(ModelConfig.from_json(json.dumps(data)))
    assert not any("attack" in name for name in model.state_dict())


def test_unusable_checkpoints_are_named(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    with pytest.raises(CheckpointError, match="no such model file"):
        load_model(path)
    path.write_text("not a model")
    with pytest.raises(CheckpointError, match="not a readable"):
        load_model(path)
    with pytest.raises(CheckpointError, match="is a folder; name the model in it"):
        load_model(tmp_path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="not a SeqMelody checkpoint"):
        load_model(path)
    header = {"format": "seqmelody-1", "config": SMALL.to_json()}
    save_file({"a": torch.zeros(1)}, path, header)
    with pytest.raises(CheckpointError, match="do not fit together"):
        load_model(path)
    save_file({"a": torch.zeros(1)}, path, {**header, "config": json.dumps({"encoder": 1})})
    with pytest.raises(CheckpointError, match="do not fit together"):
        load_model(path)


def test_default_is_the_shipped_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on the command line, also where a file has that name."""
    monkeypatch.chdir(tmp_path)
    Path("default").write_text("no model")
    shipped = weights_fingerprint(load_model())
    assert weights_fingerprint(load_model("default")) == shipped
    assert weights_fingerprint(load_model(Path("default"))) == shipped
    with pytest.raises(CheckpointError, match="not a readable"):
        load_model(tmp_path / "default")


@pytest.mark.parametrize("path", [5, b"m.safetensors", ["m.safetensors"]])
def test_what_is_no_path_is_one_line(path: object) -> None:
    with pytest.raises(InputError, match=r"model is a \w+; pass"):
        load_model(path)  # type: ignore[arg-type]


def test_windows_have_a_middle() -> None:
    with pytest.raises(ValueError, match="odd"):
        WindowConfig(length=4)
