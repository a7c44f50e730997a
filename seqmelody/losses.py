"""What training minimises: cross-entropy where times are known, CTC always."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from seqmelody.datasets import UNKNOWN, Batch
from seqmelody.model import Logits
from seqmelody.notes import NO_NOTE


class Losses(NamedTuple):
    """Parts of the joint loss; each is a mean, of frames or of clips."""

    window: Tensor
    onset: Tensor
    ctc: Tensor

    def total(self, *, onset_weight: float, ctc_weight: float) -> Tensor:
        """The weighted sum that is minimised."""
        return self.window + onset_weight * self.onset + ctc_weight * self.ctc


def joint_losses(logits: Logits, batch: Batch, label_prior: float = 0.0) -> Losses:
    """Window cross-entropy, onset cross-entropy and CTC (Graves et al., 2006) of a batch."""
    known = batch.classes != UNKNOWN
    classes = batch.classes.flatten()
    window = F.cross_entropy(logits.window.flatten(0, 1), classes, ignore_index=UNKNOWN)
    onset = F.binary_cross_entropy_with_logits(logits.onset[known], batch.onsets[known])
    if not known.any():  # all weak: the mean of nothing is NaN; 0, but still a function of all
        window, onset = 0.0 * logits.window.sum(), 0.0 * logits.onset.sum()
    return Losses(window, onset, ctc_loss(logits.ctc, batch, label_prior))


def ctc_loss(logits: Tensor, batch: Batch, label_prior: float = 0.0) -> Tensor:
    """CTC loss per note, mean over clips.

    With a ``label_prior`` a, posteriors are divided by (prior)^a, as in Huang et al., "Less peaky
    and more accurate CTC forced alignment by label priors" (ICASSP 2024): a blank that is said too
    often costs more, so notes last longer and no run is caught in blanks alone. Their prior is of
    every label, over an epoch. Here it tells blank from note only, which a batch is enough for.

    Args:
        logits: of the CTC head, (B, T, n + 1).
        batch: the lists.
        label_prior: the exponent.
    """
    log_probs = F.log_softmax(logits, dim=2)
    if label_prior:
        return _ctc_with_prior(log_probs, batch, label_prior)
    return F.ctc_loss(
        log_probs.transpose(0, 1),  # (T, B, n + 1)
        batch.labels,
        batch.frames,
        batch.label_lengths,
        blank=NO_NOTE,
        zero_infinity=True,  # a list too long for its clip teaches nothing, and must not break all
    )


def _ctc_with_prior(log_probs: Tensor, batch: Batch, exponent: float) -> Tensor:
    filled = torch.arange(log_probs.shape[1], device=log_probs.device) < batch.frames[:, None]
    blank = log_probs.detach()[filled][:, NO_NOTE].exp().mean().clamp(1e-3, 1 - 1e-3)
    n_notes = log_probs.shape[2] - 1
    prior = ((1 - blank) / n_notes).repeat(n_notes + 1)
    prior[NO_NOTE] = blank
    scaled = log_probs - exponent * prior.log()
    losses = F.ctc_loss(
        scaled.transpose(0, 1),
        batch.labels,
        batch.frames,
        batch.label_lengths,
        blank=NO_NOTE,
        reduction="none",
        zero_infinity=True,
    )
    # torch takes its input for normalised: the gradient that it returns is too large by exp(input).
    # This takes that away and leaves the value as it is.
    excess = (scaled.exp().sum(dim=2) * filled).sum(dim=1) * (losses != 0)  # 0: did not fit
    losses = losses - (excess - excess.detach())
    return (losses / batch.label_lengths.clamp(min=1)).mean()
