"""Tokens as HDF5."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from spinlock.core.errors import InputError
from spinlock.core.tokens import TokenTable
from spinlock.core.windows import FACTS
from spinlock.store.checksums import CONTENT
from spinlock.store.guarded_hdf5 import GuardedFile, open_guarded
from spinlock.store.hdf5_image import create_array, file_size, hdf5_on_disk, word_dtype
from spinlock.store.token_rows import (
    MEASURED,
    ROWS_AT_ONCE,
    Read,
    Rows,
    blocks_of,
    rows_sha256,
    sizes_json,
    table_of,
    tokens_sha256,
    windows_of,
)


def write_hdf5(tokens: TokenTable, path: Path) -> None:
    """Write tokens, whole or not at all."""
    rows, width = len(tokens.ids), len(tokens.column_names)
    longest = {
        name: max((len(word.encode()) for word in words), default=1) or 1
        for name, words in (("ids", tokens.ids), ("groups", tokens.groups))
    }
    plans: dict[str, tuple[tuple[int, ...], np.dtype]] = {"codes": ((rows, width), np.dtype("<i4"))}
    plans |= {name: ((rows,), word_dtype(num_bytes)) for name, num_bytes in longest.items()}
    if tokens.distances is not None:
        plans |= {"distance": ((rows,), np.dtype("<f4")), "out_of_corpus": ((rows,), np.dtype("|u1"))}
    if tokens.embedding is not None:
        plans["embedding"] = (tuple(tokens.embedding.shape), np.dtype("<f4"))
    if windows_of(tokens):
        plans["windows"] = ((rows, len(FACTS)), np.dtype("<f8"))
    content = tokens_sha256(tokens)

    def verify(written: Path) -> bool:
        with h5py.File(written, "r") as file:
            about = file["tokens"].attrs
            return about[CONTENT] == content == rows_sha256(_hdf5_blocks(file), sizes=str(about["codebook_sizes"]))

    with hdf5_on_disk(path, file_size(plans.values()), verify=verify) as (file, check):
        arrays = {name: create_array(file, f"tokens/{name}", *plan) for name, plan in plans.items()}
        arrays["codes"].attrs["column_names"] = list(tokens.column_names)
        if "windows" in arrays:
            arrays["windows"].attrs["column_names"] = list(FACTS)
        file["tokens"].attrs["codebook_sizes"] = sizes_json(tokens)
        file["tokens"].attrs["format"] = "spinlock tokens"
        file["tokens"].attrs["format_version"] = 1
        file["tokens"].attrs[CONTENT] = content
        start = 0
        for block in blocks_of(tokens):
            part = slice(start, start := start + len(block.ids))
            columns = {"codes": block.codes} | dict(zip(MEASURED, block.measured, strict=False))
            columns |= {name: getattr(block, name) for name in ("embedding", "windows") if name in plans}
            columns |= {name: _encoded(getattr(block, name), plans[name][1]) for name in longest}
            for name, column in columns.items():
                arrays[name][part] = column
            check()


def _hdf5_blocks(file: h5py.File) -> Iterator[Rows]:
    """The rows of a file that has just been written."""
    arrays: Any = file["tokens"]
    measured = [name for name in MEASURED if name in arrays]
    for start in range(0, max(1, len(arrays["codes"])), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        ids, groups = ([word.decode() for word in arrays[name][part]] for name in ("ids", "groups"))
        codes = arrays["codes"][part]
        embedding = arrays["embedding"][part] if "embedding" in arrays else np.empty((len(codes), 0), np.float32)
        windows = arrays["windows"][part] if "windows" in arrays else np.empty((len(codes), 0))
        yield Rows(ids, groups, tuple(arrays[name][part] for name in measured), codes, embedding, windows)


def _encoded(words: list[str], dtype: np.dtype) -> np.ndarray:
    return np.array([word.encode() for word in words], dtype=dtype)


def read_hdf5(path: Path) -> Read:
    """Tokens that were written as HDF5."""
    with open_guarded(path, expected="a token file") as file:
        sizes = file.text("/tokens", "codebook_sizes")
        if sizes is None:
            raise InputError(f"{path} is no token file: its group /tokens has no attribute `codebook_sizes`.")
        codes = file.numbers("/tokens/codes")
        if len(codes.shape) != 2 or codes.dtype.kind not in "iu":
            raise InputError(f"{path}: /tokens/codes must be whole numbers with the axes (sample, column).")
        ids, groups = file.words("/tokens/ids"), file.words("/tokens/groups")
        measured = ()
        if file.kind("/tokens/distance") is not None:
            measured = tuple(file.numbers(f"/tokens/{name}").read() for name in MEASURED)
        embedding, windows = (_numbers_beside(file, name, len(codes)) for name in ("embedding", "windows"))
        if windows.shape[1] not in (0, len(FACTS)):
            raise InputError(
                f"{path}: /tokens/windows must have the columns {', '.join(FACTS)}; got {windows.shape[1]}."
            )
        rows = Rows(list(ids), list(groups), measured, codes.take(np.arange(len(codes))), embedding, windows)
        tokens = table_of(
            [rows],
            sizes=sizes,
            width=codes.shape[1],
            axes=embedding.shape[1],
            windows=windows.shape[1],
            measured=bool(measured),
            path=path,
        )
        if file.attribute_words("/tokens/codes", "column_names") not in (None, tuple(tokens.column_names)):
            raise InputError(f"{path}: the `column_names` of /tokens/codes are not those of its `codebook_sizes`.")
        return tokens, file.text("/tokens", CONTENT)


def _numbers_beside(file: GuardedFile, name: str, rows: int) -> np.ndarray:
    """An array beside the codes, one row a token row; without columns where the file has none."""
    where = f"/tokens/{name}"
    if file.kind(where) is None:
        return np.empty((rows, 0), np.float32)
    stored = file.numbers(where)
    if len(stored.shape) != 2 or stored.shape[0] != rows or stored.dtype.kind != "f":
        raise InputError(f"{file.path}: {where} must be numbers with the axes (sample, axis), one row a token row.")
    return stored.take(np.arange(rows))
