"""The mean of several checkpoints' weights, tensor by tensor.

Models that were trained on from one another lie in one valley of the loss: their mean is as good as
the best of them or better, and forgets less (Wortsman et al., "Model soups", ICML 2022).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import torch

from seqmelody.errors import InputError
from seqmelody.model import load_model, save_model


def average(shares: Mapping[Path, float], out: Path) -> None:
    """Write the weighted mean of checkpoints, in half precision, without a calibration.

    Args:
        shares: of each checkpoint; they need not add up to 1.
        out: checkpoint to write.

    Raises:
        InputError: shares that are not positive, or models of different shapes.
        CheckpointError: an unusable file.
    """
    if not shares or not all(0 < share < math.inf for share in shares.values()):
        raise InputError("a mean needs checkpoints with finite shares above 0")
    total = sum(shares.values())
    (first, share), *others = shares.items()
    model = load_model(first)
    mean = {name: share / total * tensor for name, tensor in model.state_dict().items()}
    for path, weight in others:
        other = load_model(path)
        if other.config != model.config:
            raise InputError(f"{path}: is a model of another shape than {first}; leave it out")
        for name, tensor in other.state_dict().items():
            mean[name] += weight / total * tensor
    model.load_state_dict(mean)
    model.calibrations = {}
    save_model(model, out, dtype=torch.float16)
