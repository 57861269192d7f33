"""Tasks on other machines: the workers of a Dask cluster, which share a folder with this process.

What is sent are the same small tasks that processes of this machine get, what comes back are their small results; data go
into the shared folder. The scheduler needs spinlock, yet loads neither torch nor what a task needs: it passes bytes on.
"""

import json
import logging
import secrets
import socket
import time
from asyncio import CancelledError
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from itertools import chain, islice
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from spinlock.core.cluster_jobs import ClusterJobs
from spinlock.core.errors import InputError, ResourceError, SpinlockError, UsageError

T = TypeVar("T")
R = TypeVar("R")

MOST_IN_FLIGHT = 2048
"""Tasks that the scheduler is given at a time; a large cluster has two for each of a thousand workers."""
SECONDS_TO_CONNECT = 10.0
SECONDS_BETWEEN_LOOKS = 1.0
"""How often it is looked whether the scheduler is still there while no task ends."""
SECONDS_BETWEEN_WARNINGS = 60.0

Scheduler = str | ClusterJobs
"""Where a Dask cluster is: the address of its scheduler, or the workers that are started for a run."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class OnCluster:
    """Workers of a Dask cluster; the tasks of one that is lost are done by others.

    Attributes:
        scheduler: its address, such as "tcp://10.0.0.1:8786", or its scheduler file, a path that ends in .json; or the workers that
            are started for the run.
        target: the file that the results become: every worker must see its folder at the same path. None where they come back.

    Raises:
        UsageError: if Dask is not installed, or workers cannot be started here.
    """

    scheduler: Scheduler
    target: Path | None

    def __post_init__(self) -> None:
        if isinstance(self.scheduler, str):
            _dask("distributed")
        else:
            self.scheduler.check_can_start()

    def map_unordered(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[T, R]]:
        """Each task with its result, as they complete, every one computed on one thread.

        When the caller stops early, tasks that no worker has begun are never started; the others end on their own and leave
        nothing in the folder (`core.wanted`).

        Args:
            function: importable by name where the workers are, or made of what is; so are its argument and result.
            tasks: taken one by one.

        Raises:
            UsageError: if the address is none.
            InputError: if a worker does not see the folder, or has other versions of what numbers come from.
            ResourceError: if the scheduler cannot be reached or goes away, a task ends every worker that it is given to, or no
                worker can be started.
        """
        tasks = iter(tasks)
        for first in tasks:  # without a task nobody needs a cluster
            with (
                _quiet(),
                _address(self.scheduler) as address,
                _connected(address) as client,
                _mark(self.target) as mark,
            ):
                yield from _Run(client=client, address=address, shared=_shared(function, mark)).results(
                    chain([first], tasks)
                )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Run:
    """Tasks of one function on a cluster.

    Attributes:
        client: of Dask.
        address: of the scheduler.
        shared: what is done with every task, as bytes.
    """

    client: Any
    address: str
    shared: bytes

    def results(self, tasks: Iterator[T]) -> Iterator[tuple[T, Any]]:
        """Each task with its result, as they complete."""
        ended: SimpleQueue[str] = SimpleQueue()
        waiting: dict[str, tuple[Any, T]] = {}
        again: list[T] = []
        self._look_at_workers()
        try:
            while True:
                for task in chain(again, islice(tasks, MOST_IN_FLIGHT - len(waiting))):
                    future = self._submitted(task)
                    waiting[future.key] = future, task
                    future.add_done_callback(lambda done: ended.put(done.key))
                again.clear()
                if not waiting:
                    return
                future, task = waiting.pop(self._next(ended))
                if future.status == "lost":  # the worker that had the result ended before it was fetched
                    again.append(task)
                else:
                    yield task, self._result(future)
        finally:
            if waiting and self.client.status == "running":
                with suppress(OSError, CancelledError):  # a scheduler that goes away now forgets them anyhow
                    self.client.cancel([future for future, _ in waiting.values()])

    def _submitted(self, task: Any) -> Any:
        if self.client.status != "running":
            raise self._gone()
        key = f"spinlock-{secrets.token_hex(8)}"
        return self.client.submit(_done, self.shared, _dask("distributed.protocol.pickle").dumps(task), key=key)

    def _next(self, ended: SimpleQueue[str]) -> str:
        """The task that ends next."""
        looked = time.monotonic()
        while True:
            with suppress(Empty):
                return ended.get(timeout=SECONDS_BETWEEN_LOOKS)  # in between, Ctrl-C is heard
            if self.client.status != "running":
                raise self._gone()
            if time.monotonic() - looked > SECONDS_BETWEEN_WARNINGS:
                looked = time.monotonic()
                self._look_at_workers()

    def _result(self, future: Any) -> Any:
        try:
            if future.status == "finished":
                return future.result()
            error = future.exception() if future.status == "error" else None
        except SpinlockError:
            raise
        except (OSError, CancelledError) as lost:
            raise self._gone() from lost
        if error is None:  # a client that lost its scheduler gives up all that it waits for
            raise self._gone()
        raise _told(error, address=self.address)

    def _look_at_workers(self) -> None:
        try:
            threads = self.client.nthreads()
        except (OSError, CancelledError) as error:
            raise self._gone() from error
        if not threads:
            log.warning("the cluster at %s has no worker; waiting for one.", self.address)
        elif max(threads.values()) > 1:
            log.warning(
                "the cluster at %s has workers of several threads, which do one task at a time all the same; "
                "start one worker a core with --nthreads 1.",
                self.address,
            )

    def _gone(self) -> ResourceError:
        return ResourceError(
            f"the scheduler at {self.address} went away or was restarted; start a cluster and run again: "
            "what is complete is kept."
        )


def _done(shared: bytes, task: bytes) -> Any:
    """What is done with a task, on the worker."""
    return _unpacked(shared)(_dask("distributed.protocol.pickle").loads(task))


@lru_cache(maxsize=4)
def _unpacked(shared: bytes) -> Any:
    return _dask("distributed.protocol.pickle").loads(shared)


def _shared(function: Callable[[Any], Any], mark: Path | None) -> bytes:
    worker = import_module("spinlock.core.cluster_worker")  # it loads torch, which a scheduler can do without
    return _dask("distributed.protocol.pickle").dumps(worker.Done.here(function, mark=mark))


@contextmanager
def _address(scheduler: Scheduler) -> Iterator[str]:
    """Where the scheduler is, with the workers that the run starts itself."""
    if isinstance(scheduler, str):
        yield scheduler
    else:
        with scheduler.started() as address:
            yield address


@contextmanager
def _mark(target: Path | None) -> Iterator[Path | None]:
    """A file beside the target by which workers know the folder, and that the run is still there.

    Its name is one that is tidied up after a kill.
    """
    if target is None:
        yield None
        return
    path = target.absolute().with_name(f".{target.name}.partial-cluster-{secrets.token_hex(8)}")
    path.touch()
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """A client of a scheduler.

    Raises:
        UsageError: if the address is none.
        ResourceError: if no scheduler answers.
    """
    place = _scheduler_of(address)
    nobody = ResourceError(
        f"no scheduler answers at {address}; start one with `dask scheduler`, or name one that is running."
    )
    try:
        # A client that finds nobody keeps trying and complains at the end of the process.
        scheme, location = _dask("distributed.comm.addressing").parse_address(place)
        if scheme in ("tcp", "tls"):
            socket.create_connection(_dask("distributed.comm.addressing").parse_host_port(location), 5.0).close()
        client = _dask("distributed").Client(place, timeout=SECONDS_TO_CONNECT, set_as_default=False, name="spinlock")
    except ValueError as error:
        raise UsageError(
            f"a scheduler is named by its address, for example tcp://10.0.0.1:8786, or its .json file; got '{address}'."
        ) from error
    except OSError as error:
        raise nobody from error
    try:
        yield client
    finally:
        with suppress(OSError, CancelledError):
            client.close(timeout=2.0)


def _scheduler_of(address: str) -> str:
    """The address itself, or the one that a scheduler file holds."""
    if not address.endswith(".json"):
        return address
    try:
        return str(json.loads(Path(address).read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{address} is no scheduler file that can be read; `dask scheduler --scheduler-file {address}` writes one."
        ) from error


def _told(error: BaseException, *, address: str) -> BaseException:
    """What a task ended with, in words for whoever runs it where the cluster is to blame."""
    if type(error).__name__ == "KilledWorker":
        return ResourceError(
            "several workers ended while they did the same task, most often for lack of memory; give them more "
            "(--memory-limit), or make smaller shards, and run again: what is complete is kept."
        )
    lacks_spinlock = isinstance(error, ModuleNotFoundError) and error.name == "spinlock"
    if lacks_spinlock or "deserialization of the task graph" in str(error):
        return UsageError(
            f"the cluster at {address} cannot load spinlock; start its scheduler and its workers where "
            "'spinlock[cluster]' of this version is installed."
        )
    return error


@contextmanager
def _quiet() -> Iterator[None]:
    """Dask's own log lines and tracebacks stay away: what matters is told in one sentence."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def _dask(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise UsageError("a cluster needs Dask: pip install 'spinlock[cluster]'.") from error
