"""Tolerant alignment against brute force over every path, on planted mistakes, and as a command."""

from __future__ import annotations

import json
import os
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

import seqmelody
from seqmelody.cli import main
from seqmelody.decoding.timing import begin_ranges
from seqmelody.emission import Emission
from seqmelody.errors import InputError
from seqmelody.list_alignment import align_list
from seqmelody.list_reading import EditCosts, best_reading, candidates
from seqmelody.note_lists import read_note_list
from seqmelody.notes import Vocabulary

COSTS = EditCosts(wrong=1.1, missing=0.9, extra=0.7)
VOCABULARY = Vocabulary(60, 71)
SPACING = 12  # frames from one planted note to the next
Reading = tuple[tuple[int | None, int], ...]


def every_path(log_probs: np.ndarray, labels: list[int]) -> Iterator[tuple[Reading, float]]:
    """All paths, written down from the definition in the module's docstring."""
    n_frames, n_notes = len(log_probs), len(labels)
    runs = {run.begin: run for run in candidates(log_probs)}

    def walk(
        t: int, used: int, last: int, in_note: bool, reading: Reading, score: float
    ) -> Iterator[tuple[Reading, float]]:
        if t == n_frames:
            rest = tuple((k, 0) for k in range(used, n_notes))
            yield reading + rest, score - COSTS.missing * len(rest)
            return
        for upto in range(used, n_notes + 1):
            skipped = tuple((k, 0) for k in range(used, upto))
            cost = COSTS.missing * len(skipped) - float(log_probs[t, 0])
            yield from walk(t + 1, upto, 0, False, reading + skipped, score - cost)
        if in_note:
            yield from walk(t + 1, used, last, True, reading, score + float(log_probs[t, last]))
        if used < n_notes and labels[used] != last:
            now = labels[used]
            gain = float(log_probs[t, now])
            yield from walk(t + 1, used + 1, now, True, (*reading, (used, now)), score + gain)
        if t in runs and runs[t].label != last:
            run = runs[t]
            after = score + float(log_probs[t : run.end, run.label].sum())
            beside = (*reading, (None, run.label))
            yield from walk(run.end, used, run.label, False, beside, after - COSTS.extra)
            if used < n_notes and labels[used] != run.label:
                instead = (*reading, (used, run.label))
                yield from walk(run.end, used + 1, run.label, False, instead, after - COSTS.wrong)

    return walk(0, 0, 0, False, (), 0.0)


@pytest.mark.parametrize("seed", range(80))
def test_equals_brute_force_over_all_paths(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_frames, n_notes = int(rng.integers(1, 7)), int(rng.integers(1, 4))
    log_probs = np.log(rng.dirichlet(np.full(4, 0.5), n_frames) + 1e-6).astype(np.float32)
    labels = [int(c) for c in rng.integers(1, 4, n_notes)]
    best: dict[Reading, float] = {}
    for reading, score in every_path(log_probs, labels):
        best[reading] = max(score, best.get(reading, -np.inf))
    found = tuple((s.listed, s.label) for s in best_reading(log_probs, labels, COSTS))
    # Totals, not readings: several may be equally good.
    assert best[found] == pytest.approx(max(best.values()), abs=1e-4)


def planted(pitches: list[int], spike: float = 0.9) -> tuple[Emission, Emission]:
    """CTC and window emissions of notes that begin every SPACING frames, from frame 6."""
    n_frames = 6 + SPACING * len(pitches) + 6
    ctc = np.full((n_frames, VOCABULARY.n_classes), 1e-4)
    window = np.full((n_frames, VOCABULARY.n_classes), 1e-3)
    cue = np.full(n_frames, 0.01, dtype=np.float32)
    ctc[:, 0] = 0.97
    window[:6, 0] = window[-6:, 0] = 0.9
    for k, pitch in enumerate(pitches):
        begin, label = 6 + SPACING * k, VOCABULARY.to_class(pitch)
        ctc[begin + 3, label], ctc[begin + 3, 0] = spike, 1 - spike
        window[begin : begin + SPACING, label] = 0.9
        cue[begin - 1 : begin + 2] = 0.3, 0.9, 0.3
    normal = [np.log(p / p.sum(axis=1, keepdims=True)).astype(np.float32) for p in (ctc, window)]
    return Emission(normal[0], 0.02), Emission(normal[1], 0.02, onset_probs=cue)


def onset(k: int) -> float:
    return 0.02 * (6 + SPACING * k)


PLAYED = [60, 64, 62, 67, 65, 65, 71, 60]


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (PLAYED, {}),
        ([60, 64, 63, 67, 65, 65, 71, 60], {2: ("wrong", 63, 62)}),
        ([60, 64, 62, 67, 69, 65, 65, 71, 60], {4: ("missing", 69, None)}),
        ([60, 64, 67, 65, 65, 71, 60], {2: ("extra", None, 62)}),
        ([60, 64, 62, 67, 65, 71, 60], {4: ("extra", None, 65)}),  # one of two equal notes
        ([64, 62, 67, 65, 65, 71], {0: ("extra", None, 60), 7: ("extra", None, 60)}),
        ([61, *PLAYED, 61], {0: ("missing", 61, None), 9: ("missing", 61, None)}),
    ],
)
def test_planted_mistakes_are_marked_and_the_others_keep_their_times(
    listed: list[int], expected: dict[int, tuple[str, int | None, int | None]]
) -> None:
    ctc, window = planted(PLAYED)
    notes = align_list(ctc, listed, VOCABULARY, timing=window)
    marked = {k: (n.mark, n.listed, n.heard) for k, n in enumerate(notes) if n.mark != "ok"}
    if len(listed) == len(PLAYED) - 1 and listed.count(65) == 1:  # which one, nobody can tell
        assert set(marked.values()) == {("extra", None, 65)}
        assert marked.keys() <= {4, 5}
    else:
        assert marked == expected
    sounding = [n for n in notes if n.heard is not None]
    assert [n.heard for n in sounding] == PLAYED
    for k, note in enumerate(sounding):
        assert note.onset == pytest.approx(onset(k), abs=0.011)
        assert note.onset < note.offset
    assert [n.listed for n in notes if n.listed is not None] == listed


def test_a_faint_note_of_the_list_is_found_where_decoding_would_pass_over_it() -> None:
    ctc, window = planted([60, 64, 62])
    probs = np.exp(ctc.log_probs)
    probs[6 + SPACING + 3] = 0.001
    probs[6 + SPACING + 3, [0, VOCABULARY.to_class(64)]] = 0.9, 0.05
    faint = Emission(np.log(probs), 0.02)
    notes = align_list(faint, [60, 64, 62], VOCABULARY, timing=window)
    assert [n.mark for n in notes] == ["ok"] * 3
    assert notes[1].onset == pytest.approx(onset(1), abs=0.011)


def test_without_a_window_head_notes_begin_at_their_spikes() -> None:
    ctc, _ = planted([60, 64])
    notes = align_list(ctc, [60, 64], VOCABULARY)
    assert [n.onset for n in notes] == pytest.approx([0.18, 0.42])


def test_memory_does_not_grow_with_the_product_of_frames_and_notes() -> None:
    ctc, _ = planted([60, 64, 62, 65] * 100)
    log_probs, labels = ctc.log_probs, [VOCABULARY.to_class(p) for p in [60, 64, 62, 65] * 100]
    tracemalloc.start()
    steps = best_reading(log_probs, labels, COSTS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [s.listed for s in steps] == list(range(400))
    assert peak < 4e6  # all frames' scores alone would be 4800 x 401 x 3 x 8 bytes = 46 MB


def test_a_long_rest_costs_no_memory() -> None:
    ranges = begin_ranges([30_000, 60_000], 70_000, 50, 50, 3)
    assert ranges == [(29_950, 30_050), (59_950, 60_050)]


@pytest.mark.parametrize("seed", range(20))
def test_ranges_leave_room_for_every_note(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_notes = int(rng.integers(1, 30))
    ranges = begin_ranges(sorted(rng.integers(0, 90, n_notes).tolist()), 90, 4, 4, 3)
    onset_frame = -3
    for k, (first, last) in enumerate(ranges):
        onset_frame = max(first, onset_frame + 3)
        assert onset_frame <= last <= 90 - 3 * (n_notes - k)
        assert k == 0 or (first >= ranges[k - 1].first and last >= ranges[k - 1].last)


@pytest.mark.parametrize(
    ("pitches", "message"),
    [([], "empty"), ([60] * 1000, "cannot hold"), ([40], "outside the vocabulary")],
)
def test_lists_that_cannot_be_aligned(pitches: list[int], message: str) -> None:
    ctc, window = planted([60, 64])
    with pytest.raises(InputError, match=message):
        align_list(ctc, pitches, VOCABULARY, timing=window)


BAD_LISTS = [
    (b"C4 H9 E4\n", "line 1: 'H9' is no note"),
    (b"C4\nE4 200", "line 2: '200' lies outside MIDI"),
    (b"", "empty"),
    (b"# only a comment\n", "empty"),
    ("C4 E♭4".encode("utf-16"), "not UTF-8"),
    ("C4 # Länge".encode("latin-1"), "not UTF-8"),
    (b"\x00\x01\x02RIFF", "not UTF-8"),
]


@pytest.mark.parametrize(("data", "message"), BAD_LISTS)
def test_bad_list_files(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "take.txt"
    path.write_bytes(data)
    with pytest.raises(InputError, match=message) as caught:
        read_note_list(path)
    assert str(caught.value).startswith(str(path))
    with pytest.raises(InputError, match="cannot be read"):
        read_note_list(tmp_path / "none.txt")


def test_a_byte_order_mark_is_no_note(tmp_path: Path) -> None:
    (tmp_path / "take.txt").write_bytes("\ufeffC4 62".encode())
    assert read_note_list(tmp_path / "take.txt") == [60, 62]


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["seqmelody", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0)


TUNE = [60, 64, 67, 72]


def record(path: Path) -> Path:
    """Four decaying tones, 0.4 s each, from 0.2 s on."""
    time = np.arange(round(0.4 * 16_000)) / 16_000
    samples = np.zeros(round(2.2 * 16_000))
    for k, pitch in enumerate(TUNE):
        phase = 2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * time
        tone = sum(np.sin(h * phase) / h for h in (1, 2, 3, 4)) * np.exp(-4 * time)
        begin = round((0.2 + 0.4 * k) * 16_000)
        samples[begin : begin + len(tone)] = 0.3 * tone
    soundfile.write(path, samples, 16_000)
    return path


def test_align_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    audio = record(tmp_path / "take.wav")
    (tmp_path / "take.txt").write_text("C4 D4 G4 C5\n")
    assert call(monkeypatch, "align", str(audio), str(tmp_path / "take.txt")) == 0
    header, *rows = capfd.readouterr().out.splitlines()
    assert header == "onset\toffset\tpitch\tname\tconfidence\tmark\theard"
    cells = [row.split("\t") for row in rows]
    assert [(c[2], c[5], c[6]) for c in cells] == [
        ("60", "ok", "60"), ("62", "wrong", "64"), ("67", "ok", "67"), ("72", "ok", "72"),
    ]  # fmt: skip
    for k, row in enumerate(cells):
        assert float(row[0]) == pytest.approx(0.2 + 0.4 * k, abs=0.05)


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="pipes have no name on this system")
@pytest.mark.parametrize("verb", ["align", "check"])
def test_a_list_may_come_through_a_pipe(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str], verb: str
) -> None:
    """As by ``seqmelody align take.wav <(make-list)``: what was read once is gone."""
    reader, writer = os.pipe()
    os.write(writer, b"C4 E4 G4 C5")
    os.close(writer)
    audio = record(tmp_path / "take.wav")
    assert call(monkeypatch, verb, str(audio), f"/dev/fd/{reader}") == 0
    os.close(reader)
    out, err = capfd.readouterr()
    assert err == ""
    assert len(out.splitlines()) == (5 if verb == "align" else 1)


def test_align_folders_in_every_format(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        record(tmp_path / "in" / f"{name}.wav")
        (tmp_path / "in" / f"{name}.txt").write_text("60 64 67 72")
    for name in ("json", "midi"):
        out = tmp_path / name
        status = call(monkeypatch, "align", str(tmp_path / "in"), "--format", name, "-o", str(out))
        assert status == 0
        assert len(list(out.iterdir())) == 2
    melody = json.loads((tmp_path / "json" / "b.json").read_text())
    assert [n["mark"] for n in melody["notes"]] == ["ok"] * 4


def test_a_bad_list_in_a_folder_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, text in (("a", "60 64 H 72"), ("b", "60 64 67 72"), ("c", "60 " * 5000), ("d", "1")):
        record(tmp_path / f"{name}.wav")
        (tmp_path / f"{name}.txt").write_text(text)
    assert call(monkeypatch, "align", str(tmp_path), "-o", str(tmp_path / "out")) == 1
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["b.tsv"]
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 3
    for line, name, reason in zip(
        lines, "acd", ("is no note", "cannot hold", "outside the vocabulary"), strict=True
    ):
        assert line.startswith("seqmelody: error: ")
        assert f"{name}.txt" in line
        assert reason in line


@pytest.mark.parametrize("verb", ["align", "check"])
@pytest.mark.parametrize(("data", "message"), BAD_LISTS)
def test_commands_report_a_bad_list_in_one_line(
    verb: str,
    data: bytes,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    audio = record(tmp_path / "take.wav")
    (tmp_path / "take.txt").write_bytes(data)
    assert call(monkeypatch, verb, str(audio)) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert message in err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["take.txt", "take.wav"]


def test_the_result_must_not_replace_the_list(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    audio = record(tmp_path / "take.wav")
    (tmp_path / "take.txt").write_text("60")
    out = tmp_path / "take.txt"
    assert call(monkeypatch, "align", str(audio), "--format", "tsv", "-o", str(out)) == 1
    assert "replace the note list" in capfd.readouterr().err
    assert out.read_text() == "60"


def test_library_call() -> None:
    assert set(seqmelody.__all__) >= {"align", "Alignment", "AlignedNote"}
    with pytest.raises(InputError, match="empty"):
        seqmelody.align(np.zeros(16_000, dtype=np.float32), [])
