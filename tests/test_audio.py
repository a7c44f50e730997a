"""Loading: every format comes out as the same waveform, every bad file as one clear line."""

from __future__ import annotations

import os
import struct
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch

from seqmelody.audio import SAMPLE_RATE, find_audio, from_array, load
from seqmelody.errors import InputError
from seqmelody.truncation import is_cut_off


def tone(frequency: float, seconds: float, sample_rate: int, amplitude: float = 0.5) -> np.ndarray:
    """Sine wave, float32."""
    t = np.arange(round(seconds * sample_rate)) / sample_rate
    return (amplitude * np.sin(2 * np.pi * frequency * t)).astype(np.float32)


def peak_frequency(waveform: np.ndarray, sample_rate: int = SAMPLE_RATE) -> float:
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    return float(np.argmax(spectrum) * sample_rate / len(waveform))


@pytest.mark.parametrize("sample_rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
def test_resampling_keeps_frequency_level_and_length(tmp_path: Path, sample_rate: int) -> None:
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(440, 2, sample_rate), sample_rate)
    waveform = load(path)
    assert waveform.dtype == np.float32
    assert abs(len(waveform) - 2 * SAMPLE_RATE) <= 1
    assert peak_frequency(waveform) == pytest.approx(440, abs=0.5)
    assert np.abs(waveform[1000:-1000]).max() == pytest.approx(0.5, abs=0.005)


def test_blocks_leave_no_seams(tmp_path: Path) -> None:
    """Read in blocks, a long file equals the same samples resampled in one piece."""
    noise = np.random.default_rng(0).normal(0, 0.1, (400_000, 2)).astype(np.float32)
    path = tmp_path / "long.wav"
    soundfile.write(path, noise, 44100, subtype="FLOAT")
    whole = from_array(noise.T, 44100)
    waveform = load(path)
    assert len(waveform) == len(whole)
    np.testing.assert_allclose(waveform, whole, atol=1e-5)


def test_frequencies_above_the_new_nyquist_do_not_fold_back(tmp_path: Path) -> None:
    path = tmp_path / "high.wav"
    soundfile.write(path, tone(10_000, 1, 44100), 44100, subtype="FLOAT")
    assert np.abs(load(path)[500:-500]).max() < 1e-4


@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3", "aiff"])
def test_formats_round_trip(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"tone.{suffix}"
    samples = tone(523.25, 2, 44100)
    soundfile.write(path, np.stack([samples, samples], axis=1), 44100)
    waveform = load(path)
    assert len(waveform) == pytest.approx(2 * SAMPLE_RATE, abs=1200)  # MP3 may pad a frame
    assert peak_frequency(waveform) == pytest.approx(523.25, abs=1)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_sample_formats_have_the_same_level(tmp_path: Path, subtype: str) -> None:
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(440, 1, 16000), 16000, subtype=subtype)
    np.testing.assert_allclose(load(path), tone(440, 1, 16000), atol=1 / 64)


@pytest.mark.parametrize("dead", [0, 1])
def test_a_dead_channel_costs_level_only(tmp_path: Path, dead: int) -> None:
    stereo = np.stack([tone(440, 1, 16000)] * 2, axis=1)
    stereo[:, dead] = 0
    path = tmp_path / "half.wav"
    soundfile.write(path, stereo, 16000, subtype="FLOAT")
    np.testing.assert_allclose(load(path), tone(440, 1, 16000) / 2, atol=1e-6)


def test_channels_in_opposite_phase_are_heard(tmp_path: Path) -> None:
    """Their mean is silence, or the little that they differ in; the loudest is the recording."""
    loud = tone(440, 1, 48000)
    stereo = np.stack([-0.9 * loud, loud], axis=1)
    path = tmp_path / "opposite.wav"
    soundfile.write(path, stereo, 48000, subtype="FLOAT")
    for waveform in (load(path), from_array(stereo.T, 48000)):
        assert np.abs(waveform).max() == pytest.approx(np.abs(loud).max(), abs=0.01)
        assert peak_frequency(waveform) == pytest.approx(440, abs=1)


def test_many_channels_that_differ_are_averaged(tmp_path: Path) -> None:
    """Sixteen of their own loudness and phase, none against another: no case of cancelling."""
    channels = np.random.default_rng(1).normal(0, 0.1, (16, 16000)).astype(np.float32)
    path = tmp_path / "sixteen.wav"
    soundfile.write(path, channels.T, 16000, subtype="FLOAT")
    np.testing.assert_allclose(load(path), channels.mean(axis=0), atol=1e-6)


def test_memory_grows_with_the_result_only(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    frames = 44100 * 60
    with soundfile.SoundFile(path, "w", 44100, 2) as sound:
        for _ in range(60):
            sound.write(np.zeros((frames // 60, 2), np.float32))
    load(path)  # whatever is allocated once
    tracemalloc.start()
    try:
        waveform = load(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < waveform.nbytes + 4_000_000  # the file as float32 has 21 MB


def test_headers_that_guess_the_length_are_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A length of which only a part was reserved still arrives whole."""
    monkeypatch.setattr("seqmelody.audio.MAX_RESERVED", 100)
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(440, 20, 16000), 16000, subtype="FLOAT")
    np.testing.assert_array_equal(load(path), tone(440, 20, 16000))


def test_an_mp3_whose_length_is_guessed_too_short_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.2, 44100 * 20)
    noise[44100 * 3 :] *= 0.001  # the loud start has more bits a second than the rest
    path = tmp_path / "take.mp3"
    soundfile.write(path, noise, 44100, bitrate_mode="VARIABLE")
    assert len(load(path)) == 20 * SAMPLE_RATE
    data = path.read_bytes()
    first_frame_end = data.index(data[:2], data.index(b"Xing"))
    path.write_bytes(data[first_frame_end:])  # without the tag that states the length
    with pytest.raises(InputError, match="does not state its length"):
        load(path)


def make_folder(path: Path) -> None:
    path.mkdir()


def make_text(path: Path) -> None:
    path.write_text("this is a shopping list, not a recording\n" * 50)


def make_slow(path: Path) -> None:
    soundfile.write(path, np.zeros(5000), 1000)


def make_nan(path: Path) -> None:
    soundfile.write(path, np.array([0.0, np.nan] * 9000, np.float32), 16000, subtype="FLOAT")


def make_infinite(path: Path) -> None:
    soundfile.write(path, np.array([0.0, np.inf] * 9000, np.float32), 16000, subtype="FLOAT")


def make_header_only(path: Path) -> None:
    soundfile.write(path, np.zeros(0, np.float32), 16000)


def make_cut_header(path: Path) -> None:
    soundfile.write(path, np.zeros(100, np.float32), 16000)
    path.write_bytes(path.read_bytes()[:20])


def make_cut_flac(path: Path) -> None:
    soundfile.write(path, tone(440, 5, 16000), 16000, format="FLAC")
    path.write_bytes(path.read_bytes()[:30_000])


BAD_FILES = {
    "missing": (lambda path: None, "no such file"),
    "folder": (make_folder, "is a folder"),
    "empty": (Path.touch, "empty"),
    "header only": (make_header_only, "no samples"),
    "text": (make_text, "not audio"),
    "cut header": (make_cut_header, "not audio"),
    "cut flac": (make_cut_flac, "cut off after"),
    "nan": (make_nan, "NaN or infinite"),
    "infinite": (make_infinite, "NaN or infinite"),
    "1 kHz": (make_slow, "sample rate of 1000 Hz"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_bad_files(tmp_path: Path, kind: str) -> None:
    """One line that names the file and the reason, and after a semicolon the remedy."""
    make, reason = BAD_FILES[kind]
    path = tmp_path / "bad take.wav"
    make(path)
    with pytest.raises(InputError, match=reason) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert "; " in message or ", " in message


def test_below_a_file_there_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="no such file"):
        load(tmp_path / "file" / "take.wav")


def test_permission_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.wav"
    soundfile.write(path, tone(440, 1, 16000), 16000)

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")  # root may read anything: chmod cannot tell

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"secret.wav: .*Permission denied.*; check its perm"):
        load(path)


def test_headerless_samples_are_not_audio(tmp_path: Path) -> None:
    path = tmp_path / "take.raw"
    path.write_bytes(bytes(1000))
    with pytest.raises(InputError, match="not audio"):
        load(path)


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(writer)
    try:
        with pytest.raises(InputError, match="save it to a file"):
            load(f"/dev/fd/{reader}")
    finally:
        os.close(reader)


@pytest.mark.parametrize("share", [0.5, 0.95])
@pytest.mark.parametrize(
    "kind", ["wav", "wavex", "mp3", "ogg", "flac", "aiff", "au", "w64", "rf64", "caf"]
)
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, kind: str, share: float) -> None:
    path = tmp_path / "cut"
    soundfile.write(path, tone(440, 4, 44100), 44100, format=kind)
    load(path)
    data = path.read_bytes()
    path.write_bytes(data[: round(len(data) * share)])
    # Half a CAF is no CAF to libsndfile.
    with pytest.raises(InputError, match="not audio" if (kind, share) == ("caf", 0.5) else "cut"):
        load(path)


@pytest.mark.parametrize(("kind", "endian"), [("wav", "BIG"), ("aiff", "LITTLE"), ("au", "LITTLE")])
def test_a_cut_is_seen_in_the_other_byte_order(tmp_path: Path, kind: str, endian: str) -> None:
    path = tmp_path / "cut"
    soundfile.write(path, tone(440, 1, 16000), 16000, "PCM_16", endian, kind)
    assert len(load(path)) == 16000
    path.write_bytes(path.read_bytes()[:16000])
    with pytest.raises(InputError, match="cut off"):
        load(path)


@pytest.mark.parametrize("n_samples", [101, 9000])  # odd sizes are padded, some subtypes in blocks
@pytest.mark.parametrize(
    "kind", ["wav", "wavex", "aiff", "au", "w64", "rf64", "caf", "ogg", "mp3", "flac"]
)
def test_no_whole_file_is_taken_for_a_cut_one(tmp_path: Path, kind: str, n_samples: int) -> None:
    path = tmp_path / "whole"
    for subtype in soundfile.available_subtypes(kind):
        try:
            soundfile.write(path, tone(440, n_samples / 8000, 8000), 8000, subtype, format=kind)
        except (soundfile.LibsndfileError, TypeError):  # it reads but does not write the subtype
            continue
        if subtype in ("DWVW_16", "DWVW_24"):  # libsndfile cannot read what it wrote
            continue
        assert len(load(path)) >= n_samples


def id3_tag(n_bytes: int) -> bytes:
    """An ID3v2 tag that holds a cover; its sizes have seven bits a byte."""
    size, inner = (
        bytes(n >> shift & 0x7F for shift in (21, 14, 7, 0)) for n in (n_bytes, n_bytes - 10)
    )
    picture = b"\0image/jpeg\0\3\0".ljust(n_bytes - 10, b"x")
    return b"ID3\4\0\0" + size + b"APIC" + inner + b"\0\0" + picture


def test_a_cut_mp3_with_a_large_cover_is_refused(tmp_path: Path) -> None:
    """Its length tag lies after the cover."""
    path = tmp_path / "take.mp3"
    soundfile.write(path, tone(440, 4, 44100), 44100)
    data = path.read_bytes()
    path.write_bytes(id3_tag(200_000) + data)
    assert len(load(path)) == 4 * SAMPLE_RATE
    path.write_bytes(id3_tag(200_000) + data[: len(data) // 2])
    with pytest.raises(InputError, match="cut off"):
        load(path)


@pytest.mark.parametrize(
    ("kind", "at", "stated"),
    [
        ("aiff", 42, struct.pack(">I", 0x7F000000 + 8)),  # as SoX writes into a pipe
        ("au", 8, b"\xff" * 4),
        ("w64", 96, struct.pack("<Q", 2**63 - 1)),  # as FFmpeg does
        ("rf64", 28, b"\xff" * 8),
        ("rf64", 28, bytes(8)),
        ("caf", 4084, b"\xff" * 8),
    ],
)
def test_streams_that_state_no_length_are_not_cut(
    tmp_path: Path, kind: str, at: int, stated: bytes
) -> None:
    path = tmp_path / "stream"
    soundfile.write(path, tone(440, 1, 16000), 16000, "PCM_16", format=kind)
    data = bytearray(path.read_bytes())
    data[at : at + len(stated)] = stated
    path.write_bytes(data)
    opened = SimpleNamespace(format=kind.upper())  # libsndfile itself refuses some of these
    with path.open("rb") as file:
        assert not is_cut_off(file, opened)


def test_a_wav_header_may_overstate_its_length(tmp_path: Path) -> None:
    """Recorders that were cut off leave such files; what is there is used."""
    path = tmp_path / "cut.wav"
    soundfile.write(path, tone(440, 1, 16000), 16000, subtype="PCM_16")
    data = bytearray(path.read_bytes())
    data[40:44] = struct.pack("<I", 0x7FFFFFFF)
    path.write_bytes(data)
    assert len(load(path)) == 16000


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.int32, np.uint32])
@pytest.mark.parametrize("level", [0.01, 1.0])
def test_samples_in_too_wide_a_type_are_refused(dtype: type, level: float) -> None:
    """Divided by the type's range, they would be silence; as would int64 of whatever range."""
    samples = (tone(440, 1, 16000, level) * 32767).astype(np.int16).astype(dtype)
    for audio in (samples, torch.from_numpy(samples), np.stack([samples, samples])[:, ::2]):
        with pytest.raises(InputError, match=r"int16.*or.*floats"):
            from_array(audio, SAMPLE_RATE)
    with pytest.raises(InputError, match=r"int16.*or.*floats"):  # offset binary of 16 bits
        from_array(samples.astype(np.int16).view(np.uint16).astype(dtype), SAMPLE_RATE)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(1000, np.int32),
        np.random.default_rng(0).integers(-2, 3, 1000, np.int32),  # dithered at 32 bits
        np.random.default_rng(0).integers(-100, 101, 1000, np.int32) << 8,  # and at 24
        (tone(440, 1, 16000, 1e-4) * 2**31).astype(np.int32),  # -80 dBFS
        np.full(1000, 2**31, np.uint32),
    ],
    ids=["zeros", "32 bits", "24 bits", "soft", "unsigned"],
)
def test_silence_of_32_bits_is_heard_as_such(samples: np.ndarray) -> None:
    assert np.abs(from_array(samples, SAMPLE_RATE)).max() <= 1.01e-4


@pytest.mark.parametrize(
    "samples",
    [
        np.array([0.0, 0.5, -0.5, -1.0], np.float64),
        np.array([0, 2**14, -(2**14), -(2**15)], np.int16),
        np.array([0, 2**30, -(2**30), -(2**31)], np.int32),
        np.array([0, 64, -64, -128], np.int8),
        np.array([128, 192, 64, 0], np.uint8),
        torch.tensor([0.0, 0.5, -0.5, -1.0], requires_grad=True),
        torch.tensor([0, 2**14, -(2**14), -(2**15)], dtype=torch.int16),
        torch.tensor([0.0, 0.5, -0.5, -1.0], dtype=torch.float16),
    ],
    ids=lambda samples: str(samples.dtype),
)
def test_arrays_are_scaled_by_their_full_range(samples: object) -> None:
    waveform = from_array(samples, SAMPLE_RATE)
    assert waveform.dtype == np.float32
    np.testing.assert_array_equal(waveform, [0.0, 0.5, -0.5, -1.0])


def test_array_channels_are_averaged_and_resampled() -> None:
    left, right = tone(440, 1, 48000), np.zeros(48000, np.float32)
    waveform = from_array(torch.from_numpy(np.stack([left, right])), 48000)
    assert waveform.shape == (SAMPLE_RATE,)
    assert peak_frequency(waveform) == pytest.approx(440, abs=1)
    assert np.abs(waveform).max() == pytest.approx(0.25, abs=0.01)


def test_array_equals_file(tmp_path: Path) -> None:
    samples = (tone(330, 1, 44100) * 32767).astype(np.int16)
    soundfile.write(tmp_path / "tone.wav", samples, 44100)
    np.testing.assert_allclose(from_array(samples, 44100), load(tmp_path / "tone.wav"), atol=1e-5)


@pytest.mark.parametrize(
    ("audio", "sample_rate", "reason"),
    [
        (np.zeros(100), None, "pass sample_rate="),
        (np.zeros(100), 1000, "sample rate of 1000 Hz"),
        (np.zeros(100), float("nan"), "sample rate of nan Hz"),
        (np.zeros((1600, 2)), 16000, "transpose"),
        (np.zeros((2, 2, 100)), 16000, "neither"),
        (np.float32(0), 16000, "neither"),
        (np.zeros(0), 16000, "no samples"),
        (np.zeros((2, 0)), 16000, "neither|no samples"),
        (np.zeros(1), 48000, "too short"),
        (np.array([0.0, np.nan]), 16000, "NaN or infinite"),
        (np.array([0.0, 1e300]), 16000, "NaN or infinite"),
        (np.zeros(100, complex), 16000, "no sample type"),
        (np.zeros(100, bool), 16000, "no sample type"),
        ([0.0, 0.1], 16000, "pass a path"),
        (torch.zeros(100, dtype=torch.bfloat16), 16000, "convert it to float32"),
    ],
)
def test_bad_arrays(audio: object, sample_rate: float | None, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        from_array(audio, sample_rate)


def test_find_audio(tmp_path: Path) -> None:
    for name in ("b.WAV", "a.mp3", "deep/er/c.flac", "notes.txt", "._a.wav", ".trash/d.wav"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "dead.wav").symlink_to("nowhere.wav")  # is told when it is read
    found = [path.relative_to(tmp_path).as_posix() for path in find_audio(tmp_path)]
    assert found == ["a.mp3", "b.WAV", "dead.wav", "deep/er/c.flac"]


def test_find_audio_without_any(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no recording"):
        find_audio(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        find_audio(tmp_path / "missing")


def test_views_of_arrays_become_arrays_that_torch_takes() -> None:
    samples = np.linspace(-0.5, 0.5, 800, dtype=np.float32)
    sealed = samples.copy()
    sealed.flags.writeable = False
    for view in (samples[::-1], samples[::2], sealed):
        waveform = from_array(view, SAMPLE_RATE)
        np.testing.assert_array_equal(torch.from_numpy(waveform).numpy(), view)
        assert waveform.flags.writeable
    assert np.shares_memory(from_array(samples, SAMPLE_RATE), samples)
