"""The command line of the study; :mod:`benchmarks.window_study` says what it asks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import torch
import typer

from benchmarks.clips import NoiseBench, conditions, load_set
from benchmarks.options import choose, words
from benchmarks.rows import make_folder, write_whole
from benchmarks.window_study.classical import LEARNERS, RULES, study_learner, study_rules
from benchmarks.window_study.combiners import SNRS_DB, study_combiners
from benchmarks.window_study.data import compose_test, compose_train, compose_wide
from benchmarks.window_study.learning import NETWORKS, PLAIN, WINDOWS_MS, Budget, study_network
from benchmarks.window_study.report import STAGES, WEIGHTS, draw_errors, report
from benchmarks.window_study.results import Row, Table, hear
from seqmelody import InputError, SeqMelodyError
from seqmelody.model import default_model_path
from seqmelody.notes import Vocabulary

# How instruments are parted; changes with window_study.instruments. Once single programs, whose
# samples others share, were held out: such rows are of another study.
SPLIT = "families guitar, pipe, ethnic; a fifth of the timbres"
ENCODERS = ["conv", "recurrent", *(name for name in NETWORKS if name.startswith("raw"))]
# One row a question: the systems it needs. Those that several need are trained once.
QUESTIONS: dict[str, list[str]] = {
    "stages": [PLAIN, "conv", *STAGES],
    "windows": [f"window {ms} ms" for ms in WINDOWS_MS],
    "encoders": [PLAIN, *ENCODERS],
    "classical": [*LEARNERS, PLAIN, "conv", RULES],
    "combiners": [WEIGHTS],
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What rows depend on, besides system and seed; a folder of results holds one kind."""

    bank: str
    ambience: str
    noises: str
    train_clips: int
    test_clips: int
    combiner_clips: int
    steps: int
    batch_size: int
    snrs_db: tuple[float, ...] = (10.0, 0.0, -10.0)
    train_seconds: float = 2.0
    test_seconds: float = 4.0
    combiner_seconds: float = 5.0
    held_out: str = SPLIT


def quick(settings: Settings) -> Settings:
    """The same, tiny: to see that all of it runs."""
    return replace(
        settings, train_clips=24, train_seconds=1.0, test_clips=2, test_seconds=1.5, steps=3,
        batch_size=4, combiner_clips=2, combiner_seconds=2.0, snrs_db=(0.0,),
    )  # fmt: skip


def window_study(
    bank: Annotated[Path, typer.Option(help="Bank that clips are composed from.")] = Path(
        "data/bank"
    ),
    ambience: Annotated[Path, typer.Option(help="Folder of recorded noise, to test in.")] = Path(
        "../shared/dev/noise"
    ),
    noises: Annotated[str, typer.Option(help="To test in, parted by commas.")] = "white,ambience",
    questions: Annotated[str, typer.Option(help="Parted by commas.")] = ",".join(QUESTIONS),
    train_clips: Annotated[int, typer.Option(min=24, help="Clips to learn from.")] = 1600,
    test_clips: Annotated[int, typer.Option(min=1, help="Clips to be judged on.")] = 40,
    combiner_clips: Annotated[int, typer.Option(min=1, help="Composed, for combiners.")] = 60,
    steps: Annotated[int, typer.Option(min=1, help="Of every network's training.")] = 350,
    batch_size: Annotated[int, typer.Option(min=1)] = 16,
    seeds: Annotated[int, typer.Option(min=1, help="How many; rules have one.")] = 2,
    sets: Annotated[str, typer.Option(help="Sets in --dev, for the combiners too.")] = "",
    dev: Annotated[Path, typer.Option(help="Folder of the sets.")] = Path("../shared/dev"),
    model: Annotated[Path | None, typer.Option(help="Checkpoint, for the combiners.")] = None,
    is_quick: Annotated[bool, typer.Option("--quick", help="Tiny, to see it run.")] = False,
    output: Annotated[Path, typer.Option(help="Folder of rows.csv, table.md, figures.")] = Path(
        "benchmarks/results/window_study"
    ),
) -> None:
    """Study windows: stages, lengths, encoders, classical learners and combiners, against SNR.

    A folder holds one kind of results; what is in its rows.csv is not measured again.
    """
    settings = Settings(
        str(bank), str(ambience), noises, train_clips=train_clips, test_clips=test_clips,
        combiner_clips=combiner_clips, steps=steps, batch_size=batch_size,
    )  # fmt: skip
    if is_quick:
        settings, seeds, output = quick(settings), 1, output / "quick"
    asked = choose(questions, QUESTIONS, "--questions")
    try:
        make_folder(output)
        _keep_settings(output / "settings.json", settings)
        table = Table(output / "rows.csv")
        study = Study(settings, output, model, dev, words(sets))
        for seed in range(1, seeds + 1):
            for system, run in study.systems(asked):
                if table.has(system, seed) or (seed > 1 and not _is_random(system)):
                    continue
                typer.echo(f"{system}, seed {seed}")
                table.add(run(seed))
                write_whole(output / "table.md", report(table.rows, _describe(settings)))
        write_whole(output / "table.md", report(table.rows, _describe(settings)))
        draw_errors(output / "errors.png", table.rows)
    except SeqMelodyError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"wrote {output / 'table.md'}")


def _is_random(system: str) -> bool:
    return system != RULES and not system.startswith(WEIGHTS)


class Study:
    """Systems by name; clips are composed when the first system needs them."""

    def __init__(
        self,
        settings: Settings,
        output: Path,
        checkpoint: Path | None,
        dev: Path,
        sets: list[str],
    ) -> None:
        self.settings, self.output, self.checkpoint = settings, output, checkpoint
        self.bank, self.dev, self.sets = Path(settings.bank), dev, sets
        self.bench = NoiseBench(Path(settings.ambience), 0)
        self._loaded: Loaded | None = None

    def systems(self, asked: list[str]) -> Iterator[tuple[str, Callable[[int], list[Row]]]]:
        """What the questions need, each system once."""
        for name in dict.fromkeys(name for question in asked for name in QUESTIONS[question]):
            if name == WEIGHTS:
                for set_name in ("", *self.sets):
                    full = f"{self._weights()}, {set_name}" if set_name else self._weights()
                    yield full, self._combiners(full, set_name)
            else:
                yield name, self._learned(name)

    def _learned(self, name: str) -> Callable[[int], list[Row]]:
        def run(seed: int) -> list[Row]:
            if self._loaded is None:
                self._loaded = Loaded(self.settings, self.bank, self.bench)
            train, test = self._loaded.train, self._loaded.test
            if name in LEARNERS:
                return study_learner(name, seed, train, test, self.output)
            if name == RULES:
                return study_rules(seed, test)
            budget = Budget(self.settings.steps, self.settings.batch_size)
            return study_network(name, seed, budget, train, test)

        return run

    def _weights(self) -> str:
        """Name of the checkpoint; other weights in the same place have another."""
        path = self.checkpoint or default_model_path()
        if not path.is_file():
            raise InputError(f"{path}: no such model file; check --model")
        return f"{WEIGHTS} {sha256(path.read_bytes()).hexdigest()[:8]}"

    def _combiners(self, name: str, set_name: str) -> Callable[[int], list[Row]]:
        def run(seed: int) -> list[Row]:
            s = self.settings
            if not set_name:
                clips = compose_wide(self.bank, s.combiner_clips, s.combiner_seconds, Vocabulary())
            else:
                clips = load_set(self.dev / set_name)
            todo = conditions(words(s.noises), SNRS_DB)
            return study_combiners(name, seed, clips, todo, self.bench, self.checkpoint)

        return run


class Loaded:
    """Clips to learn from, and to be judged on in all conditions."""

    def __init__(self, settings: Settings, bank: Path, bench: NoiseBench) -> None:
        self.train = compose_train(bank, settings.train_clips, settings.train_seconds)
        clips = compose_test(bank, settings.test_clips, settings.test_seconds)
        self.test = hear(clips, conditions(words(settings.noises), settings.snrs_db), bench)


def _keep_settings(path: Path, settings: Settings) -> None:
    """Remember the settings, or check them. Raises InputError if the folder holds another kind."""
    text = json.dumps(asdict(settings), indent=1) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise InputError(f"{path.parent} holds results of other settings; choose another --output")
    write_whole(path, text)


def _describe(settings: Settings) -> list[str]:
    """Lines on the data and on the budget."""
    return [
        f"Data: {settings.train_clips} clips of {settings.train_seconds:g} s to learn from, "
        f"{settings.test_clips} of {settings.test_seconds:g} s of other tunes and instruments to "
        f"be judged on ({settings.held_out}), composed from {settings.bank}; recorded noise of the "
        f"test: {settings.ambience}",
        f"Budget: {settings.steps} steps of {settings.batch_size} clips, AdamW, "
        f"{torch.get_num_threads()} threads",
        f"Combiners: {settings.combiner_clips} composed clips of {settings.combiner_seconds:g} s, "
        "test tunes, all instruments of the bank",
    ]


if __name__ == "__main__":
    typer.run(window_study)
