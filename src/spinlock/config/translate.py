"""pydantic's mistakes in the words of the file: place, dotted key, rule, the name that was meant, the value that came."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from spinlock.config.document import Document, dotted
from spinlock.config.problem import MOST, Problem
from spinlock.core.errors import listed
from spinlock.core.spec import OWN, Location, Spec, bare, mistakes_of, shown, spec_at


def problems_of(error: ValidationError, section: type[Spec], document: Document) -> list[Problem]:
    """Every mistake once; a mistake that encloses another is dropped. Names that were meant are looked up for the first 20."""
    problems = (
        _problem(*entry, section=section, document=document, is_looked_up=number < MOST)
        for number, entry in enumerate(mistakes_of(error))
    )
    return list(dict.fromkeys(problems))


def _problem(
    location: Location,
    kind: str,
    rule: str,
    value: Any,
    *,
    section: type[Spec],
    document: Document,
    is_looked_up: bool,
) -> Problem:
    hint = ""
    if not is_looked_up:
        got = "" if kind in OWN else shown(value)
        return Problem(place=document.place(location, of_key=kind in OWN), key=dotted(location), message=rule, got=got)
    if kind == "extra_forbidden":
        hint = _meant_key(str(location[-1]), location[:-1], section)
        here = spec_at(section, location[:-1])
        if not hint and here is not None:
            rule = f"{rule}; known: {listed(here.model_fields, most=24)}"
    if kind == "literal_error":
        choices = [word.strip("'") for word in rule.removeprefix("must be one of ").replace(" or ", ", ").split(", ")]
        hint = next(iter(get_close_matches(str(value), choices, n=1)), "")
    got = "" if kind in OWN else shown(value)
    place = document.place(location, of_key=kind in OWN)
    return Problem(place=place, key=dotted(location), message=rule, hint=hint, got=got)


def _meant_key(name: str, around: Location, section: type[Spec]) -> str:
    """The key that was probably meant: a similar one in this section, or the same name in another."""
    here = spec_at(section, around)
    if here is not None and (close := get_close_matches(name, here.model_fields, n=1)):
        return close[0]
    elsewhere = list(_keys(section, ()))
    same = [key for key in elsewhere if key.rpartition(".")[2] == name]
    return same[0] if len(same) == 1 else ""


def _keys(section: type[Spec], above: tuple[str, ...]) -> Iterator[str]:
    """Every dotted key of a section that stands at a fixed place."""
    for name, field in section.model_fields.items():
        yield ".".join((*above, name))
        inner = bare(field.annotation)
        if isinstance(inner, type) and issubclass(inner, Spec):
            yield from _keys(inner, (*above, name))
