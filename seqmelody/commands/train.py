"""``seqmelody train``: data, model and settings put together."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from seqmelody.errors import InputError

if TYPE_CHECKING:
    from seqmelody.datasets import ManifestClips
    from seqmelody.mixing import Counted, MixedClips
    from seqmelody.model import MelodyModel
    from seqmelody.shards import ShardedClips

SHIPPED = Path("default")  # in place of a checkpoint's path
BANK, LISTS, MIX = "bank.json", "lists.json", "mix.json"  # what a run claims its folder for


@dataclass(frozen=True, slots=True)
class Sources:
    """What to train on, and how. None stands for the default."""

    bank: Path | None = None
    manifest: Path | None = None
    weak: Path | None = None
    bank_share: float | None = None
    augment: bool | None = None
    held_out: float | None = None
    self_align: int = 0
    transpose: int = 0

    def check(self, init: Path | None) -> None:
        """Raise typer.BadParameter for what does not go together."""
        if self.manifest is not None and self.weak is not None:
            raise typer.BadParameter(
                "--manifest and --weak are two ways to use lists; --weak adapts a model to them"
            )
        lists = self.manifest or self.weak
        if lists is None and self.bank is None:
            raise typer.BadParameter(
                "training needs data: --bank DIR, --manifest FILE, both, or --weak DIR"
            )
        if self.self_align and self.manifest is None:
            raise typer.BadParameter("--self-align needs lists to align (--manifest)")
        if self.transpose and not (self.self_align or self.weak):
            raise typer.BadParameter("--transpose needs --self-align or --weak")
        if self.weak is not None and init is None:
            raise typer.BadParameter(
                "--weak adapts a trained model: name it with --init (default is the shipped one); "
                "to learn from lists alone use --manifest DIR --self-align 2"
            )
        if self.bank_share is not None and (self.bank is None or lists is None):
            raise typer.BadParameter(
                "--bank-share needs two sources: --bank, and --manifest or --weak"
            )
        if self.augment is not None and lists is None:
            raise typer.BadParameter("--augment is for recordings: --manifest or --weak")
        if self.held_out is not None and self.weak is None:
            raise typer.BadParameter("--held-out needs --weak")


def run(
    folder: Path,
    bank: Path | None,
    manifest: Path | None,
    init: Path | None,
    *,
    weak: Path | None = None,
    bank_share: float | None = None,
    augment: bool | None = None,
    held_out: float | None = None,
    self_align: int = 0,
    transpose: int = 0,
    **settings: float | None,
) -> Path:
    """Train in ``folder``, or go on there; return the path of the trained model.

    Raises:
        typer.BadParameter: no data, or options that do not go together.
        InputError: a recording or list cannot be trained on, or the folder belongs to a run with
            other settings.
        CheckpointError: ``init`` is no usable model.
    """
    sources = Sources(bank, manifest, weak, bank_share, augment, held_out, self_align, transpose)
    sources.check(init)

    import torch

    from seqmelody.banks import fingerprint
    from seqmelody.claims import claim
    from seqmelody.datasets import ComposedClips
    from seqmelody.model import MelodyModel, load_model
    from seqmelody.processes import need_accelerate
    from seqmelody.training import TrainConfig, train

    need_accelerate()
    chosen: dict[str, Any] = {k: v for k, v in settings.items() if v is not None}
    config = replace(TrainConfig(), **chosen)
    torch.manual_seed(config.seed)
    model = MelodyModel() if init is None else load_model(None if init == SHIPPED else init)
    if weak is not None:
        return _adapt(model, weak, folder, sources, chosen)
    if self_align and manifest is not None:
        from seqmelody.self_alignment import SelfAlignConfig, train_self_aligned

        rounds = SelfAlignConfig(rounds=self_align, transpose=transpose)
        _check_lists(manifest, model, transpose)
        mix = _mixer(model, folder, sources, config.seed)
        trained = init is not None
        return train_self_aligned(model, manifest, folder, config, rounds, trained=trained, mix=mix)
    if manifest is None:
        assert bank is not None
        clips = ComposedClips(bank, model.vocabulary, seed=config.seed)
        claim(folder / BANK, {"bank": fingerprint(bank)}, {})
        return train(model, clips, folder, config)
    listed = _listed(manifest, model)
    _check(listed, model)
    _claim_lists(listed, folder)
    mix = _mixer(model, folder, sources, config.seed)
    if mix is None:
        return train(model, listed, folder, config)
    return train(model, mix(listed), folder, config)


def _adapt(
    model: MelodyModel, weak: Path, folder: Path, sources: Sources, chosen: dict[str, Any]
) -> Path:
    from seqmelody.adaptation import AdaptConfig, adapt, summary

    config = AdaptConfig()
    if sources.held_out is not None:
        config = replace(config, held_out_share=sources.held_out)
    align = replace(config.align, transpose=sources.transpose)
    config = replace(config, align=align, train=replace(config.train, **chosen))
    if sources.bank is None:
        print(
            "seqmelody: warning: without --bank nothing is mixed in with the lists, so the model "
            "may forget other instruments",
            file=sys.stderr,
        )
    _check_lists(weak, model, sources.transpose)
    mix = _mixer(model, folder, sources, config.train.seed)
    path = adapt(model, weak, folder, config, mix=mix)
    print(f"seqmelody: {summary(folder)}", file=sys.stderr)
    return path


def _listed(manifest: Path, model: MelodyModel) -> ManifestClips | ShardedClips:
    """A manifest, a folder of shards, or a folder of recordings with a list beside each."""
    from seqmelody.datasets import ManifestClips
    from seqmelody.note_lists import LIST_SUFFIX
    from seqmelody.shards import INDEX, ShardedClips

    if manifest.is_dir():
        if (manifest / INDEX).exists():
            return ShardedClips(manifest, model.vocabulary)
        if not any(manifest.rglob(f"*{LIST_SUFFIX}")):
            raise InputError(_nothing_listed(manifest))
    return ManifestClips(manifest, model.vocabulary)


def _nothing_listed(folder: Path) -> str:
    """What to say of a folder that holds neither shards nor lists."""
    found = sorted(folder.glob("*.jsonl"))
    if found:
        return f"{folder}: a folder with a manifest in it; name that: {found[0]}"
    return (
        f"{folder}: holds no lists; write a note list x.txt beside each recording x.wav, or name a "
        "manifest or a folder of shards"
    )


def _check_lists(source: Path, model: MelodyModel, transpose: int) -> None:
    """Before anything claims the folder for them."""
    from seqmelody.datasets import read_lists
    from seqmelody.list_checks import check_recordings

    check_recordings(read_lists(source), model, transpose=transpose)


def _check(listed: ManifestClips | ShardedClips, model: MelodyModel) -> None:
    """Before the folder is claimed for them."""
    from seqmelody.datasets import ManifestClips
    from seqmelody.list_checks import check_recordings
    from seqmelody.mixing import MixConfig

    if isinstance(listed, ManifestClips):
        check_recordings(listed.entries, model, whole_seconds=MixConfig().whole_seconds)
    else:
        listed.check_pitches()


def _claim_lists(listed: ManifestClips | ShardedClips, folder: Path) -> None:
    """The run is about these recordings and labels."""
    from seqmelody.claims import claim
    from seqmelody.datasets import ManifestClips
    from seqmelody.self_alignment import fingerprint

    if isinstance(listed, ManifestClips):
        lists = fingerprint(listed.entries)
    else:
        lists = listed.fingerprint()
    claim(folder / LISTS, {"lists": lists}, {})


def _mixer(
    model: MelodyModel, folder: Path, sources: Sources, seed: int
) -> Callable[[Counted], MixedClips] | None:
    """What turns listed clips into those to train on; None leaves them as they are.

    Recordings are augmented unless they are all that there is: a manifest alone is trained on as
    it stands.
    """
    from seqmelody.banks import fingerprint
    from seqmelody.claims import claim
    from seqmelody.datasets import ComposedClips
    from seqmelody.mixing import MixConfig, MixedClips

    wanted = {"bank_share": sources.bank_share, "augment": sources.augment}
    config = MixConfig(**{k: v for k, v in wanted.items() if v is not None})  # type: ignore[arg-type]
    if sources.bank is None:
        config = replace(config, bank_share=0.0)
        if sources.weak is None and not sources.augment:
            return None
    composed = None
    if sources.bank is not None:
        composed = ComposedClips(sources.bank, model.vocabulary, seed=seed)
    bank = None if sources.bank is None else fingerprint(sources.bank)
    claim(folder / MIX, {"bank": bank, **asdict(config)}, {})
    places = composed.places if composed is not None else None

    def mix(listed: Counted) -> MixedClips:
        return MixedClips(listed, composed, config, seed=seed, places=places)

    return mix
