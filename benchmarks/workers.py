"""Sharing out the tasks of a sweep: by this process, by several, or by the nodes of a Ray cluster.

All ways give the same rows for the same tasks, times apart.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import socket
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from benchmarks.measurement import Settings, Task, measure, process_died
from benchmarks.peers import NotInstalledError
from benchmarks.rows import Row
from seqmelody import InputError

# Rows of each task as they get done, in any order.
Share = Callable[[Iterable[Task], Settings], Iterator[list[Row]]]
REACH_SECONDS = 5.0
LOCAL = "local"  # in place of a cluster's address: one on this machine, for this run


def by_processes(tasks: Iterable[Task], settings: Settings, *, jobs: int) -> Iterator[list[Row]]:
    """By this process (``jobs`` 1) or by several."""
    if jobs == 1:
        yield from (measure(task, settings) for task in tasks)
        return
    waiting = deque(tasks)
    while waiting:
        running: dict[Future[list[Row]], Task] = {}
        try:
            with _pool(jobs) as pool:
                while waiting or running:
                    while waiting and len(running) < 2 * jobs:
                        task = waiting.popleft()
                        running[pool.submit(measure, task, settings)] = task
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        rows = future.result()
                        del running[future]
                        yield rows
        except BrokenProcessPool:
            # One of these killed its process, and the pool does not tell which.
            for task in running.values():
                yield _measure_alone(task, settings)


def _measure_alone(task: Task, settings: Settings) -> list[Row]:
    try:
        with _pool(1) as pool:
            return pool.submit(measure, task, settings).result()
    except BrokenProcessPool:
        return process_died(task, settings)


def _pool(jobs: int) -> ProcessPoolExecutor:
    # Fresh processes: threads of torch and of ONNX Runtime do not survive a fork.
    return ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"))


def by_ray(
    tasks: Iterable[Task], settings: Settings, *, address: str, jobs: int | None = None
) -> Iterator[list[Row]]:
    """By the nodes of a Ray cluster, a processor a task.

    Every node needs this repository and the clips at the same paths, and the systems installed.

    Args:
        tasks: of the sweep.
        settings: of the sweep.
        address: ``host:port`` of a cluster that runs, or LOCAL.
        jobs: processors of a LOCAL cluster; all of this machine by default.

    Raises:
        NotInstalledError: Ray is missing.
        InputError: no cluster answers at the address.
    """
    ray = _connected(address, jobs)
    try:
        yield from _remote(ray, tasks, settings)
    finally:
        ray.shutdown()


def _remote(ray: Any, tasks: Iterable[Task], settings: Settings) -> Iterator[list[Row]]:
    # A system that kills its process would do so again.
    do = ray.remote(num_cpus=1, max_retries=0)(measure)
    waiting = deque(tasks)
    at_once = 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))
    running: dict[Any, Task] = {}
    while waiting or running:
        while waiting and len(running) < at_once:
            task = waiting.popleft()
            running[do.remote(task, settings)] = task
        for done in ray.wait(list(running), num_returns=1)[0]:
            task = running.pop(done)
            try:
                yield ray.get(done)
            except ray.exceptions.WorkerCrashedError:
                yield process_died(task, settings)


def _connected(address: str, jobs: int | None) -> Any:
    """Ray, connected; workers find this repository and the libraries' number of threads."""
    # Names no user: Ray would otherwise tell its makers that it is used.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise NotInstalledError("Ray is missing; pip install 'seqmelody[ray]'") from None
    _check_reachable(address)
    root = str(Path(__file__).parents[1])
    variables = {"PYTHONPATH": os.pathsep.join([root, *sys.path])}
    if "OMP_NUM_THREADS" in os.environ:
        variables["OMP_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"]
    try:
        ray.init(
            address=address,
            num_cpus=jobs if address == LOCAL else None,
            runtime_env={"env_vars": variables},
            include_dashboard=False if address == LOCAL else None,
            logging_level=logging.WARNING,
            log_to_driver=False,
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise _no_cluster(address, str(error).splitlines()[0]) from None
    return ray


def _check_reachable(address: str) -> None:
    """Raise InputError at once where nothing listens; Ray itself tries for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():  # LOCAL, "auto"
        return
    try:
        socket.create_connection((host, int(port)), timeout=REACH_SECONDS).close()
    except OSError as error:
        raise _no_cluster(address, error.strerror or str(error)) from None


def _no_cluster(address: str, reason: str) -> InputError:
    return InputError(
        f"--ray {address}: no Ray cluster answers there ({reason}); "
        f"start one with 'ray start --head', or use --ray {LOCAL}"
    )
