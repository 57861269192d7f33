"""What an input is like now, so that a later run knows whether it still is."""

import hashlib
import os
from pathlib import Path

from spinlock.store.remote import RemotePath, remote_file
from spinlock.store.remote_zarr import remote_zarr

WHOLE_BYTES = 64 * 2**20
"""Files up to this size are read whole; of larger ones 64 pieces of 1 MiB at even distances."""
_PIECE = 2**20
_FILES_READ = 64
"""Files of a folder whose content is looked at, at even distances; of all of them sizes and times count."""


def state_of(path: Path) -> tuple[object, ...]:
    """The resolved path of a file or folder, its size, the newest change of anything in it, and a checksum of its content.

    By whatever path it is named, an input has one state. A file that was changed and given its old size and time is found by its
    content; in one above 64 MiB only where the change touches one of the pieces that are read. Of a file on a server, what that says of it
    and the two ends count; of a Zarr store there its descriptions.
    """
    if isinstance(path, RemotePath):
        return remote_zarr(path).state() if path.suffix.lower() == ".zarr" else remote_file(path).state()
    resolved = path.resolve()
    files = [resolved] if resolved.is_file() else sorted(_inside(resolved))
    sizes = [file.stat() for file in files]
    digest = hashlib.sha256()
    for file, status in zip(files, sizes, strict=True):
        digest.update(
            f"{file.relative_to(resolved)}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="replace")
        )
    for file in files[:: max(1, -(-len(files) // _FILES_READ))]:
        _content(file, digest, most=WHOLE_BYTES // (1 if len(files) == 1 else _FILES_READ))
    return str(resolved), len(files), sum(status.st_size for status in sizes), digest.hexdigest()


def _inside(folder: Path) -> list[Path]:
    return [Path(place) / name for place, _, names in os.walk(folder) for name in names]


def _content(file: Path, digest: "hashlib._Hash", *, most: int) -> None:
    size = file.stat().st_size
    with file.open("rb") as opened:
        if size <= most:
            while piece := opened.read(_PIECE):
                digest.update(piece)
            return
        pieces = max(1, most // _PIECE)
        for number in range(pieces):
            opened.seek((size - _PIECE) * number // max(1, pieces - 1))
            digest.update(opened.read(_PIECE))
