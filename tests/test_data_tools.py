"""Data tools: pitches are checked, tones are in tune, and the command makes a bank that works."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from data_tools import soundfonts
from data_tools.__main__ import app, main
from data_tools.collect import FLUID
from data_tools.pitch_check import measure_pitch
from data_tools.samples import read_notes, sample_sources, stated_pitch
from data_tools.soundfonts import render_notes, trim
from data_tools.tones import synthesise_tones, tone_sources
from data_tools.tunes import part_of, shape
from seqmelody.audio import SAMPLE_RATE
from seqmelody.banks import SoundBank, TuneBank
from seqmelody.errors import InputError
from seqmelody.manifests import read_manifest
from seqmelody.takes import TakeBank


def hertz(pitch: float) -> float:
    return float(440.0 * 2 ** ((pitch - 69) / 12))


def note(pitch: float, harmonics: int = 8, seconds: float = 0.8) -> np.ndarray:
    """Harmonics of amplitude 1/h under a decay."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    order = np.arange(1, harmonics + 1)
    order = order[order * hertz(pitch) < 7600]
    waves = (
        np.sin(2 * np.pi * hertz(pitch) * order[:, None] * time + order[:, None]) / order[:, None]
    )
    sound = waves.sum(axis=0) * np.exp(-2 * time)
    return (0.5 * sound / np.abs(sound).max()).astype(np.float32)


# The pitch check


@pytest.mark.parametrize("harmonics", [1, 8])
@pytest.mark.parametrize("pitch", [36, 48, 60, 72, 84])
@pytest.mark.parametrize("cents", [-40, 0, 25])
def test_right_pitch_is_measured(pitch: int, cents: int, harmonics: int) -> None:
    measured = measure_pitch(note(pitch + cents / 100, harmonics), pitch)
    assert measured is not None
    assert 100 * abs(measured - pitch - cents / 100) < 5


@pytest.mark.parametrize("pitch", [96, 106])
def test_high_pitch_is_measured_as_finely(pitch: int) -> None:
    measured = measure_pitch(note(pitch), pitch)
    assert measured is not None
    assert 100 * abs(measured - pitch) < 5


@pytest.mark.parametrize("wrong_by", [1, -1])
def test_semitone_errors_are_refused(wrong_by: int) -> None:
    assert measure_pitch(note(60 + wrong_by, harmonics=1), 60) is None


@pytest.mark.parametrize("expected", [48, 60, 72])
@pytest.mark.parametrize("wrong_by", [12, -12, 19.02, 7, -5, 3])
def test_wrong_pitch_is_refused(expected: int, wrong_by: float) -> None:
    assert measure_pitch(note(expected + wrong_by), expected) is None


@pytest.mark.parametrize("expected", [40, 60, 90])
def test_what_has_no_pitch_is_refused(expected: int) -> None:
    noise = np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    assert measure_pitch(noise, expected) is None
    assert measure_pitch(np.zeros(16_000, np.float32), expected) is None
    assert measure_pitch(note(expected)[:1000], expected) is None  # ends before the check begins
    assert measure_pitch(np.zeros(0, np.float32), expected) is None


def test_pitch_is_measured_in_some_noise() -> None:
    noise = 0.02 * np.random.default_rng(0).standard_normal(12_800)
    measured = measure_pitch(note(60) + noise.astype(np.float32), 60)
    assert measured == pytest.approx(60, abs=0.05)


# Trimming


def test_trimmed_sound_starts_at_once_and_is_scaled() -> None:
    sound = 0.1 * np.concatenate([np.zeros(5000, np.float32), note(69), np.zeros(5000, np.float32)])
    trimmed = trim(sound.astype(np.float32))
    assert trimmed.dtype == np.float32
    assert np.abs(trimmed).max() == pytest.approx(0.5, rel=1e-4)
    assert np.flatnonzero(np.abs(trimmed) > 0.03 * 0.5)[0] <= SAMPLE_RATE // 500
    assert len(trimmed) <= 12_800 + SAMPLE_RATE // 500
    assert len(trim(np.zeros(100, np.float32))) == 0


# Tones


def test_tones_have_the_pitch_they_say() -> None:
    sources = tone_sources(5, 3)
    sounds = list(synthesise_tones(5, 10, pitch_step=11, seconds=0.8, seed=3))
    assert len(sources) == 5
    assert {s.source for s in sounds} == set(range(10, 15))
    size = 1 << 18
    bins = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    for sound in sounds:
        assert len(sound.samples) == round(0.8 * SAMPLE_RATE)
        assert np.abs(sound.samples).max() == pytest.approx(0.5, rel=1e-4)
        spectrum = np.abs(np.fft.rfft(sound.samples * np.hanning(len(sound.samples)), size))
        cents = 1200 * np.log2(np.maximum(bins, 1) / hertz(sound.pitch))
        # Among the partials a whole number of which fits the stated fundamental, and no others:
        strongest = bins[np.argmax(spectrum)] / hertz(sound.pitch)
        assert strongest == pytest.approx(max(1, round(strongest)), rel=0.02)
        near = np.abs(cents) < 90
        assert abs(cents[near][np.argmax(spectrum[near])]) < 5


def test_tones_are_reproducible() -> None:
    one, same, other = (
        next(synthesise_tones(2, 0, pitch_step=5, seconds=0.2, seed=seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.samples, same.samples)
    assert not np.array_equal(one.samples, other.samples)


# The command


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """samples/{oboe,guitar}/*.wav and noise/*.wav."""
    for instrument, pitches in (("oboe", (60, 62, 64, 67, 68)), ("guitar", (50,))):
        (tmp_path / "samples" / instrument).mkdir(parents=True)
        for pitch in pitches:
            path = tmp_path / "samples" / instrument / f"{pitch:03d}_1.wav"
            soundfile.write(path, note(pitch + 0.2, seconds=1.5), SAMPLE_RATE)
    soundfile.write(tmp_path / "samples" / "oboe" / "072.wav", note(84), SAMPLE_RATE)  # wrong
    soundfile.write(tmp_path / "samples" / "oboe" / "about.wav", note(60), SAMPLE_RATE)  # nameless
    (tmp_path / "noise").mkdir()
    rng = np.random.default_rng(0)
    hiss = 0.01 * rng.standard_normal(5 * SAMPLE_RATE)
    soundfile.write(tmp_path / "noise" / "hiss.wav", hiss, SAMPLE_RATE)
    soundfile.write(tmp_path / "noise" / "silence.wav", np.zeros(1600), SAMPLE_RATE)
    return tmp_path


def run_bank(root: Path, *extra: str) -> tuple[SoundBank, SoundBank]:
    arguments = ["bank", str(root / "bank"), "--no-soundfont", *extra]
    arguments += ["--samples", str(root / "samples"), "--noise", str(root / "noise")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return SoundBank(root / "bank", "notes"), SoundBank(root / "bank", "noise")


def test_bank_command_collects_samples_tones_and_noise(recordings: Path) -> None:
    notes, noise = run_bank(recordings, "--timbres", "1")
    assert [s.name for s in notes.sources] == ["samples/guitar", "samples/oboe", "tones/000"]
    assert [s.continuous for s in notes.sources[:2]] == [False, True]
    assert notes.pitch[notes.of_source(0)] == pytest.approx([50.2], abs=0.05)
    assert notes.pitch[notes.of_source(1)] == pytest.approx(
        [60.2, 62.2, 64.2, 67.2, 68.2], abs=0.05
    )
    assert len(notes.of_source(2)) > 10
    for i in range(len(notes)):
        assert measure_pitch(notes.read(i), round(notes.pitch[i])) is not None or i >= 6
        assert np.abs(notes.read(i)).max() == pytest.approx(0.5, abs=0.01)
    assert len(noise) == 1  # silence is no noise
    assert noise.length(0) == 5 * SAMPLE_RATE
    assert np.sqrt(np.mean(noise.read(0) ** 2)) == pytest.approx(0.1, rel=0.01)


def test_compact_bank_has_fewer_and_shorter_sounds(recordings: Path) -> None:
    notes, noise = run_bank(recordings, "--timbres", "0", "--compact")
    assert notes.pitch[notes.of_source(1)] == pytest.approx([60.2, 67.2], abs=0.05)
    assert max(notes.length(i) for i in range(len(notes))) <= SAMPLE_RATE
    assert noise.length(0) == 4 * SAMPLE_RATE


def test_same_seed_same_bank(recordings: Path, tmp_path: Path) -> None:
    written = []
    for seed in ("4", "4", "5"):
        run_bank(recordings, "--timbres", "1", "--compact", "--seed", seed)
        written.append((tmp_path / "bank" / "notes.npy").read_bytes())
    assert written[0] == written[1] != written[2]


def complaint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object
) -> str:
    """The one line that a failing command prints."""
    monkeypatch.setattr(sys, "argv", ["data_tools", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith("data_tools: error: ")
    assert error.count("\n") == 1
    return error


def test_missing_places_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bank, gone = tmp_path / "bank", tmp_path / "gone"
    off = ("--no-soundfont", "--timbres", "1")
    assert "gone: no such folder" in complaint(
        monkeypatch, capsys, "bank", bank, *off, "--samples", gone
    )
    assert "gone: no such folder" in complaint(
        monkeypatch, capsys, "bank", bank, *off, "--noise", gone
    )
    assert "--no-soundfont" in complaint(monkeypatch, capsys, "bank", bank, "--soundfont", gone)
    assert not bank.exists()  # all is checked before anything is made
    (tmp_path / "empty").mkdir()
    assert "no folder for each instrument" in complaint(
        monkeypatch, capsys, "bank", bank, *off, "--samples", tmp_path / "empty"
    )
    assert "no notes to write" in complaint(
        monkeypatch, capsys, "bank", bank, "--no-soundfont", "--timbres", 0
    )


def test_missing_packages_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "fluidsynth", None)
    monkeypatch.setitem(sys.modules, "music21", None)
    font = tmp_path / "font.sf2"
    font.write_bytes(b"RIFF")
    assert "pyfluidsynth" in complaint(monkeypatch, capsys, "bank", tmp_path, "--soundfont", font)
    assert "music21" in complaint(monkeypatch, capsys, "tunes", tmp_path)


def test_bad_numbers_are_usage_errors() -> None:
    assert CliRunner().invoke(app, ["bank", "x", "--timbres", "-1"]).exit_code == 2
    assert CliRunner().invoke(app, ["tunes", "x", "--processes", "0"]).exit_code == 2


# FluidSynth and music21, where they are installed


def fluidsynth_or_skip() -> None:
    try:
        import fluidsynth  # noqa: F401
    except ImportError as error:
        pytest.skip(f"no FluidSynth: {error}")


def test_rendered_notes_are_in_tune(monkeypatch: pytest.MonkeyPatch) -> None:
    fluidsynth_or_skip()
    if not FLUID.exists():
        pytest.skip(f"no {FLUID}")
    monkeypatch.setattr(soundfonts, "PROGRAMS", (73,))  # flute
    monkeypatch.setattr(soundfonts, "RANGES", {9: (60, 72)})
    sounds = list(render_notes(FLUID, 5, pitch_step=6, seconds=0.8, seed=0))
    assert len(sounds) >= 2
    for sound in sounds:
        assert sound.source == 5
        assert abs(sound.pitch - round(sound.pitch)) < 0.15
        assert np.abs(sound.samples).max() == pytest.approx(0.5, rel=1e-3)
        assert 0.6 * SAMPLE_RATE < len(sound.samples) <= 0.8 * SAMPLE_RATE


def test_what_is_no_soundfont_is_refused(tmp_path: Path) -> None:
    fluidsynth_or_skip()
    path = tmp_path / "font.sf2"
    path.write_bytes(b"not a SoundFont")
    with pytest.raises(InputError, match="cannot read it"):
        next(render_notes(path, 0, pitch_step=6, seconds=0.1, seed=0))


@pytest.mark.skipif(find_spec("music21") is None, reason="music21 is not installed")
@pytest.mark.filterwarnings("default")  # music21's own
def test_melody_of_a_score(tmp_path: Path) -> None:
    from music21 import converter

    from data_tools.tunes import _melody
    from seqmelody.banks import write_tunes

    abc = "X:1\nT:test\nM:4/4\nL:1/4\nK:C\nC D z2|E2-E2|{g}G [CEG] c2|\n"
    melody = _melody(converter.parse(abc, format="abc"))
    assert melody[:6] == [(60, 1.0), (62, 1.0), (0, 2.0), (64, 4.0), (67, 1.0), (72, 2.0)]
    write_tunes(tmp_path, [melody])
    assert TuneBank(tmp_path).read(0)[0].tolist()[:3] == [60, 62, 0]


# Names, licences, rooms, and the split of the tunes


def test_pitch_that_a_file_name_states() -> None:
    assert stated_pitch("064_2") == 64
    assert stated_pitch("Fs3") == 54
    assert stated_pitch("A4") == 69
    assert stated_pitch("about") is None
    assert stated_pitch("As") is None


def test_named_notes_and_their_licence(tmp_path: Path) -> None:
    folder = tmp_path / "fetched" / "harp"
    folder.mkdir(parents=True)
    for name, pitch in (("C4", 60), ("Fs3", 54)):
        soundfile.write(folder / f"{name}.wav", note(pitch, seconds=1.0), SAMPLE_RATE)
    (folder.parent / "licence.txt").write_text("CC-BY 3.0\n")
    (source,) = sample_sources(folder.parent)
    assert (source.name, source.licence, source.continuous) == ("fetched/harp", "CC-BY 3.0", False)
    sounds = list(read_notes(folder.parent, 0, seconds=1.0))
    assert [round(s.pitch) for s in sounds] == [54, 60]


def test_rooms_begin_with_the_direct_sound(recordings: Path) -> None:
    response = np.zeros(SAMPLE_RATE * 2)
    response[300], response[700] = -0.5, 0.2
    (recordings / "rooms").mkdir()
    soundfile.write(recordings / "rooms" / "hall.wav", response, SAMPLE_RATE)
    run_bank(recordings, "--timbres", "1", "--rooms", str(recordings / "rooms"))
    rooms = SoundBank(recordings / "bank", "rooms")
    assert rooms.length(0) == SAMPLE_RATE
    heard = rooms.read(0)
    assert heard[0] == pytest.approx(-1.0, abs=1e-3)
    assert heard[400] == pytest.approx(0.4, abs=1e-3)


def test_a_tune_in_another_key_and_other_values_is_the_same_tune() -> None:
    tune = [(60, 1.0), (62, 0.5), (0, 0.5), (64, 2.0)]
    moved = [(p + 5 if p else 0, 2 * q) for p, q in tune]
    assert shape(tune) == shape(moved)
    assert shape(tune) != shape([(60, 1.0), (62, 0.5), (0, 0.5), (65, 2.0)])


def test_tunes_that_begin_alike_lie_in_one_part() -> None:
    rng = np.random.default_rng(0)
    parts = []
    for _ in range(400):
        start = [(int(p), 1.0) for p in rng.integers(55, 75, 12)]
        variant = [(p + 3, 0.5) for p, _ in start] + [(60, 1.0)]
        assert part_of(start) == part_of(variant)
        parts.append(part_of(start))
    shares = [parts.count(name) / len(parts) for name in ("train", "dev", "test")]
    assert shares == pytest.approx([0.9, 0.05, 0.05], abs=0.04)


def test_fetching_without_npm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    result = CliRunner().invoke(app, ["fetch", str(tmp_path / "npm")])
    assert isinstance(result.exception, InputError)
    assert "npm is missing" in str(result.exception)
    assert not (tmp_path / "npm" / "harp").exists()


def test_voice_command_adds_takes(tiny_bank: Path, tmp_path: Path) -> None:
    (tmp_path / "tunes.npz").symlink_to(tiny_bank / "tunes.npz")
    result = CliRunner().invoke(
        app, ["voice", str(tmp_path), "--hours", "0.004", "--seconds", "7.2"]
    )
    assert result.exit_code == 0, result.output
    assert len(TakeBank(tmp_path)) == 2


@pytest.mark.skipif(find_spec("music21") is None, reason="music21 is not installed")
@pytest.mark.filterwarnings("default")  # music21's own
def test_corpus_command_goes_all_the_way_and_on(recordings: Path, tiny_bank: Path) -> None:
    root = recordings / "data"
    (root / "bank").mkdir(parents=True)
    (root / "bank" / "tunes.npz").symlink_to(tiny_bank / "tunes.npz")  # reading all takes minutes
    arguments = ["corpus", str(root), "--hours", "0.003", "--singing", "0.006", "--no-fetch"]
    arguments += ["--no-soundfont", "--samples", str(recordings / "samples"), "--processes", "1"]
    for _ in range(2):  # the second call finds everything there
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
    assert "0.000 new hours" in result.output
    assert read_manifest(root / "set" / "manifest.jsonl")


def test_off_pitch_samples_are_reported(
    recordings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = list(read_notes(recordings / "samples", 0, seconds=1.0))
    report = capsys.readouterr().err.splitlines()
    assert len(kept) == 6
    assert len(report) == 1
    assert "oboe: off pitch, left out: 072.wav" in report[0]
