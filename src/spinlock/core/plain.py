"""Values as plain JSON and back, by the types of their fields; a number that is not finite is null."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from numbers import Integral, Real
from pathlib import PurePath
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin

from spinlock.core.errors import InputError

_COMMANDS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
"""What a terminal obeys instead of showing it: controls, marks of direction, and halves of characters."""

_WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", tuple: "a list"}


def printable(text: str, *, keep: str = "") -> str:
    r"""A text that a terminal shows and does not obey: controls and marks of direction as `\x1b` or `\u202e`.

    Args:
        text: as it came, from a file or from a library.
        keep: characters that stay, such as line breaks where several lines are meant.
    """
    return _COMMANDS.sub(lambda found: found[0] if found[0] in keep else _escaped(found[0]), text)


def _escaped(letter: str) -> str:
    number = ord(letter)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}" if number < 2**16 else f"\\U{number:08x}"


def printable_json(text: str) -> str:
    """JSON of which every text is printable and stays the same: what a terminal would obey stands as JSON's own escape."""

    def escaped(found: re.Match[str]) -> str:
        if found[0] == "\n":
            return "\n"  # between values: inside of a text it is escaped already
        return "".join(f"\\u{unit:04x}" for unit in _units(found[0]))

    return _COMMANDS.sub(escaped, text)


def _units(letter: str) -> list[int]:
    """A character in UTF-16, as JSON's escapes count."""
    data = letter.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(data[place : place + 2], "big") for place in range(0, len(data), 2)]


def to_plain(value: Any) -> Any:
    """A value in the words that JSON has; a number that is not finite is None.

    Raises:
        TypeError: for a value that has no plain form, such as a tensor.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(entry) for key, entry in value.items()}
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Sequence | set | frozenset):
        return [to_plain(entry) for entry in value]
    raise TypeError(f"a result of type {type(value).__name__} cannot be printed")


def from_plain(kind: Any, data: Any) -> Any:
    """The value that `to_plain` made `data` of: null is NaN (None where that may be), a key that a dataclass lacks is passed over.

    Args:
        kind: a dataclass whose fields are numbers, texts, `tuple[X, ...]`, `Mapping[str or int, X]`, such dataclasses, or `X | None` of
            them.
        data: as `json.loads` gives it; a field without a key takes its default.

    Raises:
        InputError: naming the place, the rule and what stands there.
    """
    return _read(kind, data, "")


def _read(kind: Any, data: Any, place: str) -> Any:
    shape, inner = get_origin(kind) or kind, get_args(kind)
    if shape is UnionType:
        return None if data is None else _read(next(one for one in inner if one is not NoneType), data, place)
    if is_dataclass(kind) and isinstance(data, dict):
        return _read_fields(kind, data, place)
    if shape is float and (data is None or type(data) in (int, float)):
        return math.nan if data is None else float(data)
    if type(data) is shape or (shape is Literal and data in inner):
        return data
    if shape is tuple and isinstance(data, list):
        return tuple(_read(inner[0], entry, f"{place}[{number}]") for number, entry in enumerate(data))
    if shape is Mapping and isinstance(data, dict):
        return {_key(inner[0], key, place): _read(inner[1], data[key], f"{place}.{key}".lstrip(".")) for key in data}
    wanted = " or ".join(map(str, inner)) if shape is Literal else _WORDS.get(shape, "a mapping")
    raise InputError(f"{place or 'the whole'} must be {wanted}; got {str(data)[:40]!r}.")


def _read_fields(kind: Any, data: Mapping[str, Any], place: str) -> Any:
    found = {}
    for field in fields(kind):
        where = f"{place}.{field.name}".lstrip(".")
        if field.name in data:
            found[field.name] = _read(field.type, data[field.name], where)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise InputError(f"{where} is missing.")
    return kind(**found)


def _key(kind: Any, key: str, place: str) -> Any:
    try:
        return kind(key)
    except ValueError:
        raise InputError(f"{place} must have whole numbers as keys; got '{key}'.") from None
