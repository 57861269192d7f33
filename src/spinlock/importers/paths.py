"""The files that a path, a folder or a pattern stands for."""

import glob
from collections.abc import Sequence
from pathlib import Path

from spinlock.core.errors import InputError
from spinlock.importers.places import in_order
from spinlock.importers.plugins import installed
from spinlock.importers.zarr_store import is_zarr
from spinlock.store.atomic import AnyPath
from spinlock.store.remote import RemotePath, look_again, path_of

ENDINGS = (".npy", ".npz", ".h5", ".hdf5", ".he5", ".nc", ".nc4", ".cdf", ".mat", ".zarr")


def rollout_files(paths: AnyPath | Sequence[AnyPath]) -> tuple[Path, ...]:
    """Every file once, in the order given; those of a folder or a pattern by name, numbers in their order.

    Args:
        paths: files, of this machine or by their addresses on a server; folders, of which the files that end in one of `ENDINGS`, in small letters or capitals, are taken; or patterns with
            `*`, `?` or `[…]`, in which `**` stands for any folders.

    Raises:
        InputError: if a folder or a pattern holds no such file.
    """
    given = [paths] if isinstance(paths, str) or not isinstance(paths, Sequence) else paths
    found = [file for path in given for file in _expanded(path_of(path))]
    return tuple(dict.fromkeys(found))


def _expanded(path: Path) -> list[Path]:
    if isinstance(path, RemotePath):
        look_again()
        return sorted(path.fitting(), key=in_order) if glob.has_magic(path.url.partition("?")[0]) else [path]
    if path.is_dir() and not is_zarr(path):
        endings = (*ENDINGS, *(ending for importer in installed() for ending in importer.endings))
        files = [
            entry for entry in path.iterdir() if entry.suffix.lower() in endings and not entry.name.startswith(".")
        ]
        if not files:
            below = next((entry.suffix for entry in path.glob("*/*") if entry.suffix.lower() in endings), None)
            remedy = (
                f"files of other names are taken by a pattern, '{path}/*'"
                if below is None
                else f"those of the folders in it are taken by a pattern, '{path}/*/*{below}'"
            )
            raise InputError(f"{path} is a folder without a file that ends in {', '.join(endings)}; {remedy}.")
        return sorted(files, key=in_order)
    if not path.exists() and glob.has_magic(str(path)):
        files = [Path(name) for name in glob.glob(str(path), recursive=True)]  # noqa: PTH207  patterns of whole paths
        if not files:
            raise InputError(f"no file fits the pattern {path}.")
        return sorted(files, key=in_order)
    return [path]
