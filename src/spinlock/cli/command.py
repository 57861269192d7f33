"""A click command of a function: its common options, and its result printed."""

import functools
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import click

from spinlock.cli.options import (
    OutputForm,
    debug_option,
    json_option,
    output_form,
    quiet_option,
    trusted_option,
    verbose_option,
)
from spinlock.cli.output import show
from spinlock.core.plain import printable, to_plain

Function = Callable[..., Any]


def command(*, examples: str = "", reads_files: bool = False) -> Callable[[Function], click.Command]:
    """Make a click command of a function that returns its result: a dataclass, a mapping, text or None.

    The result is printed, as text or with `--json` as JSON; `passed: false` in it ends with exit code 1.

    Args:
        examples: command lines for the help, one a line.
        reads_files: that others may have made; it takes `--trusted`.
    """

    def decorate(function: Function) -> click.Command:
        @functools.wraps(function)
        def run(**arguments: Any) -> None:
            how = output_form()
            _start_logging(how.verbosity)
            with _reading(how) if reads_files else nullcontext():
                result = to_plain(function(**arguments))
            show(result, as_json=how.as_json)
            if isinstance(result, Mapping) and result.get("passed") is False:
                raise click.exceptions.Exit(1)

        for option in (debug_option, verbose_option, quiet_option, json_option, *[trusted_option] * reads_files):
            run = option(run)
        name = function.__name__.replace("_", "-")
        epilog = (
            "\b\nExamples:\n" + "\n".join(f"  {line.strip()}" for line in examples.splitlines()) if examples else None
        )
        return click.command(name, epilog=epilog)(run)

    return decorate


def _reading(how: OutputForm) -> AbstractContextManager[None]:
    """Files are read in a child process, which starts while the command imports what it needs, or here."""
    from spinlock.store import guard

    if not how.is_trusting:
        guard.start()
    return guard.trusting(how.is_trusting)


class _ErrorStream(logging.Handler):
    """Log lines on standard error, beside a progress bar if there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(f"spinlock: {printable(self.format(record))}", err=True)


def _start_logging(verbosity: int) -> None:
    logger = logging.getLogger("spinlock")
    logger.setLevel({-1: logging.WARNING, 0: logging.WARNING, 1: logging.INFO}.get(verbosity, logging.DEBUG))
    if not any(isinstance(handler, _ErrorStream) for handler in logger.handlers):
        logger.addHandler(_ErrorStream())
