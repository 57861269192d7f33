"""Shapes and types of `.npy` and `.npz` arrays from their headers, without their numbers."""

import zipfile
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np

from spinlock.core.errors import InputError

DAMAGE = (ValueError, OSError, EOFError, SyntaxError, TypeError, MemoryError)
"""What numpy raises on a file that is damaged or of another kind."""
ARCHIVE_DAMAGE = (*DAMAGE, KeyError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error)
_HEADER_BYTES = 2**17


def array_shapes(path: Path) -> dict[str, str]:
    """Name of each array (the file's own for `.npy`) → its shape and type in words.

    Raises:
        InputError: if the file is damaged or of another kind.
    """
    try:
        if path.suffix == ".npy":
            with path.open("rb") as file:
                return {path.stem: _header(file.read(_HEADER_BYTES))}
        with zipfile.ZipFile(path) as archive:
            shapes = {}
            for name in archive.namelist()[:100]:
                with archive.open(name) as file:
                    shapes[name.removesuffix(".npy")] = _header(file.read(_HEADER_BYTES))
            return shapes
    except ARCHIVE_DAMAGE as error:
        raise InputError(f"{path} is not a file of arrays: {' '.join(str(error).split())}.") from error


def _header(start: bytes) -> str:
    file = BytesIO(start)
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    return f"{' x '.join(map(str, shape)) or 'one number'}, {dtype}"
