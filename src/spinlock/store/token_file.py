"""Tokens as a file: HDF5, CSV or Parquet by the ending of its name, with the codebook sizes beside the codes.

Files are written and read some rows at a time, so that they may be of any length. Each states one checksum of the tokens,
the same in every format.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from spinlock.core.errors import InputError, UsageError, listed, reading_errors
from spinlock.core.tokens import TokenTable
from spinlock.store.atomic import AnyPath
from spinlock.store.checksums import CONTENT
from spinlock.store.formats import ParquetRows
from spinlock.store.guard import guarded
from spinlock.store.guarded_hdf5 import open_guarded
from spinlock.store.outputs import Kind, check_output
from spinlock.store.token_csv import read_csv, write_csv
from spinlock.store.token_hdf5 import read_hdf5, write_hdf5
from spinlock.store.token_parquet import read_parquet, write_parquet
from spinlock.store.token_rows import Read, tokens_sha256


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
        read = partial(read_csv, codebook_sizes=codebook_sizes)
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


def _format_of(path: AnyPath) -> tuple[Callable[[TokenTable, Path], None], Callable[[Path], Read]]:
    formats = {
        ".h5": (write_hdf5, read_hdf5),
        ".hdf5": (write_hdf5, read_hdf5),
        ".csv": (write_csv, read_csv),
        ".parquet": (write_parquet, read_parquet),
    }
    ending = Path(path).suffix.lower()
    if ending not in formats:
        raise UsageError(f"tokens are kept as {listed(formats)}; got '{Path(path).name}'.")
    return formats[ending]


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
