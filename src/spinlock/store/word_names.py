"""Names that users gave a tokenizer's words: a small JSON file beside its own, whose checksums it leaves alone."""

import logging
from collections.abc import Mapping
from pathlib import Path

from spinlock.core.errors import InputError
from spinlock.core.spec import Stored
from spinlock.store.atomic import sha256_of_file
from spinlock.store.json_file import read_json, write_json
from spinlock.store.summary import WORD_NAMES

log = logging.getLogger(__name__)

_FORMAT = "spinlock word names"


class WordNamesFile(Stored):
    """What word_names.json holds: for which weights the names are, and category → token → name."""

    format: str
    weights_sha256: str
    names: dict[str, dict[str, str]]


def load_word_names(folder: Path) -> dict[tuple[str, int], str]:
    """Category and token → name; none where no file is, or it names the words of another tokenizer, which is said.

    Raises:
        InputError: if the file is not what it should be.
    """
    path = folder / WORD_NAMES
    if not path.exists():
        return {}
    kept = WordNamesFile.read(read_json(path), where=path)
    numbers = [number for names in kept.names.values() for number in names]
    if kept.format != _FORMAT or not all(number.isascii() and number.isdigit() for number in numbers):
        raise InputError(f"{path} is not a file of word names: category, then number of the token, then its name.")
    if kept.weights_sha256 != _weights(folder):
        log.warning("%s names the words of the tokenizer that was here before; its names are not used.", path)
        return {}
    return {(category, int(number)): name for category, names in kept.names.items() for number, name in names.items()}


def save_word_names(names: Mapping[tuple[str, int], str], folder: Path) -> None:
    """Writes the names beside the tokenizer in a folder; a file of its earlier names, or of an earlier tokenizer's, is replaced.

    Raises:
        InputError: if a file of that name is something else.
    """
    path = folder / WORD_NAMES
    if path.exists():
        WordNamesFile.read(read_json(path), where=path)
    by_category: dict[str, dict[str, str]] = {}
    for (category, token), name in sorted(names.items()):
        by_category.setdefault(category, {})[str(token)] = name
    write_json(path, {"format": _FORMAT, "weights_sha256": _weights(folder), "names": by_category})


def _weights(folder: Path) -> str:
    return sha256_of_file(folder / "weights.safetensors")
