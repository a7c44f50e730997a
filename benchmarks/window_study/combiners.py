"""What makes the best notes of windows? All combiners on the same emissions of one checkpoint."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean

from benchmarks.clips import Clip, Condition, NoiseBench
from benchmarks.window_study.results import Measures, Row, rows_of
from seqmelody.decoding.window import COMBINERS, decode_window
from seqmelody.metrics import EditCounts, edit_counts, note_f1
from seqmelody.model import MelodyModel, load_model

SNRS_DB = (20.0, 10.0, 0.0, -10.0)


def study_combiners(
    system: str,
    seed: int,
    clips: Sequence[Clip],
    todo: Sequence[Condition],
    bench: NoiseBench,
    checkpoint: Path | None = None,
) -> list[Row]:
    """Every combiner with its defaults in every condition; readings are the combiners.

    Here the notes are scored as they are: there is an onset cue, so equal neighbours count.
    """
    model = load_model(checkpoint)

    def measured() -> Iterator[tuple[str, Condition, Measures]]:
        for condition in todo:
            for name, measures in _combined(model, clips, condition, bench).items():
                yield name, condition, measures

    return rows_of(system, seed, measured())


def _combined(
    model: MelodyModel, clips: Sequence[Clip], condition: Condition, bench: NoiseBench
) -> dict[str, Measures]:
    edits = dict.fromkeys(COMBINERS, EditCounts())
    scores: dict[str, list[float]] = {name: [] for name in COMBINERS}
    for clip in clips:
        emission = model.emissions(bench.apply(clip, condition)).window
        for name in COMBINERS:
            found = decode_window(emission, model.vocabulary, combiner=name)
            edits[name] += edit_counts([n.pitch for n in clip.notes], [n.pitch for n in found])
            scores[name].append(note_f1(clip.notes, found))
    return {
        name: Measures(math.nan, edits[name].note_error_rate, fmean(scores[name]))
        for name in COMBINERS
    }
