"""`spinlock info`: what a file is and what it holds, from its description alone."""

import json
from pathlib import Path
from typing import Any

from spinlock.core.errors import InputError

EXPECTED = "a data set or tokens (.h5), tokens (.csv, .parquet), a tokenizer or checkpoint folder, a category map or report (.json), or a configuration (.yaml)"


def inspect_file(path: Path) -> dict[str, Any]:
    """The kind of a file or folder, and its facts.

    Raises:
        InputError: if it is nothing that spinlock makes or reads.
    """
    if path.is_dir():
        return _folder(path)
    readers = {
        ".h5": _hdf5,
        ".hdf5": _hdf5,
        ".csv": _tokens,
        ".parquet": _tokens,
        ".json": _json,
        ".yaml": _yaml,
        ".yml": _yaml,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path} is nothing that spinlock knows; expected {EXPECTED}.")
    return reader(path)
