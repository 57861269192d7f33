"""Ctrl-C and its like: the first one ends the command in order, whatever comes after it; and streams that are not there."""

import atexit
import os
import select
import signal
import sys
import time
from contextlib import suppress
from types import FrameType

from spinlock.core.errors import ResourceError

PATIENCE = 10.0
"""Seconds that a command has to end in order, before the next signal ends it at once."""

_asked: float | None = None
"""When the first signal came."""


class Ended(KeyboardInterrupt):
    """A signal that asks the command to end.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Unread(Exception):
    """Whoever read what the command writes went away, as `head` does."""


def check_is_read(error: BrokenPipeError) -> None:
    """Tell a reader that went away from a broken pipe between processes.

    Raises:
        Unread: if it is standard output or standard error that nobody reads.
        ResourceError: otherwise.
    """
    streams = select.poll()
    for number in (1, 2):
        streams.register(number, 0)
    if any(event & (select.POLLERR | select.POLLHUP) for _, event in streams.poll(0)):
        raise Unread from error
    raise ResourceError("a process that worked for this one went away; run again: what is complete is kept.") from error


def close_streams() -> None:
    """Let nothing more be written to streams that nobody reads, not even when Python ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)


def take_signals() -> None:
    """Let Ctrl-C, SIGTERM and SIGHUP raise `Ended`, once; a signal that the process was told to ignore stays ignored."""
    atexit.register(_leave)  # the first to be registered, so the last to be called
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _end)


def _end(number: int, _: FrameType | None) -> None:
    global _asked  # noqa: PLW0603  signals belong to the process
    if _asked is None:
        _asked = time.monotonic()
        raise Ended(number)
    if time.monotonic() - _asked > PATIENCE:
        end_children()
        os._exit(128 + number)


_code: int | None = None


def leave_with(code: int) -> None:
    """Where a signal asked for the end, let the process end with `code` as soon as everything is tidied up.

    Python would go through all its objects first, seconds in which the next Ctrl-C ended it in another way.
    """
    global _code  # noqa: PLW0603
    if _asked is not None:
        _code = code


def _leave() -> None:
    if _code is not None:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(_code)


def end_children() -> None:
    """End every process that this one started to work for it; what they had in progress is made again."""
    if "multiprocessing" in sys.modules:
        from multiprocessing import active_children

        for child in active_children():
            child.kill()


def open_streams() -> None:
    """Give the process its three streams where it was started without: otherwise a file of data would take their numbers."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, closefd=False, encoding="utf-8"))  # noqa: SIM115, PTH123
