#!/usr/bin/env python
"""Write docs/systems.md from the docstrings and parameters of all systems and kinds of initial conditions.

python scripts/write_systems_page.py
"""

import inspect
from collections.abc import Iterator
from pathlib import Path

from spinlock.dynamics.initial_conditions import INITIAL_CONDITIONS
from spinlock.dynamics.parameter_space import Parameter
from spinlock.dynamics.system import System
from spinlock.dynamics.systems import SYSTEMS

PAGE = Path(__file__).parents[1] / "docs" / "systems.md"
HEAD = """# Systems and what they start from

Written from the code by `python scripts/write_systems_page.py`; change the docstrings, not this page.

All systems live on periodic grids and are simulated with their parameters drawn for each sample; each realization has noise of
its own. A configuration names systems under `systems` and narrows parameters under `parameters`. Ranges are those that are drawn
from by default; a log range is drawn evenly in its logarithm. A length in domains is a share of the domain's side.
"""


def page() -> str:
    """The whole page."""
    names = list(SYSTEMS)
    table = ["| system | channels | directions of space | what it does |", "|---|---|---|---|"]
    for name in names:
        system = SYSTEMS[name]()
        what = _first_line(system)
        dimensions = " and ".join(str(n) for n in (1, 2) if not system.dimension_mistake(n))
        table.append(f"| [{name}](#{name}) | {', '.join(system.channel_names)} | {dimensions} | {what} |")
    parts = [HEAD, "\n".join(table) + "\n"]
    parts += ["\n".join(_system(SYSTEMS[name]())) for name in names]
    parts.append("\n".join(_starts()))
    return "\n".join(parts).rstrip("\n") + "\n"


def _system(system: System) -> Iterator[str]:
    yield f"## {system.name}\n"
    yield f"{_first_line(system)}\n"
    for block in _equations(system):
        yield f"```\n{block}\n```\n"
    for start in ("Seen:", "Initial condition:", "Source:"):
        for paragraph in _paragraphs(system):
            if paragraph.startswith(start):
                yield f"**{start.removesuffix(':')}.** {_sentence(paragraph.removeprefix(start).strip())}\n"
    side = f"{system.domain_length:g} at 32 cells a side" if system.grows_with_grid else f"{system.domain_length:g}"
    grows = ", growing with the grid" if system.grows_with_grid else " on every grid"
    yield f"Time between saved states {system.dt:g}; side of the domain {side}{grows}.\n"
    yield "| parameter | unit | range | what it does |"
    yield "|---|---|---|---|"
    for parameter in system.parameters:
        yield f"| `{parameter.name}` | {parameter.unit} | {_range(parameter)} | {_cell(parameter.description)} |"
    yield ""


def _starts() -> Iterator[str]:
    yield "## Kinds of initial conditions\n"
    yield "Fields of mean 0 and variance 1, which a system maps to its own units.\n"
    yield "| kind | correlation length in domains | what is seen |"
    yield "|---|---|---|"
    for name in INITIAL_CONDITIONS:
        kind = INITIAL_CONDITIONS[name]()
        length = "" if kind.length is None else _range(kind.length)
        yield f"| `{name}` | {length} | {_cell(kind.description)} |"


def _range(parameter: Parameter) -> str:
    if parameter.kind == "choice":
        shown = [str(choice) for choice in parameter.choices]
        return ", ".join(shown) if len(shown) <= 8 else f"{', '.join(shown[:4])}, … ({len(shown)} choices)"
    if parameter.kind == "boolean":
        return "no, yes"
    words = {"log": ", log", "integer": ", whole"}.get(parameter.kind, "")
    return f"{parameter.low:g} to {parameter.high:g}{words}"


def _documentation(system: System) -> str:
    return inspect.getdoc(type(system)) or ""


def _first_line(system: System) -> str:
    return _documentation(system).partition("\n")[0]


def _paragraphs(system: System) -> list[str]:
    """Paragraphs that are no equations, each on one line."""
    blocks = _documentation(system).split("\n\n")[1:]
    return [" ".join(block.split()) for block in blocks if not block.startswith(" ")]


def _equations(system: System) -> list[str]:
    """Blocks that are indented in the docstring: the equations."""
    return [inspect.cleandoc(block) for block in _documentation(system).split("\n\n")[1:] if block.startswith(" ")]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] if text[:1].isascii() and len(text) > 2 and text[1:2].islower() else text


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
