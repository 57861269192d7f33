"""The child process that reads files of strangers: its limits, and what it answers."""

import math
import os
import signal
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from spinlock.core import errors
from spinlock.core.errors import SpinlockError
from spinlock.store.guard_wire import receive, send
from spinlock.store.remote import path_of

try:
    import resource
except ImportError:  # Windows knows no such limits: there a crash is caught, and nothing else
    resource = None

MEMORY = 256 * 2**20
"""Bytes that one answer may take beside what was asked for."""
SECONDS = 2
"""Seconds of processor time that one answer may take, beside unpacking at 20 MB/s."""
_BYTES_A_SECOND = 20_000_000
_STATM = Path("/proc/self/statm")

_is_child = False
_fetch: Callable[[Any], Any] | None = None


def is_limited() -> bool:
    """Whether this process is the child."""
    return _is_child


def from_parent(asked: Any) -> Any:
    """Inside the child: what the parent knows of the file that is asked about, which lies on a server (`Served` answers).

    Raises:
        OSError: if the parent cannot get them; it knows why.
    """
    assert _fetch is not None
    return _fetch(asked)


def allow(num_bytes: int = 0, unpacked: int = 0) -> None:
    """Inside the child: raise its limits for what the next answer needs; anywhere else nothing happens.

    Args:
        num_bytes: that will be in memory at once.
        unpacked: bytes that must be unpacked to get them.
    """
    if not _is_child or resource is None:
        return
    seconds = SECONDS + (num_bytes + unpacked) / _BYTES_A_SECOND
    _limit(resource.RLIMIT_CPU, math.ceil(time.process_time() + seconds))
    if _STATM.exists():  # what is in use is known on Linux alone
        in_use = int(_STATM.read_text().split()[5]) * os.sysconf("SC_PAGE_SIZE")
        _limit(resource.RLIMIT_DATA, in_use + MEMORY + num_bytes)


def _limit(kind: int, soft: int) -> None:
    assert resource is not None
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def serve() -> None:
    """Answer requests from standard input until it ends; whatever libraries print is lost."""
    global _is_child, _fetch  # noqa: PLW0603  a process is a child for as long as it lives
    _is_child = True
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    parent = _Parent(os.dup(0), os.dup(1))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    _fetch = parent.fetch
    files: dict[int, list[Any]] = {}
    while True:
        try:
            request = receive(parent.fill)
        except EOFError:
            os._exit(0)  # nothing here is worth closing
        allow()
        _answer(request, files, parent.write)


class _Parent:
    """The process that asks, by the numbers of two pipes."""

    def __init__(self, requests: int, answers: int) -> None:
        self._requests, self._answers = os.fdopen(requests, "rb"), answers

    def fill(self, buffer: memoryview) -> None:
        """Reads as many bytes as a buffer holds."""
        if self._requests.readinto(buffer) != len(buffer):
            raise EOFError

    def write(self, data: bytes | memoryview) -> None:
        """Writes all of some bytes."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._answers, rest) :]

    def fetch(self, asked: Any) -> Any:
        """What the parent knows of a file on a server."""
        send(self.write, {"fetch": asked})
        found = receive(self.fill)
        if found is None:
            raise OSError("its server does not give these bytes")
        return found


def _answer(request: dict[str, Any], files: dict[int, list[Any]], write: Callable[[bytes | memoryview], None]) -> None:
    try:
        number, place = request["object"]
        if request["method"] == "open":
            module, name, path, folder = request["args"]  # an address of a server is a path, too
            if folder:  # the parent may have gone elsewhere since the child began
                os.chdir(folder)
            files[number] = []
            allow(unpacked=3 * _BYTES_A_SECOND)  # a library may have to be imported first
            value = getattr(import_module(module), name).opened(path_of(path))
        elif request["method"] == "close":
            files.pop(number)[0].close()
            value = None
        else:
            value = getattr(files[number][place], request["method"])(*request["args"], **request["named"])
    except SpinlockError as error:
        send(write, {"error": type(error).__name__, "text": str(error)})
        return
    except MemoryError:
        send(write, {"error": "MemoryError", "text": ""})
        return
    except Exception as error:  # noqa: BLE001  whatever a library raises on a file is about the file
        send(write, {"error": "foreign", "text": f"{type(error).__name__}: {' '.join(str(error).split())}"[:400]})
        return

    def kept(found: Any) -> Any:
        files[number].append(found)
        return [type(found).__module__, type(found).__name__, len(files[number]) - 1, found.facts()]

    send(write, {"value": value}, of_object=kept)


def error_named(name: str, text: str) -> SpinlockError:
    """An error of spinlock by the name of its class."""
    found = getattr(errors, name, errors.InputError)
    return found(text)


if __name__ == "__main__":
    sys.exit(serve())
