"""What is done with checkpoints after training, and the melody model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from data_tools.progress import track
from seqmelody.decoding.language_model import FALLBACK, ORDER


def average(
    models: Annotated[
        list[str], typer.Argument(metavar="FILE[:SHARE]...", help="Checkpoints of one shape.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Checkpoint to write.")],
) -> None:
    """Take the mean of the weights of several checkpoints; calibrate it afterwards.

    Example: python -m data_tools average new.safetensors:0.7 old.safetensors:0.3 -o m.safetensors
    """
    from data_tools.average import average as write_mean
    from seqmelody.writers import check_suffix

    check_suffix(output, ".safetensors", "checkpoints are safetensors files")
    shares = {}
    for text in models:
        path, colon, share = text.rpartition(":")
        try:
            shares[Path(path if colon else text)] = float(share) if colon else 1.0
        except ValueError:  # no share but a path that holds a colon, such as C:\m.safetensors
            shares[Path(text)] = 1.0
    write_mean(shares, output)
    typer.echo(f"mean of {len(shares)} models in {output}")


def calibrate(
    model: Annotated[Path, typer.Argument(help="Checkpoint to write the calibration into.")],
    bank: Annotated[Path, typer.Option(help="Bank to compose clips from; it has dev tunes.")],
    clips: Annotated[int, typer.Option(min=1, help="How many, of 5 s.")] = 600,
) -> None:
    """Make confidences mean something: notes said with 0.9 shall be right nine times in ten.

    Example: python -m data_tools calibrate runs/default/model.safetensors --bank data/bank
    """
    from data_tools.calibrate import calibrate as fit_and_write
    from data_tools.calibrate import dev_clips
    from seqmelody.model import load_model

    heard = track(dev_clips(bank, load_model(model).vocabulary, clips), "Listening", total=clips)
    for name, curve in fit_and_write(model, heard).items():
        typer.echo(f"{name}: 0.5 means {curve(0.5):.2f}, 0.9 means {curve(0.9):.2f}")


def lm(
    folder: Annotated[
        Path,
        typer.Argument(help="A bank with tunes, or a folder of note lists (.txt) and MIDI files."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Model to write (.npz).")],
    order: Annotated[int, typer.Option(min=1, help="Length of the n-grams, in intervals.")] = ORDER,
    fallback: Annotated[
        float,
        typer.Option(min=0.001, max=0.999, help="How probable it is that a melody is no tune."),
    ] = FALLBACK,
) -> None:
    """Learn the melody language model: how tunes go on, in intervals.

    Example: python -m data_tools lm data/bank -o seqmelody/assets/melody_lm.npz
    """
    from data_tools.lm import learn_model
    from seqmelody.writers import check_suffix

    check_suffix(output, ".npz", "melody models are NumPy archives")
    count = learn_model(folder, output, order=order, fallback=fallback)
    typer.echo(f"learned from {count} melodies: {output}")
