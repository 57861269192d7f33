"""Failure of a command, as it is told: one sentence, one exit code, a traceback only when it was asked for."""

import errno
import re
import shlex
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from spinlock.cli.signals import Ended, Unread, close_streams
from spinlock.core.errors import ConfigError, SpinlockError
from spinlock.core.plain import printable

USAGE, BAD_INPUT, RESOURCES, INTERNAL, INTERRUPTED, UNREAD = 2, 4, 5, 70, 130, 141
_HOME = Path(__file__).parents[1]
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.ENOMEM)


RESUME = {"generate": "", "extract-features": "", "demo": "", "train-vqvae": " --resume"}
"""Command that can go on where it was stopped → what is added to its command line."""

LONGEST_LINE = 2000
"""Characters of a message that are printed."""


def report_failure(error: BaseException, *, arguments: Sequence[str] = ()) -> int:
    """Say on standard error what went wrong, and return the exit code.

    Args:
        error: what ended the command.
        arguments: of the command line; with `--debug` among them the traceback is shown too.
    """
    if isinstance(error, Unread):
        close_streams()
        return UNREAD
    if isinstance(error, SystemExit | GeneratorExit):
        raise error
    if isinstance(error, click.Abort) and isinstance(error.__cause__, EOFError):
        error = error.__cause__  # click takes it for the end of a prompt; here it is a process that went away
    if "--debug" in arguments and not isinstance(error, click.ClickException | click.Abort):
        click.echo(printable("".join(traceback.format_exception(error)), keep="\n"), err=True, nl=False)
    code, text = _code_and_text(error, arguments)
    for line in text.split("\n") if isinstance(error, ConfigError) else [text]:
        click.echo(f"spinlock: {printable(_shortened(line))}", err=True)
    return code


def _code_and_text(error: BaseException, arguments: Sequence[str]) -> tuple[int, str]:
    if isinstance(error, SpinlockError):
        return error.exit_code, str(error).rstrip("\n")
    if isinstance(error, click.ClickException):
        return USAGE, _usage(error)
    if isinstance(error, KeyboardInterrupt | click.Abort):
        asked = error if isinstance(error, KeyboardInterrupt) else error.__cause__
        code = 128 + asked.number if isinstance(asked, Ended) else INTERRUPTED
        what = "interrupted" if code == INTERRUPTED else f"ended from outside ({asked})"
        return code, f"{what}.{_how_to_go_on(arguments)}"
    if isinstance(error, MemoryError) or _is_torch_memory(error):
        return RESOURCES, f"out of memory ({_one_line(error) or type(error).__name__})."
    if isinstance(error, OSError) and error.errno in _FULL:
        return RESOURCES, f"no space left{_where(error)} ({error.strerror})."
    if isinstance(error, OSError) and error.filename is not None:
        return BAD_INPUT, f"{error.strerror or type(error).__name__}{_where(error)}."
    return INTERNAL, (
        f"a mistake of spinlock itself: {type(error).__name__} in {_origin(error)}: {_one_line(error)}. "
        "Run with --debug for the traceback, and please report it."
    )


def _how_to_go_on(arguments: Sequence[str]) -> str:
    """The command line that takes up the work again, where there is one."""
    command = next((word for word in arguments if not word.startswith("-")), "")
    if command not in RESUME:
        return ""
    more = "" if RESUME[command].strip() in arguments else RESUME[command]
    return f" What is complete is kept; to go on: spinlock {shlex.join(arguments)}{more}"


def _usage(error: click.ClickException) -> str:
    """click's message as a sentence, with where to read more."""
    text = " ".join(error.format_message().split())
    if text:
        text = f"{text[0].lower()}{text[1:]}".rstrip(".") if text[1:2].islower() else text.rstrip(".")
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context is not None else "spinlock"
    return f"{text}. See {path} --help."


def _is_torch_memory(error: BaseException) -> bool:
    """Whether torch ran out of memory: it says so by RuntimeErrors."""
    return type(error).__name__ == "OutOfMemoryError" or (
        isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    )


def _where(error: OSError) -> str:
    return f": {error.filename}" if error.filename is not None else ""


def _origin(error: BaseException) -> str:
    """File and line of the innermost frame inside spinlock, also of an error that comes from a worker process."""
    from_worker = type(error.__cause__).__name__ == "_RemoteTraceback"
    trace = str(error.__cause__) if from_worker else "".join(traceback.format_tb(error.__traceback__))
    places = re.findall(rf'File "{re.escape(str(_HOME))}[/\\](.+)", line (\d+)', trace)
    return ":".join(places[-1]) if places else "an unknown place"


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()).rstrip(".")
    return text if len(text) <= 200 else f"{text[:197]}..."


def _shortened(line: str) -> str:
    """A line without the middle of what is too long to be read, such as a key of half a million letters."""
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 400]} … {line[-300:]}"
