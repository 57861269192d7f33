"""Files that are there whole or not at all, whatever kills the writer.

A file is written under a temporary name beside its target, forced to disk, and renamed; then the folder is forced to disk.
A symbolic link stays: what it points to is replaced. Anything but a plain file is left alone.
"""

import errno
import glob
import hashlib
import os
import platform
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spinlock.core.errors import InputError, ResourceError

AnyPath = str | os.PathLike[str]

_OUT_OF_ROOM = {
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be larger than the system allows",
    errno.EROFS: "the file system can only be read",
    errno.EIO: "the disk reports an error",
}
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
)


@contextmanager
def disk_errors(path: AnyPath) -> Iterator[None]:
    """Turns the system's refusals to write `path` into one sentence.

    Raises:
        ResourceError: out of disk, of quota, past the largest file allowed, or where the disk fails.
        InputError: a folder that is missing or closed to the user.
    """
    try:
        yield
    except (InputError, ResourceError):
        raise
    except OSError as error:
        if error.errno in _OUT_OF_ROOM:
            raise ResourceError(f"{path} cannot be written: {_OUT_OF_ROOM[error.errno]}.") from error
        raise InputError(f"{path} cannot be written: {error.strerror or error}.") from error


def temporary_name(path: AnyPath) -> Path:
    """The hidden name beside `path` under which it is written until it is whole; no two writers on any machine share one."""
    path, host = Path(path), re.sub(r"\W+", "-", platform.node())[:16]
    return path.with_name(f".{path.name}.partial-{host}-{os.getpid()}-{secrets.token_hex(4)}")


def target_of(path: AnyPath) -> Path:
    """Where a file of that name is written: `path`, or what it links to.

    Raises:
        InputError: if something is there that is no plain file.
    """
    target = Path(os.path.realpath(path))
    with disk_errors(path):
        if target.exists():
            mode = target.stat().st_mode
            for is_kind, word in _KINDS:
                if is_kind(mode):
                    raise InputError(f"{path} is {word}, which no file takes the place of; choose another name.")
    return target


def sync_folder(folder: AnyPath) -> None:
    """Forces the names in a folder to disk, where the system can do that for folders."""
    if os.name == "nt":  # a folder cannot be opened there; NTFS journals its names
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_name(path: Path) -> None:
    """Forces the name of what has just been renamed to disk."""
    try:
        sync_folder(path.parent)
    except OSError as error:
        raise ResourceError(
            f"{path} is written and whole, but the disk did not confirm its name ({error.strerror or error}): after a loss of "
            "power it may be gone; see to the disk and run again."
        ) from error


@contextmanager
def replacing(path: AnyPath) -> Iterator[Path]:
    """A temporary path to write to, which takes the place of `path` when the block ends; its folder is made if needed.

    Raises:
        ResourceError: out of disk, or where the disk fails.
        InputError: a place that cannot be written, or where something else than a plain file is.
    """
    target = target_of(path)
    with disk_errors(path):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = temporary_name(target)
        try:
            yield temporary
            sync_file(temporary)
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_name(target)


def sync_file(path: AnyPath) -> None:
    """Forces the contents of a file to disk."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def write_bytes(path: AnyPath, data: bytes) -> None:
    """Writes a file whole or not at all, replacing what was there; its folder is made if needed."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: AnyPath, text: str) -> None:
    """Writes UTF-8 text whole or not at all."""
    write_bytes(path, text.encode())


def write_folder(folder: AnyPath, files: dict[str, bytes]) -> None:
    """Writes a new folder of files whole or not at all; nobody else may be writing that folder.

    Raises:
        ResourceError: out of disk.
        InputError: a place that cannot be written.
    """
    folder = Path(folder)
    with disk_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        remove_partial(folder.parent, of=folder.name)
        temporary = temporary_name(folder)
        try:
            temporary.mkdir()
            for name, data in files.items():
                _write_synced(temporary / name, data)
            sync_folder(temporary)
            os.rename(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        _sync_name(folder)


def _write_synced(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        write_at(handle, data, 0)
        os.fsync(handle)
    finally:
        os.close(handle)


def write_at(handle: int, data: bytes | memoryview, place: int) -> None:
    """Writes all of `data` from `place` on; a write may take a part only: 2 GiB at most, or what a filling disk still holds."""
    view = memoryview(data)
    while view:
        num_bytes = os.pwrite(handle, view, place)
        view, place = view[num_bytes:], place + num_bytes


def remove_partial(folder: AnyPath, *, of: str = "*") -> None:
    """Removes what killed writers left in a folder under temporary names; nobody may be writing there.

    Args:
        folder: to tidy.
        of: the name that was being written; any when not given.
    """
    for leftover in Path(folder).glob(f".{of if of == '*' else glob.escape(of)}.partial-*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def check_free_space(path: AnyPath, num_bytes: int) -> None:
    """Refuses a job before it starts where its file does not fit beside `path`.

    Raises:
        ResourceError: with both sizes.
    """
    folder = Path(path).absolute().parent
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < num_bytes:
        raise ResourceError(
            f"{path} needs {human_size(num_bytes)} of disk and {human_size(free)} are free; make room or write it elsewhere."
        )


def human_size(num_bytes: int) -> str:
    """A size for people: `"512 B"`, `"1.5 MB"`; decimal units."""
    size = float(min(num_bytes, 10**300))
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def sha256_of_file(path: AnyPath) -> str:
    """SHA-256 of a file's bytes, read in pieces."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_bytes(data: bytes) -> str:
    """SHA-256 of bytes in memory."""
    return hashlib.sha256(data).hexdigest()
