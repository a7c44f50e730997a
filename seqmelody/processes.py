"""The processes that train together: one, or as many as torchrun started."""

from __future__ import annotations

import importlib.util
import os
from datetime import timedelta
from typing import TYPE_CHECKING

import torch

from seqmelody.errors import InputError

if TYPE_CHECKING:
    from accelerate import PartialState

# One of them may align the lists of a whole corpus while the others wait.
LONGEST_WAIT = timedelta(days=2)


def need_accelerate() -> None:
    """Raise InputError if the library that training rests on is not installed."""
    if importlib.util.find_spec("accelerate") is None:
        raise InputError(
            "training needs accelerate; install it with: pip install 'seqmelody[train]'"
        )


def processes() -> PartialState:
    """This process among the others, the same at every call.

    Where there is no GPU, or ACCELERATE_USE_CPU is set, accelerate has to be told so at the first
    call: it would take several processes for one each, and every one would train alone.

    Raises:
        InputError: accelerate is missing, or sees another number of processes than torchrun says.
    """
    need_accelerate()
    from accelerate import PartialState
    from accelerate.utils import parse_flag_from_env

    on_cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available()
    wanted = int(os.environ.get("WORLD_SIZE", "1"))
    together = {"timeout": LONGEST_WAIT} if wanted > 1 else {}
    state = PartialState(cpu=on_cpu, **together)
    if state.num_processes != wanted:
        raise InputError(
            f"torchrun started {wanted} processes, but accelerate sees {state.num_processes}; "
            "start one process, or one for each GPU"
        )
    return state
