"""Training examples: reproducible clips, manifests with clear errors, targets by hand."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from seqmelody.acoustics import AcousticsConfig
from seqmelody.audio import SAMPLE_RATE
from seqmelody.banks import Sound, SoundBank, Source, write_bank, write_tunes
from seqmelody.datasets import (
    ClipConfig,
    Collate,
    ComposedClips,
    Example,
    ManifestClips,
    read_manifest,
    window_targets,
)
from seqmelody.errors import InputError
from seqmelody.heads import WindowConfig
from seqmelody.manifests import Stretch, format_entry
from seqmelody.model import ModelConfig
from seqmelody.noise import melody_mask
from seqmelody.notes import Note, Vocabulary

CLEAN = AcousticsConfig(
    clean_share=1.0,
    room_share=0.0,
    colour_share=0.0,
    band_limit_share=0.0,
    clip_share=0.0,
    codec_share=0.0,
    dropout_share=0.0,
)
SHORT = ClipConfig(seconds=2.0)
THREE = Vocabulary(60, 62)  # classes 1, 2, 3


def clips(folder: Path, seed: int = 1, config: ClipConfig = SHORT) -> ComposedClips:
    return ComposedClips(folder, Vocabulary(), seed=seed, config=config)


# Composed clips


def test_clip_of_a_seed_is_always_the_same(tiny_bank: Path) -> None:
    data, again = clips(tiny_bank), clips(tiny_bank)
    later = [again[i] for i in (7, 2, 2, 0)][1:]  # whatever was asked for before
    for clip, same in zip((data[2], data[2], data[0]), later, strict=True):
        np.testing.assert_array_equal(clip.waveform, same.waveform)
        assert clip.notes == same.notes
        assert clip.pitches == same.pitches


def test_other_indices_and_seeds_give_other_clips(tiny_bank: Path) -> None:
    waveforms = [clips(tiny_bank, seed)[i].waveform for seed in (1, 2) for i in (0, 1, 10**9)]
    assert len({w.tobytes() for w in waveforms}) == 6


def test_struck_and_sustained_instruments_are_heard_in_the_share_asked_for(
    tmp_path: Path, tiny_bank: Path
) -> None:
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    sine = np.sin(2 * np.pi * 440 * time).astype(np.float32)
    kinds = [True, True, True, False]  # one struck among four
    sources = [Source(str(i), "tests", "MIT", continuous=c) for i, c in enumerate(kinds)]
    write_bank(tmp_path, "notes", sources, [Sound(sine, 69.0, i) for i in range(4)])
    (tmp_path / "tunes.npz").symlink_to(tiny_bank / "tunes.npz")
    rng = np.random.default_rng(0)
    for share, expected in ((0.0, 0.0), (0.5, 0.5), (1.0, 1.0)):
        data = clips(tmp_path, config=ClipConfig(struck_share=share))
        drawn = [data._source(rng) for _ in range(2000)]
        assert drawn.count(3) / 2000 == pytest.approx(expected, abs=0.04)


def test_instruments_are_heard_by_their_weights(tmp_path: Path, tiny_bank: Path) -> None:
    sine = np.sin(2 * np.pi * 440 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    sources = [Source(str(weight), "tests", "MIT", weight=weight) for weight in (1.0, 3.0)]
    write_bank(tmp_path, "notes", sources, [Sound(sine, 69.0, i) for i in range(2)])
    (tmp_path / "tunes.npz").symlink_to(tiny_bank / "tunes.npz")
    data, rng = clips(tmp_path), np.random.default_rng(0)
    drawn = [data._source(rng) for _ in range(2000)]
    assert drawn.count(1) / 2000 == pytest.approx(0.75, abs=0.04)


def test_clips_hold_what_they_say(tiny_bank: Path) -> None:
    data = clips(tiny_bank)
    n_notes = 0
    for i in range(15):
        clip = data[i]
        assert clip.waveform.shape == (2 * SAMPLE_RATE,)
        assert clip.waveform.dtype == np.float32
        assert np.isfinite(clip.waveform).all()
        assert clip.waveform.any()
        assert clip.notes is not None
        assert clip.pitches == tuple(n.pitch for n in clip.notes)
        assert all(p in data.vocabulary for p in clip.pitches)
        assert all(0 <= n.onset < n.offset <= 2.0 for n in clip.notes)
        n_notes += len(clip.notes)
    assert n_notes > 30


def test_sound_starts_with_the_first_note(tiny_bank: Path) -> None:
    config = ClipConfig(seconds=2.0, silent_share=0.0, accompanied_share=0.0, acoustics=CLEAN)
    data = clips(tiny_bank, config=config)
    checked = 0
    for i in range(12):
        clip = data[i]
        if not clip.notes:
            continue
        start = round(clip.notes[0].onset * SAMPLE_RATE)
        peak = np.abs(clip.waveform).max()
        assert np.abs(clip.waveform[:start]).max(initial=0.0) < 1e-5 * peak
        # Recordings that speak late do so within 0.135 s.
        assert np.abs(clip.waveform[start : start + 2400]).max() > 0.02 * peak
        checked += 1
    assert checked > 8


def test_silent_clips_hold_noise_only(tiny_bank: Path) -> None:
    config = ClipConfig(seconds=1.0, silent_share=1.0, acoustics=AcousticsConfig(clean_share=0.0))
    clip = clips(tiny_bank, config=config)[0]
    assert clip.notes == ()
    assert clip.pitches == ()
    assert clip.waveform.any()


def test_bank_without_noise_will_do(tiny_bank: Path, tmp_path: Path) -> None:
    for name in ("notes.json", "notes.npy", "tunes.npz"):
        (tmp_path / name).symlink_to(tiny_bank / name)
    data = clips(tmp_path)
    assert data.places.noises is None
    assert data[0].waveform.any()


def test_instruments_outside_the_vocabulary_are_left_out(tmp_path: Path) -> None:
    tone = np.sin(np.arange(8000) / 5).astype(np.float32)
    sources = [Source("low", "tests", "MIT"), Source("high", "tests", "MIT")]
    write_bank(tmp_path, "notes", sources, [Sound(tone, 50.0, 0), Sound(tone, 80.0, 1)])
    write_tunes(tmp_path, [[(60, 1.0)] * 9])
    data = ComposedClips(tmp_path, Vocabulary(46, 60), seed=0, config=SHORT)
    assert list(data.ranges.values()) == [(48, 52)]
    assert all(48 <= p <= 52 for i in range(10) for p in data[i].pitches)
    with pytest.raises(InputError, match=r"no instrument plays any of the pitches 60\.\.70"):
        ComposedClips(tmp_path, Vocabulary(60, 70), seed=0)


def test_missing_bank(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="make the bank"):
        clips(tmp_path)


def test_every_instrument_is_heard_in_its_range(tiny_bank: Path) -> None:
    data = clips(tiny_bank)
    bank = SoundBank(tiny_bank, "notes")
    assert len(data.ranges) == 3
    for source, (low, high) in data.ranges.items():
        pitches = bank.pitch[bank.of_source(source)]
        assert (low, high) == (
            max(28, np.ceil(pitches.min() - 2.5)), min(108, np.floor(pitches.max() + 2.5))
        )  # fmt: skip


def test_sounding_marks_the_samples_of_notes() -> None:
    active = melody_mask([Note(0.001, 0.002, 60), Note(0.0015, 0.003, 62)], 60)
    assert np.flatnonzero(active).tolist() == list(range(16, 48))
    assert not melody_mask([], 10).any()
    assert melody_mask([Note(0, 9, 60)], 10).all()


# Window targets


def targets(notes: list[Note], n_windows: int = 6) -> tuple[list[int], list[float]]:
    classes, onsets = window_targets(notes, THREE, n_windows, 0.1)
    assert classes.dtype == np.int64
    assert onsets.dtype == np.float32
    return classes.tolist(), onsets.tolist()


def test_one_note() -> None:
    classes, onsets = targets([Note(0.2, 0.5, 60)])
    assert classes == [0, 0, 1, 1, 1, 0]
    assert onsets == pytest.approx([0, 1 / 3, 1, 1 / 3, 0, 0])


def test_onset_between_windows() -> None:
    classes, onsets = targets([Note(0.25, 0.55, 62)])
    assert classes == [0, 0, 0, 3, 3, 3]
    assert onsets == pytest.approx([0, 0, 2 / 3, 2 / 3, 0, 0], abs=1e-6)


def test_times_on_the_grid_are_not_shifted_by_rounding() -> None:
    for first in range(50):
        note = Note(first * 0.1, (first + 2) * 0.1, 60)  # 0.3 / 0.1 is not 3 in floating point
        classes, onsets = targets([note], 60)
        assert np.flatnonzero(classes).tolist() == [first, first + 1]
        assert onsets[first] == pytest.approx(1.0)


def test_later_of_two_overlapping_notes_counts() -> None:
    classes, onsets = targets([Note(0.0, 0.5, 60), Note(0.2, 0.4, 62)])
    assert classes == [1, 1, 3, 3, 1, 0]
    assert onsets == pytest.approx([1, 1 / 3, 1, 1 / 3, 0, 0])


def test_repeated_notes_differ_in_onsets_only() -> None:
    classes, onsets = targets([Note(0.0, 0.2, 61), Note(0.2, 0.4, 61)])
    assert classes == [2, 2, 2, 2, 0, 0]
    assert onsets == pytest.approx([1, 1 / 3, 1, 1 / 3, 0, 0])


def test_note_shorter_than_a_hop() -> None:
    """Between two middles it has no class, but an onset; over a middle it has both."""
    classes, onsets = targets([Note(0.12, 0.18, 61)])
    assert classes == [0] * 6
    assert onsets == pytest.approx([0.2, 1 - 0.02 / 0.15, 1 - 0.08 / 0.15, 0, 0, 0], abs=1e-6)
    assert targets([Note(0.18, 0.22, 61)])[0] == [0, 0, 2, 0, 0, 0]


def test_notes_beyond_the_clip_and_none_at_all() -> None:
    assert targets([Note(0.4, 9.0, 60)])[0] == [0, 0, 0, 0, 1, 1]
    assert targets([Note(5.0, 9.0, 60)]) == ([0] * 6, [0.0] * 6)
    assert targets([]) == ([0] * 6, [0.0] * 6)


def test_pitches_are_rounded_to_semitones_and_must_be_known() -> None:
    assert targets([Note(0.0, 0.1, 61.4)])[0][0] == 2
    with pytest.raises(InputError, match="outside the vocabulary"):
        targets([Note(0.0, 0.1, 63.0)])


# Batches


def example(n_samples: int, pitches: tuple[int, ...], notes: tuple[Note, ...] | None) -> Example:
    return Example(np.full(n_samples, 0.5, np.float32), pitches, notes)


MIXED = [
    example(16_000, (60, 62), (Note(0.1, 0.5, 60.2), Note(0.5, 1.0, 62.0))),
    example(8_000, (61, 61, 60), None),
    example(4_000, (), ()),
]


@pytest.mark.parametrize(("stride", "n_windows", "filled"), [(1, 51, 13), (2, 26, 7)])
def test_batch_of_mixed_examples(stride: int, n_windows: int, filled: int) -> None:
    config = ModelConfig(vocabulary=THREE, window=WindowConfig(stride=stride))
    batch = Collate(config)(MIXED)
    assert batch.waveform.shape == (3, 16_000)
    assert batch.waveform.sum(dim=1).tolist() == [8_000, 4_000, 2_000]
    assert not batch.waveform[1, 8_000:].any()
    assert batch.frames.tolist() == [51, 26, 13]
    assert batch.classes.shape == batch.onsets.shape == (3, n_windows)
    assert batch.labels.tolist() == [1, 3, 2, 2, 1]
    assert batch.label_lengths.tolist() == [2, 3, 0]
    aligned, weak, silent = batch.classes
    first, second = -(-5 // stride), -(-25 // stride)  # 0.1 s and 0.5 s, in windows
    last = -(-50 // stride)
    assert aligned.tolist() == (
        [0] * first + [1] * (second - first) + [3] * (last - second) + [0] * (n_windows - last)
    )
    assert (weak == -1).all()
    assert (silent[:filled] == 0).all()
    assert (silent[filled:] == -1).all()
    assert not batch.onsets[1:].any()
    assert batch.onsets[0].max() > 0.6


def test_untimed_stretches_have_no_target_but_a_list() -> None:
    notes = (Note(0.1, 0.3, 60.0), Note(0.7, 0.9, 62.0))
    sound = np.zeros(16_000, np.float32)
    partly = Example(sound, (60, 61, 62), notes, (Stretch(0.2, 0.8),))
    batch = Collate(ModelConfig(vocabulary=THREE))([partly, replace(partly, untimed=())])
    unknown = (batch.classes[0] == -1).numpy()
    np.testing.assert_array_equal(np.flatnonzero(unknown), np.arange(10, 40))
    np.testing.assert_array_equal(batch.classes[0][~unknown], batch.classes[1][~unknown])
    assert batch.labels[:3].tolist() == [1, 2, 3]


def test_batch_dtypes_do_not_depend_on_what_is_in_it() -> None:
    """A batch of silent clips has no label; the loss needs whole numbers all the same."""
    full, silent = Collate(ModelConfig())(MIXED), Collate(ModelConfig())(MIXED[2:])
    assert [t.dtype for t in full] == [t.dtype for t in silent]
    assert silent.labels.dtype == torch.long


def test_every_frame_of_a_clip_has_a_target() -> None:
    """Lengths of a whole number of hops, where a floored quotient of floats loses one."""
    for n_hops in range(1, 120):
        batch = Collate(ModelConfig())([example(320 * n_hops, (), ())])
        assert batch.classes.shape == (1, n_hops + 1)
        assert (batch.classes == 0).all()


def test_pitch_outside_the_vocabulary_is_refused() -> None:
    with pytest.raises(InputError, match="outside the vocabulary"):
        Collate(ModelConfig(vocabulary=THREE))([example(4_000, (90,), None)])


# Manifests


def write_manifest(folder: Path, *lines: object) -> Path:
    path = folder / "list.jsonl"
    text = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(text), encoding="utf-8")
    return path


def test_manifest_of_aligned_and_weak_entries(tmp_path: Path) -> None:
    (tmp_path / "takes").mkdir()
    waveform = np.sin(np.arange(3200) / 9).astype(np.float32) * 0.5
    soundfile.write(tmp_path / "takes" / "a.wav", waveform, SAMPLE_RATE, subtype="FLOAT")
    manifest = write_manifest(
        tmp_path,
        {"audio": "takes/a.wav", "notes": [[0.1, 0.2, 62], [0, 0.1, 60.4]]},
        "",
        {"audio": str(tmp_path / "takes" / "a.wav"), "pitches": [60, 62, 60]},
    )
    data = ManifestClips(manifest, Vocabulary())
    assert len(data) == 2
    assert data[0].notes == (Note(0.0, 0.1, 60.4), Note(0.1, 0.2, 62.0))  # by onset
    assert data[0].pitches == (60, 62)
    assert data[1].notes is None
    assert data[1].pitches == (60, 62, 60)
    for i in range(2):
        np.testing.assert_array_equal(data[i].waveform, waveform)


def test_a_partly_timed_entry_is_read_and_written(tmp_path: Path) -> None:
    line = {
        "audio": "a.wav",
        "notes": [[0.0, 0.1, 60], [0.5, 0.6, 64]],
        "pitches": [60, 62, 64],
        "untimed": [[0.05, 0.55]],
    }
    (entry,) = read_manifest(write_manifest(tmp_path, line))
    assert entry.pitches == (60, 62, 64)
    assert entry.notes == (Note(0.0, 0.1, 60.0), Note(0.5, 0.6, 64.0))
    assert entry.untimed == ((0.05, 0.55),)
    assert entry.all_notes is None
    assert json.loads(format_entry(entry, "a.wav")) == line


def test_paths_may_hold_any_character(tmp_path: Path) -> None:
    """JSON allows U+2028 and U+0085 within a string; they end no line."""
    name = "été\u2028\u0085.wav"
    entry = json.dumps({"audio": name, "pitches": [60]}, ensure_ascii=False)
    assert read_manifest(write_manifest(tmp_path, entry + "\r"))[0].audio == tmp_path / name


BAD_LINES = [
    "not json",
    '{"audio": "a.wav", "notes": [[0, 1, 60]',
    "[]",
    "60",
    {"notes": [[0, 1, 60]]},
    {"audio": "a.wav"},
    {"audio": "a.wav", "pitch": [60]},
    {"audio": 7, "pitches": [60]},
    {"audio": "a.wav", "pitches": 60},
    {"audio": "a.wav", "pitches": ["C4"]},
    {"audio": "a.wav", "pitches": [[60]]},
    {"audio": "a.wav", "pitches": None},
    {"audio": "a.wav", "pitches": [True]},
    {"audio": "a.wav", "pitches": [200]},
    {"audio": "a.wav", "pitches": [-5]},
    {"audio": "a.wav", "notes": [[0, 1, True]]},
    {"audio": "a.wav", "notes": {"onset": 0}},
    {"audio": "a.wav", "notes": [[0, 1, 60]], "untimed": [[1, 2]], "pitches": ["C4"]},
    '{"audio": "a.wav", "pitches": [Infinity]}',
    '{"audio": "a.wav", "pitches": [NaN]}',
    {"audio": "a.wav", "notes": [[0, 1]]},
    {"audio": "a.wav", "notes": [0, 1, 60]},
    {"audio": "a.wav", "notes": [[0, 1, "C4"]]},
    {"audio": "a.wav", "notes": [[1, 0, 60]]},
    {"audio": "a.wav", "notes": [[-1, 1, 60]]},
    {"audio": "a.wav", "notes": [[0, 1, 600]]},
    '{"audio": "a.wav", "notes": [[NaN, 1, 60]]}',
    {"audio": "a.wav", "notes": [[0, 1, 60]], "untimed": [[1, 2]]},
    {"audio": "a.wav", "notes": [[0, 1, 60]], "pitches": [60, 62], "untimed": [[2, 1]]},
    {"audio": "a.wav", "notes": [[0, 1, 60]], "pitches": [60, 62], "untimed": [1, 2]},
    '{"audio": "a.wav", "notes": [], "pitches": [62], "untimed": [[0, Infinity]]}',
    '{"audio": "a.wav", "notes": [[0, Infinity, 60]]}',
]


@pytest.mark.parametrize("line", BAD_LINES, ids=str)
def test_bad_line_is_named(tmp_path: Path, line: object) -> None:
    manifest = write_manifest(tmp_path, {"audio": "a.wav", "pitches": [60]}, "", line)
    with pytest.raises(InputError, match=r"list\.jsonl, line 3: not a manifest entry") as caught:
        read_manifest(manifest)
    message = str(caught.value)
    assert "\n" not in message
    assert not re.search("Error|NoneType|object is", message)  # words of Python's, not the user's


def test_missing_empty_and_binary_manifests(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.jsonl: the manifest cannot be read"):
        read_manifest(tmp_path / "none.jsonl")
    with pytest.raises(InputError, match="cannot be read"):
        read_manifest(tmp_path)
    with pytest.raises(InputError, match="the manifest is empty"):
        read_manifest(write_manifest(tmp_path, "", "  "))
    (tmp_path / "list.jsonl").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(InputError, match="not UTF-8 text"):
        read_manifest(tmp_path / "list.jsonl")


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    path = write_manifest(tmp_path, {"audio": "a.wav", "pitches": [60]})
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_manifest(path)[0].pitches == (60,)


def test_missing_recording_and_unknown_pitch_name_the_file(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(1600), SAMPLE_RATE)
    manifest = write_manifest(
        tmp_path, {"audio": "gone.wav", "pitches": [60]}, {"audio": "a.wav", "pitches": [20]}
    )
    data = ManifestClips(manifest, Vocabulary())
    with pytest.raises(InputError, match=r"gone\.wav: no such file"):
        data[0]
    with pytest.raises(InputError, match=r"a\.wav: pitch 20 .*outside the vocabulary"):
        data[1]


def test_configuration_is_used(tiny_bank: Path) -> None:
    config = replace(SHORT, seconds=0.5)
    assert len(clips(tiny_bank, config=config)[0].waveform) == 8_000
