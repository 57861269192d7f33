"""A report as two files: the page, and its numbers as JSON beside it, `<page>.report.json`."""

from collections.abc import Mapping
from pathlib import Path

from spinlock.core.errors import InputError
from spinlock.store.atomic import replacing
from spinlock.store.json_file import read_json, to_json
from spinlock.store.outputs import Kind

_FORMAT = "spinlock report"
_HEAD_BYTES = 2**16


def _is_page(path: Path) -> bool:
    with path.open("rb") as file:
        title = file.read(_HEAD_BYTES).partition(b"<title>")[2].partition(b"</title>")[0]
    return " · spinlock ".encode() in title


def _are_numbers(path: Path) -> bool:
    try:
        content = read_json(path)
    except InputError:
        return False
    return isinstance(content, dict) and content.get("format") == _FORMAT


PAGE = Kind(word="a report of spinlock", endings=(".html", ".htm"), is_one=_is_page)
NUMBERS = Kind(word="the numbers of a report of spinlock", endings=(".json",), is_one=_are_numbers)


def numbers_beside(page: Path) -> Path:
    """Where the numbers of a page are."""
    return page.with_suffix(".report.json")


def save_page(page: str, path: Path) -> None:
    """Writes a page that has no numbers beside it, whole or not at all.

    Raises:
        ResourceError: out of disk.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(page.encode())


def save_report(page: str, numbers: Mapping[str, object], path: Path) -> None:
    """Writes a page and its numbers; where one of them cannot be written, both stay as they were.

    Raises:
        ResourceError: out of disk.
    """
    with replacing(path) as temporary, replacing(numbers_beside(path)) as numbers_temporary:
        temporary.write_bytes(page.encode())
        numbers_temporary.write_bytes(to_json({"format": _FORMAT, **numbers}).encode())
