"""Tokenizers of several families as a folder: one folder a family, families.json, and its checksum."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from spinlock.core.errors import InputError
from spinlock.core.spec import Stored, Word
from spinlock.store.atomic import AnyPath, write_bytes
from spinlock.store.json_file import to_json
from spinlock.store.manifest import MANIFEST, is_manifest_of, json_of, read_verified, with_manifest
from spinlock.store.outputs import Kind

NAMES = "families.json"


class FamiliesFile(Stored):
    """What families.json holds."""

    families: Annotated[list[Word], Field(min_length=1)]


def save_families(folder: AnyPath, families: Sequence[str]) -> None:
    """Writes which families a folder has, after their own folders; from then on it is whole.

    Raises:
        ResourceError: out of disk.
    """
    files = with_manifest({NAMES: to_json({"families": list(families)}).encode()}, kind="families")
    for name, data in files.items():
        write_bytes(Path(folder) / name, data)


def has_families(folder: AnyPath) -> bool:
    """Whether a folder is one of several families."""
    return is_manifest_of(Path(folder) / MANIFEST, kind="families")


def load_families(folder: AnyPath) -> tuple[str, ...]:
    """The names of a folder's families, in the order in which they were trained.

    Raises:
        InputError: if it is not there, not whole or damaged.
    """
    folder = Path(folder)
    files = read_verified(folder, kind="families")
    if NAMES not in files:
        raise InputError(f"{folder} has no {NAMES}.")
    return tuple(FamiliesFile.read(json_of(files, NAMES, folder=folder), where=folder / NAMES).families)


def _may_hold_families(folder: Path) -> bool:
    """Whether a folder is one of several families, or holds no file that would have to make way for one."""
    if not folder.is_dir():
        return False
    return has_families(folder) or not any((folder / name).exists() for name in (NAMES, MANIFEST))


FAMILIES_FOLDER = Kind(word="a folder of families, nor free of files of these names", is_one=_may_hold_families)
