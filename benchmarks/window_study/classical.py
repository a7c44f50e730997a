"""Recognisers that are no networks of ours: scikit-learn on a window's spectra, and rules."""

from __future__ import annotations

import importlib
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.clips import Condition
from benchmarks.peers.rules import Rules
from benchmarks.rows import write_whole
from benchmarks.window_study.confusion import draw_confusion
from benchmarks.window_study.data import VOCABULARY, TrainClips
from benchmarks.window_study.networks import SpectralWindows
from benchmarks.window_study.results import Heard, Measures, Row, judge, judge_notes, rows_of
from seqmelody import InputError
from seqmelody.notes import NO_NOTE

SECONDS = 0.2  # of a window: as long as the plain network's
WINDOWS_A_CLIP = 12  # to learn from, at random
LEAST = 1e-4  # probability that a class has at least: a tree may say 0
BATCH = 50  # clips
TREES = 200
FloatArray = NDArray[np.float32]


def _logistic_regression(seed: int) -> Any:
    linear = _sklearn("linear_model")
    return _scaled(linear.LogisticRegression(C=0.01, max_iter=200, random_state=seed))


def _random_forest(seed: int) -> Any:
    ensemble = _sklearn("ensemble")
    return ensemble.RandomForestClassifier(
        TREES, min_samples_leaf=3, n_jobs=torch.get_num_threads(), random_state=seed
    )


def _perceptron(seed: int) -> Any:
    neural = _sklearn("neural_network")
    return _scaled(
        neural.MLPClassifier((256,), max_iter=30, early_stopping=True, random_state=seed)
    )


def _scaled(classifier: Any) -> Any:
    scaler = _sklearn("preprocessing").StandardScaler()
    return _sklearn("pipeline").make_pipeline(scaler, classifier)


def _sklearn(part: str) -> Any:
    try:
        return importlib.import_module(f"sklearn.{part}")
    except ImportError:
        raise InputError(
            "classical learners need scikit-learn; install it with: pip install scikit-learn"
        ) from None


# One row a learner of window spectra; settings are scikit-learn's but for those above.
LEARNERS: dict[str, Callable[[int], Any]] = {
    "logistic regression": _logistic_regression,
    "random forest": _random_forest,
    "scikit-learn's MLP": _perceptron,
}
RULES = "rules"


def study_learner(
    system: str, seed: int, clips: TrainClips, test: list[Heard], output: Path
) -> list[Row]:
    """Fit a learner, measure it; write its report and confusion figure for the first seed only."""
    features, labels = training_windows(clips, seed)
    begin = time.monotonic()
    learner = LEARNERS[system](seed)
    with warnings.catch_warnings():  # a learner that uses up its iterations has had its budget
        warnings.simplefilter("ignore", _sklearn("exceptions").ConvergenceWarning)
        learner.fit(features, labels)
    seconds = time.monotonic() - begin
    said: list[tuple[Heard, FloatArray]] = [(h, _log_probs(learner, h.waveforms)) for h in test]
    if seed == 1:
        pictured = [(h.condition, h.classes, probs.argmax(axis=2)) for h, probs in said]
        stem = system.replace(" ", "_").replace("'", "")
        write_whole(output / f"report_{stem}.txt", _reports(pictured))
        draw_confusion(output / f"confusion_{stem}.png", system, pictured)
    return rows_of(system, seed, (("", h.condition, judge(p, h)) for h, p in said), 0, seconds)


def training_windows(clips: TrainClips, seed: int) -> tuple[FloatArray, NDArray[np.int64]]:
    """Spectra (windows, values) and classes (windows,) of some windows of every clip."""
    rng = np.random.default_rng([seed, 2])
    n_clips, n_windows = clips.classes.shape
    chosen = rng.random((n_clips, n_windows)).argsort(axis=1)[:, :WINDOWS_A_CLIP]
    rows = np.arange(n_clips)[:, None]
    parts = [
        _spectra(clips.waveforms(batch))[np.arange(len(batch))[:, None], chosen[batch]]
        for batch in np.array_split(np.arange(n_clips), -(-n_clips // BATCH))
    ]
    features = np.concatenate(parts)
    return features.reshape(-1, features.shape[2]), clips.classes[rows, chosen].ravel()


def _spectra(waveforms: FloatArray) -> FloatArray:
    """(N, samples) to (N, T, values)."""
    with torch.inference_mode():
        spectra: FloatArray = SpectralWindows(SECONDS)(torch.from_numpy(waveforms)).numpy()
    return spectra


def _log_probs(learner: Any, waveforms: FloatArray) -> FloatArray:
    """(N, samples) to log-probabilities (N, T, n + 1); classes never learned have next to none."""
    parts = []
    for batch in np.array_split(waveforms, -(-len(waveforms) // BATCH)):
        spectra = _spectra(batch)
        probs = np.full((*spectra.shape[:2], VOCABULARY.n_classes), LEAST, np.float32)
        found = learner.predict_proba(spectra.reshape(-1, spectra.shape[2]))
        probs[..., learner.classes_] = found.reshape(*spectra.shape[:2], -1)
        parts.append(np.log(np.maximum(probs, LEAST)))
    return np.concatenate(parts)


def _reports(
    pictured: list[tuple[Condition, NDArray[np.int64], NDArray[np.int64]]],
) -> str:
    """scikit-learn's classification report of every condition."""
    metrics = _sklearn("metrics")
    names = ["no note", *(str(VOCABULARY.to_pitch(c)) for c in range(1, VOCABULARY.n_classes))]
    parts = []
    for condition, truth, said in pictured:
        snr = "" if condition.snr_db is None else f" {condition.snr_db:g} dB"
        text = metrics.classification_report(
            truth.ravel(),
            said.ravel(),
            labels=list(range(NO_NOTE, VOCABULARY.n_classes)),
            target_names=names,
            zero_division=0,
        )
        parts.append(f"{condition.noise}{snr}\n\n{text}")
    return "\n".join(parts)


def study_rules(seed: int, test: list[Heard]) -> list[Row]:
    """The recogniser of rules, which knows no vocabulary and learns nothing."""
    rules = Rules()

    def measured() -> Iterator[tuple[str, Condition, Measures]]:
        for heard in test:
            found = [rules.transcribe(waveform) for waveform in heard.waveforms]
            yield "", heard.condition, judge_notes(found, heard)

    return rows_of(RULES, seed, measured())
