"""The sung-voice synthesiser: pitch, determinism, onsets, and repeated notes that can be heard."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_tools.pitch_check import START_SECONDS, measure_pitch
from data_tools.voice.contours import CONTROL, pitch_contour, smooth_noise
from data_tools.voice.singers import KINDS, Singer, draw_singer
from data_tools.voice.takes import sing, sing_take, sing_takes
from seqmelody.audio import SAMPLE_RATE
from seqmelody.banks import TuneBank
from seqmelody.notes import Note

STEADY = Singer(
    kind="sung", low=48, high=72, tract=1.0, singers_formant=False, tilt=1.0, breath=0.01,
    jitter=0.0, drift=0.0, fall=0.0, shimmer_db=0.0, tuning=0.0, wander=0.0, looseness=0.0,
    damping=0.8, glide_seconds=0.05, scoop_share=0.0, scoop=0.0, vibrato_depth=0.0,
    vibrato_rate=5.0, vibrato_delay=0.2, legato_share=0.0, gap_seconds=0.08, dynamics_db=0.0,
    vowels=3,
)  # fmt: skip
SCALE = [Note(0.2 + 0.5 * i, 0.7 + 0.5 * i, p) for i, p in enumerate((57, 59, 60, 62, 64, 62))]
REPEATS = [Note(0.2 + 0.5 * i, 0.7 + 0.5 * i, 60) for i in range(6)]


def level(samples: np.ndarray, begin: float, end: float) -> float:
    piece = samples[round(begin * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
    return float(10 * np.log10(np.mean(piece.astype(np.float64) ** 2) + 1e-12))


def measured(samples: np.ndarray, contour: np.ndarray, note: Note) -> tuple[float, float] | None:
    """(pitch by autocorrelation, pitch of the contour) in the steadiest 0.1 s of a note."""
    width, best = 0.1, None
    for begin in np.arange(note.onset + 0.08, note.offset - width - 0.03, 0.02):
        here = contour[round(begin * SAMPLE_RATE / CONTROL) :][
            : round(width * SAMPLE_RATE / CONTROL)
        ]
        if best is None or np.ptp(here) < best[0]:
            best = (float(np.ptp(here)), begin, float(here.mean()))
    if best is None or best[0] > 0.3:
        return None
    start = round((best[1] - START_SECONDS) * SAMPLE_RATE)
    piece = samples[start : start + round((START_SECONDS + width) * SAMPLE_RATE)]
    pitch = measure_pitch(piece, best[2])
    return (float("nan") if pitch is None else pitch), best[2]


@pytest.mark.parametrize("kind", [name for name, _ in KINDS])
@pytest.mark.parametrize("seed", range(6))
def test_steady_parts_have_the_pitch_of_the_contour(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    singer = replace(draw_singer(rng), kind=kind, breath=0.01)
    shift = 24 if kind == "whistle" else 0
    notes = [replace(n, pitch=n.pitch + shift) for n in SCALE]
    samples, sung, contour = sing(notes, 4.0, singer, rng)
    pairs = [m for n in sung if (m := measured(samples, contour, n)) is not None]
    for pitch, aim in pairs:
        assert pitch == pytest.approx(aim, abs=0.2)


def test_enough_steady_parts_were_measured() -> None:
    samples, sung, contour = sing(SCALE, 4.0, STEADY, np.random.default_rng(0))
    pairs = [measured(samples, contour, n) for n in sung]
    assert all(p is not None and abs(p[0] - p[1]) < 0.2 for p in pairs)
    assert [round(n.pitch) for n in sung] == [57, 59, 60, 62, 64, 62]


def test_labels_are_what_is_aimed_at() -> None:
    singer = replace(STEADY, tuning=0.37, looseness=0.2, wander=0.3)
    _samples, sung, contour = sing(SCALE, 4.0, singer, np.random.default_rng(4))
    for note in sung:
        last = round((note.offset - 0.1) * SAMPLE_RATE / CONTROL)
        assert contour[last] == pytest.approx(note.pitch, abs=0.05)
    assert np.std([n.pitch - w.pitch for n, w in zip(sung, SCALE, strict=True)]) > 0.05


def test_same_seed_same_take(tiny_bank: Path) -> None:
    tunes = TuneBank(tiny_bank)
    one = list(sing_takes(2, 6.0, tunes, seed=3))
    again = sing_take(6.0, tunes, np.random.default_rng([3, 1]))
    assert one[1].notes == again.notes
    assert one[1].samples.tobytes() == again.samples.tobytes()
    assert one[0].samples.tobytes() != again.samples.tobytes()


@pytest.mark.parametrize("seed", range(8))
def test_takes_are_monophonic_and_sane(tiny_bank: Path, seed: int) -> None:
    take = sing_take(6.0, TuneBank(tiny_bank), np.random.default_rng(seed))
    assert len(take.samples) == 6 * SAMPLE_RATE
    assert np.isfinite(take.samples).all()
    assert np.abs(take.samples).max() == pytest.approx(0.5, abs=1e-3)
    for note, following in zip(take.notes, take.notes[1:], strict=False):
        assert note.onset < note.offset <= following.onset + 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_the_vowel_begins_at_the_onset(seed: int) -> None:
    """After a silence the voice rises within 50 ms of the label."""
    notes = [Note(0.5, 0.9, 60), Note(1.6, 2.0, 62)]
    samples, sung, _ = sing(notes, 2.5, replace(STEADY, kind="hum"), np.random.default_rng(seed))
    for note in sung:
        before = level(samples, note.onset - 0.2, note.onset - 0.05)  # silence, or a breath
        assert level(samples, note.onset + 0.05, note.onset + 0.15) > before + 20


@pytest.mark.parametrize("legato_share", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_equal_notes_are_parted(legato_share: float, seed: int) -> None:
    """By a consonant, or by a dip in level of several dB."""
    singer = replace(STEADY, legato_share=legato_share, kind="hum")
    samples, sung, _ = sing(REPEATS, 3.6, singer, np.random.default_rng(seed))
    for note, following in itertools.pairwise(sung):
        held = level(samples, note.onset + 0.1, note.onset + 0.3)
        between = min(
            level(samples, at, at + 0.015)
            for at in np.arange(note.offset - 0.08, following.onset + 0.03, 0.005)
        )
        assert held - between > 4.0


def test_a_step_overshoots_and_settles() -> None:
    notes = [Note(0.0, 1.0, 60), Note(1.0, 3.0, 67)]
    singer = replace(STEADY, damping=0.5, glide_seconds=0.1)
    contour = pitch_contour(notes, [60.0, 67.0], 601, singer, np.random.default_rng(0))
    assert contour[170] == pytest.approx(60, abs=0.3)
    assert contour.max() > 67.3
    assert contour[-1] == pytest.approx(67, abs=0.01)


def test_smooth_noise_has_its_deviation() -> None:
    values = smooth_noise(200_000, 0.05, np.random.default_rng(0))
    assert np.std(values) == pytest.approx(1.0, abs=0.05)


def test_a_silent_take_is_silent() -> None:
    samples, sung, _ = sing([], 1.0, STEADY, np.random.default_rng(0))
    assert sung == []
    assert np.abs(samples).max() < 1e-6
