"""The same work on many things, in several processes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

from seqmelody.errors import SeqMelodyError

Task = TypeVar("Task")
Result = TypeVar("Result")


def map_in_processes(
    work: Callable[[Task], Result], tasks: Sequence[Task], processes: int
) -> Iterator[Result]:
    """``work`` of every task, in the order of the tasks; a single process is this one.

    On Ctrl-C what has begun is finished and the rest is dropped.

    Raises:
        SeqMelodyError: a process died.
    """
    if processes == 1:
        yield from map(work, tasks)
        return
    # Started afresh: a fork would copy the locks of PyTorch's threads in whatever state they are.
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _leave_interrupts_to_the_parent)
    try:
        yield from pool.map(work, tasks)
    except BrokenProcessPool:
        raise SeqMelodyError(
            "a process died, most likely for want of memory; use fewer --processes"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
