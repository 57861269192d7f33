"""How values look in a notebook and at a prompt: their fields in a few words, never their contents."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from html import escape
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from torch import Tensor

T = TypeVar("T", bound=type)

MOST_LETTERS = 90
"""Of one field."""
MOST_ENTRIES = 3
"""Of a sequence or a mapping that are shown."""

STYLE = "text-align:left;vertical-align:top"


def shown(cls: T) -> T:
    """Give a dataclass a short `__repr__` and a `_repr_html_`, both from its fields.

    A method `_facts() -> Mapping[str, object]` of the class tells them instead of the fields; a method
    `_head() -> list[Sequence[object]]`, a row of names and a few rows, is shown below them in HTML.
    """
    cls.__repr__ = _text  # pyright: ignore[reportAttributeAccessIssue]
    cls._repr_html_ = html_of  # pyright: ignore[reportAttributeAccessIssue]
    return cls


def _facts(value: Any) -> Mapping[str, object]:
    own: Callable[[], Mapping[str, object]] | None = getattr(value, "_facts", None)
    if own is not None:
        return own()
    return {field.name: getattr(value, field.name) for field in fields(value) if field.repr}


def _text(value: Any) -> str:
    facts = ", ".join(f"{name}={in_short(fact)}" for name, fact in _facts(value).items())
    return f"{type(value).__name__}({facts})"


def html_of(value: Any) -> str:
    """The fields, or facts, of a value as a small table, and its first rows below it; see `shown`."""
    rows = "".join(
        f'<tr><th style="{STYLE}">{escape(name)}</th><td style="{STYLE}">{escape(in_short(fact))}</td></tr>'
        for name, fact in _facts(value).items()
    )
    head = value._head() if hasattr(value, "_head") else []  # noqa: SLF001  the class's own word
    lines = "".join(
        "<tr>" + "".join(f"<{cell}>{escape(_entry(entry))}</{cell}>" for entry in row) + "</tr>"
        for row, cell in zip(head, ["th", *["td"] * len(head)], strict=False)
    )
    return f"<b>{escape(type(value).__name__)}</b><table>{rows}</table>" + (f"<table>{lines}</table>" if lines else "")


class ShownInShort:
    """Base of an estimator whose place in a notebook scikit-learn's diagram would take, 45 000 characters of it."""

    @property
    def _repr_html_(self) -> Callable[[], str]:
        return partial(html_of, self)

    def _repr_mimebundle_(self, **options: object) -> dict[str, str]:
        del options
        return {"text/plain": repr(self), "text/html": html_of(self)}


def _entry(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else _cut(str(value), most=40)


def in_short(value: object) -> str:
    """A value in at most 90 letters: an array as its type and shape, a long sequence as its first entries and its length."""
    return _cut(_in_short(value))


def _in_short(value: object) -> str:
    if isinstance(value, Tensor | np.ndarray):
        dtype = str(value.dtype).removeprefix("torch.")
        return f"{dtype} {tuple(value.shape)}" if value.ndim else f"{value.item()!r}"
    if isinstance(value, str):
        return repr(_cut(value))
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        entries = [f"{key}: {in_short(value[key])}" for key in list(value)[:MOST_ENTRIES]]
        return "{" + _listed(entries, len(value)) + "}"
    if isinstance(value, tuple | list | set | frozenset) and type(value).__repr__ in (
        tuple.__repr__, list.__repr__, set.__repr__, frozenset.__repr__
    ):  # fmt: skip
        return "(" + _listed([in_short(entry) for entry in list(value)[:MOST_ENTRIES]], len(value)) + ")"
    if is_dataclass(value) and not isinstance(value, type):
        size: Any = value
        return f"{type(value).__name__}" + (f" of {len(size)}" if hasattr(value, "__len__") else "")
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    return repr(value)


def _listed(entries: list[str], count: int) -> str:
    return ", ".join(entries) + (f", … ({count})" if count > len(entries) else "")


def _cut(text: str, *, most: int = MOST_LETTERS) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"
