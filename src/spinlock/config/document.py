"""A configuration file with what was typed on top of it; every key and value knows where it came from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from spinlock.config import nodes
from spinlock.config.overrides import NamedOptions, graft, typed_overrides
from spinlock.config.problem import Problem, refuse
from spinlock.core.spec import Location


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """One YAML document and the overrides that were grafted onto it.

    Attributes:
        root: the document's mapping.
        source: the path of the file.
        typed: the sources that are options of the command line: they have no line and column.
        problems: what is wrong with the text itself: keys that came twice, overrides that fit nowhere.
    """

    root: yaml.MappingNode
    source: str
    typed: frozenset[str]
    problems: tuple[Problem, ...]

    def values(self) -> nodes.Plain:
        """The document as Python values."""
        return nodes.plain(self.root)

    def place(self, location: Location, *, of_key: bool = False) -> str:
        """Where the value at `location` stands, or its key; the nearest thing around it where it is absent."""
        mark = self.root.start_mark
        node: yaml.Node = self.root
        for depth, part in enumerate(location):
            found = _child(node, part)
            if found is None:
                break
            key, node = found
            mark = key.start_mark if of_key and depth == len(location) - 1 else node.start_mark
        return mark.name if mark.name in self.typed else nodes.place(mark, mark.name)


def read_document(path: Path, *, overrides: Sequence[str] = (), options: NamedOptions | None = None) -> Document:
    """Read a file and graft overrides onto it.

    Args:
        path: a YAML file.
        overrides: `key=value`, the key dotted, the value YAML; a later one wins.
        options: options with names of their own: `{"--seed": ("training.seed", 3)}`.

    Raises:
        ConfigError: if the file cannot be read as YAML.
    """
    root = nodes.compose(nodes.read_text(path), source=str(path))
    if not isinstance(root, yaml.MappingNode):
        raise refuse(
            [
                Problem(
                    place=nodes.place(root.start_mark, str(path)), key="", message="must be a mapping of keys to values"
                )
            ]
        )
    problems = list(_twice(root, ()))
    typed, unreadable = typed_overrides(overrides, options or {})
    problems += unreadable
    problems += [problem for override in typed if (problem := graft(root, override)) is not None]
    sources = frozenset(override.source for override in typed)
    return Document(root=root, source=str(path), typed=sources, problems=tuple(problems))


def _child(node: yaml.Node, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """Key and value of one entry; an entry of a list is its own key, and a list of words is looked up by word."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in reversed(node.value) if key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            if part in (position, item.value if isinstance(item, yaml.ScalarNode) else position):
                return item, item
    return None


def _twice(node: yaml.Node, location: Location) -> Iterator[Problem]:
    """Keys that come twice in one mapping, or that are no words."""
    children: list[tuple[str | int, yaml.Node]] = []
    if isinstance(node, yaml.SequenceNode):
        children = list(enumerate(node.value))
    if isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for key, value in node.value:
            where = nodes.place(key.start_mark, key.start_mark.name)
            if not isinstance(key, yaml.ScalarNode):
                yield Problem(
                    place=where, key=dotted(location), message="a key must be a word, not a list or a mapping"
                )
                continue
            if key.value in first:
                message = f"is already set in line {first[key.value]}; give it once"
                yield Problem(place=where, key=dotted((*location, key.value)), message=message)
            first.setdefault(key.value, key.start_mark.line + 1)
            children.append((key.value, value))
    for part, child in children:
        yield from _twice(child, (*location, part))


def dotted(location: Location) -> str:
    """A location as text: `model.levels.0.num_tokens`."""
    return ".".join(str(part) for part in location)
