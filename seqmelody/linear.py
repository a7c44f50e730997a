"""Linear layers that are quick on any processor of the x86 family.

PyTorch gives products of matrices to MKL, which on processors of other makers than its own leaves
half of their vector units idle; oneDNN, which is in every build of PyTorch and does its
convolutions, does not. So without gradients oneDNN computes linear layers here, in single precision
as ever. (``torch.set_float32_matmul_precision("medium")`` would bring the same on some processors,
and bfloat16 on others.)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ROWS = 16  # oneDNN compiles code for every size that it meets; of such multiples there are few


class Linear(nn.Linear):
    """``torch.nn.Linear``, computed by :func:`linear`."""

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) to (..., out)."""
        return linear(x, self.weight, self.bias)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """``x @ weight.T + bias``, as ``torch.nn.functional.linear``: (..., in) to (..., out)."""
    if not _suits_onednn(x, weight):
        return F.linear(x, weight, bias)
    rows = x.reshape(-1, x.shape[-1])
    missing = -len(rows) % ROWS
    if missing:
        rows = F.pad(rows, (0, 0, 0, missing))
    product: Tensor = torch.ops.mkldnn._linear_pointwise(
        rows.contiguous(), weight.contiguous(), bias, "none", [], ""
    )
    return product[: len(rows) - missing].reshape(*x.shape[:-1], len(weight))


def _suits_onednn(x: Tensor, weight: Tensor) -> bool:
    """Whether it is an x86 processor's turn, in single precision and without gradients."""
    return (
        x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and x.numel() > 0
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and bool(torch.backends.mkldnn.enabled)
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and torch.backends.cpu.get_cpu_capability().startswith("AVX")
    )
