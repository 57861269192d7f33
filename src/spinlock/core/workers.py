"""Where tasks are done: here, or in processes of one thread each, which survive interrupts and do not outlive their parent.

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
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from threadpoolctl import threadpool_limits

from spinlock.core.errors import ResourceError
from spinlock.core.threads import one_thread

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


@runtime_checkable
class Executor(Protocol):
    """Where tasks are done: in this process, in several on this machine, or on other machines."""

    def map_unordered(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[T, R]]:
        """Each task with its result, as they complete.

        When the caller stops early because of an error, tasks in flight are finished, the others are never started; an
        interrupt ends those in flight too.

        Args:
            function: what is shared by all tasks is bound to it: it is sent to a worker once.
            tasks: small; taken one by one.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class InThisProcess:
    """One task after the other, on one thread: the bits of any other executor."""

    def map_unordered(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[T, R]]:
        """Each task with its result, in order."""
        with one_thread():
            for task in tasks:
                yield task, function(task)


@dataclass(frozen=True, kw_only=True, slots=True)
class InProcesses:
    """Worker processes on this machine; at most two tasks a worker are in flight.

    Attributes:
        num_workers: processes.
    """

    num_workers: int

    def map_unordered(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[T, R]]:
        """Each task with its result, as they complete.

        Args:
            function: importable by name, not from the script that is run, or made of what is; so are its argument and result.
            tasks: taken one by one.

        Raises:
            ResourceError: if a worker was ended from outside, most often for lack of memory.
        """
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        told = (os.getpid(), function)
        pool = ProcessPoolExecutor(self.num_workers, mp_context=context, initializer=_start, initargs=told)
        waiting: dict[Future[R], T] = {}
        others = set(multiprocessing.active_children())
        try:
            for task in tasks:
                with _without_main():
                    started = pool.submit(_apply, task)
                waiting[started] = task
                if len(waiting) >= 2 * self.num_workers:
                    yield from _completed(waiting)
            while waiting:
                yield from _completed(waiting)
        except BrokenProcessPool as error:
            raise ResourceError(
                "a worker process was ended from outside, most often for lack of memory; "
                "run again with fewer workers: what is complete is kept."
            ) from error
        except KeyboardInterrupt:
            for worker in set(multiprocessing.active_children()) - others:
                worker.kill()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _without_main() -> Iterator[None]:
    """Workers that start meanwhile do not run the caller's script again, as they otherwise would to know its `__main__`.

    So nobody needs an `if __name__ == "__main__"`; in exchange nothing that is sent may be defined in that script.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _completed(waiting: dict[Future[R], T]) -> Iterator[tuple[T, R]]:
    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        yield waiting.pop(future), future.result()


_function: Callable[[Any], Any]
"""The function that this process applies to every task, where it is a worker."""


def _apply(task: Any) -> Any:
    return _function(task)


def _start(parent: int, function: Callable[[Any], Any]) -> None:
    """Prepare a worker: one thread, deaf to Ctrl-C (the parent decides), ended when the parent is gone."""
    global _function  # noqa: PLW0603  a worker serves one function for as long as it lives
    _function = function
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    threadpool_limits(1)
    suit_memory()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while True:
        time.sleep(1.0)
        try:
            os.kill(parent, 0)
        except ProcessLookupError:
            os._exit(1)


def suit_memory() -> None:
    """Let this process keep the memory that a worker uses again and again, and not what piles up."""
    keep_freed_memory()
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(KEPT_KERNELS))  # read when the first kernel is made


def keep_freed_memory() -> None:
    """Ask glibc to keep freed memory: big temporaries at every operation else cost a third of the time at 128 x 128."""
    if sys.platform != "linux":
        return
    trim_threshold, mmap_max = -1, -4  # M_TRIM_THRESHOLD, M_MMAP_MAX of malloc.h
    with suppress(OSError, AttributeError):  # another C library: nothing is lost but time
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(trim_threshold, KEPT_BYTES)
        libc.mallopt(mmap_max, 0)
