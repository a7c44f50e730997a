"""``ctcdecode`` (Parlance) as the search, where it is installed.

What its settings are called here: ``beam_width`` is ``width``; ``cutoff_top_n`` is all classes and
``cutoff_prob`` 1, since it counts classes by their joint probability and ours by each one's own;
``alpha`` and ``beta`` belong to language models over words and are not used. So it knows neither
the melody model nor insertion bonuses nor a shortest note, ``threshold`` and ``min_prob`` do not
act, and asking for what it cannot do is an error.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqmelody.decoding.beam import BeamConfig
from seqmelody.decoding.hypothesis import Hypothesis, spikes_from
from seqmelody.decoding.language_model import IntervalModel
from seqmelody.errors import InputError
from seqmelody.notes import NO_NOTE

FIRST_LABEL = 0x4E00  # a letter for each class, none of them a space, which it treats as one


def ctcdecode_search(
    log_probs: NDArray[np.floating],
    config: BeamConfig,
    model: IntervalModel | None = None,
    *,
    min_gap: int = 0,
) -> list[Hypothesis]:
    """Like :func:`~seqmelody.decoding.beam.beam_search`, with ctcdecode's CTCBeamDecoder.

    Raises:
        InputError: ctcdecode is not installed, or cannot do what is asked.
    """
    if (model is not None and config.lm_weight) or config.insertion_bonus or min_gap:
        raise InputError(
            "ctcdecode knows no melody model, insertion bonus or shortest note; "
            "leave them out or use the search 'beam'"
        )
    decoder = _ctcdecode().CTCBeamDecoder(
        [chr(FIRST_LABEL + c) for c in range(log_probs.shape[1])],
        model_path=None,
        alpha=0.0,
        beta=0.0,
        cutoff_top_n=log_probs.shape[1],
        cutoff_prob=1.0,
        beam_width=config.width,
        num_processes=1,
        blank_id=NO_NOTE,
        log_probs_input=True,
    )
    return [
        Hypothesis(spikes_from(log_probs, labels, frames), -cost, -cost)
        for labels, frames, cost in _decode(decoder, log_probs)[: config.n_best]
    ]


def _decode(
    decoder: Any, log_probs: NDArray[np.floating]
) -> list[tuple[list[int], list[int], float]]:
    """Classes, frames and negative log-probability of each sequence found."""
    import torch  # only ctcdecode asks for tensors

    batch = torch.from_numpy(np.asarray(log_probs, dtype=np.float32))[None]  # (1, T, n + 1)
    labels, scores, frames, lengths = decoder.decode(batch)  # (1, beams, T), (1, beams), ...
    return [
        (labels[0, k, :length].tolist(), frames[0, k, :length].tolist(), float(scores[0, k]))
        for k, length in enumerate(lengths[0].tolist())
    ]


def _ctcdecode() -> Any:
    try:
        return importlib.import_module("ctcdecode")
    except ImportError:
        raise InputError(
            "ctcdecode is not installed: it has had no release since 2020 and what PyPI has does "
            "not build; build it from its repository, or use the search 'beam', which is exact"
        ) from None
