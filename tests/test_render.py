"""``render``: the same set whoever makes it, in one go or several; whole or not there."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import Result
from typer.testing import CliRunner

from data_tools import render as rendering
from data_tools.__main__ import app
from data_tools.render import RenderConfig, plan
from seqmelody.audio import SAMPLE_RATE, load
from seqmelody.banks import Source, write_tunes
from seqmelody.datasets import ClipConfig, ComposedClips, ManifestClips
from seqmelody.errors import InputError
from seqmelody.manifests import read_manifest
from seqmelody.notes import Note, Vocabulary
from seqmelody.takes import Take, write_takes

HOURS = 0.004  # 14 s


def render(bank: Path, folder: Path, *options: object, hours: float = HOURS) -> Result:
    arguments = ["render", bank, "-o", folder, "--hours", hours, "--seconds", "1..4", *options]
    if "--processes" not in options:
        arguments += ["--processes", 1]
    return CliRunner().invoke(app, [str(a) for a in arguments])


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def rendered(tiny_bank: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of the tiny bank, seed 0; read only."""
    folder = tmp_path_factory.mktemp("rendered") / "set"
    result = render(tiny_bank, folder)
    assert result.exit_code == 0, result.output
    assert re.search(r"0\.00\d new hours in .* hours a minute", result.stdout)
    return folder


def test_set_is_what_its_manifest_says(tiny_bank: Path, rendered: Path) -> None:
    entries = read_manifest(rendered / "manifest.jsonl")
    lengths = [len(load(e.audio)) / SAMPLE_RATE for e in entries]
    assert 3600 * HOURS <= sum(lengths) < 3600 * HOURS + 4
    assert all(1 <= s <= 4 for s in lengths)
    assert len({round(s, 2) for s in lengths}) > 1
    clips = ComposedClips(tiny_bank, Vocabulary(), seed=0)
    data = ManifestClips(rendered / "manifest.jsonl", Vocabulary())
    for i, seconds in enumerate(lengths):
        example, clip = data[i], clips.compose(i, seconds)
        np.testing.assert_allclose(example.waveform, clip.waveform, atol=1 / 32000)
        assert example.pitches == clip.pitches
    assert soundfile.info(entries[0].audio).subtype == "PCM_16"


def test_processes_change_nothing(tiny_bank: Path, rendered: Path, tmp_path: Path) -> None:
    assert render(tiny_bank, tmp_path / "two", "--processes", 2).exit_code == 0
    assert contents(tmp_path / "two") == contents(rendered)
    assert render(tiny_bank, tmp_path / "other", "--seed", 1).exit_code == 0
    first = "audio/000000.flac"
    assert contents(tmp_path / "other")[first] != contents(rendered)[first]


def test_stopped_call_goes_on(
    tiny_bank: Path, rendered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "set"
    whole = rendering.render_clip

    def stop_at_three(*arguments: object) -> float:
        if arguments[-1].index == 3:  # type: ignore[attr-defined]
            raise KeyboardInterrupt
        return whole(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(rendering, "render_clip", stop_at_three)
    assert render(tiny_bank, folder).exit_code != 0
    names = set(contents(folder))
    audio = {f"audio/{i:06d}.{kind}" for i in range(3) for kind in ("flac", "json")}
    assert names == {"render.json", *audio}  # no half file, and no manifest
    monkeypatch.undo()
    kept = (folder / "audio" / "000001.flac").stat().st_mtime_ns
    assert render(tiny_bank, folder).exit_code == 0
    assert (folder / "audio" / "000001.flac").stat().st_mtime_ns == kept
    assert contents(folder) == contents(rendered)


def test_more_hours_add_to_the_set(tiny_bank: Path, rendered: Path, tmp_path: Path) -> None:
    assert render(tiny_bank, tmp_path / "set", hours=HOURS / 2).exit_code == 0
    half = contents(tmp_path / "set")
    assert render(tiny_bank, tmp_path / "set").exit_code == 0
    full = contents(tmp_path / "set")
    assert full == contents(rendered)
    assert full["manifest.jsonl"].startswith(half["manifest.jsonl"])
    assert len(full["manifest.jsonl"]) > len(half["manifest.jsonl"])


def test_folder_of_other_settings_or_other_things_is_left_alone(
    tiny_bank: Path, rendered: Path, tmp_path: Path
) -> None:
    before = contents(rendered)
    result = render(tiny_bank, rendered, "--seed", 5)
    assert isinstance(result.exception, InputError)
    assert "with other settings" in str(result.exception)
    assert contents(rendered) == before
    (tmp_path / "mine.txt").write_text("mine")
    assert "is not empty" in str(render(tiny_bank, tmp_path).exception)
    result = render(tmp_path / "gone", tmp_path / "new")
    assert "no such file" in str(result.exception)
    assert not (tmp_path / "new").exists()


def test_clean_clips_are_quiet_where_nothing_is_played(tiny_bank: Path, tmp_path: Path) -> None:
    assert render(tiny_bank, tmp_path / "set", "--clean").exit_code == 0
    entries = read_manifest(tmp_path / "set" / "manifest.jsonl")
    assert any(entry.notes for entry in entries)
    for entry in entries:
        sound = load(entry.audio)
        before = sound[: int(entry.notes[0].onset * SAMPLE_RATE)] if entry.notes else sound
        assert not before.any()


def test_part_chooses_the_tunes_and_leaves_takes_out(tiny_bank: Path, tmp_path: Path) -> None:
    bank = tmp_path / "bank"
    bank.mkdir()
    for path in tiny_bank.iterdir():
        (bank / path.name).symlink_to(path)
    sound = np.zeros(5 * SAMPLE_RATE, np.float32)
    take = Take(sound, (Note(0.5, 1.0, 61.5),), 0)
    write_takes(bank, [Source("voice", "tests", "MIT", continuous=True)], [take])
    write_tunes(bank, [[(70, 1.0)] * 12], "dev")
    config = ClipConfig(take_share=1.0, silent_share=0.0)
    sung = ComposedClips(bank, Vocabulary(), seed=0, config=config)[0]
    assert sung.notes is not None
    assert len(sung.notes) == 1
    dev = ComposedClips(bank, Vocabulary(), seed=0, config=config, part="dev")
    assert len(dev.tunes) == 1
    assert dev.takes is None
    assert dev.places.voices is not None  # babble tells no tune
    assert render(bank, tmp_path / "set", "--part", "dev").exit_code == 0
    assert "tunes_test.npz: no such file" in str(
        render(bank, tmp_path / "test", "--part", "test").exception
    )


def test_long_clips_are_filled(tiny_bank: Path) -> None:
    config = ClipConfig(silent_share=0.0)
    clips = ComposedClips(tiny_bank, Vocabulary(), seed=3, config=config)
    for i in range(6):
        notes = clips.compose(i, 40.0).notes
        assert notes
        assert notes[-1].offset > 35.0
        assert all(a.offset <= b.onset + 1e-9 for a, b in itertools.pairwise(notes))


def test_plan_of_more_hours_begins_alike() -> None:
    config = RenderConfig(shortest=5, longest=30)
    few, many = plan(config, 0.1), plan(config, 1.0)
    assert many[: len(few)] == few
    assert 3600 <= sum(c.seconds for c in many) < 3630


@pytest.mark.parametrize(
    "options",
    [("--seconds", "9..3"), ("--seconds", "x"), ("--seconds", "nan"), ("--part", "all")],
)
def test_bad_options_are_usage_errors(tmp_path: Path, options: tuple[str, str]) -> None:
    result = CliRunner().invoke(app, ["render", "x", "-o", str(tmp_path / "y"), *options])
    assert result.exit_code == 2


def test_unlabelled_clips_stay_in(tiny_bank: Path, tmp_path: Path) -> None:
    """Clips of noise only teach to hear no notes."""
    clips = ComposedClips(tiny_bank, Vocabulary(), seed=0)
    clip = next(i for i in range(200) if not clips.compose(i, 1.0).notes)
    rendering.prepare(tiny_bank, tmp_path / "set", RenderConfig())
    one = [rendering.Clip(clip, 1.0)]
    list(rendering.render_clips(tiny_bank, tmp_path / "set", RenderConfig(), one, 1))
    manifest = rendering.write_manifest(tmp_path / "set", one)
    assert json.loads(manifest.read_text())["notes"] == []
