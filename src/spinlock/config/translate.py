"""pydantic's mistakes in the words of the file: place, dotted key, rule, the name that was meant, the value that came."""

from collections.abc import Iterator
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from spinlock.config.document import Document, Location, dotted
from spinlock.config.problem import Problem
from spinlock.config.section import LOCATED
from spinlock.core.errors import listed
from spinlock.core.section import Section

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

KEY = "key"
OWN = (KEY, LOCATED, "missing", "extra_forbidden")
"""Types that are about a key or several values: they stand beside mistakes further in, and show no value."""


def problems_of(error: ValidationError, section: type[Section], document: Document) -> list[Problem]:
    """Every mistake once; a mistake that encloses another is dropped."""
    found = [entry for detail in error.errors(include_url=False) for entry in expanded(detail)]
    locations = [location for location, *_ in found]
    kept = [entry for entry in found if entry[1] in OWN or not any(_encloses(entry[0], other) for other in locations)]
    problems = dict.fromkeys(_problem(*entry, section=section, document=document) for entry in kept)
    return list(problems)


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


def _encloses(outer: Location, inner: Location) -> bool:
    return len(outer) < len(inner) and inner[: len(outer)] == outer


def _problem(
    location: Location, kind: str, rule: str, value: Any, *, section: type[Section], document: Document
) -> Problem:
    hint = ""
    if kind == "extra_forbidden":
        hint = _meant_key(str(location[-1]), location[:-1], section)
        here = _section_at(section, location[:-1])
        if not hint and here is not None:
            rule = f"{rule}; known: {listed(here.model_fields, most=24)}"
    if kind == "literal_error":
        choices = [word.strip("'") for word in rule.removeprefix("must be one of ").replace(" or ", ", ").split(", ")]
        hint = next(iter(get_close_matches(str(value), choices, n=1)), "")
    got = "" if kind in OWN else shown(value)
    place = document.place(location, of_key=kind in OWN)
    return Problem(place=place, key=dotted(location), message=rule, hint=hint, got=got)


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
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _meant_key(name: str, around: Location, section: type[Section]) -> str:
    """The key that was probably meant: a similar one in this section, or the same name in another."""
    here = _section_at(section, around)
    if here is not None and (close := get_close_matches(name, here.model_fields, n=1)):
        return close[0]
    elsewhere = list(_keys(section, ()))
    same = [key for key in elsewhere if key.rpartition(".")[2] == name]
    return same[0] if len(same) == 1 else ""


def _section_at(section: type[Section], location: Location) -> type[Section] | None:
    """The section whose keys stand at a location, if it is one."""
    annotation: Any = section
    for part in location:
        if isinstance(annotation, type) and issubclass(annotation, Section):
            field = annotation.model_fields.get(str(part))
            annotation = field.annotation if field is not None else None
        else:
            arguments = get_args(annotation)
            annotation = arguments[-1 if get_origin(annotation) is dict else 0] if arguments else None
        annotation = _bare(annotation)
    return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None


def _bare(annotation: Any) -> Any:
    """An annotation without `Annotated` and `| None`."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return _bare(next(argument for argument in get_args(annotation) if argument is not type(None)))
    return annotation


def _keys(section: type[Section], above: tuple[str, ...]) -> Iterator[str]:
    """Every dotted key of a section that stands at a fixed place."""
    for name, field in section.model_fields.items():
        yield ".".join((*above, name))
        inner = _bare(field.annotation)
        if isinstance(inner, type) and issubclass(inner, Section):
            yield from _keys(inner, (*above, name))
