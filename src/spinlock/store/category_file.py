"""A category map as a JSON file.

A map of spinlock states the checksum of its own contents. People edit maps: whoever does takes the line with the checksum
out, and the map is read as one that was written by hand.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import InputError, NamesDifferError, reading_errors
from spinlock.core.plain import to_plain
from spinlock.store.atomic import AnyPath, sha256_of_bytes, write_text
from spinlock.store.checksums import CONTENT
from spinlock.store.json_file import read_json
from spinlock.store.outputs import Kind

_CLUSTERING = "clustering"


def save_category_map(category_map: CategoryMap, path: AnyPath, *, clustering: Mapping[str, Any] | None = None) -> None:
    """Writes a map with the names that it was made for, and its checksum.

    Args:
        category_map: to write.
        path: of the file.
        clustering: that the map came from, fit for JSON; kept beside it for whoever goes on with a training.
    """
    content = category_map.to_plain()
    if clustering is not None:
        content[_CLUSTERING] = to_plain(clustering)
    write_text(path, json.dumps(content | {CONTENT: _checksum(content)}, indent=1) + "\n")


def _checksum(content: dict[str, Any]) -> str:
    """SHA-256 of the map as JSON without spaces, in the order of the file; the checksum itself left out."""
    rest = {name: value for name, value in content.items() if name != CONTENT}
    return sha256_of_bytes(json.dumps(rest, separators=(",", ":")).encode())


def _is_category_map(path: Path) -> bool:
    """Whether a file is a map that spinlock wrote and nobody changed; what somebody wrote or edited is not replaced."""
    try:
        content = read_json(path)
        return isinstance(content, dict) and content.get(CONTENT) == _checksum(content)
    except InputError:
        return False


CATEGORY_MAP = Kind(word="a category map as spinlock wrote it", endings=(".json",), is_one=_is_category_map)


def load_clustering(path: AnyPath) -> dict[str, Any] | None:
    """The clustering that the map in a file came from; None where the file has none."""
    content = read_json(path)
    return content.get(_CLUSTERING) if isinstance(content, dict) else None


def load_category_map(path: AnyPath, names: Sequence[str] | None = None) -> CategoryMap:
    """Reads a map; where `names` are given, it must be made for them.

    Args:
        path: JSON in spinlock's form, or a bare `{category: [column, …]}`.
        names: the columns of the table at hand; a bare map needs them.

    Raises:
        InputError: if the file is no such map, the map breaks a rule, or it does not have the checksum that it states.
        NamesDifferError: naming the columns that differ.
    """
    content = read_json(path)
    if isinstance(content, dict) and content.get(CONTENT, _checksum(content)) != _checksum(content):
        raise InputError(
            f"{path} does not have the checksum that it states, so it was damaged or edited; whoever edited it takes the line "
            f'"{CONTENT}" out of it.'
        )
    if isinstance(content, dict):
        content.pop(CONTENT, None)
    try:
        with reading_errors("the category map"):
            category_map = CategoryMap.from_plain(content, names=names)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    if names is not None:
        try:
            category_map.check_names(names)
        except NamesDifferError as error:
            raise NamesDifferError(f"{path}: {error}") from error
    return category_map
