"""Tokens as Parquet."""

from pathlib import Path
from typing import Any

import numpy as np

from spinlock.core.errors import InputError
from spinlock.core.tokens import TokenTable
from spinlock.store.atomic import replacing
from spinlock.store.checksums import CONTENT
from spinlock.store.formats import ParquetRows, pyarrow
from spinlock.store.guard import guarded
from spinlock.store.token_rows import (
    ROWS_AT_ONCE,
    Places,
    Read,
    Rows,
    blocks_of,
    column_names,
    places_of,
    sizes_json,
    table_of_columns,
    tokens_sha256,
    windows_of,
)


def write_parquet(tokens: TokenTable, path: Path) -> None:
    """Write tokens, whole or not at all."""
    arrow, parquet = pyarrow(), pyarrow("pyarrow.parquet")
    about = {"codebook_sizes": sizes_json(tokens), "format": "spinlock tokens", "format_version": "1"}
    about[CONTENT] = tokens_sha256(tokens)
    measured = [arrow.float32(), arrow.bool_()] if tokens.distances is not None else []
    measured = [*[arrow.float32()] * len(tokens.embedding_names), *measured]
    windows = [arrow.float64()] * len(windows_of(tokens))
    kinds = [arrow.string(), arrow.string(), *windows, *[arrow.int32()] * len(tokens.column_names), *measured]
    schema = arrow.schema(list(zip(column_names(tokens), kinds, strict=True)), metadata=about)
    with replacing(path) as temporary, temporary.open("wb") as file, parquet.ParquetWriter(file, schema) as writer:
        for block in blocks_of(tokens):
            columns = (block.ids, block.groups, *block.windows.T.copy(), *block.codes.astype(np.int32).T.copy())
            columns = (*columns, *block.embedding.T.copy(), *block.measured)
            arrays = [arrow.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
            writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))


def read_parquet(path: Path) -> Read:
    """Tokens that were written as Parquet."""
    with guarded(ParquetRows, path) as file:
        about = file.about()
        names, kinds = about["names"], about["kinds"]
        sizes = about["texts"].get("codebook_sizes")
        if sizes is None or names[:2] != ("id", "group"):
            raise InputError(
                f"{path} is no token file: it has no `codebook_sizes` in its metadata, or no id and group."
            )
        windows, places, axes, beside = found = places_of(names)
        wanted = dict.fromkeys(places, "whole") | dict.fromkeys((*windows, *axes, *beside), "number")
        if kinds[:2] != ("word", "word") or any(kinds[column] != kind for column, kind in wanted.items()):
            raise InputError(f"{path} must hold id and group as words and whole numbers in every other column.")
        blocks = (_rows_of(columns, places=found) for columns in file.rows(ROWS_AT_ONCE))
        tokens = table_of_columns(blocks, names, sizes=sizes, path=path)
        return tokens, about["texts"].get(CONTENT)


def _rows_of(columns: tuple[Any, ...], *, places: Places) -> Rows:
    """Rows of a Parquet file, from their columns."""
    codes, embedding, windows = (
        np.stack([columns[column] for column in part], axis=1) if part else np.empty((len(columns[0]), 0))
        for part in (places.codes, places.embedding, places.windows)
    )
    measured = tuple(columns[column] for column in places.measured)
    return Rows(list(columns[0]), list(columns[1]), measured, codes, embedding, windows)
