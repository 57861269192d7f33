"""Strict JSON: no NaN, no endless files, and numbers that come back as they were."""

import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from spinlock.core.errors import InputError, reading_errors
from spinlock.core.plain import to_plain
from spinlock.store.atomic import AnyPath, human_size, write_text

MAX_BYTES = 64 * 2**20
MAX_VALUES = 16_000_000
"""Most values of one JSON file: each takes some 60 bytes in memory, and one or two in the file."""
_HALF = re.compile("[\ud800-\udfff]")
MAX_LINE = 16 * 2**20
"""Most characters of one line of a CSV file."""
_MARK = "$float"


def to_json(value: object) -> str:
    """Readable JSON of plain values; a number that is not finite becomes null."""
    return json.dumps(to_plain(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_exact_json(value: object) -> str:
    """JSON from which `from_exact_json` makes the same value, infinities and NaN included."""
    return json.dumps(_with_marks(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def from_exact_json(text: str, *, path: AnyPath) -> Any:
    """The value that `to_exact_json` wrote."""
    return _without_marks(parse_json(text, path=path))


def write_json(path: AnyPath, value: object) -> None:
    """Writes readable JSON, whole or not at all; a number that is not finite becomes null."""
    write_text(path, to_json(value))


def read_json(path: AnyPath) -> Any:
    """Reads a JSON file of at most 64 MiB.

    Raises:
        InputError: if the file is missing, too large, or not JSON.
    """
    return parse_json(read_text(path), path=path)


def read_text(path: AnyPath) -> str:
    """Reads a UTF-8 file of at most 64 MiB.

    Raises:
        InputError: if the file is missing, no plain file, too large, or not UTF-8.
    """
    path = Path(path)
    with reading_errors(path):
        if not path.exists():
            raise InputError(f"{path} does not exist.")
        if not path.is_file():
            raise InputError(f"{path} is not a plain file.")
        size = os.path.getsize(path)
    if size > MAX_BYTES:
        raise InputError(
            f"{path} holds {human_size(size)}; a text file of spinlock has at most {human_size(MAX_BYTES)}."
        )
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not UTF-8 text: byte {error.start} is {error.object[error.start]:#04x}."
        ) from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error


def bounded_lines(file: TextIO, path: AnyPath) -> Iterator[str]:
    """The lines of a text, none of which may be endless.

    Raises:
        InputError: if one has more than 16 Mi characters.
    """
    while line := file.readline(MAX_LINE):
        if len(line) == MAX_LINE:
            raise InputError(f"{path} has a line of more than {MAX_LINE} characters, which no file of spinlock has.")
        yield line


def parse_json(text: str, *, path: AnyPath) -> Any:
    """Parses JSON that came from `path`.

    Raises:
        InputError: naming the path and the place.
    """

    def refuse(constant: str) -> float:
        raise InputError(f"{path} is not JSON: it holds {constant}, which JSON has no word for.")

    values = sum(map(text.count, ",[{"))
    if values > MAX_VALUES:
        raise InputError(f"{path} holds {values} values; a file of spinlock has at most {MAX_VALUES}.")
    if not text.isascii() and _HALF.search(text):
        raise InputError(f"{path} holds half of a character (a lone surrogate).")
    try:
        value = json.loads(text, parse_constant=refuse)
        if "\\u" in text and _HALF.search(json.dumps(value, ensure_ascii=False)):
            raise InputError(f"{path} holds half of a character (a lone surrogate).")
        return value
    except InputError:
        raise
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from error
    except ValueError as error:
        raise InputError(f"{path} is not JSON that can be read: {error}.") from error
    except RecursionError:
        raise InputError(f"{path} is nested too deeply to be a file of spinlock.") from None


def _with_marks(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return {_MARK: str(value)}
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError(f"the keys of a state must be words; got {list(value)}.")
        return {key: _with_marks(entry) for key, entry in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_with_marks(entry) for entry in value]
    return value


def _without_marks(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {_MARK}:
            return float(value[_MARK])
        return {key: _without_marks(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_without_marks(entry) for entry in value]
    return value
