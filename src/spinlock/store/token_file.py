"""Tokens as a file: HDF5, CSV or Parquet by the ending of its name, with the codebook sizes beside the codes.

Files are written and read some rows at a time, so that they may be of any length. Each states one checksum of the tokens,
the same in every format.
"""

import csv
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import torch

from spinlock.core.errors import InputError, UsageError, listed, reading_errors
from spinlock.core.tokens import TokenTable
from spinlock.core.windows import FACTS
from spinlock.store.atomic import AnyPath, replacing
from spinlock.store.checksums import CONTENT
from spinlock.store.formats import ParquetRows, pyarrow
from spinlock.store.guard import guarded
from spinlock.store.guarded_hdf5 import GuardedFile, open_guarded
from spinlock.store.hdf5_image import create_array, file_size, hdf5_on_disk, word_dtype
from spinlock.store.json_file import bounded_lines, parse_json
from spinlock.store.outputs import Kind, check_output

ROWS_AT_ONCE = 65_536
_CSV_SIZES = "# codebook_sizes: "
_CSV_TITLE = "# spinlock tokens, format 1"
_CSV_CHECKSUM = ", content_sha256 "
_LIVE = "=+-@\t\r\n'\uff1d\uff0b\uff0d\uff20"
"""What a cell begins with that spreadsheets take for a formula, and the apostrophe that keeps them from it."""
_CSV_RULE = "{} must have the columns id, group and one for each category and level in every row."
_MEASURED = ["distance", "out_of_corpus"]
"""The last columns, where the distance of each row from the corpus was measured; older files have them after id and group."""


class _Rows(NamedTuple):
    """Consecutive rows of a token file; `measured` are distances and flags, empty where nobody measured; `embedding` has no axis
    where there is none, `windows` no column where rows are whole runs."""

    ids: list[str]
    groups: list[str]
    measured: tuple[np.ndarray, ...]
    codes: np.ndarray  # (row, category x level)
    embedding: np.ndarray  # (row, axis), float32
    windows: np.ndarray  # (row, `FACTS`), float64


def save_tokens(tokens: TokenTable, path: AnyPath) -> None:
    """Writes tokens, whole or not at all, in the format that the path's ending names.

    Raises:
        UsageError: for another ending, or Parquet without pyarrow.
        ResourceError: out of disk.
    """
    write, _ = _format_of(path)
    if len(set(tokens.category_names)) != len(tokens.category_names):
        raise InputError("the category names of tokens must be unique to be written to a file.")
    for words in (tokens.ids, tokens.groups, tokens.category_names):
        for word in words:
            if "\0" in word or not word.isascii() and any("\ud800" <= letter <= "\udfff" for letter in word):
                raise InputError(f"{word!r} holds characters that a token file cannot keep.")
    check_output(path, TOKENS)
    write(tokens, Path(path))


def load_tokens(path: AnyPath, *, codebook_sizes: Mapping[str, Sequence[int]] | None = None) -> TokenTable:
    """Reads what `save_tokens` wrote; a CSV file also after a spreadsheet or pandas had it.

    Args:
        path: the file.
        codebook_sizes: category → size of each level, for a CSV file that lost its first lines, where they stand.

    Raises:
        UsageError: for an unknown ending, Parquet without pyarrow, or codebook sizes for another format than CSV.
        InputError: if the file is no token file, or does not have the checksum that it states.
    """
    _, read = _format_of(path)
    path = Path(path)
    if codebook_sizes is not None:
        if path.suffix.lower() != ".csv":
            raise UsageError(f"`codebook_sizes` are for CSV files that lost theirs; {path} holds its own.")
        read = partial(_from_csv, codebook_sizes=codebook_sizes)
    if not path.is_file():
        raise InputError(
            f"{path} {'is not a plain file' if path.exists() else 'does not exist'}; expected a token file."
        )
    try:
        with reading_errors(path):
            tokens, stated = read(path)
        if stated is not None and stated != tokens_sha256(tokens):
            raise InputError(
                f"{path} does not have the checksum that it states ({CONTENT}), so tokens or names in it may be damaged; whoever "
                f"changed it on purpose removes {CONTENT} from it."
            )
        return tokens
    except InputError as error:
        raise InputError(str(error) if str(path) in str(error) else f"{path}: {error}") from error


def _is_token_file(path: Path) -> bool:
    try:
        if path.suffix.lower() == ".csv":
            with path.open("rb") as file:
                return b"# spinlock tokens" in file.read(64)
        if path.suffix.lower() == ".parquet":
            with guarded(ParquetRows, path) as rows:
                return "codebook_sizes" in rows.about()["texts"]
        with open_guarded(path, expected="a token file") as file:
            return file.text("/tokens", "codebook_sizes") is not None
    except (InputError, OSError):
        return False


TOKENS = Kind(word="a token file of spinlock", endings=(".h5", ".hdf5", ".csv", ".parquet"), is_one=_is_token_file)


def tokens_sha256(tokens: TokenTable) -> str:
    """The checksum of tokens, whatever file they are in: of every word, number and codebook size, in order."""
    return _sha256(_blocks(tokens), sizes=_sizes_json(tokens))


def _sha256(blocks: Iterable[_Rows], *, sizes: str) -> str:
    digests = {name: hashlib.sha256() for name in ("ids", "groups", "codes")}
    num_rows = 0
    for block in blocks:
        num_rows += len(block.ids)
        for name, words in (("ids", block.ids), ("groups", block.groups)):
            digests[name].update("".join(f"{word}\0" for word in words).encode())
        for name, column in zip(_MEASURED, block.measured, strict=False):
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


_Read = tuple[TokenTable, str | None]
"""The tokens of a file, and the checksum that it states, if it does."""


def _format_of(path: AnyPath) -> tuple[Callable[[TokenTable, Path], None], Callable[[Path], _Read]]:
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
    return json.dumps(tokens.sizes, ensure_ascii=False)


def _columns(tokens: TokenTable) -> list[str]:
    """Names of the columns of a text or Parquet file."""
    measured = _MEASURED if tokens.distances is not None else ()
    return ["id", "group", *_windows_of(tokens), *tokens.column_names, *tokens.embedding_names, *measured]


def _windows_of(tokens: TokenTable) -> tuple[str, ...]:
    """The facts of tokens that a file keeps: where windows begin and end; none of whole runs."""
    return FACTS if tokens.facts.keys() >= set(FACTS) else ()


class _Places(NamedTuple):
    """Where the windows, the tokens, the embedding and the measured figures stand among the columns of a file."""

    windows: range
    codes: range
    embedding: range
    measured: range


def _places(names: Sequence[str]) -> _Places:
    last = len(names) - 2 if list(names[-2:]) == _MEASURED else len(names)
    first = 4 if last == len(names) and list(names[2:4]) == _MEASURED else 2
    measured = range(last, len(names)) if last < len(names) else range(2, first)
    windows = range(first, first + len(FACTS) * (tuple(names[first : first + len(FACTS)]) == FACTS))
    first = windows.stop
    axes = sum(re.fullmatch("behaviour[0-9]+", name) is not None for name in names[first:last])
    return _Places(windows, range(first, last - axes), range(last - axes, last), measured)


def _check_columns(tokens: TokenTable, names: Sequence[str], path: Path) -> None:
    found = _places(names)
    if tuple(names[column] for column in (*found.codes, *found.embedding)) != (
        *tokens.column_names,
        *tokens.embedding_names,
    ):
        raise InputError(f"{path}: the names of its columns are not those of its `codebook_sizes`.")


def _blocks(tokens: TokenTable) -> Iterator[_Rows]:
    """The rows some at a time; one block without a row where there are none."""
    columns = tokens.to_columns()
    measured = [column.cpu().numpy() for column in (tokens.distances, tokens.out_of_corpus) if column is not None]
    embedding = np.empty((len(columns), 0), np.float32)
    if tokens.embedding is not None:
        embedding = tokens.embedding.float().cpu().numpy()
    kept = [np.asarray(tokens.facts[name], dtype=np.float64) for name in _windows_of(tokens)]
    windows = np.stack(kept, axis=1) if kept else np.empty((len(columns), 0))
    for start in range(0, max(1, len(columns)), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        beside = tuple(column[rows] for column in measured)
        ids, groups = list(tokens.ids[rows]), list(tokens.groups[rows])
        yield _Rows(ids, groups, beside, columns[rows], embedding[rows], windows[rows])


def _table(  # noqa: PLR0913 rows, and what a file says of them
    blocks: Iterable[_Rows], *, sizes: str, width: int, axes: int, windows: int, measured: bool, path: Path
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


def _to_hdf5(tokens: TokenTable, path: Path) -> None:
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
    if _windows_of(tokens):
        plans["windows"] = ((rows, len(FACTS)), np.dtype("<f8"))
    content = tokens_sha256(tokens)

    def verify(written: Path) -> bool:
        with h5py.File(written, "r") as file:
            about = file["tokens"].attrs
            return about[CONTENT] == content == _sha256(_hdf5_blocks(file), sizes=str(about["codebook_sizes"]))

    with hdf5_on_disk(path, file_size(plans.values()), verify=verify) as (file, check):
        arrays = {name: create_array(file, f"tokens/{name}", *plan) for name, plan in plans.items()}
        arrays["codes"].attrs["column_names"] = list(tokens.column_names)
        if "windows" in arrays:
            arrays["windows"].attrs["column_names"] = list(FACTS)
        file["tokens"].attrs["codebook_sizes"] = _sizes_json(tokens)
        file["tokens"].attrs["format"] = "spinlock tokens"
        file["tokens"].attrs["format_version"] = 1
        file["tokens"].attrs[CONTENT] = content
        start = 0
        for block in _blocks(tokens):
            part = slice(start, start := start + len(block.ids))
            columns = {"codes": block.codes} | dict(zip(_MEASURED, block.measured, strict=False))
            columns |= {name: getattr(block, name) for name in ("embedding", "windows") if name in plans}
            columns |= {name: _encoded(getattr(block, name), plans[name][1]) for name in longest}
            for name, column in columns.items():
                arrays[name][part] = column
            check()


def _hdf5_blocks(file: h5py.File) -> Iterator[_Rows]:
    """The rows of a file that has just been written."""
    arrays: Any = file["tokens"]
    measured = [name for name in _MEASURED if name in arrays]
    for start in range(0, max(1, len(arrays["codes"])), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        ids, groups = ([word.decode() for word in arrays[name][part]] for name in ("ids", "groups"))
        codes = arrays["codes"][part]
        embedding = arrays["embedding"][part] if "embedding" in arrays else np.empty((len(codes), 0), np.float32)
        windows = arrays["windows"][part] if "windows" in arrays else np.empty((len(codes), 0))
        yield _Rows(ids, groups, tuple(arrays[name][part] for name in measured), codes, embedding, windows)


def _encoded(words: list[str], dtype: np.dtype) -> np.ndarray:
    return np.array([word.encode() for word in words], dtype=dtype)


def _from_hdf5(path: Path) -> _Read:
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
            measured = tuple(file.numbers(f"/tokens/{name}").read() for name in _MEASURED)
        embedding, windows = (_numbers_beside(file, name, len(codes)) for name in ("embedding", "windows"))
        if windows.shape[1] not in (0, len(FACTS)):
            raise InputError(
                f"{path}: /tokens/windows must have the columns {', '.join(FACTS)}; got {windows.shape[1]}."
            )
        rows = _Rows(list(ids), list(groups), measured, codes.take(np.arange(len(codes))), embedding, windows)
        tokens = _table(
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


def _text(word: str) -> str:
    """A text as a cell: what a spreadsheet would take for a formula gets an apostrophe, which `_word` takes off again."""
    if word[:1] in _LIVE and word and not re.fullmatch("-[0-9]+", word):
        word = f"'{word}"
    return _quoted(word)


def _word(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:2] in _LIVE and cell[1:] else cell


def _quoted(word: str) -> str:
    return '"' + word.replace('"', '""') + '"' if set(word) & set(',"\r\n#') or word != word.strip() else word


def _to_csv(tokens: TokenTable, path: Path) -> None:
    with replacing(path) as temporary, temporary.open("wb") as file:
        title = _CSV_TITLE + _CSV_CHECKSUM + tokens_sha256(tokens)
        sizes = "".join(f"\\u{ord(letter):04x}" if letter in _LIVE else letter for letter in _sizes_json(tokens))
        head = (title, _CSV_SIZES + sizes, ",".join(map(_text, _columns(tokens))))
        file.write(("\n".join(head) + "\n").encode())
        for block in _blocks(tokens):
            measured = [column.astype(int) if column.dtype == bool else column for column in block.measured]
            axes = (map("{:.9g}".format, axis) for axis in block.embedding.T.tolist())  # nine digits are a float32
            numbers = (
                *(map("{:.17g}".format, column) for column in block.windows.T.tolist()),
                *(map(str, column.tolist()) for column in block.codes.T),
                *axes,
                *(map(str, column.tolist()) for column in measured),
            )
            words = ([_text(word) for word in column] for column in (block.ids, block.groups))
            rows = zip(*words, *numbers, strict=True)
            file.write("".join(",".join(row) + "\n" for row in rows).encode())


def _from_csv(path: Path, codebook_sizes: Mapping[str, Sequence[int]] | None = None) -> _Read:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # a spreadsheet may put a byte-order mark in front
            lines = bounded_lines(file, path)
            title, sizes = next(lines, ""), next(lines, "")
            if codebook_sizes is not None and title.startswith(("id,", '"id",')):
                lines, title = chain((title, sizes), lines), _CSV_TITLE
                sizes = _CSV_SIZES + json.dumps({name: list(row) for name, row in codebook_sizes.items()})
            title, sizes = _one_cell(title), _one_cell(sizes)
            if not title.startswith("# spinlock tokens") or not sizes.startswith(_CSV_SIZES):
                raise InputError(
                    f"{path} is no token file: it must begin with '{_CSV_TITLE}' and '{_CSV_SIZES}{{…}}'. Where these lines were "
                    "lost, as pandas loses them, say the sizes: load_tokens(path, codebook_sizes={category: [size of each level]})."
                )
            reader = csv.reader(lines, strict=True)
            header = next(reader, None)
            header = None if header is None else list(map(_word, header))
            if header is None:
                raise InputError(f"{path} is no token file: it has no line with the names of its columns.")
            if header[:2] != ["id", "group"]:
                raise InputError(_CSV_RULE.format(path))
            places = _places(header)
            tokens = _table(
                _csv_blocks(reader, header, path=path),
                sizes=sizes.removeprefix(_CSV_SIZES).strip(),
                width=len(places.codes),
                axes=len(places.embedding),
                windows=len(places.windows),
                measured=bool(places.measured),
                path=path,
            )
            _check_columns(tokens, header, path)
            return tokens, _csv_checksum(title, path)
    except InputError:
        raise
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: it holds the byte {error.object[error.start]:#04x}.") from error
    except (csv.Error, ValueError, OverflowError) as error:
        raise InputError(f"{path} is no token file: {error}.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error


def _one_cell(line: str) -> str:
    """A line above the header as it was written, which a spreadsheet may have cut into cells, quoted, and filled up with commas."""
    if not line.startswith(("#", '"#')):
        return line
    return ",".join(next(csv.reader([line.rstrip("\r\n")]), [])).rstrip(",; ")


def _csv_checksum(title: str, path: Path) -> str | None:
    """The checksum in the first line, which a spreadsheet may have filled up with commas."""
    title = title.rstrip("\r\n,; ")
    if title == _CSV_TITLE:
        return None
    stated = title.removeprefix(_CSV_TITLE + _CSV_CHECKSUM)
    if not re.fullmatch("[0-9a-f]{64}", stated):
        raise InputError(f"{path} must begin with '{_CSV_TITLE}{_CSV_CHECKSUM}…'; it begins with {title[:80]!r}.")
    return stated


def _csv_blocks(reader: Iterator[list[str]], header: list[str], *, path: Path) -> Iterator[_Rows]:
    """The rows below a header."""
    windows, places, axes, beside = _places(header)
    while rows := list(islice(reader, ROWS_AT_ONCE)):
        if any(len(row) != len(header) for row in rows):
            raise InputError(_CSV_RULE.format(path))
        part = slice(places.start, places.stop)
        codes = np.fromiter((int(code) for row in rows for code in row[part]), np.int64, len(rows) * len(places))
        distances, flags = ([row[column] for row in rows] for column in beside) if beside else ((), ())
        measured = (np.array([float(d) for d in distances]), np.array([_flag(f) for f in flags])) if beside else ()
        yield _Rows(
            [_word(row[0]) for row in rows],
            [_word(row[1]) for row in rows],
            measured,
            codes.reshape(len(rows), len(places)),
            *(
                np.array([row[part.start : part.stop] for row in rows], dtype=kind).reshape(len(rows), len(part))
                for part, kind in ((axes, np.float32), (windows, np.float64))
            ),
        )


def _flag(word: str) -> bool:
    """0 or 1, or what pandas and spreadsheets make of it."""
    if word.lower() in ("0", "false", "0.0"):
        return False
    if word.lower() in ("1", "true", "1.0"):
        return True
    raise ValueError(f"out_of_corpus must be 0 or 1; got {word[:40]!r}")


def _to_parquet(tokens: TokenTable, path: Path) -> None:
    arrow, parquet = pyarrow(), pyarrow("pyarrow.parquet")
    about = {"codebook_sizes": _sizes_json(tokens), "format": "spinlock tokens", "format_version": "1"}
    about[CONTENT] = tokens_sha256(tokens)
    measured = [arrow.float32(), arrow.bool_()] if tokens.distances is not None else []
    measured = [*[arrow.float32()] * len(tokens.embedding_names), *measured]
    windows = [arrow.float64()] * len(_windows_of(tokens))
    kinds = [arrow.string(), arrow.string(), *windows, *[arrow.int32()] * len(tokens.column_names), *measured]
    schema = arrow.schema(list(zip(_columns(tokens), kinds, strict=True)), metadata=about)
    with replacing(path) as temporary, temporary.open("wb") as file, parquet.ParquetWriter(file, schema) as writer:
        for block in _blocks(tokens):
            columns = (block.ids, block.groups, *block.windows.T.copy(), *block.codes.astype(np.int32).T.copy())
            columns = (*columns, *block.embedding.T.copy(), *block.measured)
            arrays = [arrow.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
            writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))


def _from_parquet(path: Path) -> _Read:
    with guarded(ParquetRows, path) as file:
        about = file.about()
        names, kinds = about["names"], about["kinds"]
        sizes = about["texts"].get("codebook_sizes")
        if sizes is None or names[:2] != ("id", "group"):
            raise InputError(
                f"{path} is no token file: it has no `codebook_sizes` in its metadata, or no id and group."
            )
        windows, places, axes, beside = found = _places(names)
        wanted = dict.fromkeys(places, "whole") | dict.fromkeys((*windows, *axes, *beside), "number")
        if kinds[:2] != ("word", "word") or any(kinds[column] != kind for column, kind in wanted.items()):
            raise InputError(f"{path} must hold id and group as words and whole numbers in every other column.")
        blocks = (_rows_of(columns, places=found) for columns in file.rows(ROWS_AT_ONCE))
        tokens = _table(
            blocks,
            sizes=sizes,
            width=len(places),
            axes=len(axes),
            windows=len(windows),
            measured=bool(beside),
            path=path,
        )
        _check_columns(tokens, names, path)
        return tokens, about["texts"].get(CONTENT)


def _rows_of(columns: tuple[Any, ...], *, places: _Places) -> _Rows:
    """Rows of a Parquet file, from their columns."""
    codes, embedding, windows = (
        np.stack([columns[column] for column in part], axis=1) if part else np.empty((len(columns[0]), 0))
        for part in (places.codes, places.embedding, places.windows)
    )
    measured = tuple(columns[column] for column in places.measured)
    return _Rows(list(columns[0]), list(columns[1]), measured, codes, embedding, windows)
