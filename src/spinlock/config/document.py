"""A configuration file with what was typed on top of it; every key and value knows where it stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from spinlock.config.nodes import Source, compose, read_text, scalar
from spinlock.config.problem import Problem, refuse
from spinlock.core.plain import printable
from spinlock.core.spec import Location

NamedOptions = Mapping[str, tuple[str, object]]
"""Option → the dotted key that it sets, and its value: `{"--seed": ("training.seed", 3)}`."""


class Place(NamedTuple):
    """Where a key and its value stand: `file:line:column`, or the option as it was typed."""

    key: str
    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """One YAML document and what was typed on top of it.

    Attributes:
        values: the document as Python values.
        places: where each of them stands.
        problems: what is wrong with the text itself: keys that came twice, overrides that fit nowhere.
    """

    values: dict[str, Any]
    places: dict[Location, Place]
    problems: list[Problem]

    def place(self, location: Location, *, of_key: bool = False) -> str:
        """Where the value at `location` stands, or its key; the nearest thing around it where it is absent.

        In a list of words a word is a location, too.
        """
        here: Location = ()
        at: Any = self.values
        for part in location:
            step: Any = at.index(part) if isinstance(at, list) and isinstance(part, str) and part in at else part
            if (*here, step) not in self.places:
                return self.places[here].value
            here, at = (*here, step), at[step]
        return self.places[here].key if of_key else self.places[here].value

    def read(self, node: yaml.Node, location: Location, source: Source) -> Any:
        """The value of a node; its places and problems are kept. Of a key that came twice the last value counts."""
        if isinstance(node, yaml.ScalarNode):
            return self._text(scalar(node), location, source.place(node.start_mark))
        if isinstance(node, yaml.SequenceNode):
            for position, item in enumerate(node.value):
                place = source.place(item.start_mark)
                self.places[*location, position] = Place(place, place)
            return [self.read(item, (*location, position), source) for position, item in enumerate(node.value)]
        first: dict[str, int] = {}
        last: dict[str, yaml.Node] = {}
        for key, value in node.value:
            place = source.place(key.start_mark)
            if not isinstance(key, yaml.ScalarNode):
                message = "a key must be a word, not a list or a mapping"
                self.problems.append(Problem(place=place, key=dotted(location), message=message))
                continue
            name = self._text(key.value, location, place)
            here = (*location, name)
            if name in last:
                message = f"is already set in line {first[name]}; give it once"
                self.problems.append(Problem(place=place, key=dotted(here), message=message))
            first.setdefault(name, key.start_mark.line + 1)
            last[name] = value
            self.places[here] = Place(place, source.place(value.start_mark))
        return {name: self.read(value, (*location, name), source) for name, value in last.items()}

    def _text(self, value: Any, location: Location, place: str) -> Any:
        """A value as it is; halves of characters, which no file can keep, become a problem."""
        if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
            message = "holds half of a character (a lone surrogate); write it whole"
            self.problems.append(Problem(place=place, key=dotted(location), message=message))
            return printable(value)
        return value

    def override(self, text: str) -> None:
        """Put `key=value` on top, the key dotted, the value YAML; what cannot be read becomes a problem."""
        key, equals, written = text.partition("=")
        source = Source(f"-o {text}", sets=key.strip())
        if not equals or not all(source.sets.split(".")):
            message = "an override is key=value, for example -o training.num_epochs=20"
            self.problems.append(Problem(place=source.name, key="", message=message))
            return
        value = compose(written, source) if written.strip() else None
        if isinstance(value, Problem):
            self.problems.append(value)
        else:
            self.put(value, source)

    def put(self, value: object, source: Source) -> None:
        """Set one dotted key to a node or a plain value; what stands in the way becomes a problem."""
        at: Any = self.values
        location: Location = ()
        parts = source.sets.split(".")
        for depth, part in enumerate(parts, start=1):
            message = ""
            if isinstance(at, list) and not (part.isdecimal() and int(part) < len(at)):
                message = f"is a list of {len(at)}; '{part}' is no position in it"
            elif not isinstance(at, list | dict):
                message = "is a single value and has no keys"
            if message:
                self.problems.append(Problem(place=source.name, key=dotted(location), message=message))
                return
            step: Any = int(part) if isinstance(at, list) else part
            location = (*location, step)
            if depth == len(parts) or (isinstance(at, dict) and at.get(step) is None):
                for below in [place for place in self.places if place[: len(location)] == location]:
                    del self.places[below]
                self.places[location] = Place(source.name, source.name)
                if isinstance(at, dict):
                    at.pop(step, None)  # what is typed comes last
                given = self.read(value, location, source) if isinstance(value, yaml.Node) else value
                at[step] = given if depth == len(parts) else {}
            at = at[step]


def read_document(path: Path, *, overrides: Sequence[str] = (), options: NamedOptions | None = None) -> Document:
    """Read a file and put on top of it what was typed.

    Args:
        path: a YAML file.
        overrides: `key=value`, the key dotted, the value YAML; a later one wins.
        options: options with names of their own: `{"--seed": ("training.seed", 3)}`; they win.

    Raises:
        ConfigError: if the file cannot be read as a mapping in YAML.
    """
    source = Source(str(path))
    root = compose(read_text(path), source)
    if isinstance(root, yaml.Node) and not isinstance(root, yaml.MappingNode):
        message = "must be a mapping of keys to values"
        root = Problem(place=source.place(root.start_mark), key="", message=message)
    if isinstance(root, Problem):
        raise refuse([root])
    start = source.place(root.start_mark)
    document = Document(values={}, places={(): Place(start, start)}, problems=[])
    document.values.update(document.read(root, (), source))
    for text in overrides:
        document.override(text)
    for option, (key, given) in (options or {}).items():
        plain = given is None or isinstance(given, bool | int | float)
        document.put(given if plain else str(given), Source(f"{option} {given}", sets=key))
    return document


def dotted(location: Location) -> str:
    """A location as text: `model.levels.0.num_tokens`."""
    return ".".join(str(part) for part in location)
