"""Types of configuration fields that are text, and mistakes that a validator found inside what it validates."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from spinlock.config.document import Location

LOCATED = "located"
"""Type of an error that carries mistakes with locations of their own."""


def located(mistakes: Sequence[tuple[Location, str]]) -> PydanticCustomError:
    """The error for mistakes that a validator found inside what it validates.

    Args:
        mistakes: location below the validated value, and the rule that was broken.
    """
    text = "; ".join(message for _, message in mistakes)
    return PydanticCustomError(LOCATED, "{text}", {"text": text, "mistakes": tuple(mistakes)})


def _path(value: object) -> object:
    if isinstance(value, str) and (not value.strip() or not value.isprintable()):
        raise ValueError("must be a path without control characters" if value.strip() else "must be a path, not empty")
    return value


def _printable(value: str) -> str:
    if not value or not value.isprintable():
        raise ValueError("must be a word")
    return value


_IMPORT_PATH = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$"


def _import_path(value: str) -> str:
    if not re.fullmatch(_IMPORT_PATH, value):
        raise ValueError("must name a module and its function, as my_package.solver:step")
    return value


Word = Annotated[str, AfterValidator(_printable)]
ImportPath = Annotated[str, AfterValidator(_import_path), WithJsonSchema({"type": "string", "pattern": _IMPORT_PATH})]
"""package.module:function."""
FilePath = Annotated[Path, BeforeValidator(_path)]
"""Relative paths count from the folder that the command runs in."""
