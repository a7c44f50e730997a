"""Modules whose weights are about to be replaced, made without drawing any.

PyTorch's layers draw their first weights from the random numbers of the whole process. Setting
those back afterwards would not do: other threads may draw, or load, at the same time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.overrides import TorchFunctionMode


class Unfilled(TorchFunctionMode):
    """A context, of its thread alone, in which modules leave their weights as memory has them."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Every call of PyTorch's: what fills weights returns the tensor as it is."""
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)
