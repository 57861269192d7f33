"""Results on standard output: JSON for programs, aligned text for people."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from spinlock.core.plain import printable, printable_json

LONG_LIST = 8
"""Entries above which a list takes a line for each."""


def show(result: Any, *, as_json: bool) -> None:
    """Print a plain result; nothing for None."""
    if result is None:
        return
    if as_json:
        click.echo(printable_json(json.dumps(result, indent=1, allow_nan=False, ensure_ascii=False)))
    elif isinstance(result, str):
        click.echo(printable(result, keep="\n"))
    else:
        for line in lines(result):
            click.echo(printable(line))


def lines(value: Any, *, indent: str = "") -> Iterator[str]:
    """A mapping as `name  value` lines, mappings inside it indented, lists of mappings as tables, long lists by line.

    Keys of the outermost mapping are words for people; further in they are names, which stay as they are.
    """
    if not isinstance(value, Mapping):
        yield f"{indent}{_text(value)}"
        return
    titles = {key: key if indent else key.replace("_", " ") for key in value}
    width = max((len(titles[key]) for key, entry in value.items() if _is_simple(entry)), default=0)
    for key, entry in value.items():
        if _is_simple(entry):
            yield f"{indent}{titles[key]:<{width}}  {_text(entry)}".rstrip()
            continue
        yield f"{indent}{titles[key]}"
        if isinstance(entry, Mapping):
            yield from lines(entry, indent=f"{indent}  ")
        else:
            rows = table(entry) if all(isinstance(row, Mapping) for row in entry) else map(_text, entry)
            yield from (f"{indent}  {row}" for row in rows)


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Rows as aligned columns, numbers to the right; the heads are the keys, in the order of their first appearance."""
    heads = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[_text(row.get(head)) for head in heads] for row in rows]
    numeric = [all(_is_number(row.get(head)) for row in rows) for head in heads]
    titles = [head.replace("_", " ") for head in heads]
    widths = [max(len(line[column]) for line in [titles, *cells]) for column in range(len(heads))]

    def aligned(line: Sequence[str]) -> str:
        padded = (f"{t:>{w}}" if right else f"{t:<{w}}" for t, w, right in zip(line, widths, numeric, strict=True))
        return "  ".join(padded).rstrip()

    return [aligned(titles), *map(aligned, cells)]


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _is_simple(value: Any) -> bool:
    if isinstance(value, list):
        return not value or not (len(value) > LONG_LIST or all(isinstance(entry, Mapping) for entry in value))
    return not isinstance(value, Mapping)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "-"
    return str(value)
