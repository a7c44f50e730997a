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
    *,
    self_align: int = 0,
    transpose: int = 0,
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
    from seqmelody.shards import ShardedClips
    from seqmelody.training import TrainConfig, train

    if (bank is None) == (manifest is None):
        raise InputError("training needs data: either --bank DIR or --manifest FILE")
    if (self_align and manifest is None) or (transpose and not self_align):
        raise InputError(
            "--self-align needs lists to align (--manifest), and --transpose needs --self-align"
        )
    # A folder in place of a manifest holds shards.
    listed = ShardedClips if manifest is not None and manifest.is_dir() else ManifestClips
    chosen: dict[str, Any] = {k: v for k, v in settings.items() if v is not None}
    config = replace(TrainConfig(), **chosen)
    torch.manual_seed(config.seed)
    model = MelodyModel() if init is None else load_model(init)
    if self_align and manifest is not None:
        from seqmelody.self_alignment import SelfAlignConfig, train_self_aligned

        rounds = SelfAlignConfig(rounds=self_align, transpose=transpose)
        return train_self_aligned(model, manifest, folder, config, rounds, trained=init is not None)
    data = (
        ComposedClips(bank, model.vocabulary, seed=config.seed)
        if bank is not None
        else listed(manifest or Path(), model.vocabulary)
    )
    return train(model, data, folder, config)
