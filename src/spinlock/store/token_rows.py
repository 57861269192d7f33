"""Rows of token files, whatever their format: some at a time from a table, and back to one; the columns and the checksum."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from spinlock.core.errors import InputError
from spinlock.core.tokens import TokenTable
from spinlock.core.windows import FACTS
from spinlock.store.json_file import parse_json

ROWS_AT_ONCE = 65_536
MEASURED = ["distance", "out_of_corpus"]
"""The last columns, where the distance of each row from the corpus was measured; older files have them after id and group."""
Read = tuple[TokenTable, str | None]
"""The tokens of a file, and the checksum that it states, if it does."""


class Rows(NamedTuple):
    """Consecutive rows of a token file; `measured` are distances and flags, empty where nobody measured; `embedding` has no axis
    where there is none, `windows` no column where rows are whole runs."""

    ids: list[str]
    groups: list[str]
    measured: tuple[np.ndarray, ...]
    codes: np.ndarray  # (row, category x level)
    embedding: np.ndarray  # (row, axis), float32
    windows: np.ndarray  # (row, `FACTS`), float64


def blocks_of(tokens: TokenTable) -> Iterator[Rows]:
    """The rows some at a time; one block without a row where there are none."""
    columns = tokens.to_columns()
    measured = [column.cpu().numpy() for column in (tokens.distances, tokens.out_of_corpus) if column is not None]
    embedding = np.empty((len(columns), 0), np.float32)
    if tokens.embedding is not None:
        embedding = tokens.embedding.float().cpu().numpy()
    kept = [np.asarray(tokens.facts[name], dtype=np.float64) for name in windows_of(tokens)]
    windows = np.stack(kept, axis=1) if kept else np.empty((len(columns), 0))
    for start in range(0, max(1, len(columns)), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        beside = tuple(column[rows] for column in measured)
        ids, groups = list(tokens.ids[rows]), list(tokens.groups[rows])
        yield Rows(ids, groups, beside, columns[rows], embedding[rows], windows[rows])


def table_of_columns(blocks: Iterable[Rows], names: Sequence[str], *, sizes: str, path: Path) -> TokenTable:
    """The tokens of a file of columns with these names, from the JSON of their codebook sizes and their rows.

    Raises:
        InputError: if the columns are not those of the codebook sizes.
    """
    places = places_of(names)
    tokens = table_of(
        blocks,
        sizes=sizes,
        width=len(places.codes),
        axes=len(places.embedding),
        windows=len(places.windows),
        measured=bool(places.measured),
        path=path,
    )
    _check_columns(tokens, names, path)
    return tokens


def table_of(  # noqa: PLR0913 rows, and what a file says of them
    blocks: Iterable[Rows], *, sizes: str, width: int, axes: int, windows: int, measured: bool, path: Path
) -> TokenTable:
    """The tokens of a file, from the JSON of their codebook sizes and their rows, each of `width` codes, `axes` of the embedding and
    `windows` numbers that say where a window is."""
    found: Any = parse_json(sizes, path=f"{path}: codebook_sizes")
    numbers = list(found.values()) if isinstance(found, dict) else []
    levels = len(numbers[0]) if numbers and isinstance(numbers[0], list) else 0
    regular = all(isinstance(row, list) and len(row) == levels for row in numbers)
    if not levels or not regular or not all(type(size) is int and 0 < size < 2**31 for row in numbers for size in row):
        raise InputError(f"{path}: `codebook_sizes` must be {{category: [size of each level]}}; got {sizes[:80]}.")
    if width != len(numbers) * levels:
        raise InputError(f"{path} has {width} token columns; {len(numbers)} x {levels} are in `codebook_sizes`.")
    ids: list[str] = []
    groups: list[str] = []
    known: dict[str, str] = {}
    codes = [np.empty((0, width), dtype=np.int64)]
    beside = [np.empty(0, dtype=np.float32)], [np.empty(0, dtype=bool)]
    embedding = [np.empty((0, axes), dtype=np.float32)]
    spans = [np.empty((0, windows), dtype=np.float64)]
    for block in blocks:
        ids += block.ids
        groups += [known.setdefault(group, group) for group in block.groups]  # equal words once in memory
        codes.append(block.codes.astype(np.int64, copy=False))
        embedding.append(block.embedding.astype(np.float32, copy=False))
        spans.append(block.windows)
        for column, part in zip(beside, block.measured, strict=False):
            column.append(part.astype(column[0].dtype, copy=False))
    distances, flags = (torch.from_numpy(np.concatenate(column)) if measured else None for column in beside)
    return TokenTable(
        codes=torch.from_numpy(np.concatenate(codes).reshape(-1, len(numbers), levels)),
        category_names=tuple(found),
        codebook_sizes=torch.tensor(numbers, dtype=torch.int64),
        ids=tuple(ids),
        groups=tuple(groups),
        distances=distances,
        out_of_corpus=flags,
        embedding=torch.from_numpy(np.concatenate(embedding)) if axes else None,
        facts=_window_facts(np.concatenate(spans), path),
    )


def _window_facts(windows: np.ndarray, path: Path) -> dict[str, tuple[int, ...] | tuple[float, ...]]:
    """Where windows begin and end, column by column; nothing of whole runs."""
    if not windows.shape[1]:
        return {}
    states = windows[:, :2]
    if not (np.isfinite(states).all() and (states == states.round()).all() and (states[:, 0] <= states[:, 1]).all()):
        raise InputError(
            f"{path}: {FACTS[0]} and {FACTS[1]} must be whole numbers in every row, the second not smaller."
        )
    columns = (*states.T.astype(np.int64), *windows[:, 2:].T)
    return {name: tuple(column.tolist()) for name, column in zip(FACTS, columns, strict=True)}


def tokens_sha256(tokens: TokenTable) -> str:
    """The checksum of tokens, whatever file they are in: of every word, number and codebook size, in order."""
    return rows_sha256(blocks_of(tokens), sizes=sizes_json(tokens))


def rows_sha256(blocks: Iterable[Rows], *, sizes: str) -> str:
    """The checksum of tokens, from their rows and the JSON of their codebook sizes."""
    digests = {name: hashlib.sha256() for name in ("ids", "groups", "codes")}
    num_rows = 0
    for block in blocks:
        num_rows += len(block.ids)
        for name, words in (("ids", block.ids), ("groups", block.groups)):
            digests[name].update("".join(f"{word}\0" for word in words).encode())
        for name, column in zip(MEASURED, block.measured, strict=False):
            kind = "<f4" if column.dtype.kind == "f" else "|u1"
            digests.setdefault(name, hashlib.sha256()).update(column.astype(kind).tobytes())
        digests["codes"].update(block.codes.astype("<i4").tobytes())
        if block.embedding.shape[1]:
            numbers = np.where(np.isnan(block.embedding), np.float32(np.nan), block.embedding)  # one NaN of many
            digests.setdefault("embedding", hashlib.sha256()).update(numbers.astype("<f4").tobytes())
        if block.windows.shape[1]:
            numbers = np.where(np.isnan(block.windows), np.nan, block.windows)
            digests.setdefault("windows", hashlib.sha256()).update(numbers.astype("<f8").tobytes())
    lines = [f"{name} {digest.hexdigest()}\n" for name, digest in sorted(digests.items())]
    return hashlib.sha256("".join((f"{sizes}\n{num_rows} rows\n", *lines)).encode()).hexdigest()


def sizes_json(tokens: TokenTable) -> str:
    """Category → size of each level, as a file keeps it."""
    return json.dumps(tokens.sizes, ensure_ascii=False)


def column_names(tokens: TokenTable) -> list[str]:
    """Names of the columns of a text or Parquet file."""
    measured = MEASURED if tokens.distances is not None else ()
    return ["id", "group", *windows_of(tokens), *tokens.column_names, *tokens.embedding_names, *measured]


def windows_of(tokens: TokenTable) -> tuple[str, ...]:
    """The facts of tokens that a file keeps: where windows begin and end; none of whole runs."""
    return FACTS if tokens.facts.keys() >= set(FACTS) else ()


class Places(NamedTuple):
    """Where the windows, the tokens, the embedding and the measured figures stand among the columns of a file."""

    windows: range
    codes: range
    embedding: range
    measured: range


def places_of(names: Sequence[str]) -> Places:
    """Where everything stands among columns of these names."""
    last = len(names) - 2 if list(names[-2:]) == MEASURED else len(names)
    first = 4 if last == len(names) and list(names[2:4]) == MEASURED else 2
    measured = range(last, len(names)) if last < len(names) else range(2, first)
    windows = range(first, first + len(FACTS) * (tuple(names[first : first + len(FACTS)]) == FACTS))
    first = windows.stop
    axes = sum(re.fullmatch("behaviour[0-9]+", name) is not None for name in names[first:last])
    return Places(windows, range(first, last - axes), range(last - axes, last), measured)


def _check_columns(tokens: TokenTable, names: Sequence[str], path: Path) -> None:
    """Refuse a file whose columns are not called as its codebook sizes ask for."""
    found = places_of(names)
    if tuple(names[column] for column in (*found.codes, *found.embedding)) != (
        *tokens.column_names,
        *tokens.embedding_names,
    ):
        raise InputError(f"{path}: the names of its columns are not those of its `codebook_sizes`.")
