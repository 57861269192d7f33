"""The files that a path, a folder or a pattern stands for."""

import glob
import re
from collections.abc import Sequence
from pathlib import Path

from spinlock.core.errors import InputError
from spinlock.importers.zarr_store import is_zarr
from spinlock.store.atomic import AnyPath

ENDINGS = (".npy", ".npz", ".h5", ".hdf5", ".zarr")


def rollout_files(paths: AnyPath | Sequence[AnyPath]) -> tuple[Path, ...]:
    """Every file once, in the order given; those of a folder or a pattern by name, numbers in their order.

    Args:
        paths: files; folders, of which the files that end in .npy, .npz, .h5, .hdf5 or .zarr are taken; or patterns with
            `*`, `?` or `[…]`, in which `**` stands for any folders.

    Raises:
        InputError: if a folder or a pattern holds no such file.
    """
    given = [paths] if isinstance(paths, str) or not isinstance(paths, Sequence) else paths
    found = [file for path in given for file in _expanded(Path(path))]
    return tuple(dict.fromkeys(found))


def _expanded(path: Path) -> list[Path]:
    if path.is_dir() and not is_zarr(path):
        files = [
            entry for entry in path.iterdir() if entry.suffix.lower() in ENDINGS and not entry.name.startswith(".")
        ]
        if not files:
            raise InputError(f"{path} is a folder without a file that ends in {', '.join(ENDINGS)}.")
        return sorted(files, key=_in_order)
    if not path.exists() and glob.has_magic(str(path)):
        files = [Path(name) for name in glob.glob(str(path), recursive=True)]  # noqa: PTH207  patterns of whole paths
        if not files:
            raise InputError(f"no file fits the pattern {path}.")
        return sorted(files, key=_in_order)
    return [path]


def _in_order(path: Path) -> tuple[tuple[int, int, str], ...]:
    parts = [part for part in re.split(r"(\d+)", str(path)) if part]
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)
