"""Values as JSON has them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from numbers import Integral, Real
from pathlib import PurePath
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class _Array(Protocol):
    """Of numpy or torch, neither of which is loaded here."""

    @property
    def ndim(self) -> int: ...
    def item(self) -> Any: ...


def plain_json(value: Any) -> Any:
    """A value in lists, dicts, words and numbers; a number that is not finite is None.

    Dataclasses and mappings become dicts, tuples and sets lists, paths words, numbers of numpy and torch numbers.

    Raises:
        TypeError: for a value that has no such form, such as an array.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain_json(entry) for key, entry in value.items()}
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Sequence | set | frozenset):
        return [plain_json(entry) for entry in value]
    if isinstance(value, _Array) and value.ndim == 0:
        return plain_json(value.item())
    raise TypeError(f"a value of type {type(value).__name__} has no form in JSON")
