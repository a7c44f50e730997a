"""``train``: from banks, manifests and note lists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run.")],
    bank: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Compose clips from this bank (python -m data_tools)."),
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR",
            help="Train on the recordings listed here, with or without times; or on a folder with "
            "x.txt beside x.wav. With --bank: on both.",
        ),
    ] = None,
    weak: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR",
            help="Adapt the model of --init to recordings with note lists, at a low rate; --bank "
            "keeps it from forgetting others. Stops early and keeps the best model.",
        ),
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|default",
            help="Start from this model; default is the shipped one.",
            show_default="random weights",
        ),
    ] = None,
    bank_share: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            min=0.0,
            max=1.0,
            help="Of clips that come from --bank.",
            show_default="0.5",
        ),
    ] = None,
    augment: Annotated[
        bool | None,
        typer.Option(
            "--augment/--no-augment",
            help="Add noise and rooms to recordings on the fly.",
            show_default="with --bank or --weak",
        ),
    ] = None,
    held_out: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            min=0.0,
            max=0.5,
            help="With --weak: of recordings, to judge by and not to train on.",
            show_default="0.15",
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Training steps.", show_default="the recipe's")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Clips a step.", show_default="the recipe's")
    ] = None,
    peak_rate: Annotated[
        float | None,
        typer.Option(min=1e-7, max=1, help="Highest learning rate.", show_default="the recipe's"),
    ] = None,
    save_every: Annotated[
        int | None, typer.Option(min=1, help="Steps between saves.", show_default="the recipe's")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, max=2**63 - 1, help="Of weights and clips.", show_default="the recipe's"
        ),
    ] = None,
    muon: Annotated[
        bool,
        typer.Option("--muon", help="Turn the encoder's matrices by Muon: learns in fewer steps."),
    ] = False,
    bfloat16: Annotated[
        bool,
        typer.Option(
            "--bfloat16",
            help="Multiply in half the digits: about twice as fast on GPUs and processors that "
            "have it (AVX-512 BF16, AMX), slower on others.",
        ),
    ] = False,
    sequence_weight: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Of the windows' sequence loss: how well they read the whole list, whatever the "
            "times. For a trained model.",
            show_default="0",
        ),
    ] = None,
    self_align: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            help="Rounds of aligning the lists of --manifest (or of a folder with x.txt beside "
            "x.wav) with the model so far, then training on the times found.",
        ),
    ] = 0,
    transpose: Annotated[
        int,
        typer.Option(
            metavar="SEMITONES",
            min=0,
            max=24,
            help="With --self-align or --weak: each list may be off by up to so many semitones.",
        ),
    ] = 0,
) -> None:
    """Train a model; a run that was stopped goes on where it was (needs the train extra).

    Writes RUN/model.safetensors and RUN/log.jsonl. The settings are those of the recipe for a
    model from scratch, together with --muon and --bfloat16; --weak has gentler ones. Runs on a GPU
    if there is one.

    \b
    Examples:
      seqmelody train runs/default --bank data/bank --muon --bfloat16
      torchrun --nproc_per_node 2 -m seqmelody train runs/default --bank data/bank --muon --bfloat16
      seqmelody train runs/mine --weak my_lists/ --init default --bank data/bank
      seqmelody train runs/both --manifest mine/manifest.jsonl --bank data/bank --bank-share 0.5
      seqmelody train runs/lists --manifest my_lists/ --self-align 2
      seqmelody decode take.wav --model runs/default/model.safetensors
    """
    from seqmelody.commands.train import run

    path = run(
        folder,
        bank,
        manifest,
        init,
        steps=steps,
        batch_size=batch_size,
        peak_rate=peak_rate,
        save_every=save_every,
        seed=seed,
        muon=muon or None,
        bfloat16=bfloat16 or None,
        sequence_weight=sequence_weight,
        weak=weak,
        bank_share=bank_share,
        augment=augment,
        held_out=held_out,
        self_align=self_align,
        transpose=transpose,
    )
    print(path)
