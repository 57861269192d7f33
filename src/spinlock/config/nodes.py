"""YAML as nodes with marks, within the limits that a file from a stranger needs.

Scalars are read by the core schema of YAML 1.2: `7e-4` is a number, `no` and `12:30` are words.
"""

import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from spinlock.config.problem import Problem
from spinlock.core.errors import ConfigError

MAX_BYTES = 2**20
MAX_DEPTH = 32
MAX_ENTRIES = 1000
"""Of one list or mapping."""

Scalar = bool | int | float | str | None

_INTEGER = re.compile(r"[-+]?[0-9](_?[0-9]){0,39}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: dict[str, Scalar] = {"": None, "~": None, "null": None, "true": True, "false": False}


class Source(NamedTuple):
    """Where YAML comes from: a file, or an option as it was typed, with the dotted key that it sets."""

    name: str
    sets: str = ""

    def place(self, mark: yaml.Mark | None) -> str:
        """Where a mark stands: `file:line:column`, counted from 1; what was typed has no lines."""
        return self.name if self.sets or mark is None else f"{self.name}:{mark.line + 1}:{mark.column + 1}"


class _Refused(yaml.MarkedYAMLError):
    """YAML that a configuration has no need of."""


class _Loader(yaml.SafeLoader):
    """Refuses aliases, anchors, tags and deep nesting before anything recursive sees them."""

    yaml_implicit_resolvers = {}  # scalars are read by `scalar`
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        message = ""
        if isinstance(event, yaml.AliasEvent):
            message = f"aliases (*{event.anchor}) are not allowed; write the value out"
        elif event.anchor is not None:
            message = f"anchors (&{event.anchor}) are not allowed; write the value out"
        elif event.tag is not None:
            message = f"tags ({event.tag}) are not allowed; write the plain value"
        elif isinstance(parent, yaml.CollectionNode) and len(parent.value) >= MAX_ENTRIES:
            message = f"is one entry more than the {MAX_ENTRIES} that a configuration has in one place"
        elif self.depth == MAX_DEPTH and isinstance(event, yaml.CollectionStartEvent):
            message = f"nests deeper than {MAX_DEPTH} levels"
        if message:
            raise _Refused(problem=message, problem_mark=event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def read_text(path: Path) -> str:
    """The text of a configuration file.

    Raises:
        ConfigError: if it is absent, unreadable, larger than 1 MiB or not UTF-8.
    """
    try:
        if path.exists() and not path.is_file():
            kind = "a folder" if path.is_dir() else "no plain file"
            raise ConfigError(f"{path}: is {kind}; a configuration is a YAML file.")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file.") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}).") from error
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path}: is larger than 1 MiB; a configuration is a small text file.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start}).") from error


def compose(text: str, source: Source) -> yaml.Node | Problem:
    """The root node of one YAML document, or why it has none; an empty document is an empty mapping."""
    try:
        root = _Loader(text).get_single_node()
    except yaml.YAMLError as error:
        mark, what = None, str(error).partition("\n")[0]
        if isinstance(error, yaml.MarkedYAMLError):
            mark, what = error.problem_mark, error.problem or error.context or "cannot be read"
        message = what if isinstance(error, _Refused) else f"is not YAML: {what}"
        return Problem(place=source.place(mark), key=source.sets, message=message)
    start = yaml.Mark(source.name, 0, 0, 0, None, 0)
    return root if root is not None else yaml.MappingNode("", [], start, start)


def scalar(node: yaml.ScalarNode) -> Scalar:
    """The value of a scalar: quoted text is text, the rest by the core schema of YAML 1.2."""
    text: str = node.value
    if node.style is not None:
        return text
    if text.lower() in _WORDS and text in (text.lower(), text.capitalize(), text.upper()):
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text
