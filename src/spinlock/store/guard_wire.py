"""Values between two processes as JSON with arrays behind it: nothing that is received can run code."""

import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from spinlock.core.errors import InputError

_LENGTH = struct.Struct("<Q")
_MOST_JSON = 2**30
_PLAIN = (type(None), bool, int, float, str)

Named = Callable[[Any], Any]
"""Makes a value that JSON can hold of an object that stays where it is, or the other way round."""


def send(write: Callable[[bytes | memoryview], object], value: Any, *, of_object: Named | None = None) -> None:
    """Writes a value: numbers, texts, slices, types and arrays of numpy, tuples, lists and dictionaries of them.

    Args:
        write: takes all bytes that it is given to the other process.
        value: a list arrives as a tuple.
        of_object: names what is none of these.

    Raises:
        TypeError: if a value is none of these and has no name.
    """
    arrays: list[np.ndarray] = []
    text = json.dumps(_packed(value, arrays, of_object)).encode()
    write(_LENGTH.pack(len(text)) + text)
    for array in arrays:
        if array.nbytes:
            write(array.reshape(-1).view(np.uint8).data)


def receive(fill: Callable[[memoryview], None], *, to_object: Named | None = None) -> Any:
    """The next value.

    Args:
        fill: reads as many bytes as a buffer holds, or raises EOFError.
        to_object: makes something of a name that `send` was given.
    """
    head = bytearray(_LENGTH.size)
    fill(memoryview(head))
    (length,) = _LENGTH.unpack(head)
    if length > _MOST_JSON:
        raise InputError(f"an answer of {length} bytes is more than any file needs.")
    text = bytearray(length)
    fill(memoryview(text))
    arrays: list[np.ndarray] = []
    value = _unpacked(json.loads(text), arrays, to_object)
    for array in arrays:
        if array.nbytes:
            fill(array.reshape(-1).view(np.uint8).data)
    return value


def _packed(value: Any, arrays: list[np.ndarray], of_object: Named | None) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, list | tuple):
        if all(isinstance(entry, str) for entry in value):  # words by the million
            return {"words": list(value)}
        return {"tuple": [_packed(entry, arrays, of_object) for entry in value]}
    if isinstance(value, dict):
        return {"dict": [[_packed(part, arrays, of_object) for part in item] for item in value.items()]}
    if isinstance(value, slice):
        return {"slice": [_packed(part, arrays, of_object) for part in (value.start, value.stop, value.step)]}
    if isinstance(value, np.dtype):
        return {"dtype": value.str}
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        arrays.append(np.ascontiguousarray(value))
        return {"array": value.dtype.str, "shape": list(value.shape)}
    if of_object is None:
        raise TypeError(f"a value of type {type(value).__name__} cannot be sent to another process")
    return {"object": _packed(of_object(value), arrays, None)}


def _unpacked(value: Any, arrays: list[np.ndarray], to_object: Named | None) -> Any:
    if not isinstance(value, dict):
        return value
    if "words" in value:
        return tuple(value["words"])
    if "tuple" in value:
        return tuple(_unpacked(entry, arrays, to_object) for entry in value["tuple"])
    if "dict" in value:
        pairs = ((_unpacked(key, arrays, to_object), _unpacked(part, arrays, to_object)) for key, part in value["dict"])
        return dict(pairs)
    if "slice" in value:
        return slice(*value["slice"])
    if "dtype" in value:
        return np.dtype(value["dtype"])
    if "array" in value:
        arrays.append(np.empty(value["shape"], np.dtype(value["array"])))
        return arrays[-1]
    assert to_object is not None
    return to_object(_unpacked(value["object"], arrays, None))
