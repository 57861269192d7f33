"""A pool of worker processes of one thread each, which survives interrupts and does not outlive its parent.

One thread a worker: two workers of one thread are 1.7 to 1.9 times as fast as one, one process of two threads hardly
faster, and float32 results change in their last bits with the number of threads. So the data do not depend on how
many workers there are.
"""

import ctypes
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import TypeVar

import torch
from threadpoolctl import threadpool_limits

from spinlock.core.errors import ResourceError

T = TypeVar("T")
R = TypeVar("R")
PRELOADED = ["torch", "spinlock.pipeline.sample_block"]
KEPT_BYTES = 256 * 2**20
"""Freed memory that a worker keeps for its next large temporary, instead of handing it back after every operation."""

KEPT_KERNELS = 40
"""Compiled kernels that oneDNN keeps in a worker; a step of a network takes up to 32. Of its own accord it keeps 1024,
those of every shape of a layer that it met, and the memory of a worker grows with the number of draws."""

log = logging.getLogger(__name__)


def num_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def map_in_workers(function: Callable[[T], R], tasks: Iterable[T], *, num_workers: int) -> Iterator[tuple[T, R]]:
    """Each task with its result, as they complete; at most two tasks a worker are in flight.

    When the caller stops early (an error, an interrupt) tasks in flight are finished, the others are never started.

    Args:
        function: importable by name; so are its argument and result.
        tasks: taken one by one.
        num_workers: processes.

    Raises:
        ResourceError: if a worker was ended from outside, most often for lack of memory.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    pool = ProcessPoolExecutor(num_workers, mp_context=context, initializer=_start, initargs=(os.getpid(),))
    waiting: dict[Future[R], T] = {}
    tasks = iter(tasks)
    try:
        for task in tasks:
            waiting[pool.submit(function, task)] = task
            if len(waiting) >= 2 * num_workers:
                yield from _completed(waiting)
        while waiting:
            yield from _completed(waiting)
    except BrokenProcessPool as error:
        raise ResourceError(
            "a worker process was ended from outside, most often for lack of memory; "
            "run again with fewer workers: what is complete is kept."
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _completed(waiting: dict[Future[R], T]) -> Iterator[tuple[T, R]]:
    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        yield waiting.pop(future), future.result()


def _start(parent: int) -> None:
    """Prepare a worker: one thread, deaf to Ctrl-C (the parent decides), ended when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    threadpool_limits(1)
    keep_freed_memory()
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(KEPT_KERNELS))  # read when the first kernel is made
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while True:
        time.sleep(1.0)
        try:
            os.kill(parent, 0)
        except ProcessLookupError:
            os._exit(1)


def keep_freed_memory() -> None:
    """Ask glibc to keep freed memory: big temporaries at every operation else cost a third of the time at 128 x 128."""
    if sys.platform != "linux":
        return
    trim_threshold, mmap_max = -1, -4  # M_TRIM_THRESHOLD, M_MMAP_MAX of malloc.h
    with suppress(OSError, AttributeError):  # another C library: nothing is lost but time
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(trim_threshold, KEPT_BYTES)
        libc.mallopt(mmap_max, 0)
