"""The table of commands, and what runs one."""

import sys
from collections.abc import Sequence
from importlib import import_module

import click

from spinlock._version import __version__
from spinlock.cli.failure import report_failure
from spinlock.cli.options import debug_option, quiet_option, verbose_option
from spinlock.cli.signals import check_is_read, end_children, leave_with, open_streams, take_signals

COMMANDS = {
    "generate": ("generate", "Simulate samples and compute their features."),
    "pairs": ("pairs", "Simulate runs beside the same runs under operations."),
    "merge": ("merge", "Put parts of a data set together that were made on their own."),
    "extract-features": ("extract_features", "Compute the features of your own rollouts."),
    "discover-categories": ("discover_categories", "Group the features of a data set into categories."),
    "train-vqvae": ("train_vqvae", "Train a tokenizer."),
    "validate": ("validate", "Judge a tokenizer on a data set, or a data set alone."),
    "tokenize": ("tokenize_table", "Write the tokens of a data set."),
    "words": ("words", "Print what tokens mean in words, and what runs do."),
    "search": ("search", "Find runs that behave alike, like no other, or like most."),
    "compare": ("compare", "Say what differs between two data sets."),
    "propose": ("propose", "Propose parameters that will show wanted tokens."),
    "predict": ("predict", "Predict tokens from parameters, and say how well."),
    "relate": ("relate", "Say which tokens go with which parameters."),
    "functors": ("functors", "Say what operations do to runs, and where that holds."),
    "changes": ("changes", "Say when runs change what they do."),
    "report": ("report", "Write an HTML report on a tokenizer and its tokens."),
    "info": ("info", "Say what a file is and what it holds."),
    "config": ("config", "Start, check and describe configuration files."),
    "demo": ("demo", "Run the whole pipeline on a small data set."),
    "doctor": ("doctor", "Check this installation."),
}
"""Command → its module in this folder, and what it does; the module defines a function of the command's name."""


class CommandTable(click.Group):
    """The commands, each imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Names, in the order of work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, imported."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"spinlock.cli.{COMMANDS[cmd_name][0]}")
        command = getattr(module, cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names; a word that names none is refused with the nearest one."""
        if args and args[0] not in COMMANDS:
            from spinlock.core.errors import UsageError, did_you_mean

            if args[0].startswith("-"):
                return super().resolve_command(ctx, args)
            raise UsageError(f"unknown command '{args[0]}'. {did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; click takes every broken pipe for a reader that went away, and a check that failed."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            check_is_read(error)
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of commands in the help, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(
    cls=CommandTable,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 done, 1 a check failed, 2 usage, 3 bad configuration, 4 bad input file, 5 out of disk or "
    "memory, 70 a mistake of spinlock itself, 130 interrupted (143 by SIGTERM, 129 by SIGHUP), 141 nobody reads its output.",
)
@click.version_option(__version__, prog_name="spinlock", message="%(prog)s %(version)s")
@quiet_option
@verbose_option
@debug_option
def root() -> None:
    """A behaviour tokenizer for dynamical systems: simulate or import rollouts, describe, group, quantise, judge."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; every failure ends in a sentence on standard error and an exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if arguments is None:  # the process is ours
            open_streams()
            take_signals()
        code = root.main(args=words, prog_name="spinlock", standalone_mode=False)
    except BaseException as error:  # noqa: BLE001  the one place where everything ends; SystemExit goes on
        if arguments is None:
            end_children()
        code = report_failure(error, arguments=words)
        leave_with(code)
        return code
    return code if isinstance(code, int) else 0
