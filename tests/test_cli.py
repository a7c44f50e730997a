"""Command line: exit status, what goes to stdout and stderr, and which files appear.

Most tests run the real entry point with a stand-in for the model, which costs seconds to import;
those at the end start the installed command with a small checkpoint.
"""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import mido
import numpy as np
import pytest
import soundfile

import seqmelody
from seqmelody.audio import load
from seqmelody.cli import main
from seqmelody.decoding import MODES
from seqmelody.decoding.agreement import Disagreement
from seqmelody.decoding.beam import BeamConfig
from seqmelody.decoding.constraints import Constraints
from seqmelody.decoding.language_model import IntervalModel
from seqmelody.errors import CheckpointError
from seqmelody.notes import Note

PITCHES = {"ctc": 60, "window": 62, "both": 64}
Run = Callable[..., int]


class SearchOptions(NamedTuple):
    """Stands in for the library's, which lies beside transcribe."""

    search: str | None
    beam: BeamConfig | None
    language_model: IntervalModel | None
    constraints: Constraints | None


# The options, the confidence and the wish for intonation that the stand-in was last given.
told: list[Any] = []


def fake_transcribe(
    audio: Path,
    *,
    mode: str = "ctc",
    model: object = None,
    options: object = None,
    min_confidence: float = 0.0,
    intonation: bool = False,
) -> SimpleNamespace:
    """One note as long as the recording; its pitch tells the mode."""
    assert model == "model"
    told[:] = [options, min_confidence, intonation]
    duration = len(load(audio)) / 16000
    notes = [Note(0.0, duration, PITCHES[mode], 0.9)]
    places = [Disagreement(0.5, 1.0, (), tuple(notes))] if mode == "both" else []
    return SimpleNamespace(notes=notes, duration=duration, disagreements=places)


def fake_load_model(path: Path | None = None) -> str:
    if path is not None:
        raise CheckpointError(f"{path}: not a SeqMelody checkpoint; use another")
    return "model"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run ``seqmelody ARGUMENTS`` in an empty folder; the result is its exit status."""
    transcription = ModuleType("seqmelody.transcription")
    transcription.transcribe = fake_transcribe  # type: ignore[attr-defined]
    transcription.SearchOptions = SearchOptions  # type: ignore[attr-defined]
    model = ModuleType("seqmelody.model")
    model.load_model = fake_load_model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "seqmelody.transcription", transcription)
    monkeypatch.setitem(sys.modules, "seqmelody.model", model)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["seqmelody", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        return int(caught.value.code or 0)

    return call


def record(path: str, seconds: float = 1.0) -> Path:
    """A tone in a new file; its folder is made."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    samples = 0.5 * np.sin(2 * np.pi * 261.6 * np.arange(round(seconds * 16000)) / 16000)
    soundfile.write(path, samples, 16000)
    return Path(path)


def files(folder: str = ".") -> list[str]:
    """All files below a folder."""
    found = (path for path in Path(folder).rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in found)


def assert_one_error(capture: pytest.CaptureFixture[str], *parts: str) -> None:
    """Nothing on stdout, one line on stderr that holds the parts."""
    out, err = capture.readouterr()
    assert out == ""
    assert err.startswith("seqmelody: error: ")
    assert err.count("\n") == 1
    for part in parts:
        assert part in err


def test_one_recording_prints_tsv(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    record("take.wav")
    assert run("decode", "take.wav") == 0
    out, err = capfd.readouterr()
    assert out == "onset\toffset\tpitch\tname\tconfidence\n0.000\t1.000\t60\tC4\t0.900\n"
    assert err == ""
    assert files() == ["take.wav"]


def test_mode_and_format(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    record("take.wav")
    assert run("decode", "take.wav", "--mode", "window", "--format", "json") == 0
    melody = json.loads(capfd.readouterr().out)
    assert melody["duration"] == 1.0
    assert melody["notes"][0]["pitch"] == 62


def test_disagreements_are_written(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    record("take.wav")
    assert run("decode", "take.wav", "--mode", "both") == 0
    assert capfd.readouterr().out.endswith("# disagreement 0.500 1.000 ctc: - window: E4\n")


def test_search_options_reach_the_library(run: Run) -> None:
    record("take.wav")
    assert run("decode", "take.wav") == 0
    assert told == [None, 0.0, False]
    names = ("--search", "beam", "--beam", "8", "--key", "D minor", "--range", "C-1-G#5")
    rest = ("--shortest", "0.1", "--notes", "7", "--melody-model", "default")
    assert run("decode", "take.wav", *names, *rest) == 0
    options = told[0]
    assert options.search == "beam"
    assert options.beam == BeamConfig(width=8)
    assert options.constraints == Constraints("D minor", 0, 80, 0.1, 7)
    assert options.language_model.order > 1
    assert run("decode", "take.wav", "--range", "48 - 84") == 0
    assert told[0] == SearchOptions(None, None, None, Constraints(lowest=48, highest=84))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--mode", "window", "--key", "C"), "--key is of the CTC search"),
        (("--mode", "window", "--notes", "0"), "use --mode ctc, both or joint"),
        (("--search", "greedy", "--beam", "4"), "--search greedy cannot heed --beam"),
        (("--search", "greedy", "--shortest", "0.1"), "cannot heed --shortest"),
        (("--search", "ctcdecode", "--melody-model", "default"), "use --search beam"),
        (("--search", "widest"), "not one of greedy, beam, ctcdecode"),
        (("--beam", "0"), "--beam"),
    ],
)
def test_search_options_that_do_not_fit(
    run: Run, capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...], reason: str
) -> None:
    record("take.wav")
    assert run("decode", "take.wav", *arguments) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert reason in err


def test_the_confidence_reaches_the_library(run: Run) -> None:
    record("take.wav")
    assert run("decode", "take.wav", "--mode", "window", "--min-confidence", "0.5") == 0
    assert told == [None, 0.5, False]
    assert run("decode", "take.wav", "--min-confidence", "1.5") == 2


def test_intonation_reaches_the_library(run: Run) -> None:
    record("take.wav")
    assert run("decode", "take.wav", "--intonation") == 0
    assert told == [None, 0.0, True]


@pytest.mark.parametrize("arguments", [("-o", "take.mid"), ("--format", "midi", "-o", "take.bin")])
def test_midi_file(run: Run, arguments: tuple[str, ...]) -> None:
    record("take.wav")
    assert run("decode", "take.wav", *arguments) == 0
    assert mido.MidiFile(arguments[-1]).length == pytest.approx(1.0, abs=0.002)


@pytest.mark.parametrize(
    ("name", "start"),
    [("n.csv", "onset,"), ("n.JSON", "{"), ("n.tsv", "onset\t"), ("n", "onset\t")],
)
def test_the_suffix_chooses_the_format(run: Run, name: str, start: str) -> None:
    record("take.wav")
    assert run("decode", "take.wav", "-o", name) == 0
    assert Path(name).read_text().startswith(start)


def test_one_recording_into_a_folder(run: Run) -> None:
    record("take.1.wav")
    Path("notes.d").mkdir()
    assert run("decode", "take.1.wav", "-o", "notes.d", "--format", "csv") == 0
    assert files("notes.d") == ["take.1.csv"]


def test_a_slash_asks_for_a_new_folder(run: Run) -> None:
    record("take.wav")
    assert run("decode", "take.wav", "-o", "new/notes.d/") == 0
    assert files("new") == ["notes.d/take.tsv"]


def test_a_dash_stands_for_stdout(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    record("take.wav")
    assert run("decode", "take.wav", "-o", "-") == 0
    assert capfd.readouterr().out.startswith("onset\t")
    assert files(".") == ["take.wav"]


def test_a_recording_without_notes_is_no_error_but_is_said(
    run: Run, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    record("take.wav")
    nothing = SimpleNamespace(notes=[], duration=1.0, disagreements=[])
    transcription = sys.modules["seqmelody.transcription"]
    monkeypatch.setattr(transcription, "transcribe", lambda *_, **__: nothing)
    assert run("decode", "take.wav") == 0
    out, err = capfd.readouterr()
    assert len(out.splitlines()) == 1
    assert err == "seqmelody: take.wav: no note was found\n"


def test_midi_is_kept_off_a_terminal(
    run: Run, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    record("take.wav")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert run("decode", "take.wav", "--format", "midi") == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert "use -o FILE" in err


def test_midi_goes_into_a_pipe(run: Run, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    record("take.wav")
    assert run("decode", "take.wav", "--format", "midi") == 0
    assert capfdbinary.readouterr().out.startswith(b"MThd")


def test_folders_keep_their_structure(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("in/a.wav", "in/deep/a.flac", "solo.wav"):
        record(name)
    assert run("decode", "in", "solo.wav", "in/a.wav", "-o", "out/notes", "--format", "midi") == 0
    assert files("out") == ["notes/a.mid", "notes/deep/a.mid", "notes/solo.mid"]
    assert capfd.readouterr() == ("", "")


def test_a_broken_recording_does_not_stop_the_others(
    run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    record("a.wav")
    Path("b.wav").write_text("no audio")
    record("c.wav")
    assert run("decode", "a.wav", "b.wav", "missing.wav", "c.wav", "-o", "out") == 1
    assert files("out") == ["a.tsv", "c.tsv"]
    out, err = capfd.readouterr()
    assert out == ""
    first, second = err.splitlines()
    assert first.startswith("seqmelody: error: b.wav: not audio")
    assert second.startswith("seqmelody: error: missing.wav: no such file")


def test_a_link_to_nothing_is_told_and_does_not_stop_the_others(
    run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    record("in/a.wav")
    Path("in/dead.wav").symlink_to("nowhere.wav")
    assert run("decode", "in", "-o", "out") == 1
    assert files("out") == ["a.tsv"]
    assert_one_error(capfd, "in/dead.wav: is a link to a file that is not there; mend it")


@pytest.mark.parametrize(
    "arguments",
    [
        ("decode", "", "-o", "out"),
        ("decode", "a.wav", "", "-o", "out"),
        ("align", "", "-o", "out"),
        ("align", "a.wav", ""),
        ("check", ""),
        ("evaluate", ""),
        ("plot", "", "-o", "a.png"),
    ],
)
def test_an_empty_argument_is_not_the_current_folder(
    run: Run, capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    """It is what an unset shell variable leaves."""
    record("a.wav")
    Path("a.txt").write_text("C4")
    assert run(*arguments) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert "is empty; name a file" in err
    assert files() == ["a.txt", "a.wav"]


def test_a_progress_bar_shows_on_a_terminal_only(
    run: Run, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    record("a.wav")
    Path("b.wav").write_text("no audio")
    monkeypatch.setenv("FORCE_COLOR", "1")  # makes rich take any stream for a terminal
    monkeypatch.setenv("COLUMNS", "30")
    assert run("decode", "a.wav", "b.wav", "-o", "out") == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert "decoding" in err
    assert "seqmelody: error: b.wav: not audio that SeqMelody can read; convert it" in err


@pytest.mark.parametrize("given", [("a.wav", "a.flac"), ("x/a.wav", "y/a.wav"), ("x", "y")])
def test_notes_never_overwrite_each_other(
    run: Run, capfd: pytest.CaptureFixture[str], given: tuple[str, str]
) -> None:
    for name in ("a.wav", "a.flac", "x/a.wav", "y/a.wav"):
        record(name)
    assert run("decode", *given, "-o", "out") == 1
    assert_one_error(capfd, *given, "out/a.tsv", "rename one")
    assert not Path("out").exists()


def test_notes_never_overwrite_the_recording(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    before = record("take.wav").read_bytes()
    assert run("decode", "take.wav", "--format", "tsv", "-o", "take.wav") == 1
    assert_one_error(capfd, "take.wav: the notes would replace the recording")
    assert Path("take.wav").read_bytes() == before


@pytest.mark.parametrize("target", ["victim.wav", "victim.FLAC", "new.mp3", "link.json"])
@pytest.mark.parametrize("verb", ["decode", "align"])
def test_notes_never_overwrite_another_recording(
    run: Run, capfd: pytest.CaptureFixture[str], verb: str, target: str
) -> None:
    record("take.wav")
    before = record("victim.wav").read_bytes()
    Path("victim.FLAC").write_bytes(before)
    Path("link.json").symlink_to("victim.wav")
    for chosen in ((), ("--format", "json")):
        assert run(verb, "take.wav", "-o", target, *chosen) == 1
        assert_one_error(capfd, f"{target}: notes under the name of a recording; give")
    assert Path("victim.wav").read_bytes() == Path("victim.FLAC").read_bytes() == before
    assert not Path("new.mp3").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("take.wav", "take.wav"),  # no -o
        ("folder",),  # no -o
        ("take.wav", "other.wav", "-o", "notes.mid"),
        ("take.wav", "-o", "notes.mid", "--format", "tsv"),
        ("take.wav", "-o", "notes.xyz"),
        ("take.wav", "--format", "xyz"),
        ("take.wav", "--mode", "xyz"),
        ("take.wav", "--nonsense"),
        (),
    ],
)
def test_wrong_usage(
    run: Run, capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    record("take.wav")
    record("folder/a.wav")
    assert run("decode", *arguments) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert "Error: " in err
    assert files() == ["folder/a.wav", "take.wav"]


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("missing.wav",), ("missing.wav: no such file", "check the path")),
        (("text.wav",), ("text.wav: not audio", "convert it")),
        (("empty.wav",), ("empty.wav: the file is empty", "again")),
        (("nan.wav",), ("nan.wav: holds NaN", "export it again")),
        (("slow.wav",), ("slow.wav: a sample rate of 1000 Hz", "use one from 4000 Hz")),
        (("hollow", "-o", "out"), ("hollow: the folder holds no recording", ".wav")),
        (("take.wav", "-o", "missing/n.tsv"), ("missing/n.tsv: the folder missing", "create")),
        (("take.wav", "-o", "text.wav/n.tsv"), ("text.wav/n.tsv: the folder text.wav", "create")),
        (("take.wav", "-o", "/proc/n.tsv"), ("/proc/n.tsv: ", "another place")),
        (("take.wav", "text.wav", "-o", "text.wav/out"), ("text.wav/out: the folder", "another")),
        (("take.wav", "text.wav", "-o", "empty.wav"), ("empty.wav: the folder cannot", "another")),
        (("take.wav", "--key", "H"), ("'H' is no key",)),
        (("take.wav", "--range", "C4"), ("--range C4: no two notes; write",)),
        (("take.wav", "--range", "C5-C4"), ("give the lower one first",)),
        (("take.wav", "--shortest", "0"), ("use more than 0",)),
        (("take.wav", "--shortest", "inf"), ("makes no sense",)),
        (("take.wav", "--melody-model", "text.wav"), ("text.wav: not a melody model",)),
        (("take.wav", "--model", "foreign"), ("foreign: not a SeqMelody checkpoint",)),
    ],
)
def test_bad_input(
    run: Run,
    capfd: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    parts: tuple[str, ...],
) -> None:
    record("take.wav")
    Path("text.wav").write_text("no audio " * 100)
    Path("empty.wav").touch()
    Path("hollow").mkdir()
    soundfile.write("nan.wav", np.full(16000, np.nan, np.float32), 16000, subtype="FLOAT")
    soundfile.write("slow.wav", np.zeros(5000), 1000)
    before = files()
    assert run("decode", *arguments) == 1
    assert_one_error(capfd, *parts)
    assert files() == before


def test_an_error_is_one_line_for_any_file_name(
    run: Run, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run("decode", "two\nlines [bold]" + 100 * "x" + ".wav") == 1
    assert_one_error(capfd, "two lines [bold]xxx")


def test_interrupt(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    record("take.wav")
    monkeypatch.setattr(sys.modules["seqmelody.transcription"], "transcribe", interrupt)
    assert run("decode", "take.wav", "-o", "n.tsv") == 130
    assert files() == ["take.wav"]


def test_version(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capfd.readouterr().out == f"seqmelody {seqmelody.__version__}\n"


# From here on the command runs by itself.


def start(*arguments: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "seqmelody", *arguments]
    return subprocess.run(command, capture_output=True, check=False, **options)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize("arguments", [("--help",), ("decode", "--help")])
def test_help_is_fast_and_has_examples(arguments: tuple[str, ...]) -> None:
    seconds = []
    for _ in range(3):  # the best of three: other work on the machine is not ours to measure
        begin = time.perf_counter()
        done = start(*arguments)
        seconds.append(time.perf_counter() - begin)
        assert done.returncode == 0
        assert done.stderr == b""
    assert min(seconds) < 1.0
    if "decode" in arguments:
        assert b"\n    seqmelody decode take.wav\n" in done.stdout


def test_planning_needs_neither_torch_nor_soundfile() -> None:
    code = "import sys, seqmelody.cli, seqmelody.commands.decode; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    modules = done.stdout.decode().split()
    assert "seqmelody.commands.decode" in modules
    assert not {"torch", "numpy", "soundfile", "mido"} & set(modules)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small untrained model."""
    from seqmelody.encoders import EncoderConfig
    from seqmelody.model import MelodyModel, ModelConfig, save_model

    path = tmp_path_factory.mktemp("model") / "small.safetensors"
    save_model(MelodyModel(ModelConfig(encoder=EncoderConfig(width=8, dilations=(1, 2)))), path)
    return path


def test_modes_agree_with_the_library() -> None:
    from seqmelody.transcription import transcribe

    assert inspect.signature(transcribe).parameters["mode"].default == MODES[0]


@pytest.mark.parametrize("mode", MODES)
def test_decode_for_real(tmp_path: Path, checkpoint: Path, mode: str) -> None:
    record(str(tmp_path / "take.wav"))
    done = start("decode", "take.wav", "--mode", mode, "--model", str(checkpoint), cwd=tmp_path)
    assert done.stderr == b""
    assert done.returncode == 0
    assert done.stdout.startswith(b"onset\toffset\tpitch\tname\tconfidence\n")


def test_bad_audio_for_real(tmp_path: Path, checkpoint: Path) -> None:
    (tmp_path / "text.wav").write_text("no audio")
    arguments = ("decode", "text.wav", "--model", str(checkpoint), "-o", "n.mid")
    done = start(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr.startswith(b"seqmelody: error: text.wav: not audio")
    assert done.stderr.count(b"\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["text.wav"]


@pytest.mark.parametrize("name", ["text.txt", "missing.safetensors", "."])
def test_foreign_checkpoint_for_real(tmp_path: Path, name: str) -> None:
    record(str(tmp_path / "take.wav"))
    (tmp_path / "text.txt").write_text("no model")
    done = start("decode", "take.wav", "--model", name, "-o", "n.mid", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr.startswith(f"seqmelody: error: {name}: ".encode())
    assert done.stderr.count(b"\n") == 1
    assert not (tmp_path / "n.mid").exists()


def test_a_full_stdout_is_an_error(tmp_path: Path, checkpoint: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    record(str(tmp_path / "take.wav"))
    command = [sys.executable, "-m", "seqmelody", "decode", str(tmp_path / "take.wav")]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*command, "--model", str(checkpoint)], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 1
    assert done.stderr.startswith(b"seqmelody: error: stdout: cannot be written")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--bank", "b", "--manifest", "m"), "the manifest cannot be read"),
        (("--bank", "nowhere"), "no such file"),
        (("--manifest", "nowhere.jsonl"), "the manifest cannot be read"),
        (("--bank", "b", "--init", "nowhere"), "no such model file"),
    ],
)
def test_training_without_data_or_model(
    tmp_path: Path, arguments: tuple[str, ...], reason: str
) -> None:
    done = start("train", "run", *arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(b"seqmelody: error: ")
    assert reason.encode() in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "needs data: --bank DIR, --manifest FILE, both, or --weak DIR"),
        (("--manifest", "m", "--weak", "w"), "two ways to use lists"),
    ],
)
def test_training_that_makes_no_sense_is_wrong_usage(
    tmp_path: Path, arguments: tuple[str, ...], reason: str
) -> None:
    done = start("train", "run", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert reason in " ".join(done.stderr.decode().split())
    assert not (tmp_path / "run").exists()


def test_plot_draws_a_picture(tmp_path: Path, checkpoint: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures need the plot extra")
    record(str(tmp_path / "take_$x^$.wav"))
    done = start("plot", "take_$x^$.wav", "-o", "t.png", "--model", str(checkpoint), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "t.png").read_bytes().startswith(b"\x89PNG")


def test_plot_takes_a_folder_as_decode_does(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqmelody.plots.draw_notes", lambda *_: b"picture")
    record("take.1.wav")
    transcription = sys.modules["seqmelody.transcription"]
    melody = SimpleNamespace(notes=[], duration=1.0, disagreements=[])
    monkeypatch.setattr(transcription, "transcribe", lambda *_, **__: melody)
    Path("old").mkdir()
    for output in ("new/x.png/", "old", "x.png"):
        assert run("plot", "take.1.wav", "-o", output) == 0
    assert files() == ["new/x.png/take.1.png", "old/take.1.png", "take.1.wav", "x.png"]
    Path("link.png").symlink_to("take.1.wav")
    assert run("plot", "missing.wav", "-o", "late/") == 1
    assert run("plot", "take.1.wav", "-o", "link.png") == 1
    assert not Path("late").exists()
