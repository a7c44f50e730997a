"""How probable is a whole note list? CTC's sum over all paths, for many lists at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqmelody.notes import NO_NOTE


def ctc_log_likelihoods(
    log_probs: NDArray[np.floating],
    labels: NDArray[np.int64],
    *,
    begins: bool = False,
    ends: bool = False,
) -> NDArray[np.float64]:
    """Log-probability of label sequences, summed over all paths: the forward pass of Graves et al.
    (2006, section 4.1). Memory does not grow with T, as it does in a loss that can be
    differentiated.

    Args:
        log_probs: shape (T, n + 1).
        labels: classes 1..n, shape (sequences, L); L may be 0, but not with ``begins`` or ``ends``.
        begins: the first frame is in the first label, with no blank before it.
        ends: the last frame is in the last label.

    Returns:
        Shape (sequences,); minus infinity where the frames cannot hold the sequence.
    """
    n_rows, n_labels = labels.shape
    states = np.full((n_rows, 2 * n_labels + 1), NO_NOTE)  # a blank before, between and after
    states[:, 1::2] = labels
    may_skip = np.zeros(states.shape, dtype=bool)  # the blank between two different notes
    may_skip[:, 3::2] = labels[:, 1:] != labels[:, :-1]
    total = np.full(states.shape, -np.inf)
    total[:, 0] = 0.0  # as after a blank before the first frame
    for t, frame in enumerate(log_probs.astype(np.float64)):
        fresh = total.copy()
        fresh[:, 1:] = np.logaddexp(fresh[:, 1:], total[:, :-1])
        fresh[:, 2:] = np.where(
            may_skip[:, 2:], np.logaddexp(fresh[:, 2:], total[:, :-2]), fresh[:, 2:]
        )
        total = fresh + frame[states]
        if t == 0 and begins:
            total[:, 0] = -np.inf
    last = total[:, -2] if ends else np.logaddexp.reduce(total[:, -2:], axis=1)
    return np.asarray(last)
