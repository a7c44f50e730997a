"""Audio: any recording becomes a float32 waveform at one sample rate.

Files are read, mixed and resampled block by block, so memory grows with the result and not with
the file: an hour of 44.1 kHz stereo peaks near the 230 MB of its 16 kHz mono waveform.

Full scale is -1..1; :mod:`seqmelody.sample_arrays` says what becomes of other numbers. Mixing is
the plain mean of the channels, so a dead channel halves the level and loses nothing. Where channels
are in opposite phase and cancel, the loudest is taken alone.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from seqmelody.errors import InputError
from seqmelody.sample_arrays import as_numpy, to_float
from seqmelody.truncation import is_cut_off

FloatArray = NDArray[np.float32]

SAMPLE_RATE = 16_000  # Hz, of every waveform inside SeqMelody
MIN_SAMPLE_RATE = 4_000  # Hz; below, the upper half of the piano is lost
MAX_SAMPLE_RATE = 1_000_000  # Hz; above, the header is damaged
BLOCK_SAMPLES = 2**17  # read at once, all channels together
MAX_RESERVED = 2**26  # samples, 70 min at 16 kHz; headers that claim more are believed as they fill
CANCELLED = 0.01  # of the channels' power left in their mean (-20 dB): they cancel
QUALITY = "HQ"  # soxr: 20 bits, pass band to 91 % of Nyquist
AUDIO_SUFFIXES = frozenset(
    {".aif", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".w64", ".wav"}
)


def load(path: str | os.PathLike[str], *, sample_rate: int = SAMPLE_RATE) -> FloatArray:
    """Read a recording as mono: the mean of its channels, or the loudest where they cancel.

    Returns:
        Waveform, shape (samples,), at ``sample_rate``.

    Raises:
        InputError: missing, a folder, unreadable, empty, not audio, damaged, NaN or infinite
            samples, or a sample rate that cannot carry a melody.
    """
    mix = Downmix()
    waveform = _read(Path(path), sample_rate, mix)
    if mix.cancels:
        waveform = _read(Path(path), sample_rate, mix.loudest)
    return waveform


class Downmix:
    """The mean of a recording's channels, block by block; it notices if they cancel."""

    def __init__(self) -> None:
        self._powers: NDArray[np.float64] | float = 0.0  # sum of squares of each channel
        self._mean_power = 0.0

    def __call__(self, block: FloatArray) -> FloatArray:
        """Mean of (frames, channels)."""
        if block.shape[1] == 1:
            return block[:, 0]  # nothing that could cancel
        mono: FloatArray = block.mean(axis=1)
        self._powers = self._powers + np.einsum("fc,fc->c", block, block).astype(np.float64)
        self._mean_power += float(np.dot(mono, mono))
        return mono

    @property
    def cancels(self) -> bool:
        """Whether hardly anything of the channels is left in their mean so far."""
        return self._mean_power < CANCELLED * float(np.mean(self._powers))

    def loudest(self, block: FloatArray) -> FloatArray:
        """The channel alone that was the loudest so far."""
        return block[:, int(np.argmax(self._powers))]


def from_array(
    audio: Any, sample_rate: float | None, *, target_rate: int = SAMPLE_RATE
) -> FloatArray:
    """Mono waveform of samples that are in memory already.

    Args:
        audio: NumPy array or torch tensor, integer or float, shape (samples,) or
            (channels, samples).
        sample_rate: of ``audio``, in Hz.

    Returns:
        Waveform, shape (samples,), at ``target_rate``; it may share memory with ``audio``.

    Raises:
        InputError: no sample rate or one out of range, not a numeric array, integers of 64 bits or
            16-bit samples in 32, an unreasonable shape, no samples, NaN or infinite samples.
    """
    if sample_rate is None:
        raise InputError("audio array: its sample rate is unknown; pass sample_rate=")
    _check_rate(sample_rate, "audio array")
    mono = to_float(as_numpy(audio))
    if mono.ndim == 2:
        mix, frames = Downmix(), mono.T
        mono = mix(frames)
        if mix.cancels:
            mono = mix.loudest(frames)
    if sample_rate != target_rate:
        mono = soxr.resample(mono, sample_rate, target_rate, quality=QUALITY)
    if not len(mono):
        raise InputError("audio array: too short to hold a sample; pass a longer one")
    return np.require(mono, requirements=["C", "W"])  # as torch takes it; a view is copied


def duration(path: str | os.PathLike[str]) -> float:
    """Seconds of a recording, by its header where that can be read.

    Raises as :func:`load` does, but for what shows only when all of the file is read.
    """
    try:
        info = soundfile.info(path)
    except (soundfile.LibsndfileError, TypeError):
        return len(load(path)) / SAMPLE_RATE  # which says what is wrong
    if info.format != "MP3":  # of which nobody knows whether it is cut off until it is read
        with _open_sound(Path(path)) as sound:
            _check_rate(sound.samplerate, str(path))
    if not info.frames:
        raise _no_samples(path)
    return float(info.duration)


def find_audio(folder: str | os.PathLike[str]) -> list[Path]:
    """All recordings below a folder, sorted; what is hidden (``._take.wav``, ``.git/``) is
    left out. A link to nothing is not: reading it says so, as with other recordings.

    Raises:
        InputError: not a folder, or it holds no recording.
    """
    folder = Path(folder)
    if not os.path.isdir(folder):
        raise InputError(f"{folder}: no such folder; check the path")
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in AUDIO_SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and (path.is_file() or _is_dead_link(path))
    )
    if not found:
        raise InputError(
            f"{folder}: the folder holds no recording; "
            f"SeqMelody reads {' '.join(sorted(AUDIO_SUFFIXES))}"
        )
    return found


def _read(path: Path, sample_rate: int, downmix: Callable[[FloatArray], FloatArray]) -> FloatArray:
    """The file at ``sample_rate``, its blocks of shape (frames, channels) mixed by ``downmix``."""
    with _open_sound(path) as sound:
        _check_rate(sound.samplerate, str(path))
        blocks = map(downmix, _blocks(sound, path))
        resampled = _resample(blocks, sound.samplerate, sample_rate)
        waveform = _collect(resampled, math.ceil(sound.frames * sample_rate / sound.samplerate))
    if not len(waveform):
        raise _no_samples(path)
    return waveform


def _no_samples(path: str | os.PathLike[str]) -> InputError:
    return InputError(f"{path}: holds no samples; record or export it again")


@contextmanager
def _open_sound(path: Path) -> Iterator[soundfile.SoundFile]:
    """The opened file. Raises InputError for whatever is no readable audio file."""
    if os.path.isdir(path):
        raise InputError(f"{path}: is a folder, not a recording; name a file in it")
    try:
        raw = path.open("rb")
    except (FileNotFoundError, NotADirectoryError):
        if _is_dead_link(path):
            raise InputError(
                f"{path}: is a link to a file that is not there; mend it or remove it"
            ) from None
        raise InputError(f"{path}: no such file; check the path") from None
    except OSError as error:
        raise InputError(
            f"{path}: cannot be opened ({error.strerror}); check its permissions"
        ) from None
    with raw:
        if not raw.seekable():
            raise InputError(f"{path}: is a stream, not a file; save it to a file first")
        size = raw.seek(0, os.SEEK_END)
        if size == 0:
            raise InputError(f"{path}: the file is empty (0 bytes); record or copy it again")
        raw.seek(0)
        try:
            sound = soundfile.SoundFile(raw)
        except (soundfile.LibsndfileError, TypeError):
            # TypeError: soundfile takes *.raw for headerless samples and wants their rate.
            raise InputError(
                f"{path}: not audio that SeqMelody can read; convert it to WAV or FLAC"
            ) from None
        with sound:
            if sound.format != "MP3" and is_cut_off(raw, sound):
                raise _cut_off(path)
            yield sound
            if sound.format == "MP3" and is_cut_off(raw, sound):
                raise _cut_off(path)
        # An MP3 without a length tag has its length guessed from its first frames, and libsndfile
        # stops there. Tags at the end of a file are far smaller than 5 % of it.
        if sound.format == "MP3" and raw.tell() < 0.95 * size:
            raise InputError(
                f"{path}: the MP3 does not state its length and would be cut short; "
                "convert it to WAV or FLAC"
            )


def _is_dead_link(path: Path) -> bool:
    return os.path.islink(path) and not os.path.exists(path)


def _cut_off(path: Path) -> InputError:
    return InputError(
        f"{path}: is cut off, it holds less sound than it states; copy it again, or save what is "
        "there to a new file"
    )


def _blocks(sound: soundfile.SoundFile, path: Path) -> Iterator[FloatArray]:
    """Blocks of finite samples, shape (frames, channels), to the end of the file."""
    frames = max(1, BLOCK_SAMPLES // sound.channels)
    done = 0
    while True:
        try:
            block = sound.read(frames, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError:
            raise InputError(
                f"{path}: damaged or cut off after {done / sound.samplerate:.1f} s; "
                "copy it again or convert it to WAV"
            ) from None
        if not len(block):
            return
        if not np.isfinite(block).all():
            raise InputError(f"{path}: holds NaN or infinite samples; export it again")
        done += len(block)
        yield block


def _resample(
    blocks: Iterable[FloatArray], source_rate: int, target_rate: int
) -> Iterator[FloatArray]:
    """The blocks, shape (samples,), at another rate; no seams show."""
    if source_rate == target_rate:
        yield from blocks
        return
    stream = soxr.ResampleStream(source_rate, target_rate, 1, dtype="float32", quality=QUALITY)
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.empty(0, np.float32), last=True)


def _collect(blocks: Iterable[FloatArray], expected: int) -> FloatArray:
    """Blocks joined in place, shape (samples,).

    ``expected`` samples come from the header and only save copying: some headers guess.
    """
    waveform = np.empty(max(1, min(expected, MAX_RESERVED)), np.float32)
    filled = 0
    for block in blocks:
        end = filled + len(block)
        if end > len(waveform):
            waveform.resize(end + len(waveform) // 4, refcheck=False)
        waveform[filled:end] = block
        filled = end
    waveform.resize(filled, refcheck=False)
    return waveform


def _check_rate(sample_rate: float, name: str) -> None:
    if not MIN_SAMPLE_RATE <= sample_rate <= MAX_SAMPLE_RATE:
        raise InputError(
            f"{name}: a sample rate of {sample_rate:g} Hz cannot carry a melody; "
            f"use one from {MIN_SAMPLE_RATE} Hz up, best {SAMPLE_RATE} Hz or more"
        )
