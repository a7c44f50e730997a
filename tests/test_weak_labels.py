"""The study of note lists: what a condition may see, how rows become a table and a figure."""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks.weak_labels.conditions import CONDITIONS, Labels, allowed, recipe
from benchmarks.weak_labels.report import DECODERS, Row, draw, read_rows, report
from benchmarks.weak_labels.study import NETWORK
from seqmelody.manifests import ManifestEntry
from seqmelody.notes import Note
from seqmelody.training import TrainConfig

PITCHES = (60, 62, 64, 65, 67)
ENTRIES = [
    ManifestEntry(Path(f"{k}.flac"), PITCHES, tuple(Note(n, n + 0.5, 60) for n in range(5)))
    for k in range(40)
]


def test_conditions_see_what_they_may() -> None:
    for labels in CONDITIONS.values():
        seen = allowed(ENTRIES, labels, 1, NETWORK.vocabulary)
        timed = sum(entry.notes is not None for entry in seen)
        assert timed == round(40 * labels.aligned)
        assert len(seen) == (40 if labels.listed else timed)
        wrong = sum(entry.pitches != PITCHES for entry in seen)
        assert (wrong > 0) == (labels.mistakes > 0)
        assert seen == allowed(ENTRIES, labels, 1, NETWORK.vocabulary)


def test_which_clips_are_aligned_depends_on_the_seed() -> None:
    one, other = (allowed(ENTRIES, Labels(0.1), seed, NETWORK.vocabulary) for seed in (1, 2))
    assert one != other


def test_training_mostly_on_lists_gets_what_steadies_ctc() -> None:
    config = TrainConfig(steps=100)
    for name in ("aligned", "lists, plain CTC", "5 % aligned only"):
        assert recipe(CONDITIONS[name], config) == config
    for name in ("lists", "5 % aligned, 95 % lists"):
        assert recipe(CONDITIONS[name], config).label_prior > 0


def rows() -> list[Row]:
    places = itertools.product(("aligned", "lists"), (1, 2), ("clean", "white 0 dB"), DECODERS)
    return [Row(*place, 0.1 * place[1], 0.9) for place in places]


def test_rows_read_back_and_make_a_table_and_a_figure(tmp_path: Path) -> None:
    path = tmp_path / "rows-1.jsonl"
    assert read_rows(path) == []
    path.write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows()))
    assert read_rows(path) == rows()
    line = "| lists | white 0 dB | window | 15.0 ± 7.1 | 90.0 ± 0.0 | 10.0, 20.0 | 90.0, 90.0 |"
    assert line in report(rows())
    pytest.importorskip("matplotlib")
    draw(rows(), tmp_path / "weak_labels.png")
    assert (tmp_path / "weak_labels.png").stat().st_size > 10_000
