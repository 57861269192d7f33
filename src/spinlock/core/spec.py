"""The settings of a part, written once: types, bounds, defaults and texts, for YAML files and for Python alike."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic_core import ErrorDetails, PydanticCustomError

from spinlock.core.errors import ConfigError, InputError, did_you_mean

Location = tuple[str | int, ...]
"""Where a value stands: keys and places in lists, from the outside in."""

LOCATED = "located"
"""Type of an error that carries mistakes with locations of their own."""

KEY = "key"
OWN = (KEY, LOCATED, "missing", "extra_forbidden")
"""Types that are about a key or several values: they stand beside mistakes further in, and show no value."""

RULES = {
    "missing": "is required",
    "extra_forbidden": "unknown key",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be finite",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "path_type": "must be a path",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be one of {expected}",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be a mapping of names to values",
    "mapping_type": "must be a mapping of names to values",
    "model_type": "must be a mapping of keys to values",
    "too_short": "needs at least {min_length}",
    "too_long": "takes at most {max_length}",
    "multiple_of": "must be a multiple of {multiple_of}",
}
"""pydantic's type of error → our sentence; a type that is not here keeps pydantic's words."""


T = TypeVar("T", bound=BaseModel)


class _Refusing(type(BaseModel)):
    """Lets `SomeSpec(key=value)` refuse in one sentence; a file is validated without it, to report every place."""

    def __call__(cls: type[T], *args: Any, **values: Any) -> T:  # pyright: ignore[reportGeneralTypeIssues]
        try:
            return super().__call__(*args, **values)  # pyright: ignore[reportAttributeAccessIssue]
        except ValidationError as error:
            raise ConfigError(_sentence(error, cls)) from None


class Spec(BaseModel, metaclass=_Refusing):
    """The frozen settings of one part, which owns them; a section of a YAML file is one.

    An unknown key is a mistake; the text below a field describes it, with its unit. Made in Python, a mistake is a
    `ConfigError`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True)


class Stored(BaseModel):
    """What a JSON file must hold, of which more may be there: files of later versions, and facts that nobody reads."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    @classmethod
    def read(cls: type[T], value: object, *, where: object) -> T:
        """A value that JSON gave, checked.

        Raises:
            InputError: naming the file, the first few keys that break a rule, and the rules.
        """
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            rules = _sentence(error, cls, most=3)
            raise InputError(f"{where} is not what it should be: {rules}") from None


def _sentence(error: ValidationError, spec: type[BaseModel], *, most: int = 20) -> str:
    """The first mistakes, each with its key, as one line."""
    mistakes = []
    for location, kind, rule, value in mistakes_of(error)[:most]:
        key = _one_line(".".join(map(str, location)))
        if kind == "extra_forbidden":
            around = spec_at(spec, location[:-1])
            hint = "" if around is None else f". {did_you_mean(str(location[-1]), around.model_fields)}".rstrip(".")
            mistakes.append(f"unknown setting '{key}'{hint}")
        else:
            got = "" if kind in OWN else f"; got {shown(value)}"
            mistakes.append(f"`{key}` {rule}{got}")
    return "; ".join(dict.fromkeys(mistakes)) + "."


def spec_at(spec: type[BaseModel], location: Location) -> type[BaseModel] | None:
    """The spec whose keys stand at a location, if it is one."""
    annotation: Any = spec
    for part in location:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            field = annotation.model_fields.get(str(part))
            annotation = field.annotation if field is not None else None
        else:
            arguments = get_args(annotation)
            annotation = arguments[-1 if get_origin(annotation) is dict else 0] if arguments else None
        annotation = bare(annotation)
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def bare(annotation: Any) -> Any:
    """An annotation without `Annotated` and `| None`."""
    if get_origin(annotation) is Annotated:
        return bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return bare(next(argument for argument in get_args(annotation) if argument is not type(None)))
    return annotation


def mistakes_of(error: ValidationError) -> list[tuple[Location, str, str, Any]]:
    """Location, type, rule and value of every mistake; one that encloses another is dropped."""
    found = [entry for detail in error.errors(include_url=False) for entry in expanded(detail)]
    around = {location[:depth] for location, *_ in found for depth in range(len(location))}
    return [entry for entry in found if entry[1] in OWN or entry[0] not in around]


def expanded(detail: ErrorDetails) -> Iterator[tuple[Location, str, str, Any]]:
    """Location, type, rule and value of each mistake in one of pydantic's errors."""
    location = tuple(part for part in detail["loc"] if part != "[key]")
    context = detail.get("ctx", {})
    if detail["type"] == LOCATED:
        for below, message in context["mistakes"]:
            yield (*location, *below), LOCATED, message, None
        return
    rule = RULES.get(detail["type"])
    if detail["type"] == "value_error":
        rule = str(context["error"])
    if rule is None:
        rule = detail["msg"].removeprefix("Input ").rstrip(".")
    if detail["type"] in RULES:
        rule = rule.format_map({name: f"{x:g}" if isinstance(x, float) else x for name, x in context.items()})
    yield location, KEY if "[key]" in detail["loc"] else detail["type"], rule, detail["input"]


def shown(value: Any) -> str:
    """A value for a message: short, on one line."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    text = (
        {None: "nothing", True: "true", False: "false"}.get(value) if value is None or isinstance(value, bool) else None
    )
    text = text or (f"'{value}'" if isinstance(value, str) else str(value))
    text = _one_line(text)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


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
