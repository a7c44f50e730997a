"""What happens between the instrument and the file: room, colour, noise, level, bad recording.

Filters and rooms are applied in one pass over the spectrum; noise is mixed at an SNR; then come the
faults of recorders and codecs. All choices come from the generator passed in.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray

from seqmelody.audio import SAMPLE_RATE
from seqmelody.banks import SoundBank
from seqmelody.noise import GENERATORS, mix_at_snr

FloatArray = NDArray[np.float32]

FAINTEST_POWER = 1e-8  # -80 dB
LOG_NOISE_SPEED = (-0.35, 0.35)  # natural logarithm: 0.7 to 1.4 times
LONGEST_DROPOUT_SECONDS = 0.006  # longer ones could as well part two equal notes


@dataclass(frozen=True, slots=True)
class AcousticsConfig:
    """How often, and how much, a clip is spoilt."""

    clean_share: float = 0.15
    snr_low_db: float = -16.0
    snr_high_db: float = 27.0
    babble_share: float = 0.07  # of noises: many voices at once
    recorded_share: float = 0.45  # of the other noises; the rest is generated
    second_noise_share: float = 0.25
    room_share: float = 0.5
    recorded_room_share: float = 0.5  # of rooms, where there are recorded ones
    colour_share: float = 0.6
    band_limit_share: float = 0.12
    clip_share: float = 0.05
    codec_share: float = 0.04
    dropout_share: float = 0.02


class Surroundings(NamedTuple):
    """Recorded places and their noises, for use beside the generated ones."""

    noises: SoundBank | None = None
    voices: SoundBank | None = None  # to be heard all at once
    rooms: SoundBank | None = None  # impulse responses, the direct sound first and of height 1


def record(
    dry: FloatArray,
    active: NDArray[np.bool_],
    config: AcousticsConfig,
    places: Surroundings,
    rng: np.random.Generator,
) -> FloatArray:
    """The dry sound as some microphone in some place would have recorded it; same length.

    ``active`` marks the samples where the melody sounds; the SNR is measured there.
    """
    sound = _through_room_and_filter(dry, config, places.rooms, rng)
    if rng.random() >= config.clean_share:
        sound = _add_noise(sound, active, config, places, rng)
    return _through_recorder(sound, config, rng)


def draw_noise(
    n_samples: int, config: AcousticsConfig, places: Surroundings, rng: np.random.Generator
) -> FloatArray:
    """Some noise, recorded or generated, sometimes two at once."""
    noise = _one_noise(n_samples, config, places, rng)
    if rng.random() < config.second_noise_share:
        other = _one_noise(n_samples, config, places, rng)
        noise = noise + other * float(10 ** rng.uniform(-0.7, 0.3))
    return noise


def _one_noise(
    n_samples: int, config: AcousticsConfig, places: Surroundings, rng: np.random.Generator
) -> FloatArray:
    """One noise at RMS 1."""
    if places.voices is not None and rng.random() < config.babble_share:
        noise = babble(n_samples, places.voices, rng)
    elif places.noises is not None and rng.random() < config.recorded_share:
        noise = _recorded_noise(n_samples, places.noises, rng)
    else:
        noise = GENERATORS[str(rng.choice(list(GENERATORS)))](n_samples, rng)
    if rng.random() < 0.3:  # other places, other microphones: tilt it
        noise = _filter(noise, _colour(n_samples, 6.0, rng))
    rms = float(np.sqrt(np.mean(np.square(noise, dtype=np.float64))))
    return np.asarray(noise / np.float32(max(rms, 1e-6)))


def _recorded_noise(n_samples: int, noises: SoundBank, rng: np.random.Generator) -> FloatArray:
    """A stretch of a recording, half of the time played faster or slower, so that a few recordings
    stand for more places; shorter recordings are repeated."""
    i = int(rng.integers(len(noises)))
    length = noises.length(i)
    speed = float(np.exp(rng.uniform(*LOG_NOISE_SPEED))) if rng.random() < 0.5 else 1.0
    wanted = int(n_samples * speed) + 1
    if length <= wanted:
        stretch = np.roll(np.resize(noises.read(i), wanted), int(rng.integers(wanted)))
    else:
        stretch = noises.read(i, int(rng.integers(length - wanted)), wanted)
    if speed == 1.0:
        return stretch[:n_samples]
    places = np.arange(n_samples) * speed
    return np.asarray(np.interp(places, np.arange(wanted), stretch), dtype=np.float32)


def babble(n_samples: int, voices: SoundBank, rng: np.random.Generator) -> FloatArray:
    """Six to twenty voices at once, none much louder than another."""
    total = np.zeros(n_samples, dtype=np.float32)
    for _ in range(int(rng.integers(6, 21))):
        voice = _recorded_noise(n_samples, voices, rng)
        rms = float(np.sqrt(np.mean(np.square(voice))))
        total += voice * np.float32(10 ** (rng.normal(0, 2) / 20) / max(rms, 1e-3))
    return total


def _add_noise(
    sound: FloatArray,
    active: NDArray[np.bool_],
    config: AcousticsConfig,
    places: Surroundings,
    rng: np.random.Generator,
) -> FloatArray:
    noise = draw_noise(len(sound), config, places, rng)
    heard = min(_power(sound[active]), _power(noise[active]))
    if heard < FAINTEST_POWER:  # no melody, or a noise that pauses just there: no SNR to speak of
        return np.asarray(sound + noise * np.float32(0.05))
    snr_db = float(rng.uniform(config.snr_low_db, config.snr_high_db))
    return mix_at_snr(sound, noise, snr_db, active=active)


def _power(samples: FloatArray) -> float:
    """Mean square; 0 of no samples."""
    return float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0


def _through_room_and_filter(
    dry: FloatArray, config: AcousticsConfig, rooms: SoundBank | None, rng: np.random.Generator
) -> FloatArray:
    response = np.ones(_fft_size(len(dry)) // 2 + 1, dtype=np.complex64)
    if rng.random() < config.room_share:
        recorded = rooms is not None and rng.random() < config.recorded_room_share
        room = rooms.read(int(rng.integers(len(rooms)))) if rooms and recorded else _room(rng)
        response = response * _spectrum(room[:SAMPLE_RATE], _fft_size(len(dry)))
    if rng.random() < config.colour_share:
        response = response * _colour(len(dry), 4.0, rng)
    if rng.random() < config.band_limit_share:
        response = response * _band_limit(len(dry), rng)
    return _filter(dry, response)


def _fft_size(n_samples: int) -> int:
    """Room for the sound and a second of reverberation, of a length that FFTs like."""
    step = 7200  # 2^5 * 3^2 * 5^2: multiples have small factors only, mostly
    return -(-(n_samples + SAMPLE_RATE) // step) * step


def _spectrum(sound: NDArray[np.floating], size: int) -> NDArray[np.complex64]:
    """Real FFT in single precision; torch's is several times faster than NumPy's."""
    spectrum = torch.fft.rfft(torch.from_numpy(sound.astype(np.float32)), size)
    return np.asarray(spectrum.numpy())


def _filter(sound: FloatArray, response: NDArray[np.inexact]) -> FloatArray:
    """Multiply the spectrum by a response of _fft_size(len(sound)) // 2 + 1 points."""
    size = _fft_size(len(sound))
    product = _spectrum(sound, size) * response.astype(np.complex64)
    filtered = torch.fft.irfft(torch.from_numpy(product), size)[: len(sound)]
    return np.asarray(filtered.numpy())


def _room(rng: np.random.Generator) -> NDArray[np.float64]:
    """A simple room response: direct sound, a few reflections, a tail of decaying noise that
    grows duller (Moorer, "About this reverberation business", 1979)."""
    rt60 = float(np.exp(rng.uniform(np.log(0.1), np.log(1.4))))  # seconds
    length = int(min(rt60, 1.0) * SAMPLE_RATE)
    time = np.arange(length) / SAMPLE_RATE
    tail = rng.standard_normal(length) * 10 ** (-3 * time / rt60)
    bright = 10 ** (-3 * time / (rt60 * rng.uniform(0.3, 1.0)))
    smooth = np.convolve(tail, [0.25, 0.5, 0.25], mode="same")
    tail = smooth + (tail - smooth) * bright
    delay = int(rng.uniform(0.001, 0.02) * SAMPLE_RATE)
    tail[:delay] = 0.0
    for at in rng.integers(delay, delay + SAMPLE_RATE // 20, size=6):
        tail[min(at, length - 1)] += rng.normal(0, 3)
    direct_db = rng.uniform(-6, 18)  # direct-to-reverberant ratio
    energy = float(np.sqrt(np.sum(tail**2)))
    room = tail * 10 ** (-direct_db / 20) / max(energy, 1e-9)
    room[0] += 1.0
    return np.asarray(room)


def _colour(n_samples: int, strength_db: float, rng: np.random.Generator) -> FloatArray:
    """A smooth random gain over log-frequency: cheap microphones, distance, tone controls."""
    frequency = np.fft.rfftfreq(_fft_size(n_samples), 1 / SAMPLE_RATE)
    octave = np.log2(np.maximum(frequency, 30.0) / 30.0)
    knots = rng.normal(0, strength_db, 9) + rng.normal(0, strength_db / 3) * np.arange(9)
    return np.asarray(10 ** (np.interp(octave, np.arange(9), knots) / 20), dtype=np.float32)


def _band_limit(n_samples: int, rng: np.random.Generator) -> FloatArray:
    """Telephones, small speakers, low sample rates: second-order slopes at both ends."""
    frequency = np.fft.rfftfreq(_fft_size(n_samples), 1 / SAMPLE_RATE) + 1e-3
    low = float(rng.choice([1.0, 80.0, 200.0, 400.0]))
    high = float(rng.choice([2500.0, 3400.0, 5000.0, 8000.0]))
    gain = 1 / np.sqrt(1 + (low / frequency) ** 4) / np.sqrt(1 + (frequency / high) ** 8)
    return np.asarray(gain, dtype=np.float32)


def _through_recorder(
    sound: FloatArray, config: AcousticsConfig, rng: np.random.Generator
) -> FloatArray:
    """Level, and now and then overload, gaps and a lossy codec."""
    peak = float(np.abs(sound).max(initial=1e-9))
    sound = sound * np.float32(10 ** (rng.uniform(-40, -0.2) / 20) / peak)
    if rng.random() < config.clip_share:
        limit = np.float32(np.abs(sound).max() * rng.uniform(0.1, 0.7))
        sound = np.clip(sound, -limit, limit)
    if rng.random() < config.dropout_share:
        for start in rng.integers(len(sound), size=3):
            sound[
                start : start + int(rng.uniform(0.001, LONGEST_DROPOUT_SECONDS) * SAMPLE_RATE)
            ] = 0.0
    if rng.random() < config.codec_share:
        sound = _through_codec(sound, str(rng.choice(["MP3", "OGG"])))
    return sound


def _through_codec(sound: FloatArray, name: str) -> FloatArray:
    """Encode and decode; the codec's delay and padding are at most a few milliseconds."""
    file = io.BytesIO()
    soundfile.write(file, sound, SAMPLE_RATE, format=name)
    file.seek(0)
    decoded, _ = soundfile.read(file, dtype="float32")
    return np.asarray(np.resize(np.append(decoded, np.zeros(len(sound), np.float32)), len(sound)))
