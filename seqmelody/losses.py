"""What training minimises: cross-entropy where times are known, sequence losses always."""

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
    sequence: Tensor

    def total(
        self, *, onset_weight: float, ctc_weight: float, sequence_weight: float = 0.0
    ) -> Tensor:
        """The weighted sum that is minimised."""
        total = self.window + onset_weight * self.onset + ctc_weight * self.ctc
        return total + sequence_weight * self.sequence if sequence_weight else total


def joint_losses(
    logits: Logits, batch: Batch, label_prior: float = 0.0, *, with_sequence: bool = False
) -> Losses:
    """Cross-entropy of windows and of onsets, and how well either head reads the lists: CTC (Graves
    et al., 2006) and, if asked for, :func:`sequence_loss`; else that is 0."""
    known = batch.classes != UNKNOWN
    classes = batch.classes.flatten()
    window = F.cross_entropy(logits.window.flatten(0, 1), classes, ignore_index=UNKNOWN)
    onset = F.binary_cross_entropy_with_logits(logits.onset[known], batch.onsets[known])
    if not known.any():  # all weak: the mean of nothing is NaN; 0, but still a function of all
        window, onset = 0.0 * logits.window.sum(), 0.0 * logits.onset.sum()
    sequence = torch.zeros((), device=window.device)
    if with_sequence:
        sequence = sequence_loss(logits.window, logits.onset, batch)
    return Losses(window, onset, ctc_loss(logits.ctc, batch, label_prior), sequence)


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


def sequence_loss(window: Tensor, onset: Tensor, batch: Batch) -> Tensor:
    """How badly the windows read the lists as a whole, per window, mean over clips.

    The windows' decoder knows notes that begin, notes that go on, and "no note". The probability of
    a list, summed over all times, is nearly that of CTC where every note is two labels, begun and
    held, and "no note" is the blank, with p(begun) = p(pitch) p(onset) and p(held) = p(pitch)
    (1 - p(onset)). So the same pitch again asks for an onset, not for a blank. Nearly: CTC also
    lets silence part a beginning from its note, and a beginning last. (Sequence training of frame
    classifiers as in speech recognition: Povey et al., "Purely sequence-trained neural networks for
    ASR based on lattice-free MMI", Interspeech 2016, but with a criterion normalised by frame.)

    Args:
        window: logits of the window head, (B, T', n + 1).
        onset: logits of its onset cue, (B, T').
        batch: the lists.
    """
    log_probs = F.log_softmax(window, dim=2)
    notes, cue = log_probs[..., 1:], onset[..., None]
    begun, held = notes + F.logsigmoid(cue), notes + F.logsigmoid(-cue)
    losses = F.ctc_loss(
        torch.cat([log_probs[..., :1], begun, held], dim=2).transpose(0, 1),
        torch.stack([batch.labels, batch.labels + notes.shape[2]], dim=1).flatten(),
        batch.windows,
        2 * batch.label_lengths,
        blank=NO_NOTE,
        reduction="none",
        zero_infinity=True,
    )
    return (losses / batch.windows).mean()


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
