"""Listed and composed clips in one run: proportions, determinism, exact resume, clear refusals."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch.utils.data import Dataset

from seqmelody import self_alignment
from seqmelody.cli import main
from seqmelody.commands import train as command
from seqmelody.datasets import Example, ManifestClips
from seqmelody.encoders import EncoderConfig
from seqmelody.errors import InputError
from seqmelody.heads import WindowConfig
from seqmelody.list_checks import check_recordings
from seqmelody.manifests import ManifestEntry
from seqmelody.mixing import MixConfig, MixedClips, shorten
from seqmelody.model import MelodyModel, ModelConfig, load_model, save_model
from seqmelody.notes import Note, Vocabulary
from seqmelody.self_alignment import SelfAlignConfig, train_self_aligned
from seqmelody.training import TrainConfig, train

SMALL = ModelConfig(
    vocabulary=Vocabulary(48, 76),
    encoder=EncoderConfig(width=24, dilations=(1, 2), pitch_channels=8, harmonics=(1, 2)),
    window=WindowConfig(hidden=16),
)
COMPOSED = 0  # the pitch that marks a composed clip
QUICK = TrainConfig(steps=4, batch_size=4, warmup_steps=2, save_every=2)


class Marked(Dataset[Example]):
    """Examples that tell where they come from: noise of a pitch list of one number."""

    def __init__(self, first: int, length: int | None) -> None:
        self.first, self.length = first, length

    def __getitem__(self, index: int) -> Example:
        samples = np.random.default_rng(index).standard_normal(1600).astype(np.float32)
        return Example(samples, (self.first + (index if self.length else 0),), None)


class Listed(Marked):
    def __len__(self) -> int:
        return self.length or 0


def mixed(share: float, seed: int = 1, length: int = 7, augment: bool = False) -> MixedClips:
    config = MixConfig(bank_share=share, augment=augment)
    return MixedClips(Listed(50, length), Marked(COMPOSED, None), config, seed=seed)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5, 0.75, 0.99])
def test_any_stretch_has_its_proportion(share: float) -> None:
    data = mixed(share)
    composed = np.array([data[i].pitches == (COMPOSED,) for i in range(300)])
    for start in range(0, 200, 7):
        for count in (1, 16, 100):
            part = composed[start : start + count].sum()
            assert abs(part - share * count) < 1.0 + 1e-6


def test_every_listed_clip_comes_once_a_round_in_a_new_order() -> None:
    data = mixed(0.5)
    listed = [data[i].pitches[0] for i in range(28) if data[i].pitches != (COMPOSED,)]
    assert sorted(listed[:7]) == sorted(listed[7:]) == list(range(50, 57))
    assert listed[:7] != listed[7:]


def test_example_depends_on_its_number_and_the_seed_alone() -> None:
    forwards, backwards = mixed(0.3, augment=True), mixed(0.3, augment=True)
    first = [forwards[i] for i in range(20)]
    again = [backwards[i] for i in reversed(range(20))][::-1]
    other = [mixed(0.3, seed=2, augment=True)[i] for i in range(20)]
    for a, b in zip(first, again, strict=True):
        assert a.pitches == b.pitches
        np.testing.assert_array_equal(a.waveform, b.waveform)
    assert [e.pitches for e in first] != [e.pitches for e in other]


def test_no_two_random_choices_share_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listed examples and the orders of rounds draw from streams of their own, and composed clips,
    whose seeds are (seed, number), from others."""
    asked: list[list[int]] = []
    real = np.random.default_rng

    def spy(seed: list[int]) -> np.random.Generator:
        asked.append(list(seed))
        return real(seed)

    data = mixed(0.3, augment=True)
    data.listed = [data.listed[k] for k in range(7)]  # draws for its sound
    monkeypatch.setattr("seqmelody.mixing.np.random.default_rng", spy)
    for index in range(30):
        if data.composed_before(index + 1) == data.composed_before(index):
            data[index]
    assert len(asked) > 20
    composed = [[data.seed, index] for index in range(30)]
    first = [int(real(seed).integers(2**62)) for seed in (*asked, *composed)]
    assert len(set(first)) == len(first)


def test_a_recording_is_heard_anew_each_time() -> None:
    data = mixed(0.0, length=1, augment=True)
    assert not np.array_equal(data[0].waveform, data[1].waveform)
    plain = mixed(0.0, length=1)
    np.testing.assert_array_equal(plain[0].waveform, plain[1].waveform)


def test_long_recordings_with_times_are_cut_between_notes() -> None:
    notes = tuple(Note(0.5 * k, 0.5 * k + 0.4, 60 + k % 5) for k in range(80))
    samples = np.zeros(40 * 16_000, dtype=np.float32)
    for note in notes:  # loud where a note sounds
        samples[round(note.onset * 16_000) : round(note.offset * 16_000)] = note.pitch / 100
    example = Example(samples, tuple(round(n.pitch) for n in notes), notes)
    rng = np.random.default_rng(0)
    starts = set()
    for _ in range(10):
        clip = shorten(example, MixConfig(), rng)
        assert clip.notes is not None
        assert len(clip.waveform) <= 9 * 16_000
        for note in clip.notes:
            middle = round((note.onset + note.offset) / 2 * 16_000)
            assert clip.waveform[middle] == pytest.approx(note.pitch / 100)
        starts.add(clip.pitches)
    assert len(starts) > 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four noises of two seconds with a list beside each."""
    lists = tmp_path / "lists"
    lists.mkdir()
    rng = np.random.default_rng(0)
    for k in range(4):
        soundfile.write(lists / f"{k}.wav", 0.1 * rng.standard_normal(32_000), 16_000)
        (lists / f"{k}.txt").write_text("C4 D4 E4")
    return lists


def test_what_cannot_be_trained_on_is_named_before_training(folder: Path) -> None:
    model = MelodyModel(SMALL)
    entries = ManifestClips(folder, SMALL.vocabulary).entries
    check_recordings(entries, model)
    with pytest.raises(InputError, match=r"0\.wav: 2 s .* too long .*--self-align 1 or --weak"):
        check_recordings(entries, model, whole_seconds=1.0)
    many = [ManifestEntry(entries[0].audio, (60,) * 500, None)]
    with pytest.raises(InputError, match=r"0\.wav: 101 frames cannot hold the 500 notes"):
        check_recordings(many, model)
    high = [ManifestEntry(entries[0].audio, (100,), None)]
    with pytest.raises(InputError, match=r"0\.wav: pitches 100\.\.100"):
        check_recordings(high, model)
    gone = [ManifestEntry(folder / "gone.wav", (60,), None)]
    with pytest.raises(InputError, match="no such file"):
        check_recordings(gone, model)


def same_weights(a: Path, b: Path) -> None:
    pairs = zip(load_model(a).state_dict().items(), load_model(b).state_dict().values())  # noqa: B905
    for (name, one), other in pairs:
        torch.testing.assert_close(one, other, rtol=0, atol=0, msg=name)


def test_a_mixed_run_goes_on_exactly(folder: Path, tmp_path: Path) -> None:
    def run(name: str, until: int | None = None) -> Path:
        torch.manual_seed(3)
        listed = ManifestClips(folder, SMALL.vocabulary)
        composed = Marked(60, None)
        data = MixedClips(listed, composed, MixConfig(), seed=QUICK.seed)
        return train(MelodyModel(SMALL), data, tmp_path / name, QUICK, until=until)

    run("parts", until=1)
    same_weights(run("whole"), run("parts"))


def test_a_self_aligned_run_can_be_mixed(folder: Path, tmp_path: Path) -> None:
    seen: list[int] = []

    def mix(listed: ManifestClips) -> MixedClips:
        seen.append(len(listed))
        return MixedClips(listed, Marked(60, None), MixConfig(), seed=1)

    torch.manual_seed(0)
    config = SelfAlignConfig(costs=self_alignment.EditCosts(50.0, 50.0, 50.0))
    path = train_self_aligned(
        MelodyModel(SMALL), folder, tmp_path / "run", QUICK, config, trained=False, mix=mix
    )
    assert path.is_file()
    assert len(seen) == 2  # rounds 0 and 1
    assert seen[0] == 4


def small(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_model(MelodyModel(SMALL), tmp_path / "init.safetensors")
    return tmp_path / "init.safetensors"


def test_bank_and_lists_in_one_run(folder: Path, tiny_bank: Path, tmp_path: Path) -> None:
    init = small(tmp_path)

    def run(name: str, share: float) -> Path:
        return command.run(
            tmp_path / name, tiny_bank, folder, init, bank_share=share, steps=1, batch_size=2
        )

    assert run("run", 0.5).is_file()
    with pytest.raises(InputError, match="other lists or settings"):
        run("run", 0.25)


BAD_OPTIONS = [
    (["--manifest", "x", "--weak", "y"], "two ways"),
    ([], "training needs data"),
    (["--weak", "x"], "--init"),
    (["--bank", "x", "--bank-share", "0.5"], "--bank-share needs two sources"),
    (["--bank", "x", "--augment"], "--augment is for recordings"),
    (["--manifest", "x", "--held-out", "0.1"], "--held-out needs --weak"),
    (["--bank", "x", "--manifest", "LISTS", "--bank-share", "1.5"], "--bank-share"),
    (["--weak", "LISTS", "--init", "INIT", "--held-out", "0.9"], "--held-out"),
    (["--weak", "x", "--init", "INIT", "--self-align", "1"], "--self-align needs lists"),
]


@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS)
def test_options_that_make_no_sense_are_usage_errors(
    options: list[str],
    message: str,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("seqmelody.model.MelodyModel", lambda *a: MelodyModel(*a or [SMALL]))
    places = {"LISTS": str(folder), "INIT": str(small(tmp_path))}
    arguments = [places.get(option, option) for option in options]
    monkeypatch.setattr(sys, "argv", ["seqmelody", "train", str(tmp_path / "run"), *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    err = capfd.readouterr().err
    assert "Usage: " in err
    assert message in err
    assert not (tmp_path / "run").exists()


def test_a_failed_call_does_not_claim_the_folder(
    folder: Path, tmp_path: Path, tiny_bank: Path
) -> None:
    """Whoever corrects a list may change the settings as well."""
    (folder / "1.txt").write_text("C4 " * 500)
    run, init = tmp_path / "run", small(tmp_path)
    with pytest.raises(InputError, match="cannot hold the 500 notes"):
        command.run(run, tiny_bank, None, init, weak=folder)
    with pytest.raises(InputError, match="cannot hold the 500 notes"):
        command.run(run, tiny_bank, folder, init, self_align=1)
    assert not (tmp_path / "run").exists()


def test_a_folder_without_lists_or_shards_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: holds no lists; write a note list"):
        command.run(tmp_path / "run", None, tmp_path / "empty", small(tmp_path), steps=1)
    (tmp_path / "empty" / "set.jsonl").write_text("")
    with pytest.raises(InputError, match=r"with a manifest in it; name that: .*set\.jsonl"):
        command.run(tmp_path / "run", None, tmp_path / "empty", small(tmp_path), steps=1)


def test_a_curriculum_begins_with_the_shortest_lists(folder: Path, tmp_path: Path) -> None:
    for k in range(4):
        (folder / f"{k}.txt").write_text("C4 " * (4 - k))
    seen: list[int] = []

    class Spy(ManifestClips):
        def __getitem__(self, index: int) -> Example:
            seen.append(index)
            return super().__getitem__(index)

    config = replace(QUICK, batch_size=2, curriculum_steps=2)
    train(MelodyModel(SMALL), Spy(folder, SMALL.vocabulary), tmp_path / "run", config)
    assert seen[:2] == [3, 2]
    assert sorted(seen[4:]) == [0, 1, 2, 3]
    with pytest.raises(InputError, match="curriculum needs listed recordings"):
        train(MelodyModel(SMALL), Marked(60, None), tmp_path / "no", config)


def test_runs_from_before_a_setting_can_go_on(folder: Path, tmp_path: Path) -> None:
    data = ManifestClips(folder, SMALL.vocabulary)
    train(MelodyModel(SMALL), data, tmp_path, QUICK, until=2)
    path = tmp_path / "state" / "run.json"
    header = json.loads(path.read_text())
    for name in ("blank_bias", "label_prior", "curriculum_steps"):
        del header["train"][name]
    path.write_text(json.dumps(header))
    train(MelodyModel(SMALL), data, tmp_path, QUICK)
    path.write_text(json.dumps(header))
    with pytest.raises(InputError, match="other settings"):
        train(MelodyModel(SMALL), data, tmp_path, replace(QUICK, label_prior=0.3))
