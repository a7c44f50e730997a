"""The sweep: rows that repeat, resume and count failures; intervals; what the oracle knows."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from rich.console import Console

from benchmarks import measurement, workers
from benchmarks.clips import NO_MELODY, Clip, Condition, NoiseBench, no_melody_clips
from benchmarks.intervals import error_interval, rate_interval
from benchmarks.measurement import Settings
from benchmarks.noise_report import alarm_table, snr_table, write_noise_report
from benchmarks.oracle import Oracle
from benchmarks.peers import SYSTEMS, NotInstalledError, Options
from benchmarks.peers.rules import Rules
from benchmarks.public_set import INSTRUMENTS, Instrument, write_set
from benchmarks.rows import Journal, Row, read_csv, read_finished_and_part, write_csv
from benchmarks.sweep import Sweep, run_sweep, spread
from benchmarks.workers import LOCAL, Share, by_processes, by_ray
from seqmelody import InputError, Note
from seqmelody.audio import SAMPLE_RATE
from seqmelody.banks import TuneBank
from seqmelody.evaluation import melody_mask, score
from seqmelody.metrics import EditCounts
from seqmelody.noise import FloatArray

CONSOLE = Console(file=io.StringIO())
CLIPS = 3


class Fake:
    """Finds one note, depending on the sound; fails or is interrupted when told to."""

    version = "fake 1"

    def __init__(self, fault: Callable[[], None] = lambda: None) -> None:
        self.fault = fault

    def transcribe(self, samples: FloatArray) -> list[Note]:
        if len(samples) == SAMPLE_RATE:  # not the warm-up
            self.fault()
        return [Note(0.1, 0.4, 60 + round(abs(float(samples[:99].sum())) * 1000) % 3)]


@pytest.fixture
def clip_set(tmp_path: Path) -> Path:
    """Three clips of one note, a second each."""
    folder = tmp_path / "set"
    folder.mkdir()
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    lines = []
    for i in range(CLIPS):
        soundfile.write(folder / f"{i}.flac", 0.2 * np.sin(2 * np.pi * 262 * time), SAMPLE_RATE)
        lines.append(json.dumps({"audio": f"{i}.flac", "notes": [[0.1, 0.4, 60]]}))
    (folder / "manifest.jsonl").write_text("\n".join(lines))
    return folder


@pytest.fixture(autouse=True)
def forget_loaded_systems() -> Iterator[None]:
    yield
    measurement.system.cache_clear()


def sweep(folder: Path, *systems: str, seeds: tuple[int, ...] = (0, 1)) -> Sweep:
    return Sweep(systems, (folder,), ("white", "pink"), (0.0, -10.0), seeds)


ALONE: Share = partial(by_processes, jobs=1)


def run(plan: Sweep, path: Path, share: Share = ALONE) -> list[Row]:
    settings = Settings(path.parent / "no_ambience", Options(), "abc")
    run_sweep(plan, settings, Journal(path), share, CONSOLE)
    return read_csv(path)


def timeless(rows: list[Row]) -> list[Row]:
    return [replace(row, compute_seconds=0.0, conpoff_f1=0.0) for row in rows]


def test_same_seeds_make_the_same_rows_by_one_process_or_two(
    clip_set: Path, tmp_path: Path
) -> None:
    plan = sweep(clip_set, "rules", seeds=(3,))
    first = run(plan, tmp_path / "1.csv")
    again = run(plan, tmp_path / "2.csv", partial(by_processes, jobs=2))
    assert len(first) == CLIPS * (1 + 2 * 2)
    assert timeless(first) == timeless(again)


def test_a_ray_cluster_of_two_workers_makes_the_same_rows(clip_set: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs Ray: pip install 'seqmelody[ray]'")
    plan = sweep(clip_set, "rules", seeds=(3,))
    first = run(plan, tmp_path / "1.csv")
    again = run(plan, tmp_path / "2.csv", partial(by_ray, address=LOCAL, jobs=2))
    assert timeless(first) == timeless(again)


def test_a_cluster_that_does_not_answer_is_one_clear_line(clip_set: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs Ray: pip install 'seqmelody[ray]'")
    with pytest.raises(InputError, match=r"--ray 127\.0\.0\.1:1: no Ray cluster answers there"):
        run(sweep(clip_set, "rules"), tmp_path / "1", partial(by_ray, address="127.0.0.1:1"))


def test_a_few_clips_of_a_set_are_evenly_spread(clip_set: Path, tmp_path: Path) -> None:
    assert spread(10, None) == list(range(10))
    assert spread(10, 4) == [0, 2, 5, 7]
    assert spread(3, 9) == [0, 1, 2]
    rows = run(replace(sweep(clip_set, "rules"), clips=1), tmp_path / "1.csv")
    assert {row.clip for row in rows} == {"0.flac"}


def test_a_killed_run_goes_on_and_ends_the_same(
    clip_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = sweep(clip_set, "a", "b")
    monkeypatch.setitem(SYSTEMS, "a", lambda options: Fake())
    monkeypatch.setitem(SYSTEMS, "b", lambda options: Fake())
    whole = run(plan, tmp_path / "whole.csv")
    measurement.system.cache_clear()

    calls = 0

    def interrupt() -> None:
        nonlocal calls
        calls += 1
        if calls == 7:
            raise KeyboardInterrupt

    monkeypatch.setitem(SYSTEMS, "b", lambda options: Fake(interrupt))
    path = tmp_path / "killed.csv"
    with pytest.raises(KeyboardInterrupt):
        run(plan, path)
    done = read_finished_and_part(path)
    assert 0 < len(done) < len(whole)
    with path.with_name("killed.csv.part").open("a") as file:
        file.write("b,fake 1,set,whi")  # killed while writing
    before = calls
    resumed = run(plan, path)
    assert timeless(resumed) == timeless(whole)
    assert path.read_text().count("\n") == len(whole) + 1
    assert calls - before == len(whole) // 2 - sum(row.system == "b" for row in done)
    assert not path.with_name("killed.csv.part").exists()


def test_rows_of_another_version_are_measured_again(
    clip_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SYSTEMS, "a", lambda options: Fake())
    plan = sweep(clip_set, "a")
    rows = run(plan, tmp_path / "a.csv")
    write_csv(tmp_path / "a.csv", [replace(row, version="fake 0", exact=True) for row in rows])
    assert timeless(run(plan, tmp_path / "a.csv")) == timeless(rows)


def test_failures_are_rows_that_found_nothing(
    clip_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("no\nidea")

    monkeypatch.setitem(SYSTEMS, "a", lambda options: Fake(fail))
    rows = run(sweep(clip_set, "a"), tmp_path / "a.csv")
    assert {row.failure for row in rows} == {"RuntimeError: no idea"}
    assert all(row.edits == EditCounts(deletions=1, reference=1) for row in rows)


def test_a_process_that_dies_makes_rows_too(
    clip_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(clip_set / "none", Options())
    tasks = list(sweep(clip_set, "rules").tasks(settings, {"rules": "1"}))[:2]
    monkeypatch.setattr(workers, "measure", _die)
    rows = [row for rows in by_processes(tasks, settings, jobs=2) for row in rows]
    assert len(rows) == sum(len(task.snrs_db) for task in tasks)
    assert {row.failure for row in rows} == {"the system's process died"}


def _die(task: object, settings: object) -> list[Row]:
    os._exit(1)


def test_what_is_not_installed_is_skipped_with_a_line(
    clip_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(options: Options) -> Fake:
        raise NotInstalledError("pip install it")

    monkeypatch.setitem(SYSTEMS, "a", load)
    assert run(sweep(clip_set, "a"), tmp_path / "a.csv") == []
    assert "skipped a: not installed; pip install it" in CONSOLE.file.getvalue()  # type: ignore[attr-defined]


def test_a_hand_worked_melody() -> None:
    pitches = [60, 60, 62, 64, 65, 67, 69, 71]
    reference = [Note(i, i + 0.5, pitch) for i, pitch in enumerate(pitches)]
    # The repeat is found, 62 missed, 64 an octave off, 65 wrong, and at the end a note too many.
    found = {0: 60, 1: 60, 3: 76, 4: 66, 5: 67, 6: 69, 7: 71, 8: 48}
    heard = [Note(onset, onset + 0.5, pitch) for onset, pitch in found.items()]
    result = score(pitches, heard, reference)
    assert result.edits == EditCounts(1, 1, 2, 1, 8)
    assert (result.repeats.found, result.repeats.repeats) == (1, 1)
    assert result.con_f1 == pytest.approx(2 * 7 / 16)
    assert result.conp_f1 == result.conpoff_f1 == pytest.approx(2 * 5 / 16)
    assert not result.exact
    assert np.isnan(score([60], heard, None).con_f1)


@pytest.mark.parametrize("noise", ["white", "pink", "babble"])
@pytest.mark.parametrize("snr_db", [20.0, -15.0])
def test_the_snr_can_be_measured_back(noise: str, snr_db: float) -> None:
    time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    quiet = (0.001 * np.sin(2 * np.pi * 440 * time) * (time < 1)).astype(np.float32)
    clip = Clip("set", 0, "a", quiet, [Note(0.0, 1.0, 69)])  # so quiet that nothing is turned down
    noisy = NoiseBench(Path("none"), 0).apply(clip, Condition(noise, snr_db))
    active = melody_mask(clip.notes, len(quiet))
    power = np.mean(quiet[active] ** 2) / np.mean((noisy - quiet)[active] ** 2)
    assert 10 * np.log10(power) == pytest.approx(snr_db, abs=0.01)


def test_babble_is_the_same_every_time_and_differs_by_seed() -> None:
    from benchmarks.babble import babble

    first, again, other = (babble(SAMPLE_RATE, np.random.default_rng(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.sqrt(np.mean(first**2)) == pytest.approx(1, abs=1e-3)
    assert abs(float(np.mean(first * other))) < 0.5


def test_recordings_without_melody_hold_no_note_and_count_per_minute(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", np.random.default_rng(0).normal(0, 0.1, 9000), SAMPLE_RATE)
    clips = no_melody_clips(NoiseBench(tmp_path, 0))
    assert {clip.set_name for clip in clips} == {NO_MELODY}
    assert not any(clip.notes for clip in clips)
    assert len({clip.name for clip in clips}) == len(clips)
    rows = [row(set_name=NO_MELODY, clip="white-0", estimated_notes=3, audio_seconds=15.0)]
    assert "| a | 12.0 | 12.0 |" in alarm_table(rows)


def test_the_bootstrap_finds_the_interval_of_a_known_distribution() -> None:
    rng = np.random.default_rng(5)
    errors = rng.normal(10, 3, 400)  # of 20 notes each: the mean rate has a deviation of 0.0075
    value, low, high = rate_interval(errors, np.full(400, 20))
    assert value == pytest.approx(errors.mean() / 20)
    half = 1.96 * errors.std() / 20 / np.sqrt(400)
    assert low == pytest.approx(value - half, abs=0.1 * half)
    assert high == pytest.approx(value + half, abs=0.1 * half)


def test_all_measurements_of_a_clip_are_drawn_together() -> None:
    once = [row(clip=str(i), deletions=i) for i in range(8)]
    thrice = [replace(r, seed=seed) for r in once for seed in range(3)]
    assert error_interval(thrice) == pytest.approx(error_interval(once))


def row(**changes: object) -> Row:
    values: dict[str, object] = {
        "system": "a", "version": "a 1", "set_name": "set", "noise": "clean", "snr_db": None,
        "seed": 0, "clip": "0.flac", "audio_seconds": 2.0, "compute_seconds": 0.1,
        "reference_notes": 10, "estimated_notes": 9, "insertions": 1, "deletions": 2,
        "substitutions": 0, "octave_errors": 0, "repeats": 2, "repeats_found": 1, "exact": False,
        "conp_f1": 0.8, "con_f1": 0.9, "conpoff_f1": 0.7,
    }  # fmt: skip
    return Row(**{**values, **changes})  # type: ignore[arg-type]


def test_report_has_tables_and_figures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="figures need matplotlib")
    rows = [
        row(system=system, noise=noise, snr_db=snr, clip=clip, failure="x: y" * (snr == -10.0))
        for system in ("a", "b")
        for noise, snr in (("clean", None), ("white", 0.0), ("white", -10.0))
        for clip in ("0", "1")
    ]
    written = write_noise_report(tmp_path, [*rows, row(set_name=NO_MELODY, clip="white-0")])
    text = written[0].read_text()
    assert "| set | a | 2 | 30.0 (30.0 to 30.0) |" in text
    assert "## False notes per minute" in text
    assert "## Failures" in text
    assert len(written) == 6
    assert all(path.stat().st_size > 1000 for path in written[1:])
    assert (
        snr_table(rows)
        .splitlines()[0]
        .startswith("| set | system | clips | clean | 0 dB | -10 dB |")
    )


def test_a_system_looks_alike_in_all_panels() -> None:
    pytest.importorskip("matplotlib", reason="figures need matplotlib")
    from benchmarks.figures import error_rates

    rows = [
        row(system=system, set_name=set_name, noise="white", snr_db=0.0, clip=clip)
        for set_name, systems in (("one", "b"), ("two", ("a", "b", "seqmelody_ctc")))
        for system in systems
        for clip in ("0", "1")
        if (system, clip) != ("a", "1")
    ]
    figure = error_rates(rows)
    colours: dict[str, set[str]] = {}
    for axes in figure.axes:
        for line in axes.get_lines():
            colours.setdefault(str(line.get_label()), set()).add(str(line.get_color()))
    assert all(len(seen) == 1 for seen in colours.values())
    assert len({next(iter(seen)) for seen in colours.values()}) == 3
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["seqmelody_ctc", "a (1 clip)", "b"]


def test_old_files_are_read_and_foreign_ones_are_not(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_csv(path, [row()])
    lines = [line.rsplit(",", 4)[0] for line in path.read_text().splitlines()]
    path.write_text("\n".join(lines) + "\n")  # without the four newest columns
    assert read_csv(path)[0].failure == ""
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="not a table of this benchmark"):
        read_csv(path)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory, tiny_bank: Path) -> Path:
    """A set as benchmarks.public_set writes it, of synthetic samples."""
    folder = tmp_path_factory.mktemp("rendered")
    write_set(folder, TuneBank(tiny_bank), play_synthetic, clips=2)
    return folder


def play_synthetic(instrument: Instrument, pitch: int) -> FloatArray:
    time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    tone = sum(np.sin(2 * np.pi * h * hertz * time) / h for h in range(1, 4))
    return (0.3 * tone * np.exp(-2 * time)).astype(np.float32)


def test_a_rendered_set_is_made_of_its_samples(rendered: Path) -> None:
    from benchmarks.clips import load_set
    from benchmarks.sample_bank import read_bank

    clips = load_set(rendered)
    assert [clip.sample_bank for clip in clips] == [
        rendered / "samples" / f"{i.name}.flac" for i in INSTRUMENTS[:2]
    ]
    bank = read_bank(rendered / "samples" / "piano.flac")
    note = clips[0].notes[0]
    expected = bank.note(round(note.pitch), note.duration)
    first = round(note.onset * SAMPLE_RATE)
    heard = clips[0].samples[first : first + len(expected)]
    match = heard @ expected / np.sqrt((heard @ heard) * (expected @ expected))
    assert match == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("noise", ["white", "pink"])
def test_the_oracle_beats_rules_in_deep_noise(rendered: Path, noise: str) -> None:
    from benchmarks.clips import load_set

    errors = {"oracle": 0, "rules": 0}
    for clip in load_set(rendered):
        noisy = NoiseBench(Path("none"), 0).apply(clip, Condition(noise, -15.0))
        pitches = [note.pitch for note in clip.notes]
        for name, system in (("oracle", Oracle().told(clip)), ("rules", Rules())):
            errors[name] += score(pitches, system.transcribe(noisy), None).edits.errors
    assert errors["oracle"] < 0.5 * errors["rules"]


def test_the_oracle_makes_no_error_without_noise_and_needs_samples(rendered: Path) -> None:
    from benchmarks.clips import load_set

    for clip in load_set(rendered):
        notes = Oracle().told(clip).transcribe(clip.samples)
        assert [n.pitch for n in notes] == [n.pitch for n in clip.notes]
    with pytest.raises(InputError, match="unknown to the oracle"):
        Oracle().told(replace(clip, sample_bank=None))
