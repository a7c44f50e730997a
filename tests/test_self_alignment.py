"""Weak labels become strong: shifts, times by rule, cutting, resume, and bad lists."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from seqmelody import self_alignment
from seqmelody.cli import main
from seqmelody.emission import Emission
from seqmelody.encoders import EncoderConfig
from seqmelody.errors import InputError
from seqmelody.features import FeatureConfig
from seqmelody.heads import WindowConfig
from seqmelody.manifests import ManifestEntry, read_manifest
from seqmelody.model import MelodyModel, ModelConfig, load_model, save_model
from seqmelody.notes import Vocabulary
from seqmelody.salience import salience_emission
from seqmelody.self_alignment import (
    SelfAlignConfig,
    align_entry,
    label_recordings,
    read_lists,
    train_self_aligned,
)
from seqmelody.training import TrainConfig
from seqmelody.transposition import best_shift

VOCABULARY = Vocabulary(57, 76)
SMALL = ModelConfig(
    vocabulary=VOCABULARY,
    encoder=EncoderConfig(width=24, dilations=(1, 2), pitch_channels=8, harmonics=(1, 2)),
    window=WindowConfig(hidden=16),
)
MELODIES = ([60, 62, 64, 65], [67, 67, 67, 60], [72, 71, 72, 74])
FIRST_ONSET, SPACING = 0.3, 0.4  # seconds
QUICK = TrainConfig(steps=4, batch_size=2, warmup_steps=2, save_every=2)


def small_model() -> MelodyModel:
    torch.manual_seed(1)
    return MelodyModel(SMALL)


def sound(pitches: list[int]) -> np.ndarray:
    """Decaying tones in a little noise, one every SPACING seconds."""
    rng = np.random.default_rng(0)
    count = round(0.38 * 16_000)
    time = np.arange(count) / 16_000
    seconds = FIRST_ONSET + SPACING * len(pitches) + 0.2
    samples = 0.001 * rng.standard_normal(round(seconds * 16_000))
    for k, pitch in enumerate(pitches):
        phase = 2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * time
        begin = round((FIRST_ONSET + SPACING * k) * 16_000)
        tone = sum(np.sin(h * phase) / h for h in (1, 2, 3)) * np.exp(-3 * time)
        samples[begin : begin + count] += 0.2 * tone
    return samples.astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Recordings with a list beside each."""
    lists = tmp_path / "lists"
    lists.mkdir()
    for k, pitches in enumerate(MELODIES):
        soundfile.write(lists / f"{k}.wav", sound(pitches), 16_000)
        (lists / f"{k}.txt").write_text(" ".join(map(str, pitches)))
    return lists


def spikes(pitches: list[int]) -> Emission:
    probs = np.full((8 * len(pitches) + 8, VOCABULARY.n_classes), 1e-3)
    probs[:, 0] = 1.0
    for k, pitch in enumerate(pitches):
        probs[8 * k + 8, VOCABULARY.to_class(pitch)] = 2.0
    return Emission(np.log(probs / probs.sum(axis=1, keepdims=True)).astype(np.float32), 0.02)


@pytest.mark.parametrize("shift", [-5, -1, 0, 3, 12])
def test_transposition_finds_a_planted_shift(shift: int) -> None:
    played = [62, 64, 69, 69, 66]
    listed = [pitch - shift for pitch in played]
    assert best_shift(spikes(played), listed, VOCABULARY, 12) == shift


def test_without_a_limit_the_list_stays() -> None:
    assert best_shift(spikes([62, 64, 69]), [60, 62, 67], VOCABULARY, 0) == 0


def test_shifts_stay_within_the_vocabulary() -> None:
    assert best_shift(spikes([57, 76]), [45, 64], VOCABULARY, 24) == 12
    with pytest.raises(InputError, match="outside the vocabulary"):
        best_shift(spikes([57, 76]), [45, 64], VOCABULARY, 5)


def test_salience_does_not_depend_on_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    waveform = sound(MELODIES[0] * 3)
    whole = salience_emission(waveform, FeatureConfig(), VOCABULARY)
    monkeypatch.setattr("seqmelody.salience.CHUNK_SECONDS", 1.3)
    parts = salience_emission(waveform, FeatureConfig(), VOCABULARY)
    assert len(whole) == len(waveform) // 320 + 1
    np.testing.assert_allclose(whole.log_probs, parts.log_probs, atol=2e-3)
    np.testing.assert_allclose(whole.onset_probs, parts.onset_probs, atol=2e-3)


def test_times_by_rule_are_near_the_truth_even_if_spikes_are_late() -> None:
    pitches = [60, 64, 67, 67, 62]
    waveform = sound(pitches)
    model = small_model()
    log_probs = np.full((len(waveform) // 320 + 1, VOCABULARY.n_classes), -9.0, dtype=np.float32)
    log_probs[:, 0] = 0.0
    for k, pitch in enumerate(pitches):
        frame = round((FIRST_ONSET + SPACING * k + 0.12) / 0.02)
        log_probs[frame, [0, VOCABULARY.to_class(pitch)]] = -4.0, 0.0
    ctc = Emission(log_probs, 0.02)
    model.emissions = lambda waveform: self_alignment_emissions(ctc)  # type: ignore
    entry = ManifestEntry(Path("x.wav"), tuple(pitches), None)
    _, notes = align_entry(entry, waveform, model, SelfAlignConfig(), by_rule=True)
    assert [n.mark for n in notes] == ["ok"] * 5
    for k, note in enumerate(notes):
        assert note.onset == pytest.approx(FIRST_ONSET + SPACING * k, abs=0.03)


def self_alignment_emissions(ctc: Emission) -> object:
    from seqmelody.model import Emissions

    return Emissions(window=ctc, ctc=ctc)


def test_a_folder_of_lists_is_a_manifest(folder: Path) -> None:
    assert [list(entry.pitches) for entry in read_lists(folder)] == list(MELODIES)


def test_aligned_entries_keep_their_times(folder: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "m.jsonl"
    rows = [
        {"audio": "lists/0.wav", "notes": [[0.3, 0.6, 60], [0.7, 1.0, 62]]},
        {"audio": "lists/1.wav", "pitches": list(MELODIES[1])},
    ]
    manifest.write_text("\n".join(map(json.dumps, rows)))
    out = tmp_path / "round"
    out.mkdir()
    label_recordings(read_lists(manifest), small_model(), out, SelfAlignConfig(), by_rule=True)
    lines = [json.loads(line) for line in (out / "labels.jsonl").read_text().splitlines()]
    row = next(line for line in lines if line["from"].endswith("0.wav"))
    samples, _ = soundfile.read(out / row["audio"])
    assert len(samples) / 16_000 < 2.2
    assert [n[1] - n[0] for n in row["notes"]] == pytest.approx([0.3, 0.3])
    assert row["notes"][1][0] - row["notes"][0][0] == pytest.approx(0.4)


def test_labelling_goes_on_after_an_interruption(folder: Path, tmp_path: Path) -> None:
    entries, model, config = read_lists(folder), small_model(), SelfAlignConfig()
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for path in (whole, parts):
        path.mkdir()
    label_recordings(entries, model, whole, config, by_rule=True)
    label_recordings(entries, model, parts, config, by_rule=True, until=2)
    assert not (parts / "labels.jsonl").exists()
    with (parts / "labels.part.jsonl").open("a") as file:
        file.write('[{"audio": "clips/00')  # the power failed here
    label_recordings(entries, model, parts, config, by_rule=True)
    assert (parts / "labels.jsonl").read_bytes() == (whole / "labels.jsonl").read_bytes()
    assert not (parts / "labels.part.jsonl").exists()
    for entry in read_manifest(parts / "labels.jsonl"):
        assert entry.audio.read_bytes() == (whole / "clips" / entry.audio.name).read_bytes()


def test_a_run_stopped_in_mid_alignment_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = SelfAlignConfig(rounds=1)

    def run(name: str) -> Path:
        return train_self_aligned(
            small_model(), folder, tmp_path / name, QUICK, config, trained=False
        )

    whole = load_model(run("whole"))
    real, seen = self_alignment.align_entry, []

    def failing(entry: ManifestEntry, *args: object, **options: object) -> object:
        seen.append(entry)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return real(entry, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(self_alignment, "align_entry", failing)
    with pytest.raises(KeyboardInterrupt):
        run("parts")
    assert not (tmp_path / "parts" / "model.safetensors").exists()
    parts = load_model(run("parts"))
    assert len(seen) == 4  # the two that were done are not aligned again
    for (name, a), b in zip(whole.state_dict().items(), parts.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0, msg=name)
    run("parts")  # finished: nothing is left to do
    assert len(seen) == 4


def test_more_rounds_may_follow_but_no_other_lists(folder: Path, tmp_path: Path) -> None:
    run, config = tmp_path / "run", SelfAlignConfig(rounds=1)
    quick = replace(QUICK, steps=1)
    train_self_aligned(small_model(), folder, run, quick, config, trained=True)
    more = replace(config, rounds=2)
    train_self_aligned(small_model(), folder, run, quick, more, trained=True)
    assert sorted(p.name for p in run.glob("round-*")) == ["round-1", "round-2"]
    with pytest.raises(InputError, match="more than 1 rounds already"):
        train_self_aligned(small_model(), folder, run, quick, config, trained=True)
    (folder / "0.txt").write_text("60 62 64 67")
    with pytest.raises(InputError, match="other lists or settings"):
        train_self_aligned(small_model(), folder, run, quick, more, trained=True)


@pytest.mark.parametrize("trained", [True, False])
def test_a_head_without_true_times_never_tells_the_time(
    trained: bool, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, by_rules = self_alignment.label_recordings, []

    def noting(*args: object, by_rule: bool) -> None:
        by_rules.append(by_rule)
        real(*args, by_rule=by_rule)  # type: ignore[arg-type]

    monkeypatch.setattr(self_alignment, "label_recordings", noting)
    config, quick = SelfAlignConfig(rounds=2), replace(QUICK, steps=1)
    train_self_aligned(small_model(), folder, tmp_path / "run", quick, config, trained=trained)
    assert by_rules == [not trained] * 2


def test_an_untrained_model_needs_short_recordings(folder: Path, tmp_path: Path) -> None:
    config = SelfAlignConfig(whole_seconds=1.0)
    with pytest.raises(InputError, match="--init"):
        train_self_aligned(small_model(), folder, tmp_path / "r", QUICK, config, trained=False)


def test_a_list_of_another_recording_is_doubted_aloud(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """By the shipped model, which knows these tones."""
    (folder / "1.txt").write_text("A2 F5 A2 F5")
    label_recordings(read_lists(folder), load_model(), tmp_path, SelfAlignConfig(), by_rule=False)
    (said,) = (record.getMessage() for record in caplog.records)
    assert "1.wav: only " in said
    assert "of the 4 listed notes were found; is it the right list?" in said


def test_a_recording_without_melody_teaches_silence(folder: Path, tmp_path: Path) -> None:
    row = {"audio": str(folder / "0.wav"), "notes": []}
    (folder / "set.jsonl").write_text(json.dumps(row) + "\n")
    label_recordings(
        read_lists(folder / "set.jsonl"), small_model(), tmp_path, SelfAlignConfig(), by_rule=False
    )
    (entry,) = read_lists(tmp_path / "labels.jsonl")
    assert entry.notes == entry.pitches == ()
    assert entry.audio.exists()


BAD = [
    (b"C4 H4", "is no note"),
    (b"", "empty"),
    (b"C4 100", "do not fit the vocabulary"),
    (b"60 " * 500, "cannot hold the 500 notes"),
    ("C4 é".encode("latin-1"), "not UTF-8"),
    (b"\x00\x01", "not UTF-8"),
]


@pytest.mark.parametrize("with_model", [True, False])
@pytest.mark.parametrize(("data", "message"), BAD)
def test_train_reports_a_bad_list_in_one_line(
    data: bytes,
    message: str,
    with_model: bool,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (folder / "1.txt").write_bytes(data)
    monkeypatch.setattr("seqmelody.model.MelodyModel", lambda: small_model())
    save_model(small_model(), tmp_path / "init.safetensors")
    init = ["--init", str(tmp_path / "init.safetensors")] if with_model else []
    if with_model:
        monkeypatch.undo()
    arguments = ["train", str(tmp_path / "run"), "--manifest", str(folder), "--self-align", "1"]
    monkeypatch.setattr(sys, "argv", ["seqmelody", *arguments, "--steps", "1", *init])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    assert message in err
    assert "1.txt" in err or "1.wav" in err
    assert not (tmp_path / "run" / "model.safetensors").exists()


@pytest.mark.parametrize(
    "options", [["--bank", "x", "--self-align", "1"], ["--manifest", "x", "--transpose", "2"]]
)
def test_options_that_need_each_other(
    options: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["seqmelody", "train", "run", *options])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2  # the command makes no sense
    assert "--self-align" in capfd.readouterr().err


@pytest.mark.parametrize("timed", [False, True])
def test_after_lists_alone_a_new_network_learns_the_times(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, timed: bool
) -> None:
    if timed:
        rows = [
            {"audio": str(folder / f"{k}.wav"), "notes": [[0.3, 0.6, pitches[0]]]}
            for k, pitches in enumerate(MELODIES)
        ]
        source = tmp_path / "m.jsonl"
        source.write_text("\n".join(map(json.dumps, rows)))
    else:
        source = folder
    begun = []
    real = self_alignment.train

    def watching(model: MelodyModel, *args: object, **options: object) -> Path:
        begun.append([weights.detach().clone() for weights in model.parameters()])
        return real(model, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(self_alignment, "train", watching)
    run = tmp_path / "run"
    config = SelfAlignConfig(rounds=2)
    train_self_aligned(small_model(), source, run, QUICK, config, trained=False)
    learned = [
        list(load_model(run / f"round-{k}" / "model.safetensors").parameters()) for k in range(2)
    ]
    assert all(map(torch.equal, begun[1], learned[0])) == timed
    assert all(map(torch.equal, begun[2], learned[1]))  # and at no other time
