"""Files of strangers are opened in a child process, so that no file can hang, crash or fill the process that asks for it.

One child serves a process for as long as it lives. Its memory and its time are limited answer by answer
(`store.guard_child`); when a file kills it, that becomes one `InputError`, and the next file gets a new child. Of a file that
lies on a server the child asks this process for ranges: it needs neither a network nor credentials. A class
whose objects live there is a `Guarded`, its methods that touch the file are `asked`:

    class Lines(Guarded):
        @classmethod
        def opened(cls, path): ...    # runs where the file is opened
        @asked
        def line(self, number): ...   # so does this
    with guarded(Lines, path) as lines:
        lines.line(3)
"""

import atexit
import functools
import os
import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np

from spinlock.core.errors import InputError, ResourceError, SpinlockError
from spinlock.store.guard_child import SECONDS, error_named
from spinlock.store.guard_wire import receive, send
from spinlock.store.remote import RemotePath, Served

G = TypeVar("G", bound="Guarded")
F = TypeVar("F", bound=Callable[..., Any])

PATIENCE, SLOWEST_DISK = 60.0, 1_000_000
"""Seconds that a child may be silent, and the bytes a second of the slowest disk or network that its file may lie on."""
MOST_IN_FOLDER = 100_000_000
"""Bytes that one answer may have to read of a folder."""

_trusting: ContextVar[bool] = ContextVar("trusting", default=False)


@contextmanager
def trusting(is_trusted: bool = True) -> Iterator[None]:
    """Inside, files are opened in this process and without limits, if they are trusted: those that it wrote itself, or `--trusted`."""
    token = _trusting.set(is_trusted or _trusting.get())
    try:
        yield
    finally:
        _trusting.reset(token)


def is_trusting() -> bool:
    """Whether files are opened in this process."""
    return _trusting.get()


@runtime_checkable
class Server(Protocol):
    """Gives a child what it asks for of a file that lies on a server."""

    def begin(self) -> None:
        """A new answer of the child."""

    def answer(self, asked: Any) -> Any:
        """What it asked for: bytes, or a number."""


class Guarded:
    """What is open in a file, here or in the child."""

    remote: "Remote | None" = None
    _cached: ClassVar[tuple[type, ...]] = (type(None), bool, int, float, str, tuple)

    @classmethod
    def opened(cls: type[G], path: Path) -> G:
        """Opens a file, where it is called."""
        raise NotImplementedError

    @classmethod
    def served(cls, path: RemotePath) -> "Server":
        """What gives its bytes where it lies on a server."""
        return Served(path)

    def facts(self) -> dict[str, Any]:
        """What is known of it without asking: attributes by name."""
        return {}

    def close(self) -> None:
        """Closes the file, where it was opened."""

    @classmethod
    def standing_for(cls: type[G], remote: "Remote", facts: dict[str, Any]) -> G:
        """The object in this process for one in the child."""
        found = cls.__new__(cls)
        found.__dict__.update(facts)
        found.remote = remote
        return found


def asked(method: F) -> F:
    """Marks a method of a `Guarded` that runs where the file is open."""

    @functools.wraps(method)
    def run(self: Guarded, *args: Any, **named: Any) -> Any:
        if self.remote is None:
            return method(self, *args, **named)
        return self.remote.ask(method.__name__, args, named)

    return run  # pyright: ignore[reportReturnType]


@contextmanager
def guarded(kind: type[G], path: Path) -> Iterator[G]:
    """Opens a file, in the child unless it is trusted.

    Raises:
        InputError: if it cannot be read, or reading it took more memory or time than any sound file needs.
        ResourceError: if no child can be started.
    """
    if is_trusting():
        found = kind.opened(path)
        try:
            yield found
        finally:
            found.close()
        return
    child = _child()
    number = child.next_number()
    child.patience = PATIENCE
    if isinstance(path, RemotePath):  # its bytes come from here
        child.served[number] = kind.served(path)
    else:
        child.patience += (path.stat().st_size if path.is_file() else MOST_IN_FOLDER) / SLOWEST_DISK
    folder = "" if path.is_absolute() else str(Path.cwd())
    try:
        yield child.ask(path, (number, 0), "open", (kind.__module__, kind.__name__, str(path), folder), {})
    finally:
        child.forget(number)


class Remote:
    """Where an object is: the child, its file there and its place among what was opened of that file."""

    def __init__(self, child: "Child", path: Path, number: int, place: int) -> None:
        self._child, self._path, self._number, self._place = child, path, number, place
        self._known: dict[Any, Any] = {}

    def ask(self, method: str, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """What a method gives there; a public one is asked once, if its answer is no array: nobody changes an open file."""
        key = None if method.startswith("_") else (method, args, tuple(named.items()))
        if key in self._known:
            return self._known[key]
        value = self._child.ask(self._path, (self._number, self._place), method, args, named)
        if key is not None and not hasattr(value, "nbytes"):
            self._known[key] = value
        return value


class Child:
    """One child process."""

    def __init__(self) -> None:
        command = [sys.executable, "-P", "-c", "from spinlock.store.guard_child import serve; serve()"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
        environment |= {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env=environment,
            )
        except OSError as error:
            raise ResourceError(
                f"the process that reads files of others cannot be started ({error}); --trusted (trusted=True) reads without."
            ) from error
        self.owner = os.getpid()
        self.patience = PATIENCE
        self._lock = threading.RLock()
        self._number = 0
        self.served: dict[int, Server] = {}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._answers = self._process.stdin, self._process.stdout
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._answers, selectors.EVENT_READ)
        _widen(self._answers)

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.returncode is None and self._process.poll() is None

    def next_number(self) -> int:
        """A number that no file has yet."""
        with self._lock:
            self._number += 1
            return self._number

    def ask(self, path: Path, place: tuple[int, int], method: str, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """The answer to a request about a file.

        Raises:
            InputError: if the child was ended by it, or already by another file.
        """
        if self.owner != os.getpid() or not self.is_alive:
            raise InputError(f"{path} is no longer open: the process that read it has ended; open it again.")
        request = {"object": place, "method": method, "args": args, "named": named}

        def standing_for(name: tuple[str, str, int, dict[str, Any]]) -> Guarded:
            module, kind, number, facts = name
            found: type[Guarded] = getattr(import_module(module), kind)
            return found.standing_for(Remote(self, path, place[0], number), facts)

        with self._lock:
            try:
                send(self._write, request)
                answer = self._serve(place[0], lambda: receive(self._fill, to_object=standing_for))
            except (EOFError, BrokenPipeError):
                raise InputError(f"{path} cannot be read: {self._why_it_ended()}") from None
            except BaseException:  # Ctrl-C in the middle of an answer: what follows would be its rest
                self.end()
                raise
        if "error" not in answer:
            return answer["value"]
        name, text = answer["error"], answer["text"]
        if name == "MemoryError":
            raise InputError(f"{path} cannot be read: it takes more memory than what it says it holds; {_REMEDY}")
        if name == "foreign":
            raise InputError(f"{path} cannot be read; it is damaged or was cut short ({text}).")
        raise error_named(name, text)

    def _serve(self, number: int, receive_next: Callable[[], Any]) -> Any:
        """The next answer; before it the child is given what it asks for of a file that lies on a server.

        Where the server does not give it, that is the answer, whatever the child made of it.
        """
        served, failure = self.served.get(number), None
        if served is not None:
            served.begin()
        while "fetch" in (answer := receive_next()):
            data = None
            if served is not None and failure is None:
                try:
                    data = served.answer(answer["fetch"])
                except SpinlockError as error:
                    failure = error
            send(self._write, np.frombuffer(data, np.uint8) if isinstance(data, bytes) else data)
        return answer if failure is None else {"error": type(failure).__name__, "text": str(failure)}

    def forget(self, number: int) -> None:
        """Closes a file."""
        self.served.pop(number, None)
        if self.owner == os.getpid() and self.is_alive:
            with suppress(InputError):
                self.ask(Path(), (number, 0), "close", (), {})

    def end(self) -> None:
        """Ends the process, at once."""
        if self.owner != os.getpid():
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._selector, self._requests, self._answers):
            with suppress(OSError):
                pipe.close()

    def _write(self, data: bytes | memoryview) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._requests.fileno(), rest) :]

    def _fill(self, buffer: memoryview) -> None:
        done = 0
        while done < len(buffer):
            if os.name != "nt":  # pipes cannot be waited for there
                self._wait()
            count = self._answers.readinto(buffer[done:])  # pyright: ignore[reportAttributeAccessIssue]
            if not count:
                raise EOFError
            done += count

    def _wait(self) -> None:
        if not self._selector.select(self.patience):
            self._process.kill()
            raise EOFError

    def _why_it_ended(self) -> str:
        code = self._process.wait()
        self.end()
        if code == -signal.SIGXCPU if hasattr(signal, "SIGXCPU") else False:
            return (
                f"one answer took more than {SECONDS} seconds of processor time; it is damaged or hostile, or {_REMEDY}"
            )
        if code == -signal.SIGKILL if hasattr(signal, "SIGKILL") else False:
            return f"the process that read it was ended from outside, for lack of memory or of patience ({self.patience:.0f} s)."
        return f"the library that reads its format crashed over it ({_in_words(code)}); it is damaged or hostile."


_REMEDY = "if you made it, --trusted (trusted=True) reads it without limits."


def _in_words(code: int) -> str:
    with suppress(ValueError):
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return f"exit code {code}"


def _widen(pipe: BinaryIO | Any) -> None:
    """A larger pipe, where the system has such: fewer turns between the two processes."""
    with suppress(ImportError, OSError, AttributeError):
        fcntl = import_module("fcntl")
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, 2**20)


_current: Child | None = None
_starting = threading.Lock()


def start() -> None:
    """Starts the child ahead of the first file, so that both processes import at the same time."""
    with suppress(ResourceError):  # said when a file is opened
        _child()


def _child() -> Child:
    global _current  # noqa: PLW0603  one child a process
    with _starting:
        if _current is None or _current.owner != os.getpid() or not _current.is_alive:
            if _current is not None:
                _current.end()
            _current = Child()
        return _current


def end() -> None:
    """Ends the child; the next file starts another."""
    if _current is not None:
        _current.end()


atexit.register(end)
