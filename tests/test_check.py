"""``check`` finds each planted fault and raises no false alarm; ``stats`` counts right."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from data_tools.__main__ import app
from data_tools.pitch_check import read_pitch
from data_tools.stats import Stats, draw_stats
from seqmelody.audio import SAMPLE_RATE
from seqmelody.errors import SeqMelodyError
from seqmelody.manifests import (
    ManifestLine,
    format_entry,
    parse_entry,
    read_entry,
    read_lines,
    read_manifest,
)

TUNE = [(60, 0.4), (62, 0.3), (64, 0.5), (64, 0.4), (67, 0.2), (48, 0.6), (72, 0.4)]


def tone(pitch: float, seconds: float, harmonics: int = 6) -> np.ndarray:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    hertz = 440.0 * 2 ** ((pitch - 69) / 12)
    waves = [np.sin(2 * np.pi * k * hertz * time + k) / k for k in range(1, harmonics + 1)]
    fade = np.minimum(1, np.minimum(time, time[::-1]) / 0.01)
    return 0.2 * fade * np.sum(waves, axis=0)


def play(path: Path, tuning: float = 0.0) -> list[list[float]]:
    """Write TUNE with short gaps, and half a second of silence after it; return its notes."""
    notes, parts, now = [], [], 0.0
    for pitch, seconds in TUNE:
        parts += [tone(pitch + tuning, seconds), np.zeros(SAMPLE_RATE // 50)]
        notes.append([round(now, 4), round(now + seconds, 4), pitch])
        now += seconds + 0.02
    soundfile.write(path, np.concatenate([*parts, np.zeros(SAMPLE_RATE // 2)]), SAMPLE_RATE)
    return notes


def entry(audio: str, notes: object) -> str:
    return json.dumps({"audio": audio, "notes": notes})


def edited(notes: list[list[float]], at: int, place: int, value: float) -> list[list[float]]:
    return [
        [value if (i, k) == (at, place) else x for k, x in enumerate(note)]
        for i, note in enumerate(notes)
    ]


def check(manifest: Path, *options: str) -> tuple[int, list[str]]:
    """Exit status, and the lines on standard output."""
    result = CliRunner().invoke(app, ["check", str(manifest), "--processes", "1", *options])
    return result.exit_code, result.stdout.splitlines()


@pytest.fixture
def good(tmp_path: Path) -> list[list[float]]:
    """Notes of a.flac, which is beside the manifest to be."""
    (tmp_path / "broken.flac").write_bytes(b"no audio")
    soundfile.write(tmp_path / "hush.flac", np.zeros(SAMPLE_RATE), SAMPLE_RATE)
    return play(tmp_path / "a.flac")


def test_every_planted_fault_is_one_line(tmp_path: Path, good: list[list[float]]) -> None:
    crowd = {"audio": "a.flac", "pitches": [60] * 100}  # 199 frames needed
    planted = [
        (entry("a.flac", good), None),
        (entry("gone.flac", good), "gone.flac: no such file"),
        (entry("broken.flac", good), "broken.flac: not audio"),
        (entry("a.flac", edited(good, 1, 1, 0.9)), "ends at 0.9 s, after the next one begins"),
        (entry("a.flac", edited(good, 2, 1, 0.1)), "ends at 0.1 s, not after its onset"),
        (entry("a.flac", edited(good, 5, 2, 20)), "pitch 20, outside the vocabulary 28..108"),
        (entry("a.flac", edited(good, 5, 2, 140)), "pitch 140, outside the vocabulary"),
        (entry("a.flac", edited(good, 2, 2, 65)), "is labelled 65 but measures 64.0"),
        (entry("a.flac", edited(good, 0, 2, 72)), "is labelled 72 but measures 60.0"),
        (entry("a.flac", edited(good, 6, 2, 60)), "is labelled 60 but measures 72.0"),
        (entry("a.flac", edited(good, 6, 1, 9.5)), "ends at 9.5 s, but"),
        (json.dumps({"audio": "hush.flac", "pitches": [60]}), "hush.flac is silent, but labelled"),
        (json.dumps({"audio": "hush.flac", "pitches": []}), None),
        (json.dumps(crowd), "too few for 100 notes with 99 repeats, which need 199"),
        ('{"audio": "a.flac", "notes": [[0, 1, ', "not a manifest entry"),
        ('{"audio": "a.flac"}', "not a manifest entry"),
        ('{"audio": "a\\u0000.flac", "pitches": [60]}', "holds a character that no path has"),
        (
            json.dumps({"audio": "a.flac", "notes": [], "pitches": [60], "untimed": [[3, 1]]}),
            "untimed from 3 to 1 s is no stretch",
        ),
        (json.dumps({"audio": "a.flac", "pitches": [60, 20]}), "number 2 has pitch 20"),
        (entry("a.flac", good), None),
    ]
    manifest = tmp_path / "list.jsonl"
    manifest.write_text("\n\n".join(line for line, _ in planted))  # every other line is blank
    status, lines = check(manifest)
    assert status == 1
    expected = [(2 * i + 1, text) for i, (_, text) in enumerate(planted) if text is not None]
    assert len(lines) == len(expected), "\n".join(lines)
    for line, (number, text) in zip(lines, expected, strict=True):
        assert line.startswith(f"{manifest}, line {number}: ")
        assert text in line
        assert "; " in line  # what to do


def test_several_faults_of_one_line_are_all_found(tmp_path: Path, good: list[list[float]]) -> None:
    notes = edited(edited(edited(good, 0, 1, 0.0), 4, 2, 61), 6, 1, 50)
    (tmp_path / "list.jsonl").write_text(entry("a.flac", notes))
    status, lines = check(tmp_path / "list.jsonl")
    assert status == 1
    for line, text in zip(lines, ("onset", "50 s", "measures 67"), strict=True):
        assert text in line


def test_good_manifest_passes_in_several_processes(tmp_path: Path, good: list[list[float]]) -> None:
    notes = play(tmp_path / "flat.flac", tuning=-0.45)
    rng = np.random.default_rng(0)
    time = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    clean, _ = soundfile.read(tmp_path / "a.flac")
    hum = sum(np.sin(2 * np.pi * 50 * k * time[: len(clean)]) / k for k in range(1, 6))
    noise = rng.standard_normal(len(clean))
    soundfile.write(tmp_path / "hum.flac", 0.1 * clean + 0.3 * hum, SAMPLE_RATE)
    soundfile.write(tmp_path / "noisy.flac", 0.1 * clean + 0.1 * noise, SAMPLE_RATE)
    touching = edited(good, 0, 1, good[1][0] + 0.004)
    lines = [
        entry("flat.flac", notes),
        entry("hum.flac", good),
        entry("noisy.flac", good),
        entry("a.flac", touching),
        entry("a.flac", []),
        json.dumps({"audio": "a.flac", "pitches": [p for p, _ in TUNE]}),
    ]
    (tmp_path / "list.jsonl").write_text("\n".join(lines))
    assert check(tmp_path / "list.jsonl", "--processes", "2") == (0, [])


def test_vocabulary_can_be_chosen(tmp_path: Path, good: list[list[float]]) -> None:
    (tmp_path / "list.jsonl").write_text(entry("a.flac", good))
    status, lines = check(tmp_path / "list.jsonl", "--low", "50")
    assert status == 1
    assert len(lines) == 1
    assert "pitch 48, outside the vocabulary 50..108" in lines[0]


@pytest.mark.parametrize("pitch", [36, 47.3, 60, 71.5, 84, 96, 107])
@pytest.mark.parametrize("harmonics", [1, 6])
def test_pitch_is_read_without_knowing_it(pitch: float, harmonics: int) -> None:
    partials = min(harmonics, int(7600 / (440.0 * 2 ** ((pitch - 69) / 12))))
    reading = read_pitch(tone(pitch, 0.1, partials)[160:-160])
    assert reading is not None
    assert reading.pitch == pytest.approx(pitch, abs=0.1)
    assert reading.clarity > 0.98


def test_noise_is_not_clear() -> None:
    reading = read_pitch(np.random.default_rng(0).standard_normal(2000))
    assert reading is None or reading.clarity < 0.5
    assert read_pitch(np.zeros(2000)) is None


# Manifest lines


@pytest.mark.parametrize(
    "line",
    [
        '{"audio": "a.flac", "notes": [[0.1, 0.25, 60], [0.3, 0.5, 61.25]]}',
        '{"audio": "a.flac", "pitches": [60, 62]}',
    ],
)
def test_formatting_undoes_reading(line: str) -> None:
    assert format_entry(read_entry(Path("m"), ManifestLine(1, line)), "a.flac") == line


def test_parsing_leaves_faults_to_be_judged(tmp_path: Path) -> None:
    text = entry("a.flac", [[1, 0, 60], [-1, 1, 200]])
    assert len(parse_entry(tmp_path / "m", ManifestLine(1, text)).notes or ()) == 2


# Statistics


@pytest.fixture
def counted(tmp_path: Path) -> Path:
    """A minute and a half of two recordings: 4 aligned and 2 weak notes."""
    soundfile.write(tmp_path / "a.flac", np.zeros(60 * SAMPLE_RATE), SAMPLE_RATE)
    soundfile.write(tmp_path / "b.wav", np.zeros(30 * 8000), 8000)
    lines = [
        entry("a.flac", [[0, 0.1, 60], [1, 1.5, 60], [2, 2.5, 61.4], [3, 7, 63]]),
        '{"audio": "b.wav", "pitches": [60, 72]}',
    ]
    (tmp_path / "list.jsonl").write_text("\n".join(lines))
    return tmp_path / "list.jsonl"


def test_stats_of_a_hand_worked_manifest(counted: Path, tmp_path: Path) -> None:
    picture = tmp_path / "stats.png"
    result = CliRunner().invoke(app, ["stats", str(counted), "--plot", str(picture)])
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines()]
    for row in (
        ["recordings", "2", "(1", "aligned)"],
        ["hours", "0.025"],
        ["notes", "6"],
        ["notes", "a", "minute", "4.0"],
        ["60", "C4", "3", 50 * "#"],
        ["61", "C#4", "1", 17 * "#"],
        ["62", "D4", "0"],
        ["72", "C5", "1", 17 * "#"],
        ["0.08", "to", "0.12", "1", 25 * "#"],
        ["0.5", "to", "0.7", "2", 50 * "#"],
        ["3", "and", "more", "1", 25 * "#"],
    ):
        assert row in rows
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_stats_without_matplotlib_or_audio(
    counted: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(SeqMelodyError, match=r"seqmelody\[plot\]"):
        draw_stats(Stats(), "")
    (tmp_path / "b.wav").unlink()
    result = CliRunner().invoke(app, ["stats", str(counted)])
    assert "b.wav: missing or not readable" in str(result.exception)


def test_stats_of_no_notes() -> None:
    assert draw_stats(Stats(), "").startswith(b"\x89PNG")


def test_lines_keep_their_numbers(counted: Path) -> None:
    counted.write_text("\n" + counted.read_text())
    assert [line.number for line in read_lines(counted)] == [2, 3]
    assert len(read_manifest(counted)) == 2
