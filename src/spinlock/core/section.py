"""Settings that check themselves, and the bounded numbers that they hold.

The part that acts on a setting owns it: its bounds, its default and what it means are written there, once, and a
configuration file is read into it. Nothing here loads torch or numpy, so schemas are quick.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A frozen group of keys; an unknown key is a mistake; the text below a field describes it, with its unit."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True)


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
