"""Tune what peers leave to their user, on training-side clips alone.

    python -m benchmarks.peers.tune data/bank --clips 60

Clips are composed from a training bank with a seed of their own, with all the noise and rooms that
training has. Parameters are tried one after the other over a few values each, twice round, for the
least note error rate: those of the shared segmenter for the mean over the trackers that use it,
then PESTO's threshold, then those of the rules, of SwiftF0 and of Basic Pitch. What it prints was
copied into the defaults, and for the last two into the systems named "tuned".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, TypeVar

import typer

from benchmarks.options import choose
from benchmarks.peers import basic_pitch, crepe, pesto, praat, pyin, swift_f0
from benchmarks.peers.base import FloatArray, Options
from benchmarks.peers.rules import Rules, RulesConfig
from benchmarks.peers.segmenter import Contour, SegmenterConfig, segment
from seqmelody import Note, Vocabulary
from seqmelody.datasets import ComposedClips, Example
from seqmelody.metrics import EditCounts, edit_counts

SEED = 998
ROUNDS = 2
CONFIDENCES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
SEGMENTER_GRID: Mapping[str, Sequence[float]] = {
    "rise_db": (6.0, 9.0, 12.0, 16.0),
    "hold_seconds": (0.02, 0.03, 0.04, 0.06),
    "step_semitones": (0.5, 0.6, 0.7, 0.8, 1.0),
    "median_seconds": (0.03, 0.05, 0.07, 0.09),
    "shortest_seconds": (0.05, 0.06, 0.07, 0.09, 0.12),
    "bridge_seconds": (0.01, 0.02, 0.04, 0.06),
}
RULES_GRID: Mapping[str, Sequence[float]] = {
    "frame_salience": (4.0, 6.0, 8.0, 11.0, 15.0),
    "note_salience": (5.0, 7.0, 10.0, 14.0, 18.0),
    "flux_factor": (2.0, 3.0, 4.0, 6.0, 10.0),
    "flux_share": (0.1, 0.17, 0.25, 0.4),
    "smooth_frames": (3, 5, 7),
    "floor_factor": (2.0, 3.0, 4.0, 6.0),
}
HOLDS_MS = (10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 80.0, 100.0, 130.0)
BASIC_PITCH_GRID: Mapping[str, Sequence[float]] = {
    "minimum_note_ms": (35.0, 46.5, 58.0, 70.0, 81.5, 93.0, 104.5, 127.7, 160.0),
    "onset_threshold": (0.3, 0.4, 0.5, 0.6, 0.7, 0.8),
    "frame_threshold": (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5),
}
GROUPS = ("trackers", "rules", "transcribers")
T = TypeVar("T")
Tracker = pyin.Pyin | praat.Praat | crepe.Crepe
Heard = list[tuple[Contour, FloatArray]]


def tune(
    bank: Annotated[Path, typer.Argument(help="Training bank (python -m data_tools).")],
    clips: Annotated[int, typer.Option(help="How many.", min=1)] = 60,
    groups: Annotated[str, typer.Option(help="Parted by commas.")] = ",".join(GROUPS),
) -> None:
    """Print the settings that err least."""
    wanted = choose(groups, GROUPS, "--groups")
    composed = ComposedClips(bank, Vocabulary(), seed=SEED)
    examples = [composed[i] for i in range(clips)]
    config = SegmenterConfig()
    if "trackers" in wanted:
        heard, config = _tune_segmenter(examples)
        for name, contours in heard.items():
            print(f"{name}: {_error_rate(examples, [segment(*h, config) for h in contours]):.3f}")
    if "rules" in wanted:
        _tune_rules(examples, config)
    if "transcribers" in wanted:
        _tune_swift_f0(examples)
        _tune_basic_pitch(examples)


def _tune_segmenter(examples: list[Example]) -> tuple[dict[str, Heard], SegmenterConfig]:
    trackers: dict[str, Tracker] = {
        "pyin": pyin.load(Options()),
        "praat": praat.load(Options()),
        "crepe_tiny": crepe.load(Options(), size="tiny"),
    }
    heard = {
        name: [(tracker.contour(e.waveform), e.waveform) for e in examples]
        for name, tracker in trackers.items()
    }
    pesto_at = _pesto_contours(examples)

    def loss(config: SegmenterConfig) -> float:
        rates = [_error_rate(examples, [segment(*h, config) for h in c]) for c in heard.values()]
        return fmean(rates)

    def pesto_loss(confidence: float) -> float:
        return _error_rate(examples, [segment(*h, config) for h in pesto_at[confidence]])

    config = descend(SegmenterConfig(), SEGMENTER_GRID, loss)
    best = min(CONFIDENCES, key=pesto_loss)
    print(f"{config}\nPESTO's CONFIDENCE = {best}")
    return {**heard, "pesto": pesto_at[best]}, config


def _pesto_contours(examples: list[Example]) -> dict[float, Heard]:
    tracker = pesto.load(Options())
    tracked = [tracker.track(e.waveform) for e in examples]
    return {
        threshold: [
            (pesto.confident(*t, threshold), e.waveform)
            for t, e in zip(tracked, examples, strict=True)
        ]
        for threshold in CONFIDENCES
    }


def _tune_rules(examples: list[Example], segmenter: SegmenterConfig) -> None:
    def loss(config: RulesConfig) -> float:
        rules = Rules(config)
        return _error_rate(examples, [rules.transcribe(e.waveform) for e in examples])

    config = descend(RulesConfig(segmenter=segmenter), RULES_GRID, loss)
    print(f"{config}: {loss(config):.3f}")


def _tune_swift_f0(examples: list[Example]) -> None:
    system = swift_f0.load(Options())
    contours = [system.track(e.waveform) for e in examples]

    def loss(hold_ms: float) -> float:
        return _error_rate(examples, [system.segment(c, hold_ms) for c in contours])

    rates = {hold_ms: loss(hold_ms) for hold_ms in HOLDS_MS}
    print("SwiftF0's pitch_hold_ms:", {hold_ms: round(rate, 3) for hold_ms, rate in rates.items()})


def _tune_basic_pitch(examples: list[Example]) -> None:
    system = basic_pitch.load(Options())
    outputs = [system.hear(e.waveform) for e in examples]

    def loss(config: basic_pitch.BasicPitchConfig) -> float:
        return _error_rate(examples, [system.notes(output, config) for output in outputs])

    config = descend(basic_pitch.DEFAULT, BASIC_PITCH_GRID, loss)
    print(f"{config}: {loss(config):.3f}, by default {loss(basic_pitch.DEFAULT):.3f}")


def descend(
    config: T, grid: Mapping[str, Sequence[float]], loss: Callable[[T], float], rounds: int = ROUNDS
) -> T:
    """Set one field after the other to the best of its values; ties keep what stood first."""
    best = loss(config)
    for _ in range(rounds):
        for name, values in grid.items():
            for value in values:
                changed: Any = replace(config, **{name: value})  # type: ignore[type-var]
                rate = loss(changed)
                if rate < best:
                    config, best = changed, rate
    return config


def _error_rate(examples: list[Example], estimates: list[list[Note]]) -> float:
    counts = [
        edit_counts(e.pitches, [note.pitch for note in notes])
        for e, notes in zip(examples, estimates, strict=True)
    ]
    return sum(counts, EditCounts()).note_error_rate


if __name__ == "__main__":
    typer.run(tune)
