"""Tokens as CSV, which spreadsheets and pandas may have had in between."""

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path

import numpy as np

from spinlock.core.errors import InputError
from spinlock.core.tokens import TokenTable
from spinlock.store.atomic import replacing
from spinlock.store.json_file import bounded_lines
from spinlock.store.token_rows import (
    ROWS_AT_ONCE,
    Read,
    Rows,
    blocks_of,
    column_names,
    places_of,
    sizes_json,
    table_of_columns,
    tokens_sha256,
)

_CSV_SIZES = "# codebook_sizes: "
_CSV_TITLE = "# spinlock tokens, format 1"
_CSV_CHECKSUM = ", content_sha256 "
_LIVE = "=+-@\t\r\n'\uff1d\uff0b\uff0d\uff20"
"""What a cell begins with that spreadsheets take for a formula, and the apostrophe that keeps them from it."""
_CSV_RULE = "{} must have the columns id, group and one for each category and level in every row."


def _text(word: str) -> str:
    """A text as a cell: what a spreadsheet would take for a formula gets an apostrophe, which `_word` takes off again."""
    if word[:1] in _LIVE and word and not re.fullmatch("-[0-9]+", word):
        word = f"'{word}"
    return _quoted(word)


def _word(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:2] in _LIVE and cell[1:] else cell


def _quoted(word: str) -> str:
    return '"' + word.replace('"', '""') + '"' if set(word) & set(',"\r\n#') or word != word.strip() else word


def write_csv(tokens: TokenTable, path: Path) -> None:
    """Write tokens, whole or not at all."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        title = _CSV_TITLE + _CSV_CHECKSUM + tokens_sha256(tokens)
        sizes = "".join(f"\\u{ord(letter):04x}" if letter in _LIVE else letter for letter in sizes_json(tokens))
        head = (title, _CSV_SIZES + sizes, ",".join(map(_text, column_names(tokens))))
        file.write(("\n".join(head) + "\n").encode())
        for block in blocks_of(tokens):
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


def read_csv(path: Path, codebook_sizes: Mapping[str, Sequence[int]] | None = None) -> Read:
    """Tokens that were written as CSV; the codebook sizes where it lost its first lines."""
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
            blocks = _csv_blocks(reader, header, path=path)
            tokens = table_of_columns(blocks, header, sizes=sizes.removeprefix(_CSV_SIZES).strip(), path=path)
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


def _csv_blocks(reader: Iterator[list[str]], header: list[str], *, path: Path) -> Iterator[Rows]:
    """The rows below a header."""
    windows, places, axes, beside = places_of(header)
    while rows := list(islice(reader, ROWS_AT_ONCE)):
        if any(len(row) != len(header) for row in rows):
            raise InputError(_CSV_RULE.format(path))
        part = slice(places.start, places.stop)
        codes = np.fromiter((int(code) for row in rows for code in row[part]), np.int64, len(rows) * len(places))
        distances, flags = ([row[column] for row in rows] for column in beside) if beside else ((), ())
        measured = (np.array([float(d) for d in distances]), np.array([_flag(f) for f in flags])) if beside else ()
        yield Rows(
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
