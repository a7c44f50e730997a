"""MelodyModel: features, encoder and both heads, in one file on disk.

A checkpoint is one ``.safetensors`` file: the weights, and in its metadata the configuration and
vocabulary as JSON. Nothing in it is executed on loading.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from seqmelody import calibration
from seqmelody.audio import SAMPLE_RATE
from seqmelody.calibration import Calibration, Calibrations
from seqmelody.emission import Emission
from seqmelody.encoders import ENCODERS, EncoderConfig
from seqmelody.errors import CheckpointError, InputError
from seqmelody.features import AttackBands, FeatureConfig, LogFrequencySpectrogram
from seqmelody.heads import CTCHead, WindowConfig, WindowHead
from seqmelody.notes import Vocabulary
from seqmelody.unfilled import Unfilled
from seqmelody.writers import write_atomically

FORMAT = "seqmelody-1"
CALIBRATION = "calibration"  # where in the metadata
SHIPPED = Path("default")  # stands for the weights that ship with the package
CHUNK_SECONDS = 40.0  # decoded at a time; bounds memory


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Everything that the shape of a model depends on."""

    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    window: WindowConfig = field(default_factory=WindowConfig)

    def to_json(self) -> str:
        """The inverse of :meth:`from_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ModelConfig:
        """Raises ValueError, KeyError or TypeError for anything that to_json did not write."""
        data: dict[str, Any] = json.loads(text)
        features, encoder = data["features"], data["encoder"]
        features["windows"] = tuple(features["windows"])
        features.setdefault("attack_bands", 0)  # checkpoints of before there were any
        encoder["harmonics"] = tuple(encoder["harmonics"])
        encoder["dilations"] = tuple(encoder["dilations"])
        return cls(
            Vocabulary(**data["vocabulary"]),
            FeatureConfig(**features),
            EncoderConfig(**encoder),
            WindowConfig(**data["window"]),
        )


class Logits(NamedTuple):
    """What the heads say before normalisation: (B, T', n + 1), (B, T'), (B, T, n + 1)."""

    window: Tensor
    onset: Tensor
    ctc: Tensor


class Emissions(NamedTuple):
    """The two heads' emissions for one recording."""

    window: Emission
    ctc: Emission


class MelodyModel(nn.Module):
    """Waveform in, log-probabilities of both heads out."""

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ModelConfig()
        self.calibrations: dict[str, Calibration] = {}  # of decoders, by name
        classes = config.vocabulary.n_classes
        self.features = LogFrequencySpectrogram(config.features)
        self.attacks = AttackBands(config.features) if config.features.attack_bands else None
        self.encoder = ENCODERS[config.encoder.name](
            config.encoder, config.features, config.vocabulary
        )
        self.window_head = WindowHead(config.window, self.encoder.output_size, classes)
        self.ctc_head = CTCHead(self.encoder.output_size, classes)

    @property
    def vocabulary(self) -> Vocabulary:
        """The pitches this model knows."""
        return self.config.vocabulary

    @property
    def context_samples(self) -> int:
        """Samples on either side of a frame's centre that its emission depends on, in whole
        strides of the window head."""
        features = self.config.features
        frames = self.encoder.radius + self.config.window.length // 2
        needed = features.radius_samples + frames * features.hop
        step = features.hop * self.config.window.stride
        return -(-needed // step) * step

    def forward(self, waveform: Tensor, frames: Tensor | None = None) -> Logits:
        """(B, samples) at the model's sample rate to the logits of both heads; of a padded batch,
        ``frames`` (B,) are filled."""
        # In full precision, also where training is not: the logarithm of a little power needs it.
        with torch.autocast(waveform.device.type, enabled=False):
            features = self.features(waveform, frames)  # (B, S, T, F)
            attacks = None if self.attacks is None else self.attacks(waveform, frames)  # (B, T', A)
        frames = self.encoder(features, attacks)  # (B, T, D)
        window, onset = self.window_head(frames)
        return Logits(window, onset, self.ctc_head(frames))

    @torch.inference_mode()
    def emissions(
        self, waveform: NDArray[np.float32], *, chunk_seconds: float = CHUNK_SECONDS
    ) -> Emissions:
        """Emissions of one recording, (samples,) mono at the model's sample rate.

        Works through the recording in chunks of about that length (half as much again at most),
        each with the context that its frames depend on, so the result does not depend on the chunk
        length and memory does not grow with the recording.

        Raises:
            InputError: the array is not one-dimensional or holds no samples, or what it holds is
                too loud by far for any emission.
        """
        if waveform.ndim != 1 or len(waveform) == 0:
            raise InputError(f"expected samples of shape (samples,), not {waveform.shape}")
        with self._evaluated():
            emissions = self._emissions(waveform, chunk_seconds)
        arrays = (emissions.window.log_probs, emissions.window.onset_probs, emissions.ctc.log_probs)
        if not all(a is None or np.isfinite(a).all() for a in arrays):
            raise InputError(
                f"samples of up to {np.abs(waveform).max():g} give emissions that are not numbers: "
                "too loud by far; scale samples to -1..1"
            )
        return emissions

    @contextmanager
    def _evaluated(self) -> Iterator[None]:
        """Evaluation mode; afterwards every part is in the mode that it was in."""
        trained = [module for module in self.modules() if module.training]
        self.eval()
        try:
            yield
        finally:
            for module in trained:
                module.training = True

    def _emissions(self, waveform: NDArray[np.float32], chunk_seconds: float) -> Emissions:
        hop, stride = self.config.features.hop_seconds, self.config.window.stride
        n_frames = len(waveform) // self.config.features.hop + 1
        n_windows, n_classes = -(-n_frames // stride), self.vocabulary.n_classes
        # Filled in place: chunks kept apart and joined at the end would need twice the memory.
        window = np.empty((n_windows, n_classes), np.float32)
        onset = np.empty(n_windows, np.float32)
        ctc = np.empty((n_frames, n_classes), np.float32)
        frames = windows = 0
        for part in self._chunks(waveform, chunk_seconds):
            in_frames = slice(frames, frames + len(part.ctc))
            in_windows = slice(windows, windows + len(part.window))
            window[in_windows] = F.log_softmax(part.window, dim=-1).cpu().numpy()
            onset[in_windows] = torch.sigmoid(part.onset).cpu().numpy()
            ctc[in_frames] = F.log_softmax(part.ctc, dim=-1).cpu().numpy()
            frames, windows = in_frames.stop, in_windows.stop
        return Emissions(Emission(window, hop * stride, onset_probs=onset), Emission(ctc, hop))

    def _chunks(self, waveform: NDArray[np.float32], chunk_seconds: float) -> Iterator[Logits]:
        """Logits of one chunk after another, context cut off."""
        hop, stride = self.config.features.hop, self.config.window.stride
        step = hop * stride
        context = self.context_samples
        device = next(self.parameters()).device
        n_frames = len(waveform) // hop + 1
        # Chunks of one length: a short one at the end would be all context.
        wanted = chunk_seconds * self.config.features.sample_rate
        size = -(-n_frames * hop // max(1, round(n_frames * hop / wanted)))
        size = -(-size // step) * step
        for begin in range(0, n_frames * hop, size):
            left = max(0, begin - context)
            piece = torch.from_numpy(waveform[left : begin + size + context]).to(device)
            logits = self(piece[None])
            first, last = (begin - left) // hop, min((begin - left + size) // hop, n_frames)
            in_windows = slice(first // stride, -(-last // stride))
            yield Logits(
                logits.window[0, in_windows],
                logits.onset[0, in_windows],
                logits.ctc[0, first:last],
            )


def save_model(
    model: MelodyModel, path: Path, *, dtype: torch.dtype = torch.float32, **metadata: str
) -> None:
    """Write a checkpoint, whole or not at all. ``metadata`` is kept beside the configuration.

    float16 halves the file and moves log-probabilities by a few thousandths.

    Raises:
        CheckpointError: a weight is no finite number, or is none as ``dtype``.
    """
    state = model.state_dict()
    tensors = {k: v.detach().to("cpu", dtype).contiguous() for k, v in state.items()}
    if name := _not_finite(tensors):
        raise CheckpointError(
            f"{path}: weights {name} are not finite as {dtype}, so nothing was written; "
            "keep an earlier state of the training, or save as float32 what is too large for less"
        )
    header = {"format": FORMAT, "config": model.config.to_json(), **metadata}
    if model.calibrations:
        header[CALIBRATION] = calibration.to_json(model.calibrations)
    write_atomically(path, save(tensors, header))


def add_calibrations(path: Path, calibrations: Calibrations) -> None:
    """Put calibrations into a checkpoint; its weights stay as they are, to the last bit.

    Raises:
        CheckpointError: the file is no readable checkpoint.
    """
    metadata, tensors = _read(path)
    metadata[CALIBRATION] = calibration.to_json(calibrations)
    write_atomically(path, save(tensors, metadata))


def weights_fingerprint(model: MelodyModel) -> str:
    """Of all weights, to the last bit."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode() + tensor.detach().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def load_model(path: str | os.PathLike[str] | None = None) -> MelodyModel:
    """Read a checkpoint; None stands for the weights that ship with the package, as "default" does
    on the command line and here (a file of that name needs its folder: ``/home/me/default``).

    Raises:
        InputError: what is named is no path.
        CheckpointError: the file is missing, unreadable, or not a SeqMelody checkpoint.
    """
    if not (path is None or isinstance(path, (str, os.PathLike))):
        raise InputError(
            f"model is a {type(path).__name__}; pass a MelodyModel, the path of one, or None"
        )
    path = default_model_path() if path is None or Path(path) == SHIPPED else Path(path)
    metadata, tensors = _read(path)
    try:
        config = ModelConfig.from_json(metadata["config"])
        if config.features.sample_rate != SAMPLE_RATE:
            raise ValueError(f"it hears {config.features.sample_rate} Hz, not {SAMPLE_RATE}")
        with Unfilled():  # its weights are replaced at once
            model = MelodyModel(config)
        model.load_state_dict({k: v.float() for k, v in tensors.items()})
        if CALIBRATION in metadata:
            model.calibrations = calibration.from_json(metadata[CALIBRATION])
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        RuntimeError,
        ArithmeticError,
    ) as error:
        reason = (str(error) or repr(error)).splitlines()[0]
        raise CheckpointError(
            f"{path}: configuration and weights do not fit together ({reason}); "
            "it was written by another version or is damaged"
        ) from None
    if name := _not_finite(tensors):
        raise CheckpointError(
            f"{path}: weights {name} are not finite numbers; "
            "it is damaged or its training failed, use another checkpoint"
        )
    return model.eval()


def _not_finite(tensors: dict[str, Tensor]) -> str:
    """Name of a tensor with a number that is none or infinite; empty if there is no such."""
    return next((k for k, v in tensors.items() if not bool(torch.isfinite(v).all())), "")


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Metadata and tensors of a checkpoint. Raises CheckpointError."""
    if path.is_dir():
        raise CheckpointError(
            f"{path}: is a folder; name the model in it, {path / 'model.safetensors'}"
        )
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such model file; check the path") from None
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path}: not a readable .safetensors file ({error}); "
            "use a checkpoint that 'seqmelody train' wrote"
        ) from None
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: not a SeqMelody checkpoint (no format {FORMAT!r} in its metadata); "
            "use one that 'seqmelody train' wrote"
        )
    return metadata, tensors


def default_model_path() -> Path:
    """The shipped weights."""
    return Path(str(resources.files("seqmelody") / "assets" / "default.safetensors"))
