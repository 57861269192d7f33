"""Files on servers, by `s3://`, `gs://`, `hf://` and `http(s)://`: ranges of their bytes are fetched as they are read, never the whole.

The bytes are fetched in the process that asked for the file, with the user's credentials; whatever parses them is in the
child that has neither, and asks for ranges (`store.guard`).
"""

import hashlib
import io
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property, lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from spinlock.core.errors import InputError, ResourceError, SpinlockError, UsageError
from spinlock.store.atomic import AnyPath

BLOCK, KEPT_BLOCKS = 2**18, 64
"""Bytes of a block, and blocks that are kept: descriptions of arrays are many small pieces near each other."""
PAUSES = (1.0, 4.0)
"""Seconds before a range that was lost is asked for again."""
_ADDRESS = re.compile(r"(s3|gs|hf|https?):/+(?=[^/])")
_PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "hf": "huggingface_hub"}
_OF_CONTENT = ("ETag", "Content-MD5", "Digest", "Last-Modified", "LastModified", "md5Hash", "etag", "blob_id", "mtime")
"""What systems of fsspec call what changes with the content of a file."""
_Plain = type(Path())


class RemotePath(_Plain):
    """The address of a file on a server, with the manners of a path.

    As a text it is what may be said and stored: without a name and password, and without what follows `?`, which may be a
    signature.
    """

    __slots__ = ()

    @property
    def url(self) -> str:
        """The whole address."""
        return super().__str__().replace(":/", "://", 1)

    @property
    def name(self) -> str:
        """The last part, without what follows `?`."""
        return super().name.partition("?")[0]

    def __str__(self) -> str:
        return re.sub(r"//[^/@]*@", "//", self.url.partition("?")[0])

    def __fspath__(self) -> str:
        return str(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemotePath) and other.url == self.url

    def __hash__(self) -> int:
        return hash(self.url)

    def absolute(self) -> "RemotePath":
        """Itself: an address is the same from any folder."""
        return self

    def is_dir(self, **_: Any) -> bool:
        """No: files are named one by one, or by a pattern."""
        return False

    def exists(self, **_: Any) -> bool:
        """Whether the server has it."""
        with suppress(MissingError):
            return remote_file(self).size >= 0
        return False

    def is_file(self, **_: Any) -> bool:
        """Whether the server has it."""
        return self.exists()

    def fitting(self) -> "list[RemotePath]":
        """The files that the address stands for as a pattern, where its server lists what it has.

        Raises:
            InputError: if there is none.
        """
        found = remote_file(self).matches()
        if not found:
            raise InputError(f"no file fits the pattern {self}.")
        return found

    def open(self, mode: str = "rb", **_: Any) -> "RangeFile":  # pyright: ignore[reportIncompatibleMethodOverride]
        """The file for reading.

        Raises:
            InputError: if it is not there, may not be read, or its server serves no ranges.
            ResourceError: if the server cannot be reached.
        """
        assert mode == "rb"
        file = remote_file(self)
        return RangeFile(file.size, file.read)


class MissingError(InputError):
    """A server that has no such file."""


def path_of(path: AnyPath) -> Path:
    """A path of this machine, or the address of a file on a server."""
    if isinstance(path, RemotePath):
        return path
    return RemotePath(path) if _ADDRESS.match(str(path)) else Path(path)


class RemoteFile:
    """Ranges of a file on a server; small ones come in blocks that are kept."""

    def __init__(self, path: RemotePath) -> None:
        self.path = path
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    @cached_property
    def _system(self) -> tuple[Any, str]:
        scheme = self.path.url.partition(":")[0]
        try:
            return import_module("fsspec.core").url_to_fs(self.path.url)
        except ImportError as error:
            package = _PACKAGES.get(scheme, "")
            raise UsageError(
                f"{self.path} is read through fsspec{f' and {package}' * bool(package)}: pip install 'spinlock[remote]'{f' {package}' * bool(package)}."
            ) from error

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """What the server says of it: its size, and what changes with its content."""
        system, place = self._system
        found = self._again(lambda: dict(system.info(place)))
        if not isinstance(found.get("size"), int) or found.get("partial") is False:
            raise InputError(_NO_RANGES.format(self.path))
        return found

    @property
    def size(self) -> int:
        """Bytes of it."""
        return self.facts["size"]

    @cached_property
    def _file(self) -> Any:
        size, (system, place) = self.size, self._system
        # `size` spares the second look of HTTP; other systems look into what they have listed.
        more = {"size": size} if self.path.url.startswith("http") else {}
        return self._again(lambda: system.open(place, "rb", cache_type="none", **more))

    def matches(self) -> list[RemotePath]:
        """The files that the path stands for as a pattern."""
        system, place = self._system
        return [RemotePath(system.unstrip_protocol(name)) for name in self._again(lambda: system.glob(place))]

    def state(self) -> tuple[object, ...]:
        """What the server says of the file, and a checksum of its two ends."""
        words = {name: str(self.facts[name]) for name in _OF_CONTENT if self.facts.get(name)}
        ends = self.read(0, BLOCK) + self.read(max(0, self.size - BLOCK), self.size)
        return str(self.path), self.size, words, hashlib.sha256(ends).hexdigest()

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from one place to another.

        Raises:
            InputError: if the file ends before, or its server serves no ranges.
            ResourceError: if the server went away.
        """
        stop = min(stop, self.size)
        if stop - start > 2 * BLOCK:
            return self._fetched(start, stop)
        parts = []
        for number in range(start // BLOCK, -(-stop // BLOCK)):
            first = number * BLOCK
            if number not in self._blocks:
                self._blocks[number] = self._fetched(first, min(first + BLOCK, self.size))
                if len(self._blocks) > KEPT_BLOCKS:
                    self._blocks.popitem(last=False)
            self._blocks.move_to_end(number)
            parts.append(self._blocks[number][max(0, start - first) : stop - first])
        return b"".join(parts)

    def _fetched(self, start: int, stop: int) -> bytes:
        def fetch() -> bytes:
            self._file.seek(start)
            return self._file.read(stop - start)

        data = self._again(fetch)
        if len(data) != stop - start:
            raise InputError(
                f"{self.path} has another size than its server said; it is being changed, so read it again."
            )
        return data

    def _again(self, ask: Callable[[], Any]) -> Any:
        """What a server answers, asked again where the way to it was lost."""
        for pause in (*PAUSES, None):
            try:
                return ask()
            except (SpinlockError, MemoryError):
                raise
            except Exception as error:  # noqa: BLE001  every system of fsspec has errors of its own
                told = self._told(error)
                if pause is None or not isinstance(told, ResourceError):
                    raise told from error
                time.sleep(pause)
        raise AssertionError

    def _told(self, error: BaseException) -> SpinlockError:
        """What went wrong, in one sentence."""
        reasons = [error, error.__cause__ or error]
        status = next((code for reason in reasons if isinstance(code := getattr(reason, "status", None), int)), None)
        words = " ".join(str(reasons[-1]).split())[:200].rstrip(".") or type(reasons[-1]).__name__
        is_lost = type(reasons[-1]).__module__.startswith("aiohttp") and status is None
        if "support range requests" in words:
            return InputError(_NO_RANGES.format(self.path))
        if isinstance(error, PermissionError) or status in (401, 403) or "credentials" in words.lower():
            return InputError(
                f"{self.path} may not be read ({words}); give credentials as the package of its scheme takes them, for example "
                "AWS_PROFILE, or FSSPEC_S3_ANON=true for public buckets."
            )
        if status in (404, 410) or (isinstance(error, FileNotFoundError) and not is_lost and status is None):
            return MissingError(f"{self.path} is not there, its server says.")
        return ResourceError(
            f"the connection for {self.path} was lost ({words}); run again when its server answers: what is complete is kept."
        )


ALSO_FORGET: list[Callable[[], None]] = []
"""What else is to be forgotten of servers, by whoever remembers it."""


@lru_cache(maxsize=8)
def remote_file(path: RemotePath) -> RemoteFile:
    """The file at an address, with the pieces of it that this process has, until `look_again`."""
    return RemoteFile(path)


def look_again() -> None:
    """Forget what is known of files on servers: they may have changed since another piece of work read them."""
    remote_file.cache_clear()
    for forget in ALSO_FORGET:
        forget()


_NO_RANGES = "{} lies on a server that does not serve ranges of a file, and spinlock reads none whole over a network; download it first."


class RangeFile(io.RawIOBase):
    """A file for reading whose bytes are fetched as they are asked for.

    Args:
        size: bytes of it.
        fetch: gives the bytes from one place to another.
    """

    def __init__(self, size: int, fetch: Callable[[int, int], Any]) -> None:
        self.size = size
        self._fetch = fetch
        self._at = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Where the next byte comes from."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; nothing is fetched."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as the file goes."""
        view = memoryview(buffer).cast("B")
        stop = min(self._at + len(view), self.size)
        if stop <= self._at:
            return 0
        data = self._fetch(self._at, stop)
        view[: len(data)] = data
        self._at += len(data)
        return len(data)


class Served:
    """Ranges of a file for the child that reads it, counted for each of its answers.

    A file that makes a parser read the same bytes without end is refused once they are more than twice the file.
    """

    def __init__(self, path: RemotePath) -> None:
        self._file = remote_file(path)
        self._left = 0

    def begin(self) -> None:
        """A new answer."""
        self._left = 2 * self._file.size + KEPT_BLOCKS * BLOCK

    def answer(self, asked: tuple[int, int] | None) -> Any:
        """The size of the file, or the bytes between two places of it."""
        if asked is None:
            return self._file.size
        start, stop = asked
        self._left -= stop - start
        if not 0 <= start <= stop <= self._file.size or self._left < 0:
            raise InputError(
                f"{self._file.path} cannot be read: it makes its reader go round in it; it is damaged or hostile."
            )
        return self._file.read(start, stop)
