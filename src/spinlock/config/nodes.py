"""YAML as nodes that know where they stand, within the limits that a file from a stranger needs.

Scalars are read by the core schema of YAML 1.2: `7e-4` is a number, `no` and `12:30` are words.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from spinlock.config.problem import Problem, refuse
from spinlock.core.errors import ConfigError

MAX_BYTES = 2**20
MAX_DEPTH = 32

Scalar = bool | int | float | str | None
Plain = Scalar | list[Any] | dict[str, Any]
"""Scalars, lists and mappings of the same."""

_INTEGER = re.compile(r"[-+]?[0-9](_?[0-9]){0,39}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: dict[str, Scalar] = {"": None, "~": None, "null": None, "true": True, "false": False}


def read_text(path: Path) -> str:
    """The text of a configuration file.

    Raises:
        ConfigError: if it is absent, unreadable, larger than 1 MiB or not UTF-8.
    """
    try:
        if path.is_dir():
            raise ConfigError(f"{path}: is a folder; a configuration is a YAML file.")
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


def compose(text: str, *, source: str) -> yaml.Node:
    """The root node of one YAML document; an empty document is an empty mapping.

    Args:
        text: the document.
        source: what marks are called by: a path, or an option as it was typed.

    Raises:
        ConfigError: if the text is not YAML, uses aliases, anchors or tags, or nests deeper than 32.
    """
    try:
        _check_events(text, source)
        loader = yaml.SafeLoader(text)
        loader.name = source
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        what = error.problem or error.context or "cannot be read"
        raise refuse(
            [Problem(place=place(error.problem_mark, source), key="", message=f"is not YAML: {what}")]
        ) from error
    except yaml.YAMLError as error:
        what = " ".join(str(error).split("\n", maxsplit=1)[0].split())
        raise refuse([Problem(place=source, key="", message=f"is not YAML: {what}")]) from error
    return root if root is not None else empty_mapping(yaml.Mark(source, 0, 0, 0, None, 0))


def _check_events(text: str, source: str) -> None:
    """Refuse aliases, anchors, tags and deep nesting before anything recursive sees the text."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        message = ""
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            message = f"aliases (*{event.anchor}) are not allowed; write the value out"
        elif isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            message = f"anchors (&{event.anchor}) are not allowed; write the value out"
        elif isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag is not None:
            message = f"tags ({event.tag}) are not allowed; write the plain value"
        elif depth > MAX_DEPTH:
            message = f"nests deeper than {MAX_DEPTH} levels"
        if message:
            raise refuse([Problem(place=place(event.start_mark, source), key="", message=message)])


def place(mark: yaml.Mark | None, source: str) -> str:
    """Where a mark stands: `file:line:column`, counted from 1."""
    return f"{source}:{mark.line + 1}:{mark.column + 1}" if mark is not None else source


def empty_mapping(mark: yaml.Mark) -> yaml.MappingNode:
    """A mapping without keys that stands at `mark`."""
    return yaml.MappingNode("tag:yaml.org,2002:map", [], mark, mark)


def is_null(node: yaml.Node) -> bool:
    """Whether a node is an empty value."""
    return isinstance(node, yaml.ScalarNode) and scalar(node) is None


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


def plain(node: yaml.Node) -> Plain:
    """A node as Python values; keys are text, and of a key that came twice the last value counts."""
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): plain(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [plain(item) for item in node.value]
    assert isinstance(node, yaml.ScalarNode), node
    return scalar(node)
