"""What was typed on top of a file: `-o key=value`, and options such as `--seed 3`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml

from spinlock.config import nodes
from spinlock.config.problem import Problem
from spinlock.core.errors import ConfigError

NamedOptions = Mapping[str, tuple[str, object]]
"""Option → the dotted key that it sets, and its value: `{"--seed": ("training.seed", 3)}`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Override:
    """One dotted key with its value, and the option as it was typed."""

    source: str
    key: str
    value: yaml.Node


def typed_overrides(overrides: Sequence[str], options: NamedOptions) -> tuple[list[Override], list[Problem]]:
    """The overrides in order, named options last, and those that cannot be read.

    Args:
        overrides: `key=value`, the key dotted, the value YAML.
        options: option as it was typed → dotted key and value.
    """
    found: list[Override] = []
    problems: list[Problem] = []
    for text in overrides:
        source = f"-o {text}"
        key, equals, written = text.partition("=")
        if not equals or not all(key.strip().split(".")):
            message = "an override is key=value, for example -o training.num_epochs=20"
            problems.append(Problem(place=source, key="", message=message))
            continue
        try:
            value = nodes.compose(written, source=source) if written.strip() else word(source, "")
        except ConfigError as error:
            message = str(error).removeprefix(source).lstrip(":0123456789 ")
            problems.append(Problem(place=source, key=key.strip(), message=message))
            continue
        found.append(Override(source=source, key=key.strip(), value=value))
    for option, (key, given) in options.items():
        plain = given is None or isinstance(given, bool | int | float)
        written = json.dumps(given) if plain else str(given)
        source = f"{option} {given}"
        found.append(Override(source=source, key=key, value=word(source, written, quoted=not plain)))
    return found, problems


def graft(root: yaml.MappingNode, override: Override) -> Problem | None:
    """Set one dotted key of the tree; what stands in the way is returned."""
    parts = override.key.split(".")
    node: yaml.Node = root
    for depth, part in enumerate(parts):
        set_to = override.value if depth == len(parts) - 1 else None
        around = ".".join(parts[:depth])
        if isinstance(node, yaml.SequenceNode):
            if not part.isdecimal() or int(part) >= len(node.value):
                message = f"is a list of {len(node.value)}; '{part}' is no position in it"
                return Problem(place=override.source, key=around, message=message)
            node.value[int(part)] = set_to or node.value[int(part)]
            node = node.value[int(part)]
        elif isinstance(node, yaml.MappingNode):
            node = _entry(node, part, set_to, override.source)
        else:
            return Problem(place=override.source, key=around, message="is a single value and has no keys")
    return None


def _entry(mapping: yaml.MappingNode, part: str, set_to: yaml.Node | None, source: str) -> yaml.Node:
    """The value of a key after setting it, or making it an empty mapping where it was absent or empty."""
    found = next((value for key, value in mapping.value if key.value == part), None)
    if set_to is None and found is not None and not nodes.is_null(found):
        return found
    key = word(source, part)
    value = set_to or nodes.empty_mapping(key.start_mark)
    mapping.value = [(k, v) for k, v in mapping.value if k.value != part] + [(key, value)]
    return value


def word(source: str, text: str, *, quoted: bool = False) -> yaml.ScalarNode:
    """A scalar that was typed, not read from a file."""
    mark = yaml.Mark(source, 0, 0, 0, None, 0)
    return yaml.ScalarNode("tag:yaml.org,2002:str", text, mark, mark, style='"' if quoted else None)
