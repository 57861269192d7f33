"""Proposed parameters as a file: all of them as JSON, or one as a configuration of `spinlock generate` (YAML)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from spinlock.core.errors import InputError
from spinlock.core.plain import to_plain
from spinlock.store.atomic import AnyPath, write_text
from spinlock.store.json_file import read_json, to_json
from spinlock.store.outputs import Kind

_FORMAT = "spinlock proposals"
_TITLE = "# proposed by spinlock: "
CONFIGURATIONS = (".yaml", ".yml")


def _is_one(path: Path) -> bool:
    if path.suffix.lower() in CONFIGURATIONS:
        with path.open("rb") as file:
            return file.read(len(_TITLE)) == _TITLE.encode()
    try:
        content = read_json(path)
    except InputError:
        return False
    return isinstance(content, dict) and content.get("format") == _FORMAT


PROPOSALS = Kind(word="a file of proposals", endings=(".json", *CONFIGURATIONS), is_one=_is_one)


def save_proposals(content: Mapping[str, Any], path: AnyPath) -> None:
    """Writes proposals as JSON, whole or not at all."""
    write_text(path, to_json({"format": _FORMAT, **content}))


def save_configuration(settings: Mapping[str, Any], path: AnyPath, *, title: str) -> None:
    """Writes a configuration as YAML, whole or not at all.

    Args:
        settings: plain values.
        path: of the file.
        title: what was wanted, in one line.
    """
    text = yaml.safe_dump(to_plain(settings), sort_keys=False, allow_unicode=True)
    write_text(path, f"{_TITLE}{' '.join(title.split())}\n{text}")
