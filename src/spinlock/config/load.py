"""Read a configuration file: YAML, overrides, schema; every mistake is reported at once. And where shipped ones are."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from spinlock.config.document import NamedOptions, read_document
from spinlock.config.problem import refuse
from spinlock.config.translate import problems_of
from spinlock.core.spec import Spec
from spinlock.store.shipped import configuration, shipped

S = TypeVar("S", bound=Spec)


def load_config(
    path: str | Path,
    section: type[S],
    *,
    overrides: Sequence[str] = (),
    options: NamedOptions | None = None,
) -> S:
    """The configuration in a file.

    Args:
        path: a YAML file; where nothing is at "configs/…", the one that comes with the package.
        section: its schema, for example `TrainConfig`.
        overrides: `key=value` with a dotted key and a YAML value, put in place of what the file says.
        options: the same from options with names of their own: `{"--seed": ("training.seed", 3)}`.

    Raises:
        ConfigError: one line a mistake, `file:line:column: dotted.key: rule (did you mean 'x') [got …]`.
    """
    document = read_document(configuration(path), overrides=overrides, options=options)
    problems = list(document.problems)
    try:
        config = section.model_validate(document.values)
    except ValidationError as error:
        problems += problems_of(error, section, document)
    else:
        if not problems:
            return config
    raise refuse(problems) from None


def shipped_config(name: str) -> Path:
    """The path of a shipped configuration, for example "generate/demo.yaml".

    Raises:
        UsageError: if it is missing from this installation.
    """
    return shipped("configs", name)
