"""The linear layer against PyTorch's own and against double precision."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from seqmelody.linear import Linear, linear

ON_X86 = torch.backends.mkldnn.is_available() and (  # type: ignore[no-untyped-call]
    torch.backends.cpu.get_cpu_capability().startswith("AVX")
)


def operands(*sizes: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    x = torch.randn(*sizes, 96, generator=random)
    return x, torch.randn(24, 96, generator=random), torch.randn(24, generator=random)


@pytest.mark.parametrize("sizes", [(), (7,), (2, 300), (1, 12, 81), (0, 5)])
@pytest.mark.parametrize("biased", [True, False])
def test_it_is_a_product_of_matrices(sizes: tuple[int, ...], biased: bool) -> None:
    x, weight, bias = operands(*sizes)
    with torch.inference_mode():
        found = linear(x, weight, bias if biased else None)
    wanted = x.double() @ weight.double().T + (bias.double() if biased else 0)
    assert found.shape == wanted.shape
    # bfloat16 would be off by 0.1.
    torch.testing.assert_close(found.double(), wanted, rtol=0, atol=1e-4)


def test_operands_that_lie_across_memory() -> None:
    x, weight, bias = operands(96)
    with torch.inference_mode():
        across = linear(x.T, weight.T.contiguous().T, bias)
    torch.testing.assert_close(across, F.linear(x.T, weight, bias), rtol=0, atol=1e-4)


def test_gradients_flow_as_through_pytorchs_own() -> None:
    x, weight, bias = operands(5)
    layer, own = Linear(96, 24), nn.Linear(96, 24)
    for each in (layer, own):
        each.load_state_dict({"weight": weight, "bias": bias})
        each(x).square().sum().backward()
    assert layer.weight.grad is not None
    torch.testing.assert_close(layer.weight.grad, own.weight.grad)


def test_autocast_and_other_types_are_left_to_pytorch() -> None:
    x, weight, bias = operands(5)
    with torch.no_grad():
        assert linear(x.double(), weight.double(), bias.double()).dtype == torch.float64
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert linear(x, weight, bias).dtype == torch.bfloat16


@pytest.mark.skipif(not ON_X86, reason="not an x86 processor: PyTorch's own product is used")
def test_without_gradients_onednn_computes_it() -> None:
    """A cast of the operator that would leave all to MKL again would otherwise pass unseen."""
    x, weight, bias = operands(5)
    assert "mkldnn::_linear_pointwise" in called(x, weight, bias)
    with torch.backends.mkldnn.flags(enabled=False, allow_tf32=None):
        assert "aten::addmm" in called(x, weight, bias)


def called(*operands: torch.Tensor) -> set[str]:
    with torch.profiler.profile(acc_events=True) as seen, torch.inference_mode():
        linear(*operands)
    return {event.key for event in seen.key_averages()}
