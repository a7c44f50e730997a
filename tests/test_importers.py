"""Importers: each set is rebuilt small, in the layout of its authors, and read back.

The layouts follow mirdata's indexes, the repositories of MIR-ST500, SSVD and ESC-50, and the
papers of MUSAN and DEMAND; the audio is our own.
"""

from __future__ import annotations

import importlib
import json
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from data_tools.__main__ import app, main
from data_tools.importers import IMPORTERS, import_set
from data_tools.importers.contours import contour_notes
from data_tools.importers.entries import NotOneLineError, one_line
from data_tools.importers.kern import read_kern
from data_tools.samples import read_noises
from seqmelody.audio import SAMPLE_RATE
from seqmelody.datasets import read_manifest
from seqmelody.decoding.agreement import Disagreement
from seqmelody.errors import InputError, OutputError
from seqmelody.list_alignment import AlignedNote
from seqmelody.notes import Note
from seqmelody.score_check import render_alignment
from seqmelody.writers import to_csv, to_midi, to_tsv

Triple = tuple[float, float, float]
MELODY: list[Triple] = [(0.1, 0.4, 60), (0.5, 0.9, 60), (0.9, 1.4, 67)]


def sound(path: Path, seconds: float = 0.1) -> Path:
    """A short tone, wherever the set has a recording."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 440 * time), SAMPLE_RATE)
    return path


def text(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def melody(notes: Sequence[Triple] = MELODY) -> list[Note]:
    return [Note(*n) for n in notes]


def manifest(
    name: str, folder: Path, exclude: Sequence[str] = ()
) -> dict[str, list[Triple] | tuple[int, ...]]:
    """File name -> aligned notes or weak pitches, read back by the package's own reader."""
    path = folder.parent / "out" / f"{name}.jsonl"
    path.parent.mkdir(exist_ok=True)
    import_set(name, folder, path, exclude)
    for line in path.read_text().splitlines():
        assert not os.path.isabs(json.loads(line)["audio"])
    entries = read_manifest(path)
    assert all(e.audio.is_file() for e in entries)
    return {
        e.audio.name: e.pitches
        if e.notes is None
        else [(n.onset, n.offset, n.pitch) for n in e.notes]
        for e in entries
    }


def refused(name: str, folder: Path, *reasons: str) -> None:
    """The import complains in one line and writes nothing."""
    before = sorted(folder.parent.rglob("*"))
    with pytest.raises(InputError) as caught:
        import_set(name, folder, folder.parent / "refused")
    assert "\n" not in str(caught.value)
    for reason in reasons:
        assert reason in str(caught.value)
    assert sorted(folder.parent.rglob("*")) == before


# One line of notes


def test_overlaps_are_cut_at_the_next_onset() -> None:
    line = one_line([Note(0.5, 1.0, 62), Note(0.0, 2.0, 60)], "x")
    assert line == (Note(0.0, 0.5, 60), Note(0.5, 1.0, 62))


def test_chords_are_refused_or_their_top_is_taken() -> None:
    chord = [Note(0.0, 1.0, 60), Note(0.01, 1.0, 64), Note(1.0, 2.0, 62)]
    with pytest.raises(NotOneLineError, match=r"x: notes begin together"):
        one_line(chord, "x")
    assert [n.pitch for n in one_line(chord, "x", chord_share=0.34)] == [64, 62]
    with pytest.raises(NotOneLineError):
        one_line(chord, "x", chord_share=0.3)


@pytest.mark.parametrize(
    "note",
    [
        Note(1.0, 1.0, 60),
        Note(1.0, 0.5, 60),
        Note(-0.1, 0.5, 60),
        Note(0.0, float("inf"), 60),
        Note(float("nan"), 1.0, 60),
        Note(0.0, 1.0, 128),
        Note(0.0, 1.0, float("nan")),
    ],
)
def test_impossible_notes_are_refused(note: Note) -> None:
    with pytest.raises(NotOneLineError):
        one_line([note], "x")


# Contours


HOP = 0.0029  # seconds, as in MDB-stem-synth


def contour(*stretches: tuple[float, Callable[[np.ndarray], Any]]) -> list[Note]:
    """Notes of stretches of (seconds, pitch as a function of their time); None is silence."""
    parts = []
    for seconds, pitch in stretches:
        time = np.arange(round(seconds / HOP)) * HOP
        value = pitch(time)
        hertz = 0.0 if value is None else 440 * 2 ** ((np.asarray(value) - 69) / 12)
        parts.append(np.broadcast_to(hertz, time.shape))
    hertz = np.concatenate(parts)
    return contour_notes(np.arange(len(hertz)) * HOP, hertz)


def held(pitch: float) -> Callable[[np.ndarray], float]:
    return lambda _: pitch


def silence(_: np.ndarray) -> None:
    return None


def test_steps_and_repeated_notes_of_a_contour() -> None:
    notes = contour(
        (0.2, silence), (0.3, held(60)), (0.1, silence), (0.3, held(60.2)), (0.3, held(64))
    )
    assert [n.pitch for n in notes] == pytest.approx([60, 60.2, 64])
    assert [n.onset for n in notes] == pytest.approx([0.2, 0.6, 0.9], abs=2 * HOP)
    assert [n.offset for n in notes] == pytest.approx([0.5, 0.9, 1.2], abs=2 * HOP)


def test_vibrato_is_one_note_even_between_two_semitones() -> None:
    notes = contour((1.0, lambda t: 60.45 + 0.9 * np.sin(2 * np.pi * 6 * t)))
    assert len(notes) == 1
    assert notes[0].duration == pytest.approx(1.0, abs=2 * HOP)


def test_glide_between_two_notes_is_no_note() -> None:
    notes = contour((0.3, held(60)), (0.1, lambda t: 60 + 70 * t), (0.3, held(67)))
    assert [n.pitch for n in notes] == pytest.approx([60, 67], abs=0.1)


def test_scoop_belongs_to_the_note_it_leads_to() -> None:
    (note,) = contour((0.05, held(58)), (0.4, held(60)))
    assert note.pitch == pytest.approx(60)
    assert note.onset == 0


def test_blips_and_silence_are_no_notes() -> None:
    assert contour((0.2, silence), (0.03, held(60)), (0.2, silence)) == []
    assert contour_notes(np.zeros(0), np.zeros(0)) == []


# Sets read with mirdata


@pytest.fixture
def indexed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give mirdata an index of our own, as it has when it has fetched the set's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what librosa and others say while they load
        pytest.importorskip("mirdata", reason="mirdata is not installed: pip install '.[mirdata]'")
        core = importlib.import_module("mirdata.core")

    def index(name: str, tracks: dict[str, dict[str, str]], version: str = "default") -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = importlib.import_module(f"mirdata.datasets.{name}")
        if isinstance(module.INDEXES[version], str):
            version = module.INDEXES[version]
        path = tmp_path / f"{name}_index.json"
        listed = {i: {k: [p, "md5"] for k, p in files.items()} for i, files in tracks.items()}
        path.write_text(json.dumps({"version": "sample", "tracks": listed}))
        # An absolute name takes the place of mirdata's own folder.
        monkeypatch.setitem(module.INDEXES, version, core.Index(filename=str(path)))

    return index


VOCADITO = {
    str(n): {
        "audio": f"Audio/vocadito_{n}.wav",
        "f0": f"Annotations/F0/vocadito_{n}_f0.csv",
        "lyrics": f"Annotations/Lyrics/vocadito_{n}_lyrics.txt",
        "notesA1": f"Annotations/Notes/vocadito_{n}_notesA1.csv",
        "notesA2": f"Annotations/Notes/vocadito_{n}_notesA2.csv",
    }
    for n in (1, 2)
}


def test_vocadito(tmp_path: Path, indexed: Callable[..., None]) -> None:
    indexed("vocadito", VOCADITO)
    root = tmp_path / "Vocadito"
    sound(root / "Audio/vocadito_1.wav")
    # onset, hertz, duration; the second annotator's notes are others
    text(root / "Annotations/Notes/vocadito_1_notesA1.csv", "0.5,440.0,0.25\n1.0,222.0,0.5\n")
    text(root / "Annotations/Notes/vocadito_1_notesA2.csv", "0.1,100.0,0.2\n1.0,100.0,0.5\n")
    assert manifest("vocadito", root) == {
        "vocadito_1.wav": [(0.5, 0.75, 69.0), (1.0, 1.5, 57.16)]  # 57 + 12 log2(222 / 220)
    }
    report = import_set("vocadito", root, tmp_path / "again.jsonl")
    assert report.written == 1
    assert [len(names) for names in report.left_out.values()] == [1]  # track 2 is not there


def test_vocadito_with_damaged_labels(tmp_path: Path, indexed: Callable[..., None]) -> None:
    indexed("vocadito", VOCADITO)
    root = tmp_path / "Vocadito"
    sound(root / "Audio/vocadito_1.wav")
    refused("vocadito", root, "vocadito_1.wav", "cannot read its labels", "unpack the set again")


def test_missing_index_says_how_to_fetch_it(tmp_path: Path, indexed: Callable[..., None]) -> None:
    indexed("vocadito", {})
    (tmp_path / "vocadito_index.json").unlink()
    (tmp_path / "Vocadito").mkdir()
    refused("vocadito", tmp_path / "Vocadito", "index", "download(['index'])")


def test_missing_mirdata_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(importlib.import_module("sys").modules, "mirdata", None)
    (tmp_path / "set").mkdir()
    refused("tinysol", tmp_path / "set", "pip install 'seqmelody[mirdata]'")


def test_mdb_stem_synth(tmp_path: Path, indexed: Callable[..., None]) -> None:
    stem = "AClassicEducation_NightOwl_STEM_08.RESYN"
    audio, labels = f"audio_stems/{stem}.wav", f"annotation_stems/{stem}.csv"
    indexed("mdb_stem_synth", {stem: {"audio": audio, "f0": labels}})
    root = tmp_path / "MDB-stem-synth"
    sound(root / audio)
    hop = 128 / 44_100
    hertz = [0.0] * 100 + [440.0] * 100 + [0.0] * 50 + [440.0] * 100 + [220.0] * 100
    text(root / labels, "".join(f"{i * hop:.6f},{h}\n" for i, h in enumerate(hertz)))
    (notes,) = manifest("mdb_stem_synth", root).values()
    times = [i * hop for i in (100, 200, 250, 350, 350, 450)]
    assert np.ravel(notes) == pytest.approx(
        [times[0], times[1], 69, times[2], times[3], 69, times[4], times[5], 57], abs=1e-3
    )


def jams(strings: dict[int, list[Triple]]) -> str:
    annotations = [
        {
            "namespace": "note_midi",
            "annotation_metadata": {"data_source": str(string)},
            "data": [
                {"time": on, "duration": off - on, "value": pitch}
                for on, off, pitch in strings.get(string, [])
            ],
        }
        for string in range(6)
    ]
    return json.dumps({"annotations": annotations})


def guitar_track(name: str) -> dict[str, str]:
    return {
        "audio_hex_cln": f"audio_hex-pickup_debleeded/{name}_hex_cln.wav",
        "audio_hex": f"audio_hex-pickup_original/{name}_hex.wav",
        "audio_mic": f"audio_mono-mic/{name}_mic.wav",
        "audio_mix": f"audio_mono-pickup_mix/{name}_mix.wav",
        "jams": f"annotation/{name}.jams",
    }


def test_guitarset_takes_solos_of_one_line(tmp_path: Path, indexed: Callable[..., None]) -> None:
    solo, chords, comp = "03_BN3-119-G_solo", "00_Jazz1-130-D_solo", "03_BN3-119-G_comp"
    indexed("guitarset", {n: guitar_track(n) for n in (solo, chords, comp)})
    root = tmp_path / "GuitarSet"
    for name in (solo, chords, comp):
        sound(root / f"audio_mono-mic/{name}_mic.wav")
        text(root / f"annotation/{name}.jams", jams({3: [(0.0, 1.0, 60.1)]}))
    # the first string rings on into the second's note
    ringing = {1: [(0.5, 2.0, 50.0)], 2: [(1.0, 1.5, 55.25), (2.5, 3.0, 57.0)]}
    text(root / f"annotation/{solo}.jams", jams(ringing))
    text(root / f"annotation/{chords}.jams", jams({0: [(0.0, 1.0, 40.0)], 1: [(0.0, 1.0, 47.0)]}))
    expected = [(0.5, 1.0, 50.0), (1.0, 1.5, 55.25), (2.5, 3.0, 57.0)]
    assert manifest("guitarset", root) == {f"{solo}_mic.wav": expected}


def test_filosax(tmp_path: Path, indexed: Callable[..., None]) -> None:
    files = {"audio": "Sax.wav", "annotation": "annotations.json", "midi": "Sax.mid"}
    files |= {"musicXML": "Sax.musicxml", "pdf": "Sax.pdf"}
    tracks = {
        f"multitrack_01_sax_{n}": {k: f"Participant {n}/01/{f}" for k, f in files.items()}
        for n in (1, 2)
    }
    indexed("filosax", tracks, "full_sax")
    root = tmp_path / "Filosax_Lite"
    sound(root / "Participant 2/01/Sax.wav")
    notes = [
        {"a_start_time": on, "a_end_time": off, "a_duration": off - on, "midi_pitch": pitch}
        for on, off, pitch in MELODY
    ]
    text(root / "Participant 2/01/annotations.json", json.dumps({"notes": notes}))
    assert manifest("filosax", root) == {"Sax.wav": MELODY}


def test_tinysol(tmp_path: Path, indexed: Callable[..., None]) -> None:
    name = "Fl-ord-C4-mf-N-T14d"
    audio = f"audio/Winds/Flute/ordinario/{name}.wav"
    indexed("tinysol", {name: {"audio": audio}})
    root = tmp_path / "TinySOL"
    (root / audio).parent.mkdir(parents=True)
    quiet = 1e-4 * np.random.default_rng(0).standard_normal(2 * SAMPLE_RATE)
    quiet[4000:20_000] += 0.3 * np.sin(2 * np.pi * 261.6 * np.arange(16_000) / SAMPLE_RATE)
    soundfile.write(root / audio, quiet, SAMPLE_RATE)
    header = (
        "Path,Fold,Family,Instrument (abbr.),Instrument (in full),Technique (abbr.),"
        "Technique (in full),Pitch,Pitch ID,Dynamics,Dynamics ID,Instance ID,String ID,Resampled"
    )
    row = f"Winds/Flute/ordinario/{name}.wav,0,Winds,Fl,Flute,ord,ordinario,C4,60,mf,2,0,,TRUE"
    text(root / "annotation/TinySOL_metadata.csv", f"{header}\n{row}\n")
    assert manifest("tinysol", root) == {f"{name}.wav": [(0.25, 1.25, 60.0)]}


# Singing


@pytest.fixture
def st500(tmp_path: Path) -> Path:
    root = tmp_path / "singing_transcription_ICASSP2021"
    labels = {"1": MELODY, "2": MELODY, "401": [[0.2, 0.6, 64.0]], "402": [[0.2, 0.1, 64.0]]}
    text(root / "MIR-ST500_20210206/MIR-ST500_corrected.json", json.dumps(labels))
    sound(root / "train/1/Vocal.wav")
    sound(root / "train/1/Inst.wav")
    sound(root / "train/2/Mixture.wav")
    sound(root / "test/401.flac")
    sound(root / "test/402/Vocal.wav")
    return root


def test_mir_st500_takes_the_separated_voice(st500: Path, tmp_path: Path) -> None:
    assert manifest("mir_st500", st500) == {
        "Vocal.wav": MELODY,
        "401.flac": [(0.2, 0.6, 64.0)],
    }
    report = import_set("mir_st500", st500, tmp_path / "again.jsonl")
    assert report.left_out["no Vocal.wav in a folder of its number"] == ["2"]
    assert len(report.left_out["a note ends before it has begun"]) == 1


def test_mir_st500_without_usable_labels(st500: Path) -> None:
    labels = st500 / "MIR-ST500_20210206/MIR-ST500_corrected.json"
    for content in ("{", "[]", '{"1": [[1, 2]]}', '{"1": 3}'):
        labels.write_text(content)
        refused("mir_st500", st500, "MIR-ST500_corrected.json", "fetch it again")
    labels.unlink()
    refused("mir_st500", st500, "holds no MIR-ST500_corrected.json")


@pytest.fixture
def sight_singing(tmp_path: Path) -> Path:
    root = tmp_path / "SSVD-v2.0"
    for part, number in (("train&valid", "1011"), ("test", "100135")):
        sound(root / part / f"{number}.flac")
        text(root / part / f"{number}.txt", "1.16\t1.56\t67.85\n1.73\t2.20\t64.34\n")
    return root


def test_ssvd(sight_singing: Path) -> None:
    notes = [(1.16, 1.56, 67.85), (1.73, 2.2, 64.34)]
    assert manifest("ssvd", sight_singing) == {"1011.flac": notes, "100135.flac": notes}
    assert list(manifest("ssvd", sight_singing, ["test/*"])) == ["1011.flac"]


def test_ssvd_with_a_bad_line(sight_singing: Path) -> None:
    text(sight_singing / "test/100135.txt", "1.16\t1.56\t67.85\n1.73\tla\n")
    refused("ssvd", sight_singing, "100135.txt, line 2", "onset offset pitch")


# kern


KERN = """!!!OTL: Ein Lied
**kern\t**text
*k[b-]\t*
*M4/4\t*
=1\t=1
{4c/\tla
[4B-\\\t.
=2\t=2
4B-]\t.
8qdd\t.
4r\t.
4.CC#J\t.
2ee;}\t.
8fn\t.
==\t==
*-\t*-
"""


def test_kern(tmp_path: Path) -> None:
    root = tmp_path / "essen"
    sound(root / "deut/lied.wav")
    sound(root / "deut/other.wav")
    text(root / "deut/lied.krn", KERN)
    assert manifest("kern", root) == {"lied.wav": (60, 58, 37, 76, 65)}


def test_a_score_that_is_no_melody_can_be_excluded(tmp_path: Path) -> None:
    root = tmp_path / "songs"
    text(root / "lied.krn", KERN)
    text(root / "bad.krn", "**kern\n4c 4e\n*-\n")
    for name in ("lied", "bad"):
        sound(root / f"{name}.wav")
    with pytest.raises(InputError, match="chord"):
        manifest("kern", root)
    assert set(manifest("kern", root, ["bad.*"])) == {"lied.wav"}


def test_kern_reads_what_music21_reads(tmp_path: Path) -> None:
    pytest.importorskip("music21", reason="music21 is not installed: pip install '.[data]'")
    from music21 import converter

    score = converter.parseData(KERN, format="humdrum").parts[0].flatten().stripTies()
    midi = [n.pitch.midi for n in score.notes if n.quarterLength > 0]
    assert read_kern(text(tmp_path / "x.krn", KERN)) == midi


@pytest.mark.parametrize(
    ("score", "reason"),
    [
        ("**kern\t**kern\n4c\t4d\n*-\t*-\n", "one **kern column"),
        ("**text\nla\n*-\n", "one **kern column"),
        ("**kern\n4c 4e\n*-\n", "chord"),
        ("**kern\n4c\n*^\n4d\t4e\n", "columns split"),
        ("**kern\n4r\n*-\n", "holds no note"),
        ("**kern\n4x\n*-\n", "no note of **kern"),
        ("**kern\n4CCCCCCC\n*-\n", "outside MIDI"),
        ("**text\t**kern\nla\n*-\t*-\n", "lacks its kern column"),
        ("X:1\nK:C\nCDE\n", "does not begin"),
        ("", "holds no note"),
    ],
)
def test_unusable_scores_are_one_line(tmp_path: Path, score: str, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        read_kern(text(tmp_path / "x.krn", score))
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


# Sidecar labels


def test_every_kind_of_sidecar_label(tmp_path: Path) -> None:
    root = tmp_path / "takes"
    for name in ("a", "b", "c", "d", "e", "plain"):
        sound(root / f"{name}.wav")
    (root / "a.mid").write_bytes(to_midi(melody()))
    doubtful = Disagreement(0.1, 0.2, (Note(0.1, 0.2, 60),), ())
    (root / "b.tsv").write_bytes(to_tsv(melody(), disagreements=[doubtful]))
    (root / "c.csv").write_bytes(to_csv(melody()))
    text(root / "d.csv", "\ufeffPitch, onset ,offset,who\nC#4,0.5,1,me\n60.25,1.0,1.5,me\n")
    text(root / "e.txt", "C4 D4 62 # repeated\n")
    found = manifest("sidecar", root)
    assert np.ravel(found.pop("a.wav")) == pytest.approx(np.ravel(MELODY), abs=1e-3)  # ticks
    assert found == {
        "b.wav": MELODY,
        "c.wav": MELODY,
        "d.wav": [(0.5, 1.0, 61.0), (1.0, 1.5, 60.25)],
        "e.wav": (60, 62, 62),
    }


@pytest.mark.parametrize("name", ["tsv", "csv"])
def test_aligned_lists_are_read_back_as_they_were_played(tmp_path: Path, name: str) -> None:
    root = tmp_path / "takes"
    sound(root / "a.wav")
    notes = [
        AlignedNote("ok", 60, 60, 0.0, 0.5, 0.9),
        AlignedNote("missing", 62, None, 0.5, 0.5, 0.0),
        AlignedNote("wrong", 64, 65, 0.5, 0.9, 0.8),
        AlignedNote("extra", None, 67, 0.9, 1.2, 0.7),
    ]
    (root / f"a.{name}").write_bytes(render_alignment(name, notes))
    assert manifest("sidecar", root) == {
        "a.wav": [(0.0, 0.5, 60.0), (0.5, 0.9, 65.0), (0.9, 1.2, 67.0)]
    }


def test_midi_tempo_tracks_and_drums(tmp_path: Path) -> None:
    root = tmp_path / "takes"
    sound(root / "a.wav")
    tempo = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=1_000_000)])  # 1 s a beat
    tempo.append(mido.MetaMessage("set_tempo", tempo=500_000, time=480))
    notes = mido.MidiTrack(
        [
            mido.Message("note_on", note=60, velocity=64, time=0),
            mido.Message("note_on", channel=9, note=35, velocity=64, time=0),
            mido.Message("note_on", note=60, velocity=0, time=480),  # ends it, after 1 s
            mido.Message("note_on", note=60, velocity=64, time=0),
            mido.Message("note_off", note=60, time=480),  # 0.5 s later
            mido.Message("note_on", note=72, velocity=64, time=0),  # never ended
        ]
    )
    mido.MidiFile(type=1, ticks_per_beat=480, tracks=[tempo, notes]).save(root / "a.mid")
    assert manifest("sidecar", root) == {"a.wav": [(0.0, 1.0, 60.0), (1.0, 1.5, 60.0)]}


def chord_midi() -> bytes:
    return to_midi([Note(0, 1, 60), Note(0, 1, 64)])


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.mid", b"no midi", "not a readable MIDI"),
        ("x.mid", to_midi([]), "holds no note"),
        ("x.mid", chord_midi(), "begin together"),
        ("x.tsv", b"0.1\t0.2\t60\n", "first line does not name"),
        ("x.tsv", b"", "first line does not name"),
        ("x.tsv", b"onset\toffset\tpitch\n0.1\t0.2\tH4\n", "line 2"),
        ("x.csv", b"onset,offset,pitch\n0.1,0.2\n", "line 2"),
        ("x.csv", b"onset,offset,pitch\n0.3,0.2,60\n", "ends before"),
        ("x.csv", b"\xff\xfe", "cannot be read as a table"),
        ("x.txt", b"C4 so la\n", "line 1"),
        ("x.txt", b"# nothing\n", "empty"),
        ("x.txt", b"\xff\xfe", "not UTF-8 text"),
        ("other.txt", b"C4", "nothing of it can be imported"),
    ],
)
def test_unusable_sidecar_labels_are_one_line(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    root = tmp_path / "takes"
    sound(root / "x.wav")
    (root / name).write_bytes(content)
    refused("sidecar", root, str(root), reason)


def test_a_recording_with_a_bad_label_can_be_excluded(tmp_path: Path) -> None:
    root = tmp_path / "takes"
    for name in ("a", "b"):
        sound(root / f"{name}.wav")
    text(root / "a.txt", "C4 D4")
    text(root / "b.txt", "C4 H4")
    refused("sidecar", root, "b.txt, line 1")
    report = import_set("sidecar", root, tmp_path / "m.jsonl", ["b.wav"])
    assert (report.written, report.left_out) == (1, {"excluded": ["b.wav"]})


def test_two_sidecar_labels_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "takes"
    sound(root / "x.wav")
    (root / "x.txt").write_text("C4")
    (root / "x.mid").write_bytes(to_midi(melody()))
    refused("sidecar", root, "x.mid and x.txt", "keep the one")


# Noise


def noise_folder(name: str, root: Path, exclude: Sequence[str] = ()) -> list[str]:
    """What an import links to, checked to be what 'bank --noise' reads."""
    folder = root.parent / "linked"
    import_set(name, root, folder, exclude)
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert len(list(read_noises(folder, 0))) == len(files)
    return files


def test_musan_gives_its_noise_only(tmp_path: Path) -> None:
    root = tmp_path / "musan"
    sound(root / "noise/free-sound/noise-free-sound-0000.wav")
    sound(root / "noise/sound-bible/noise-sound-bible-0000.wav")
    sound(root / "music/fma/music-fma-0000.wav")
    sound(root / "speech/librivox/speech-librivox-0000.wav")
    assert noise_folder("musan", root) == [
        "free-sound/noise-free-sound-0000.wav",
        "sound-bible/noise-sound-bible-0000.wav",
    ]
    refused("musan", root / "music", "holds no folder 'noise'")


def test_demand_gives_one_microphone_of_each_place(tmp_path: Path) -> None:
    root = tmp_path / "DEMAND"
    for channel in ("ch01.wav", "ch02.wav", "ch16.wav"):
        sound(root / "DKITCHEN" / channel)
        sound(root / "TBUS" / channel)
    assert noise_folder("demand", root) == ["DKITCHEN/ch01.wav", "TBUS/ch01.wav"]
    sound(root / "DKITCHEN_48k/DKITCHEN/ch01.wav")
    refused("demand", root, "DKITCHEN/ch01.wav", "keep one version")


def test_esc50_by_category(tmp_path: Path) -> None:
    root = tmp_path / "ESC-50-master"
    rows = ["filename,fold,target,category,esc10,src_file,take"]
    rows += ["1-100032-A-0.wav,1,0,dog,True,100032,A", "1-17367-A-10.wav,1,10,rain,True,17367,A"]
    rows += ["1-9-A-46.wav,1,46,church_bells,False,9,A"]  # not unpacked
    text(root / "meta/esc50.csv", "\n".join(rows) + "\n")
    sound(root / "audio/1-100032-A-0.wav")
    sound(root / "audio/1-17367-A-10.wav")
    assert noise_folder("esc50", root, ["dog/*"]) == ["rain/1-17367-A-10.wav"]
    report = import_set("esc50", root, tmp_path / "all")
    assert report.written == 2
    text(root / "meta/esc50.csv", "filename,fold\nx.wav,1\n")
    refused("esc50", root, "no columns filename and category")
    (root / "meta/esc50.csv").unlink()
    refused("esc50", root, "esc50.csv")


def test_plain_folder_of_noise(tmp_path: Path) -> None:
    root = tmp_path / "field"
    sound(root / "a.wav")
    sound(root / "street/a.wav")
    text(root / "notes.txt", "no recording")
    assert noise_folder("noise", root) == ["a.wav", "street/a.wav"]


def test_noise_folder_that_exists_is_kept(tmp_path: Path) -> None:
    sound(tmp_path / "field/a.wav")
    (tmp_path / "linked").mkdir()
    with pytest.raises(OutputError, match="exists"):
        import_set("noise", tmp_path / "field", tmp_path / "linked")
    assert list((tmp_path / "linked").iterdir()) == []


# What all importers share


@pytest.mark.parametrize("name", IMPORTERS)
def test_missing_folder_is_one_line(name: str, tmp_path: Path) -> None:
    refused(name, tmp_path / "gone", "no such folder")


@pytest.mark.parametrize("name", ["mir_st500", "ssvd", "kern", "sidecar", "musan", "demand",
                                  "esc50", "noise"])  # fmt: skip
def test_empty_folder_is_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    refused(name, tmp_path / "set", str(tmp_path / "set"))


def test_failed_import_keeps_the_old_manifest(sight_singing: Path, tmp_path: Path) -> None:
    old = text(tmp_path / "old.jsonl", "kept")
    text(sight_singing / "test/100135.txt", "bad\n")
    with pytest.raises(InputError):
        import_set("ssvd", sight_singing, old)
    assert old.read_text() == "kept"
    text(sight_singing / "test/100135.txt", "0.1 0.2 60\n")
    with pytest.raises(OutputError, match="does not exist"):
        import_set("ssvd", sight_singing, tmp_path / "no" / "x.jsonl")


def test_audio_is_found_through_a_linked_folder(sight_singing: Path, tmp_path: Path) -> None:
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep/er")
    import_set("ssvd", sight_singing, tmp_path / "link/x.jsonl")
    assert all(e.audio.is_file() for e in read_manifest(tmp_path / "link/x.jsonl"))


def test_pattern_that_names_nothing_is_refused(sight_singing: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'tset/\\*' names nothing"):
        import_set("ssvd", sight_singing, tmp_path / "x.jsonl", ["tset/*"])


def test_command(
    sight_singing: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "ssvd.jsonl"
    arguments = ["import", "ssvd", str(sight_singing), "-o", str(output), "--exclude", "test/*"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    assert "1 recordings in" in result.output
    assert "1 left out: excluded (first: test/100135.flac)" in result.output
    assert len(read_manifest(output)) == 1
    assert CliRunner().invoke(app, ["import", "nonesuch", ".", "-o", "x"]).exit_code == 2
    monkeypatch.setattr("sys.argv", ["data_tools", "import", "kern", str(tmp_path / "gone"), "-ox"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_help_names_every_importer_and_every_one_has_a_card() -> None:
    shown = CliRunner().invoke(app, ["import", "--help"]).output
    cards = (Path(__file__).parents[1] / "data_tools/CARDS.md").read_text()
    for name in IMPORTERS:
        assert f"{name}:" in shown
        assert f"## `{name}`" in cards
