"""What may be written where: a new file, or one of the same kind, by one process at a time, and never over an input."""

import errno
import logging
import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from spinlock.core.errors import InputError, UsageError, listed
from spinlock.store.atomic import AnyPath, disk_errors, remove_partial, target_of

if sys.platform == "win32":
    fcntl = None
else:
    import fcntl

log = logging.getLogger(__name__)

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """What a command writes.

    Attributes:
        word: with its article, for messages: "a token file".
        endings: of its name; none for a folder.
        is_one: whether what is at a path is of this kind, so that it may be replaced.
    """

    word: str
    endings: tuple[str, ...] = ()
    is_one: Callable[[Path], bool]


def check_output(path: AnyPath, kind: Kind, *, inputs: Iterable[AnyPath] = ()) -> None:
    """Refuses a place where something else is than an earlier output of the same kind; an empty file is nothing.

    Args:
        path: of the output.
        kind: that is to be written.
        inputs: of the same work, which must survive it.

    Raises:
        UsageError: for another ending, or an input.
        InputError: for a device, a pipe, a folder in place of a file, or a file of another kind.
    """
    path = Path(path)
    if kind.endings and path.suffix.lower() not in kind.endings:
        raise UsageError(f"{kind.word} must end in {listed(kind.endings)}; got '{path}'.")
    for source in map(Path, inputs):
        if path.exists() and source.exists() and source.samefile(path):
            raise UsageError(
                f"the output {path} is the input {source} itself, which is not overwritten; choose another name."
            )
    target = target_of(path) if kind.endings else path
    with disk_errors(path):
        there = target.exists() and (not target.is_file() or target.stat().st_size > 0)
    if there and not kind.is_one(target):
        raise InputError(f"{path} is there and is not {kind.word}, so it is kept; choose another name or move it.")


@contextmanager
def claim_output(
    path: AnyPath, kind: Kind, *, inputs: Sequence[AnyPath] = (), companions: Sequence[tuple[AnyPath, Kind]] = ()
) -> Iterator[None]:
    """Makes sure, before any work, that an output may be written, and that nobody else writes it until the block ends.

    Args:
        path: of the output.
        kind: that is to be written.
        inputs: of the same work.
        companions: further outputs that follow from the first, with their kinds.

    Raises:
        UsageError: see `check_output`.
        InputError: see `check_output`; and if another process is writing it.
    """
    for output, its_kind in ((path, kind), *companions):
        check_output(output, its_kind, inputs=inputs)
    with ExitStack() as locks:
        for output in (path, *(companion for companion, _ in companions)):
            target = Path(os.path.realpath(output))
            locks.enter_context(locked(target))
            with disk_errors(output):
                remove_partial(target.parent, of=target.name)  # of a writer that was killed
        yield


@contextmanager
def locked(path: AnyPath, *, shared: bool = False) -> Iterator[None]:
    """Keeps others from writing `path`, on any machine that sees the file; the end of the process ends it too.

    Args:
        path: that is written; the lock lies beside it, `.<name>.lock`, and is gone afterwards.
        shared: others may share it who say so too.

    Raises:
        InputError: if another process has it, with its number and its machine.
    """
    path = Path(path)
    place = path.with_name(f".{path.name}.lock")
    if fcntl is None:  # Windows has no such locks
        yield
        return
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = _acquired(place, path, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
    try:
        yield
    finally:
        try:
            if shared:  # the last one tidies up
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            place.unlink(missing_ok=True)
        except OSError as error:
            log.debug("%s stays: %s.", place, error)
        os.close(handle)


def _acquired(place: Path, path: Path, how: int) -> int:
    assert fcntl is not None
    while True:
        handle = os.open(place, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, how | fcntl.LOCK_NB)
            # Whoever had it before may have removed it meanwhile: then this is a lock that nobody sees.
            if _is_at(place, handle):
                os.ftruncate(handle, 0)
                _sign(handle, place, is_shared=how == fcntl.LOCK_SH)
                return handle
        except BlockingIOError:
            holder = os.pread(handle, 300, 0).decode(errors="replace") or "still starting"
            os.close(handle)
            raise InputError(
                f"{path} is being written by another run ({holder}); wait until it ends, or choose another name."
            ) from None
        except OSError as error:
            if error.errno in _NO_LOCKS:
                log.warning("%s lies on a file system without locks: see to it that no other run writes it.", path)
                return handle
            os.close(handle)
            raise
        os.close(handle)


def _sign(handle: int, place: Path, *, is_shared: bool) -> None:
    """Writes who holds a lock; on a disk without room for that it is not left behind, unless others hold it too."""
    try:
        os.pwrite(handle, f"process {os.getpid()} on {platform.node()}".encode(), 0)
    except OSError:
        if not is_shared:
            place.unlink(missing_ok=True)
        raise


def _is_at(place: Path, handle: int) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), place.stat())
    except FileNotFoundError:
        return False
