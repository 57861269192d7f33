"""A store for the package `zarr` whose values are asked for by key and range; imported where that package is needed."""

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype

Fetch = Callable[[tuple[str, int | None, int | None]], Any]
"""Key and range → bytes, or False where there is nothing."""


class KeyStore(Store):
    """A store that is only read, and lists nothing.

    Args:
        fetch: gives the bytes of a key; it is asked for one at a time.
    """

    def __init__(self, fetch: Fetch) -> None:
        super().__init__(read_only=True)
        self._fetch = fetch

    @property
    def supports_writes(self) -> bool:
        """No."""
        return False

    @property
    def supports_deletes(self) -> bool:
        """No."""
        return False

    @property
    def supports_listing(self) -> bool:
        """No."""
        return False

    def __eq__(self, other: object) -> bool:
        return self is other

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """The value of a key, or a part of it."""
        found = self._fetch((key, *_ends(byte_range)))
        return None if found is False else prototype.buffer.from_bytes(bytes(found))

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Parts of values."""
        return [await self.get(key, prototype, part) for key, part in key_ranges]

    async def exists(self, key: str) -> bool:
        """Whether a key has a value."""
        return self._fetch((key, 0, 1)) is not False

    async def set(self, key: str, value: Buffer) -> None:  # noqa: ARG002
        """Refused."""
        raise NotImplementedError("this store is only read")

    async def delete(self, key: str) -> None:  # noqa: ARG002
        """Refused."""
        raise NotImplementedError("this store is only read")

    async def list(self) -> AsyncIterator[str]:
        """No key: whoever reads knows them."""
        for key in ():
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:  # noqa: ARG002
        """No key."""
        for key in ():
            yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:  # noqa: ARG002
        """No key."""
        for key in ():
            yield key


def _ends(part: ByteRequest | None) -> tuple[int | None, int | None]:
    """Start and stop of a request, as slices have them."""
    if isinstance(part, RangeByteRequest):
        return part.start, part.end
    if isinstance(part, OffsetByteRequest):
        return part.offset, None
    return (-part.suffix, None) if isinstance(part, SuffixByteRequest) else (None, None)
