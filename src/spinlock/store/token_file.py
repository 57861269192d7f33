"""Tokens as a file: HDF5, CSV or Parquet by the ending of its name, with the codebook sizes beside the codes."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from spinlock.core.errors import InputError, UsageError, listed
from spinlock.core.tokens import TokenTable
from spinlock.store.atomic import AnyPath, write_bytes
from spinlock.store.formats import pyarrow, read_parquet
from spinlock.store.guarded_hdf5 import open_guarded
from spinlock.store.hdf5_image import create_array, hdf5_image, word_dtype
from spinlock.store.json_file import parse_json, read_text

_CSV_SIZES = "# codebook_sizes: "
_CSV_TITLE = "# spinlock tokens, format 1"
_MEASURED = ["distance", "out_of_corpus"]
"""Columns after id and group, where the distance of each row from the corpus was measured."""


def save_tokens(tokens: TokenTable, path: AnyPath) -> None:
    """Writes tokens, whole or not at all, in the format that the path's ending names.

    Raises:
        UsageError: for another ending, or Parquet without pyarrow.
        ResourceError: out of disk.
    """
    encode, _ = _format_of(path)
    if len(set(tokens.category_names)) != len(tokens.category_names):
        raise InputError("the category names of tokens must be unique to be written to a file.")
    for word in (*tokens.ids, *tokens.groups, *tokens.category_names):
        if "\0" in word or any("\ud800" <= letter <= "\udfff" for letter in word):
            raise InputError(f"{word!r} holds characters that a token file cannot keep.")
    write_bytes(path, encode(tokens))


def load_tokens(path: AnyPath) -> TokenTable:
    """Reads what `save_tokens` wrote.

    Raises:
        UsageError: for an unknown ending, or Parquet without pyarrow.
        InputError: if the file is no token file.
    """
    _, decode = _format_of(path)
    path = Path(path)
    if not path.is_file():
        raise InputError(
            f"{path} {'is not a plain file' if path.exists() else 'does not exist'}; expected a token file."
        )
    try:
        return decode(path)
    except InputError as error:
        raise InputError(str(error) if str(path) in str(error) else f"{path}: {error}") from error


def _format_of(path: AnyPath) -> tuple[Callable[[TokenTable], bytes], Callable[[Path], TokenTable]]:
    formats = {
        ".h5": (_to_hdf5, _from_hdf5),
        ".hdf5": (_to_hdf5, _from_hdf5),
        ".csv": (_to_csv, _from_csv),
        ".parquet": (_to_parquet, _from_parquet),
    }
    ending = Path(path).suffix.lower()
    if ending not in formats:
        raise UsageError(f"tokens are kept as {listed(formats)}; got '{Path(path).name}'.")
    return formats[ending]


def _sizes_json(tokens: TokenTable) -> str:
    sizes = dict(zip(tokens.category_names, tokens.codebook_sizes.tolist(), strict=True))
    return json.dumps(sizes, ensure_ascii=False)


def _table(
    columns: np.ndarray,
    *,
    sizes: str,
    ids: Sequence[str],
    groups: Sequence[str],
    path: Path,
    measured: tuple[np.ndarray, np.ndarray] | None = None,
) -> TokenTable:
    """The tokens from codes (sample, category x level), the JSON of their codebook sizes, distances and flags."""
    found: Any = parse_json(sizes, path=f"{path}: codebook_sizes")
    numbers = list(found.values()) if isinstance(found, dict) else []
    levels = len(numbers[0]) if numbers and isinstance(numbers[0], list) else 0
    regular = all(isinstance(row, list) and len(row) == levels for row in numbers)
    if not levels or not regular or not all(type(size) is int and 0 < size < 2**31 for row in numbers for size in row):
        raise InputError(f"{path}: `codebook_sizes` must be {{category: [size of each level]}}; got {sizes[:80]}.")
    if columns.shape[1] != len(numbers) * levels:
        raise InputError(
            f"{path} has {columns.shape[1]} token columns; {len(numbers)} x {levels} are in `codebook_sizes`."
        )
    return TokenTable(
        codes=torch.from_numpy(columns.astype(np.int64).reshape(-1, len(numbers), levels)),
        category_names=tuple(found),
        codebook_sizes=torch.tensor(numbers, dtype=torch.int64),
        ids=tuple(ids),
        groups=tuple(groups),
        distances=None if measured is None else torch.from_numpy(measured[0].astype(np.float32)),
        out_of_corpus=None if measured is None else torch.from_numpy(measured[1].astype(bool)),
    )


def _measured(tokens: TokenTable) -> tuple[np.ndarray, np.ndarray] | None:
    """Distances and flags as columns; None where nobody measured."""
    if tokens.distances is None or tokens.out_of_corpus is None:
        return None
    return tokens.distances.cpu().numpy(), tokens.out_of_corpus.cpu().numpy()


def _to_hdf5(tokens: TokenTable) -> bytes:
    def fill(file: h5py.File) -> None:
        columns = tokens.to_columns().astype("<i4")
        codes = create_array(file, "tokens/codes", columns.shape, columns.dtype)
        codes[...] = columns
        codes.attrs["column_names"] = list(tokens.column_names)
        for name, words in (("ids", tokens.ids), ("groups", tokens.groups)):
            encoded = [word.encode() for word in words]
            dtype = word_dtype(max([1, *map(len, encoded)]))
            create_array(file, f"tokens/{name}", (len(words),), dtype)[...] = np.array(encoded, dtype=dtype)
        for name, column in zip(_MEASURED, _measured(tokens) or (), strict=False):
            dtype = np.dtype("<f4" if column.dtype.kind == "f" else "|u1")
            create_array(file, f"tokens/{name}", column.shape, dtype)[...] = column
        file["tokens"].attrs["codebook_sizes"] = _sizes_json(tokens)
        file["tokens"].attrs["format"] = "spinlock tokens"
        file["tokens"].attrs["format_version"] = 1

    return hdf5_image(fill)


def _from_hdf5(path: Path) -> TokenTable:
    with open_guarded(path, expected="a token file") as file:
        sizes = file.text("/tokens", "codebook_sizes")
        if sizes is None:
            raise InputError(f"{path} is no token file: its group /tokens has no attribute `codebook_sizes`.")
        columns = file.numbers("/tokens/codes")
        if len(columns.shape) != 2 or columns.dtype.kind not in "iu":
            raise InputError(f"{path}: /tokens/codes must be whole numbers with the axes (sample, column).")
        ids, groups = file.words("/tokens/ids"), file.words("/tokens/groups")
        measured = None
        if file.kind("/tokens/distance") is not None:
            distance, flag = (file.numbers(f"/tokens/{name}").read() for name in _MEASURED)
            measured = distance, flag
        return _table(columns.read(), sizes=sizes, ids=ids, groups=groups, path=path, measured=measured)


def _quoted(word: str) -> str:
    return '"' + word.replace('"', '""') + '"' if set(word) & set(',"\r\n#') or word != word.strip() else word


def _to_csv(tokens: TokenTable) -> bytes:
    measured = _measured(tokens)
    names = ("id", "group", *(_MEASURED if measured else ()), *tokens.column_names)
    lines = [_CSV_TITLE, _CSV_SIZES + _sizes_json(tokens), ",".join(map(_quoted, names))]
    beside = [f"{d},{int(flag)}," for d, flag in zip(*measured, strict=True)] if measured else [""] * len(tokens.ids)
    for name, group, more, row in zip(tokens.ids, tokens.groups, beside, tokens.to_columns().tolist(), strict=True):
        lines.append(f"{_quoted(name)},{_quoted(group)},{more}" + ",".join(map(str, row)))
    return ("\n".join(lines) + "\n").encode()


def _from_csv(path: Path) -> TokenTable:
    first, _, rest = read_text(path).partition("\n")
    sizes, _, body = rest.partition("\n")
    if not first.startswith("# spinlock tokens") or not sizes.startswith(_CSV_SIZES):
        raise InputError(f"{path} is no token file: it must begin with '{_CSV_TITLE}' and '{_CSV_SIZES}{{…}}'.")
    try:
        header, *rows = csv.reader(io.StringIO(body, newline=""), strict=True)
        if header[:2] != ["id", "group"] or any(len(row) != len(header) for row in rows):
            raise InputError(
                f"{path} must have the columns id, group and one for each category and level in every row."
            )
        first = 4 if header[2:4] == _MEASURED else 2
        codes = np.array([[int(code) for code in row[first:]] for row in rows], dtype=np.int64)
        beside = np.array([[float(value) for value in row[2:first]] for row in rows]).reshape(len(rows), first - 2)
    except InputError:
        raise
    except (csv.Error, ValueError, OverflowError) as error:
        raise InputError(f"{path} is no token file: {error}.") from error
    return _table(
        codes.reshape(len(rows), len(header) - first),
        sizes=sizes.removeprefix(_CSV_SIZES).strip(),
        ids=[row[0] for row in rows],
        groups=[row[1] for row in rows],
        path=path,
        measured=(beside[:, 0], beside[:, 1]) if first == 4 else None,
    )


def _to_parquet(tokens: TokenTable) -> bytes:
    arrow, parquet = pyarrow(), pyarrow("pyarrow.parquet")
    columns = tokens.to_columns().astype(np.int32)
    arrays = [arrow.array(tokens.ids, arrow.string()), arrow.array(tokens.groups, arrow.string())]
    measured = _measured(tokens)
    arrays += [arrow.array(column) for column in measured or ()]
    arrays += [arrow.array(np.ascontiguousarray(column)) for column in columns.T]
    names = ["id", "group", *(_MEASURED if measured else ()), *tokens.column_names]
    table = arrow.Table.from_arrays(arrays, names=names)
    about = {"codebook_sizes": _sizes_json(tokens), "format": "spinlock tokens", "format_version": "1"}
    sink = io.BytesIO()
    parquet.write_table(table.replace_schema_metadata(about), sink)
    return sink.getvalue()


def _from_parquet(path: Path) -> TokenTable:
    arrow, table = pyarrow(), read_parquet(path)
    sizes = (table.schema.metadata or {}).get(b"codebook_sizes")
    if sizes is None or table.column_names[:2] != ["id", "group"]:
        raise InputError(f"{path} is no token file: it has no `codebook_sizes` in its metadata, or no id and group.")
    kinds = [table.schema.field(name).type for name in table.column_names]
    first = 4 if table.column_names[2:4] == _MEASURED else 2
    if not all(arrow.types.is_string(kind) for kind in kinds[:2]) or not all(
        map(arrow.types.is_integer, kinds[first:])
    ):
        raise InputError(f"{path} must hold id and group as words and whole numbers in every other column.")
    if any(column.null_count for column in table.columns):
        raise InputError(f"{path} has rows with empty cells; an absent category has the token -1.")
    numbers = [column.to_numpy() for column in table.columns[2:]]
    columns = np.stack(numbers[first - 2 :], axis=1) if len(kinds) > first else np.empty((0, 0))
    return _table(
        columns,
        sizes=sizes.decode(errors="replace"),
        ids=table.column(0).to_pylist(),
        groups=table.column(1).to_pylist(),
        path=path,
        measured=(numbers[0], numbers[1]) if first == 4 else None,
    )
