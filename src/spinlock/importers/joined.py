"""Several files as one source: their samples one after the other, whatever their shapes."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from itertools import accumulate

from spinlock.core.errors import InputError
from spinlock.core.rollout import Rollout
from spinlock.importers.options import GroupBy
from spinlock.importers.source import Reader, RolloutSource, one_or_several

_FILE_BITS = 32
"""A file's number stands above this bit of a group's number."""


def joined(sources: Sequence[RolloutSource], *, group_by: GroupBy = "sample") -> RolloutSource:
    """The samples of several sources, in order; one file is open at a time.

    Groups of two files are never one, but for groups that the user named (`group_key`), whose equal numbers are one.

    Args:
        sources: at least one.
        group_by: "sample" keeps each source's groups, "file" makes all samples of a file one.
    """
    ends = tuple(accumulate(len(source) for source in sources))

    @contextmanager
    def opened() -> Iterator[Reader]:
        current: tuple[int, AbstractContextManager[Reader], Reader] | None = None

        def read(sample: int) -> Rollout:
            nonlocal current
            place = bisect_right(ends, sample)
            if current is None or current[0] != place:
                if current is not None:
                    current[1].__exit__(None, None, None)
                    current = None
                context = sources[place].opened()
                current = (place, context, context.__enter__())
            number = sample - (ends[place - 1] if place else 0)
            rollout = current[2](number)
            return replace(
                rollout,
                group=_group(rollout.group, place, sources[place], group_by),
                name=_name(rollout.name, number, sources[place]),
            )

        try:
            yield read
        finally:
            if current is not None:
                current[1].__exit__(None, None, None)

    formats = {source.format for source in sources}
    return RolloutSource(
        path=sources[0].path if len(sources) == 1 else sources[0].path.parent,
        format=formats.pop() if len(formats) == 1 else "mixed",
        num_samples=ends[-1],
        opened=opened,
        has_shared_groups=all(source.has_shared_groups for source in sources),
        starts=tuple(end - len(source) for end, source in zip(ends, sources, strict=True) if len(source)),
        stated=_stated(sources),
    )


def _name(name: str, number: int, source: RolloutSource) -> str:
    """A sample by its file and its place in it."""
    stem = source.path.stem
    return stem if len(source) == 1 and name in ("", "0", stem) else f"{stem}/{name or number}"


def _stated(sources: Sequence[RolloutSource]) -> dict[str, str]:
    """What was stated of every file: once where all agree."""
    found: dict[str, str] = {}
    for fact in dict.fromkeys(name for source in sources for name in source.stated):
        words = [source.stated.get(fact, "not stated") for source in sources]
        found[fact] = one_or_several(words, elsewhere="in other files")
    return found


def _group(group: int, place: int, source: RolloutSource, group_by: GroupBy) -> int:
    if group_by == "file":
        return place
    if source.has_shared_groups:
        return group
    if not 0 <= group < 2**_FILE_BITS:
        raise InputError(f"{source.path} has the group {group}; groups of several files must be from 0 to 2^32 - 1.")
    return (place << _FILE_BITS) + group
