#!/usr/bin/env python
"""Write tests/cli/public_names.txt: the names that users write, one a line, which tests hold still.

python scripts/write_public_names.py

Python names of `spinlock.__all__` with their public methods and parameters, commands with their arguments and options, and keys
of configuration files. A name that goes away, or is called otherwise, breaks somebody's script: see CONTRIBUTING.md.
"""

import inspect
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

import spinlock
from spinlock.cli.app import COMMANDS, root
from spinlock.config.kinds import SECTIONS
from spinlock.core.spec import Spec

FILE = Path(__file__).parents[1] / "tests" / "cli" / "public_names.txt"


def public_names() -> list[str]:
    """All of them, sorted."""
    commands = (_options(f"spinlock {name}", root.get_command(click.Context(root), name)) for name in COMMANDS)
    keys = (_keys(kind, section) for kind, section in SECTIONS.items())
    return sorted({name for part in (_python(), *commands, *keys) for name in part})


def _python() -> Iterator[str]:
    for name in spinlock.__all__[1:]:
        value = getattr(spinlock, name)
        yield f"import spinlock.{name}"
        if inspect.ismodule(value):
            for inner in (each for each in vars(value).values() if getattr(each, "__module__", None) == value.__name__):
                if not inner.__name__.startswith("_"):
                    yield f"import spinlock.{name}.{inner.__name__}"
                    yield from _parameters(f"import spinlock.{name}.{inner.__name__}", inner)
        elif not isinstance(value, type):
            yield from _parameters(f"import spinlock.{name}", value)
        elif issubclass(value, Spec):
            yield from (f"import spinlock.{name}({field}=)" for field in value.model_fields)
        elif not issubclass(value, BaseException):
            yield from _parameters(f"import spinlock.{name}", value)
            for method in (each for each in vars(value) if not each.startswith(("_", "set_"))):
                yield f"import spinlock.{name}.{method}"
                yield from _parameters(f"import spinlock.{name}.{method}", getattr(value, method))


def _parameters(name: str, value: Any) -> Iterator[str]:
    if inspect.isfunction(value) or inspect.ismethod(value) or isinstance(value, type):
        yield from (
            f"{name}({each}=)" for each in inspect.signature(value).parameters if each not in ("self", "settings")
        )


def _options(name: str, command: click.Command | None) -> Iterator[str]:
    assert command is not None
    yield name
    if isinstance(command, click.Group):
        for inner, inner_command in command.commands.items():
            yield from _options(f"{name} {inner}", inner_command)
    for each in command.params:
        if isinstance(each, click.Argument):
            yield f"{name} {each.make_metavar(click.Context(command))}"
        yield from (f"{name} {option}" for option in (*each.opts, *each.secondary_opts) if option.startswith("-"))


def _keys(name: str, annotation: Any) -> Iterator[str]:
    """Dotted keys; `[]` is an entry of a list, `*` a name that the user gives."""
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        for key, field in annotation.model_fields.items():
            written = field.alias or key
            yield f"key {name}.{written}"
            yield from _keys(f"{name}.{written}", field.annotation)
    origin = typing.get_origin(annotation)
    if origin is None or origin is typing.Literal:
        return
    inner = {"tuple": "[]", "list": "[]", "Mapping": ".*", "dict": ".*"}.get(origin.__name__, "")
    for argument in typing.get_args(annotation):
        yield from _keys(name + inner, argument)


if __name__ == "__main__":
    FILE.write_text("\n".join(public_names()) + "\n", encoding="utf-8")
