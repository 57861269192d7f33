"""What a user can do wrong, as a tree; each kind has the exit code that the command line ends with.

SpinlockError
├── UsageError          2    arguments that contradict each other or name nothing
├── ConfigError         3    a configuration that breaks its schema
├── InputError          4    data or a file that is not what it should be
│   └── NamesDifferError     a table, map or tokenizer made for other columns
├── ResourceError       5    out of disk or memory
└── NotFittedError      2    a tokenizer that is used before `fit`

A message is one sentence that names the thing, the rule, the value and, where there is one, the remedy.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches


class SpinlockError(Exception):
    """A mistake of the user; `exit_code` is what the command line returns."""

    exit_code = 2


class UsageError(SpinlockError, ValueError):
    """Arguments that contradict each other or name nothing."""


class ConfigError(SpinlockError, ValueError):
    """A configuration that breaks its schema."""

    exit_code = 3


class InputError(SpinlockError, ValueError):
    """Data or a file that is not what it should be."""

    exit_code = 4


class NamesDifferError(InputError):
    """A table, a map or a tokenizer that was made for other columns."""


class ResourceError(SpinlockError, OSError):
    """Out of disk or memory."""

    exit_code = 5


class NotFittedError(SpinlockError, ValueError, AttributeError):
    """A tokenizer that is used before it was fitted."""


@contextmanager
def reading_errors(what: object) -> Iterator[None]:
    """Turns whatever a library raises while it reads `what` into an `InputError` of one sentence.

    It belongs around the reading of a file alone: what a file makes a parser raise cannot be listed, and is never more than
    that the file is not what it should be. Errors of spinlock go through, and so does lack of memory.
    """
    try:
        yield
    except (SpinlockError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001
        reason = " ".join(f"{error}".split())[:300].rstrip(".") or type(error).__name__
        if "unable to lock file" in reason or "already open for write" in reason:  # HDF5's words
            raise InputError(
                f"{what} is being written by another process, or was left open by one that was killed: wait until it is closed, or "
                "set HDF5_USE_FILE_LOCKING=FALSE to read what is there."
            ) from error
        raise InputError(f"{what} cannot be read; it is damaged or was cut short ({reason}).") from error


def listed(names: Iterable[object], *, most: int = 6) -> str:
    """Names for a message: the first few, separated by commas, then how many more there are."""
    names = [str(name) for name in names]
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The hint `Did you mean 'x'? Known: …` for a name that is not among `known`."""
    known = list(known)
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"Did you mean '{close[0]}'? " if close else ""
    return f"{hint}Known: {listed(known, most=24)}."
