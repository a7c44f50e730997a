"""Banks: what is written is read back, and nothing else passes for a bank."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from seqmelody.banks import FULL_SCALE, Sound, SoundBank, Source, TuneBank, write_bank, write_tunes
from seqmelody.errors import InputError

SOURCES = [Source("a", "tests", "MIT", True), Source("b", "tests", "CC0")]
TUNES = [[(60, 1.0), (0, 0.5), (62, 0.25)], [], [(72, 1 / 3)]]


def sounds() -> list[Sound]:
    rng = np.random.default_rng(0)
    return [
        Sound(rng.uniform(-1, 1, length).astype(np.float32), pitch, source)
        for length, pitch, source in ((500, 64.25, 0), (20, 40.5, 1), (300, 60.0, 0))
    ]


def test_sounds_come_back(tmp_path: Path) -> None:
    assert write_bank(tmp_path / "new" / "bank", "notes", SOURCES, sounds()) == 3
    bank = SoundBank(tmp_path / "new" / "bank", "notes")
    assert len(bank) == 3
    assert bank.sources == SOURCES
    for i, sound in enumerate(sounds()):
        read = bank.read(i)
        assert read.dtype == np.float32
        assert bank.length(i) == len(read) == len(sound.samples)
        np.testing.assert_allclose(read, sound.samples, atol=0.51 / FULL_SCALE)
        assert (bank.pitch[i], bank.source[i]) == (sound.pitch, sound.source)


def test_a_piece_of_a_sound_ends_with_the_sound(tmp_path: Path) -> None:
    write_bank(tmp_path, "notes", SOURCES, sounds())
    bank = SoundBank(tmp_path, "notes")
    np.testing.assert_array_equal(bank.read(0, 100, 50), bank.read(0)[100:150])
    np.testing.assert_array_equal(bank.read(1, 5, 10_000), bank.read(1)[5:])
    np.testing.assert_array_equal(bank.read(1, 5), bank.read(1)[5:])


def test_members_of_a_source_rise_in_pitch(tmp_path: Path) -> None:
    write_bank(tmp_path, "notes", SOURCES, sounds())
    bank = SoundBank(tmp_path, "notes")
    assert bank.of_source(0).tolist() == [2, 0]
    assert bank.of_source(1).tolist() == [1]


def test_noise_has_no_pitch_and_overload_is_clipped(tmp_path: Path) -> None:
    loud = np.array([3.0, -3.0, 0.0], np.float32)
    write_bank(tmp_path, "noise", SOURCES, [Sound(loud, float("nan"), 0)])
    bank = SoundBank(tmp_path, "noise")
    assert np.isnan(bank.pitch[0])
    np.testing.assert_allclose(bank.read(0), [1, -1, 0], atol=1e-4)


def cut_off() -> Iterator[Sound]:
    yield sounds()[0]
    raise KeyboardInterrupt


def test_interrupted_write_leaves_no_valid_bank(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_bank(tmp_path, "notes", SOURCES, cut_off())
    with pytest.raises(InputError, match="no such file"):
        SoundBank(tmp_path, "notes")


def test_interrupted_write_leaves_the_old_bank_whole(tmp_path: Path) -> None:
    write_bank(tmp_path, "notes", SOURCES, sounds())
    with pytest.raises(KeyboardInterrupt):
        write_bank(tmp_path, "notes", SOURCES, cut_off())
    np.testing.assert_allclose(SoundBank(tmp_path, "notes").read(2), sounds()[2].samples, atol=1e-4)


def test_old_index_never_describes_the_new_array(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off between the array and its index, a second write leaves no bank, not a mixture."""
    write_bank(tmp_path, "notes", SOURCES, sounds())

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", stop)
        with pytest.raises(KeyboardInterrupt):
            write_bank(tmp_path, "notes", SOURCES, sounds()[::-1])
    with pytest.raises(InputError, match="no such file"):
        SoundBank(tmp_path, "notes")


def test_second_write_replaces_the_first(tmp_path: Path) -> None:
    write_bank(tmp_path, "notes", SOURCES, sounds())
    write_bank(tmp_path, "notes", SOURCES, sounds()[1:])
    assert len(SoundBank(tmp_path, "notes")) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["notes.json", "notes.npy"]


def test_nothing_to_write_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no notes to write"):
        write_bank(tmp_path, "notes", SOURCES, [])
    assert list(tmp_path.iterdir()) == []


def test_missing_bank_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"notes\.json: no such file.*data_tools bank"):
        SoundBank(tmp_path, "notes")


@pytest.mark.parametrize(
    "index", ["", "[]", "{}", "\x00", '{"sources": [{"colour": 1}], "start": [], "length": []}']
)
def test_foreign_index(tmp_path: Path, index: str) -> None:
    write_bank(tmp_path, "notes", SOURCES, sounds())
    (tmp_path / "notes.json").write_text(index)
    with pytest.raises(InputError, match=r"notes\.json: not a sound bank"):
        SoundBank(tmp_path, "notes")


def test_foreign_array(tmp_path: Path) -> None:
    write_bank(tmp_path, "notes", SOURCES, sounds())
    for foreign in (np.zeros(820, np.float32), np.zeros(10, np.int16)):
        np.save(tmp_path / "notes.npy", foreign)
        with pytest.raises(InputError, match="not a sound bank"):
            SoundBank(tmp_path, "notes")
    for content in (b"", b"RIFF", (b"\x93NUMPY" + b"\x00" * 20)):
        (tmp_path / "notes.npy").write_bytes(content)
        with pytest.raises(InputError, match="not a sound bank"):
            SoundBank(tmp_path, "notes")


def test_index_is_readable_json(tmp_path: Path) -> None:
    write_bank(tmp_path, "notes", SOURCES, sounds())
    index = json.loads((tmp_path / "notes.json").read_text())
    assert index["start"] == [0, 500, 520]
    assert index["sources"][0]["licence"] == "MIT"


def test_tunes_come_back(tmp_path: Path) -> None:
    write_tunes(tmp_path / "new", TUNES)
    bank = TuneBank(tmp_path / "new")
    assert len(bank) == 3
    for i, tune in enumerate(TUNES):
        pitch, quarters = bank.read(i)
        assert pitch.tolist() == [p for p, _ in tune]
        np.testing.assert_allclose(quarters, [q for _, q in tune])


def test_missing_and_foreign_tunes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"tunes\.npz: no such file.*data_tools tunes"):
        TuneBank(tmp_path)
    for content in (b"", b"MThd", b"PK\x03\x04 cut off"):
        (tmp_path / "tunes.npz").write_bytes(content)
        with pytest.raises(InputError, match=r"tunes\.npz: not a bank of tunes"):
            TuneBank(tmp_path)
    np.savez(tmp_path / "tunes.npz", melody=np.zeros(3))
    with pytest.raises(InputError, match="not a bank of tunes"):
        TuneBank(tmp_path)
