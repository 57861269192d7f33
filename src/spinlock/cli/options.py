"""Options that commands share, and how much a command was asked to print, in which form."""

import glob
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from spinlock.core.errors import InputError, UsageError, did_you_mean
from spinlock.store.remote import RemotePath, path_of
from spinlock.store.shipped import VOCABULARIES, vocabulary

if TYPE_CHECKING:
    from spinlock.core.cluster import Scheduler

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputForm:
    """How much a command prints, and in which form.

    Attributes:
        verbosity: -1 warnings and failures only, 0 progress too, 1 every step, 2 everything.
        as_json: the result is printed as JSON.
        is_trusting: files are opened in this process, without limits.
    """

    verbosity: int
    as_json: bool
    is_trusting: bool = False


def output_form() -> OutputForm:
    """How much the running command was asked to print; options before and after the command's name count alike."""
    meta = click.get_current_context().meta
    verbosity = meta.get("spinlock.verbosity", 0)
    return OutputForm(
        verbosity=-1 if meta.get("spinlock.quiet") else verbosity,
        as_json=bool(meta.get("spinlock.json")),
        is_trusting=bool(meta.get("spinlock.trusted")),
    )


def _remember(ctx: click.Context, parameter: click.Parameter, value: int | bool) -> None:
    name = f"spinlock.{'verbosity' if parameter.name == 'verbose' else parameter.name}"
    if parameter.name == "debug":
        name, value = "spinlock.verbosity", 2 if value else 0
    ctx.meta[name] = max(ctx.meta.get(name, 0), value)
    if ctx.meta.get("spinlock.quiet") and ctx.meta.get("spinlock.verbosity", 0) == 1:
        raise UsageError("--quiet contradicts --verbose; give one of them.")


def _talk(*names: str, **settings: Any) -> Callable[[F], F]:
    return click.option(*names, expose_value=False, callback=_remember, **settings)


quiet_option = _talk("-q", "--quiet", is_flag=True, help="Warnings and failures only.")
verbose_option = _talk("-v", "--verbose", count=True, type=click.IntRange(0, 1, clamp=True), help="Say every step.")
debug_option = _talk("--debug", is_flag=True, help="Say everything; tracebacks.")
json_option = _talk("--json", is_flag=True, help="Print the result as JSON.")
trusted_option = _talk(
    "--trusted", is_flag=True, help="You know who made the files: open them without a child process and without limits."
)


class ExistingFile(click.ParamType):
    """A path that must exist; the name that was probably meant is in the message.

    Args:
        patterns: take `*`, `?` and `[…]` too, which the command expands, and addresses of files on servers.
        vocabularies: take the names of the tokenizers that come with the package too.
    """

    name = "path"

    def __init__(self, *, patterns: bool = False, vocabularies: bool = False) -> None:
        self.patterns, self.vocabularies = patterns, vocabularies

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # noqa: ARG002
        """The path, if something is there."""
        path = vocabulary(value) if self.vocabularies else path_of(value) if self.patterns else Path(value)
        if isinstance(path, RemotePath):
            return path  # its server is asked when it is opened
        try:
            if path.exists() or (self.patterns and glob.has_magic(str(path))):
                return path
            around = sorted(entry.name for entry in path.parent.iterdir()) if path.parent.is_dir() else []
            around += VOCABULARIES * self.vocabularies
        except (OSError, ValueError) as error:
            raise InputError(f"{value}: cannot be read ({error}).") from error
        if not path.parent.is_dir():
            raise InputError(f"{value}: no such file; there is no folder {path.parent} either.")
        hint = did_you_mean(path.name, around) if around else ""
        meant = hint.split("? ")[0] + "?" if hint.startswith("Did") else ""
        raise InputError(f"{value}: no such file. {meant}".strip())


config_option = click.option(
    "--config", required=True, type=click.Path(path_type=Path), metavar="FILE", help="A YAML file."
)
override_option = click.option(
    "-o",
    "--override",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set one key of the configuration, dotted; may be repeated.",
)
dataset_option = click.option(
    "--dataset", required=True, type=ExistingFile(), metavar="FILE", help="A data-set file (HDF5)."
)
TOKENIZER_HELP = "The folder of a trained tokenizer, or behaviour-1, which comes with spinlock."


def tokenizer_option(
    *, default: str | None = None, required: bool = False, help: str = TOKENIZER_HELP
) -> Callable[[F], F]:  # noqa: A002  click's own word
    """`--tokenizer`: a folder, or the name of a vocabulary that comes with the package."""
    return click.option(
        "--tokenizer",
        required=required,
        default=default,
        show_default=default is not None,
        type=ExistingFile(vocabularies=True),
        metavar="DIR",
        help=help,
    )


def output_option(*, help: str, required: bool = True) -> Callable[[F], F]:  # noqa: A002  click's own word
    """`--output`, for commands that write one thing."""
    return click.option("--output", required=required, type=click.Path(path_type=Path), metavar="PATH", help=help)


def cluster_options(function: F) -> F:
    """`--scheduler` and `--cluster`, of which `scheduler_of` makes one thing."""
    start = click.option(
        "--cluster",
        type=ExistingFile(),
        metavar="FILE",
        help="Start workers for this run: a YAML file, see spinlock config init cluster.",
    )
    running = click.option("--scheduler", metavar="ADDRESS", help="Work on the Dask cluster of that scheduler.")
    return running(start(function))


def scheduler_of(scheduler: str | None, cluster: Path | None, **here: object) -> "Scheduler | None":
    """The cluster that `--scheduler` or `--cluster` name; None where this machine does the work.

    Args:
        scheduler: as it was typed.
        cluster: as it was typed.
        here: options that are about this machine alone, by name.

    Raises:
        UsageError: if both are given, or one beside an option of this machine.
        ConfigError: if the file breaks its schema.
    """
    if scheduler is not None and cluster is not None:
        raise UsageError("give either --scheduler, a cluster that runs, or --cluster, workers to start.")
    for name, value in here.items():
        if value and (scheduler is not None or cluster is not None):
            word = "--scheduler" if cluster is None else "--cluster"
            raise UsageError(f"--{name.replace('_', '-')} is about this machine alone; leave it out with {word}.")
    if cluster is None:
        return scheduler
    from spinlock.config import load_config
    from spinlock.core.cluster_jobs import ClusterJobs

    return load_config(cluster, ClusterJobs)


def given(**options: tuple[str, object]) -> dict[str, tuple[str, object]]:
    """The options that were typed, as `load_config` takes them: option → dotted key and value."""
    return {f"--{name.replace('_', '-')}": (key, value) for name, (key, value) in options.items() if value is not None}
