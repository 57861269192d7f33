"""What every section of a configuration is, the bounded types its fields have, and mistakes found by a validator."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from spinlock.config.document import Location

LOCATED = "located"
"""Type of an error that carries mistakes with locations of their own."""


class Section(BaseModel):
    """A frozen group of keys; an unknown key is a mistake; the text below a field describes it, with its unit."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True)


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


Count = Annotated[int, Field(strict=True, ge=1, le=1_000_000_000)]
"""A whole number of things, at least one."""
Whole = Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)]
"""A whole number, zero included."""
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**63)]
"""What random streams are keyed by."""
Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(strict=True, ge=0, lt=1, allow_inf_nan=False)]
"""A part of a whole, less than all of it."""
Part = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
"""A part of a whole, or all of it."""
Beam = Annotated[int, Field(strict=True, ge=1, le=1024)]
"""Hypotheses that a search keeps."""
Flag = Annotated[bool, Field(strict=True)]
Word = Annotated[str, AfterValidator(_printable)]
ImportPath = Annotated[str, AfterValidator(_import_path), WithJsonSchema({"type": "string", "pattern": _IMPORT_PATH})]
"""package.module:function."""
FilePath = Annotated[Path, BeforeValidator(_path)]
"""Relative paths count from the folder that the command runs in."""
