"""``seqmelody evaluate``: the table against hand-made notes, noise, and where decoders disagree."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from seqmelody import InputError, Note
from seqmelody.audio import SAMPLE_RATE
from seqmelody.commands.evaluate import choose_noise, evaluate, run
from seqmelody.evaluation import NoiseMaker, add_noise, cut_noise, summarise
from seqmelody.evaluation import score as score_of
from seqmelody.manifests import read_manifest
from seqmelody.noise import FloatArray, melody_mask, mix_at_snr

NOTES = [Note(0.0, 0.4, 60), Note(0.5, 0.9, 60), Note(1.0, 1.4, 64)]


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """An aligned and a weak entry of the same three notes."""
    time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    soundfile.write(tmp_path / "a.wav", 0.1 * np.sin(2 * np.pi * 262 * time), SAMPLE_RATE)
    entries = [
        {"audio": "a.wav", "notes": [[n.onset, n.offset, n.pitch] for n in NOTES]},
        {"audio": "a.wav", "pitches": [n.pitch for n in NOTES]},
    ]
    path = tmp_path / "manifest.jsonl"
    path.write_text("\n".join(map(json.dumps, entries)))
    return path


def decode(samples: FloatArray, mode: str) -> list[Note]:
    """All right by one mode; the other merges the repeat in noise."""
    is_noisy = float(np.abs(samples).max()) > 0.11
    return NOTES if mode == "ctc" or not is_noisy else [Note(0.0, 0.9, 60), NOTES[2]]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_table_has_a_line_for_each_condition(manifest: Path) -> None:
    noise = choose_noise("white", "10,-5")
    text = evaluate(read_manifest(manifest), decode, ["window"], noise)
    lines = [cells(line) for line in text.splitlines()]
    assert [line[0] for line in lines[2:]] == ["clean", "white 10 dB", "white -5 dB"]
    clean, noisy = (dict(zip(lines[0], line, strict=True)) for line in (lines[2], lines[4]))
    assert (clean["NER %"], clean["COnP F1 %"], clean["exact %"]) == ("0.0", "100.0", "100.0")
    assert (noisy["recordings"], noisy["notes"], noisy["del"]) == ("2", "6", "2")
    assert (noisy["NER %"], noisy["COn F1 %"]) == ("33.3", "80.0")  # F1: of the aligned one alone
    assert noisy["repeats found %"] == "0.0"


def test_comparing_marks_where_the_decoders_disagree(manifest: Path) -> None:
    text = evaluate(
        read_manifest(manifest),
        decode,
        ["ctc", "window"],
        choose_noise("white", "0"),
        compare=True,
    )
    assert "Places where ctc and window disagree: 2" in text
    assert cells(text.splitlines()[-1])[1:] == ["white 0 dB", "0.50", "0.90", "C4", "–"]


def test_a_note_after_the_end_is_told(manifest: Path) -> None:
    line = json.dumps({"audio": "a.wav", "notes": [[2.1, 2.4, 60]]})
    manifest.write_text(line)
    with pytest.raises(
        InputError, match=r"a\.wav: lasts 2\.00 s, but its label has a note from 2\.10"
    ):
        run(manifest, "ctc", None, None)


def test_missing_recordings_are_told_before_the_work(
    manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [json.dumps({"audio": f"{name}.wav", "pitches": [60]}) for name in ("b", "c")]
    manifest.write_text("\n".join([*manifest.read_text().splitlines(), *lines]))
    monkeypatch.setattr("seqmelody.model.load_model", None)  # calling it would be a TypeError
    with pytest.raises(InputError, match=r"b\.wav and 1 more: no such file, but .*manifest\.jsonl"):
        run(manifest, "ctc", None, None)


def test_wrong_options_are_told_in_one_line(tmp_path: Path) -> None:
    assert choose_noise(None, None) is None
    with pytest.raises(InputError, match="belong together"):
        choose_noise("white", None)
    with pytest.raises(InputError, match="neither a folder"):
        choose_noise("wihte", "0")
    for snr in ("loud", "nan", ","):
        with pytest.raises(InputError, match="no list of decibels"):
            choose_noise("white", snr)


def test_recorded_noise_is_cut_or_looped_and_the_same_every_time(tmp_path: Path) -> None:
    ramp = np.arange(1000, dtype=np.float32) / 1000
    soundfile.write(tmp_path / "a.wav", ramp, SAMPLE_RATE, subtype="FLOAT")
    first, again = (NoiseMaker(1, tmp_path).make("x", 300, "rec", 5) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert np.allclose(np.diff(first), 0.001, atol=1e-6)
    looped = cut_noise(ramp, 2500, np.random.default_rng(0))
    np.testing.assert_array_equal(looped[:1000], looped[1000:2000])


def test_noise_counts_where_the_melody_sounds() -> None:
    clean = np.zeros(SAMPLE_RATE, np.float32)
    notes = [Note(0.25, 0.5, 60)]
    active = melody_mask(notes, len(clean))
    clean[active] = 0.01
    noise = np.where(active, 1.0, 9.0).astype(np.float32)
    noisy = add_noise(clean, noise, 20.0, notes)
    assert np.allclose(noisy[active], 0.011)


def test_a_mixture_beyond_full_scale_is_turned_down_as_a_whole() -> None:
    rng = np.random.default_rng(0)
    clean = 0.9 * np.sin(np.arange(SAMPLE_RATE) / 10).astype(np.float32)
    noise = rng.standard_normal(SAMPLE_RATE).astype(np.float32)
    noisy, whole = add_noise(clean, noise, -10.0, None), mix_at_snr(clean, noise, -10.0)
    assert np.abs(whole).max() > 2
    assert np.abs(noisy).max() == pytest.approx(1.0)
    np.testing.assert_allclose(noisy * np.abs(whole).max(), whole, rtol=1e-5)
    soft = np.float32(0.01) * clean
    np.testing.assert_array_equal(add_noise(soft, noise, 20.0, None), mix_at_snr(soft, noise, 20.0))


def test_nothing_to_sum_up_is_an_error() -> None:
    with pytest.raises(InputError, match="no scores"):
        summarise([])
    assert np.isnan(summarise([score_of([60], NOTES, None)]).conp_f1)


def test_recorded_noise_does_not_depend_on_how_its_folder_is_written(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "street").mkdir()
    soundfile.write(tmp_path / "street" / "a.wav", 0.1 * rng.standard_normal(200_000), SAMPLE_RATE)
    monkeypatch.chdir(tmp_path)
    heard: dict[str, list[FloatArray]] = {}
    for written in ("street", "./street/", str(tmp_path / "street")):

        def listen(samples: FloatArray, mode: str, key: str = written) -> list[Note]:
            heard.setdefault(key, []).append(samples)
            return []

        evaluate(read_manifest(manifest), listen, ("ctc",), choose_noise(written, "0"))
    first, *others = heard.values()
    for other in others:
        for a, b in zip(first, other, strict=True):
            np.testing.assert_array_equal(a, b)
