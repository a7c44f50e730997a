"""The harness: same sound every time, tables that read back, and peers' post-processing."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.clips import Clip, Condition, NoiseBench, conditions
from benchmarks.peers.basic_pitch import keep_strongest
from benchmarks.report import error_rate_table, full_table
from benchmarks.rows import Row, read_csv, write_csv
from benchmarks.speed import write_long_file
from seqmelody import InputError, Note
from seqmelody.audio import SAMPLE_RATE, load
from seqmelody.evaluation import melody_mask


def clip(index: int = 0) -> Clip:
    time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    samples = np.where(time < 1, 0.1 * np.sin(2 * np.pi * 440 * time), 0).astype(np.float32)
    return Clip("set", index, f"{index}.flac", samples, [Note(0.0, 1.0, 69)])


def row(**changes: object) -> Row:
    values: dict[str, object] = {
        "system": "a", "version": "a 1", "set_name": "set", "noise": "clean", "snr_db": None,
        "seed": 0, "clip": "0.flac", "audio_seconds": 2.0, "compute_seconds": 0.1,
        "reference_notes": 10, "estimated_notes": 9, "insertions": 1, "deletions": 2,
        "substitutions": 0, "octave_errors": 0, "repeats": 2, "repeats_found": 1, "exact": False,
        "conp_f1": 0.8, "con_f1": 0.9, "conpoff_f1": 0.7, "commit": "abc", "failure": "a, b",
    }  # fmt: skip
    return Row(**{**values, **changes})  # type: ignore[arg-type]


def test_noise_is_the_same_for_all_and_has_the_stated_snr(tmp_path: Path) -> None:
    condition = Condition("white", -5.0)
    first, again = (NoiseBench(tmp_path, 3).apply(clip(), condition) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    other = NoiseBench(tmp_path, 4).apply(clip(), condition)
    assert not np.array_equal(first, other)
    gain = float(first @ clip().samples / (clip().samples @ clip().samples))
    noise = first - gain * clip().samples
    active = melody_mask(clip().notes, len(noise))
    power = np.mean(clip().samples[active] ** 2) * gain**2 / np.mean(noise[active] ** 2)
    assert 10 * np.log10(power) == pytest.approx(-5.0, abs=0.2)  # gain is estimated in noise


def test_conditions_start_clean() -> None:
    assert conditions(["white"], [10, 0]) == [
        Condition(), Condition("white", 10), Condition("white", 0)
    ]  # fmt: skip


def test_ambience_needs_recordings(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no recording"):
        NoiseBench(tmp_path, 0).apply(clip(), Condition("ambience", 0.0))


def test_rows_read_back_as_written(tmp_path: Path) -> None:
    rows = [row(), row(system="b", noise="white", snr_db=-10.0, exact=True)]
    write_csv(tmp_path / "clips.csv", rows)
    assert read_csv(tmp_path / "clips.csv") == rows


def test_tables_pool_errors_over_clips() -> None:
    rows = [row(), row(clip="1.flac", deletions=0, insertions=0)]
    assert "15.0" in error_rate_table(rows)  # 3 errors in 20 notes
    assert "85.0" not in error_rate_table(rows)
    assert "80.0" in full_table(rows)


def test_of_overlapping_notes_the_stronger_stays() -> None:
    strong, weak = Note(0.0, 1.0, 60, 0.9), Note(0.1, 0.9, 72, 0.4)
    later = Note(0.95, 2.0, 62, 0.3)
    assert [n.pitch for n in keep_strongest([strong, weak, later])] == [60, 62]
    assert keep_strongest([]) == []


def test_long_file_has_the_length_asked_for(tmp_path: Path) -> None:
    write_long_file(tmp_path / "long.wav", 0.05)
    assert len(load(tmp_path / "long.wav")) == 3 * SAMPLE_RATE
