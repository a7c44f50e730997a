"""``seqmelody train``: data, model and settings put together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from seqmelody.errors import InputError


def run(
    folder: Path,
    bank: Path | None,
    manifest: Path | None,
    init: Path | None,
    **settings: float | None,
) -> Path:
    """Train in ``folder``, or go on there; return the path of the trained model.

    Raises:
        InputError: no data, or the folder belongs to a run with other settings.
        CheckpointError: ``init`` is no usable model.
    """
    import torch

    from seqmelody.datasets import ComposedClips, ManifestClips
    from seqmelody.model import MelodyModel, load_model
    from seqmelody.training import TrainConfig, train

    if (bank is None) == (manifest is None):
        raise InputError("training needs data: either --bank DIR or --manifest FILE")
    chosen: dict[str, Any] = {k: v for k, v in settings.items() if v is not None}
    config = replace(TrainConfig(), **chosen)
    torch.manual_seed(config.seed)
    model = MelodyModel() if init is None else load_model(init)
    data = (
        ComposedClips(bank, model.vocabulary, seed=config.seed)
        if bank is not None
        else ManifestClips(manifest or Path(), model.vocabulary)
    )
    return train(model, data, folder, config)
