"""Lists and recordings that cannot be trained on are named before a training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from seqmelody.encoders import EncoderConfig
from seqmelody.errors import InputError
from seqmelody.list_checks import check_list, check_recordings
from seqmelody.manifests import ManifestEntry
from seqmelody.model import MelodyModel, ModelConfig
from seqmelody.notes import Note, Vocabulary

MODEL = MelodyModel(
    ModelConfig(vocabulary=Vocabulary(48, 76), encoder=EncoderConfig(width=8, dilations=(1,)))
)


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    """Two seconds, 101 frames."""
    path = tmp_path / "a.wav"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(32_000), 16_000)
    return path


def aligned(audio: Path, *notes: Note) -> ManifestEntry:
    return ManifestEntry(audio, tuple(round(n.pitch) for n in notes), notes)


def test_what_can_be_trained_on_passes(audio: Path) -> None:
    fine = [
        ManifestEntry(audio, (60, 62), None),
        aligned(audio, Note(0.5, 2.0, 60)),
        aligned(audio),  # silence
    ]
    check_recordings(fine, MODEL)


def test_a_label_ends_with_its_recording(audio: Path) -> None:
    with pytest.raises(InputError, match=r"a\.wav: lasts 2\.00 s, but its label has a note from"):
        check_recordings([aligned(audio, Note(3.0, 4.0, 60))], MODEL)


@pytest.mark.parametrize(("repeats", "fits"), [(51, True), (52, False)])
def test_a_blank_has_to_part_equal_notes(audio: Path, repeats: int, fits: bool) -> None:
    """51 equal notes need 101 frames."""
    entry = ManifestEntry(audio, (60,) * repeats, None)
    if fits:
        check_list(entry, MODEL, 32_000, 0)
    else:
        with pytest.raises(InputError, match="101 frames cannot hold the 52 notes"):
            check_list(entry, MODEL, 32_000, 0)


def test_only_lists_without_times_may_be_in_another_key(audio: Path) -> None:
    check_recordings([ManifestEntry(audio, (46, 60), None)], MODEL, transpose=2)
    with pytest.raises(InputError, match=r"pitches 46\.\.60 of its list do not fit"):
        check_recordings([aligned(audio, Note(0, 1, 46), Note(1, 2, 60))], MODEL, transpose=2)


def test_a_recording_that_is_cut_off_is_found_by_its_header(audio: Path) -> None:
    data = audio.read_bytes()
    audio.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"a\.wav: is cut off"):
        check_recordings([ManifestEntry(audio, (60,), None)], MODEL)
