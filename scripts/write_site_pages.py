#!/usr/bin/env python
"""Write the pages of the site that are made from something else into docs/reference/, which git ignores.

python scripts/write_site_pages.py

Commands from their `--help`, configuration keys from their specs, Python names from `spinlock.__all__`, pictures from
docs/images, and the texts beside docs/ (changelog, benchmarks, contributing, security) with their links moved. `make docs` does so.
"""

import inspect
import os
import re
import textwrap
import typing
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires
from pathlib import Path
from typing import Any

import click
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import spinlock
from spinlock.cli.app import COMMANDS, root
from spinlock.config.kinds import SECTIONS, starting_file

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
FOLDER = DOCS / "reference"
REPOSITORY = "https://github.com/spinlock-dev/spinlock/blob/main"
MOVED = {
    "CHANGELOG.md": "changelog",
    "CONTRIBUTING.md": "contributing",
    "SECURITY.md": "security",
    "benchmarks/README.md": "benchmarks",
    "vocabularies/behaviour-1/README.md": "behaviour-1",
    "docs/search.md": "search-and-compare",  # search.html is Sphinx's own
}
"""Text of the repository → its page in docs/reference/."""
SAID_EVERYWHERE = {"help", "debug", "verbose", "quiet", "json", "trusted"}
"""Options that are described once, not with every command."""
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)\s#]*)(#[^)\s]*)?\)")
IMAGE = re.compile(r"!\[([^\]]*)\]\((?!https?:)([^)]*)\)")


def moved_links(text: str, *, source: str, page: str) -> str:
    """Markdown whose relative links are right on another page; what is not on the site is linked in the repository.

    Args:
        text: Markdown.
        source: the file that it stands in, from the repository's root.
        page: the page that it will be on, from docs/.
    """

    def moved(found: re.Match[str]) -> str:
        path, anchor = found[1], found[2] or ""
        target = (ROOT / source).parent.joinpath(path).resolve()
        if not target.is_relative_to(ROOT):
            return found[0]
        inside = target.relative_to(ROOT).as_posix()
        if inside in MOVED:
            target = FOLDER / f"{MOVED[inside]}.md"
        elif not target.is_relative_to(DOCS):
            return f"]({REPOSITORY}/{inside}{anchor})"
        return f"]({Path(os.path.relpath(target, (DOCS / page).parent)).as_posix()}{anchor})"

    return LINK.sub(moved, text)


def command_page() -> str:
    """Every command: what it does, its arguments and options, its examples."""
    context = click.Context(root, info_name="spinlock")
    shared = [option for option in _options(root.get_command(context, "validate")) if option.name in SAID_EVERYWHERE]
    parts = [
        "# Commands",
        "Written from `spinlock --help` and that of every command.",
        "\n".join(f"- [`spinlock {name}`](#spinlock-{name}): {text}" for name, (_, text) in COMMANDS.items()),
        "## Everywhere",
        "Every command takes these; `--trusted` those that read files which others may have made.",
        _table(shared),
        root.epilog or "",
    ]
    for name in COMMANDS:
        parts += _command(f"spinlock {name}", root.get_command(context, name))
    return "\n\n".join(filter(None, parts)) + "\n"


def _command(name: str, command: click.Command | None) -> Iterator[str]:
    assert command is not None
    yield f"## {name}" if name.count(" ") == 1 else f"### {name}"
    yield textwrap.dedent(command.help or "").strip()
    if isinstance(command, click.Group):
        for inner, inner_command in command.commands.items():
            yield from _command(f"{name} {inner}", inner_command)
        return
    usage = " ".join(click.Context(command, info_name=name).get_usage().removeprefix("Usage: ").split())
    yield f"```text\n{usage}\n```"
    yield _table([option for option in _options(command) if option.name not in SAID_EVERYWHERE])
    if command.epilog:
        examples = textwrap.dedent(command.epilog.replace("\b\nExamples:\n", "")).strip()
        yield f"```sh\n{examples}\n```"


def _options(command: click.Command | None) -> list[click.Option]:
    assert command is not None
    return [option for option in command.params if isinstance(option, click.Option)]


def _table(options: list[click.Option]) -> str:
    rows = ["| option | |", "|---|---|"] if options else []
    for option in options:
        names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
        value = "" if option.is_flag or option.count else f" {_code(option.make_metavar(click.Context(root)))}"
        default = option.default if option.show_default is True and not callable(option.default) else None
        said = [option.help or "", "Required." * option.required, f"Default: {default}." if default is not None else ""]
        rows.append(f"| {names}{value} | {_cell(' '.join(filter(None, said)))} |")
    return "\n".join(rows)


def _code(text: str) -> str:
    return f"`{_cell(text)}`"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("*", "\\*").split())


def configuration_page() -> str:
    """Every key of every kind of configuration file, as `spinlock config init` writes it."""
    parts = [
        "# Configuration keys",
        "What `spinlock config init KIND` prints; `config schema KIND` is the same for editors.",
    ]
    for kind in SECTIONS:
        parts += [f"## {kind}", f"```yaml\n{starting_file(kind).strip()}\n```"]
    return "\n\n".join(parts) + "\n"


def python_page() -> str:
    """The public names and the values that they give back, for autodoc."""
    parts = [
        "# Python",
        "Everything that `import spinlock` offers. Names that are not here may change between releases.",
    ]
    names = {name: getattr(spinlock, name) for name in spinlock.__all__[1:]}
    parts += [_documented(name, value) for name, value in names.items()]
    parts.append(
        "## What comes back\n\nValues that functions and methods of these names give back; they are not made by users."
    )
    returned: dict[str, Any] = {}
    waiting = list(names.values())
    while waiting:
        for found in _returned(waiting.pop()):
            if found not in (*names.values(), *returned.values()):
                returned[found.__name__] = found
                waiting.append(found)
    parts += [_documented(name, returned[name], "###") for name in sorted(returned)]
    return "\n\n".join(parts) + "\n"


def _documented(name: str, value: Any, heading: str = "##") -> str:
    if inspect.ismodule(value):
        return f"{heading} {name}\n\n```{{eval-rst}}\n.. automodule:: {value.__name__}\n   :members:\n```"
    kind = "autoclass" if isinstance(value, type) else "autofunction"
    # its signature lists some sixty settings, which ModelSpec, EncoderSpec and FitSpec describe
    shown = "(levels='auto', *, category_map=None, random_state=0, **settings)" if name == "Tokenizer" else ""
    members = "   :members:\n" if kind == "autoclass" else ""
    return f"{heading} {name}\n\n```{{eval-rst}}\n.. {kind}:: {value.__module__}.{name}{shown}\n{members}```"


def _returned(value: Any) -> Iterator[type]:
    """Classes of spinlock that a function, or the public methods and fields of a class, give back."""
    hints = []
    if isinstance(value, type):
        hints += [hint for name, hint in _hints(value).items() if not name.startswith("_")]
        value = [each for name, each in vars(value).items() if not name.startswith("_")]
    for function in value if isinstance(value, list) else [value]:
        hints.append(_hints(getattr(function, "__func__", getattr(function, "fget", function))).get("return"))
    while hints:
        hint = hints.pop()
        hints += typing.get_args(hint)
        if isinstance(hint, type) and hint.__module__.startswith("spinlock") and not hint.__name__.startswith("_"):
            yield hint


def _hints(value: Any) -> dict[str, Any]:
    return typing.get_type_hints(value) if isinstance(value, type) or inspect.isfunction(value) else {}


def gallery_page() -> str:
    """Every picture below docs/ with its title, and the page that it is on."""
    shown: dict[Path, tuple[str, Path]] = {}
    for page in [*sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("examples/*.md")), ROOT / "README.md"]:
        for title, picture in IMAGE.findall(page.read_text(encoding="utf-8")):
            shown.setdefault((page.parent / picture).resolve(), (title, page))
    parts = ["# Gallery"]
    for picture in [*sorted(DOCS.glob("examples/*.png")), *sorted(DOCS.glob("images/*.png"))]:
        title, page = shown.get(picture, (picture.stem.replace("_", " "), ROOT))
        if page.parent.name == "examples":  # where a picture is the whole result
            title = page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        link = f" From [{page.stem}](../{page.relative_to(DOCS).as_posix()})." if page.is_relative_to(DOCS) else ""
        parts += [f"![{title}](../{picture.relative_to(DOCS).as_posix()})", f"*{title.rstrip('.')}.*{link}"]
    return "\n\n".join(parts) + "\n"


def dependency_page() -> str:
    """Everything that an installation has beside spinlock, with versions and licences as the packages here state them."""
    parts = ["# Dependencies and their licences", "From the metadata of the packages that this site was built with."]
    seen: set[str] = set()
    for extra in ("", *sorted(metadata("spinlock").get_all("Provides-Extra") or ())):
        if extra in ("dev", "oracles"):
            continue
        rows = [row for row in _requirements("spinlock", extra, seen) if row]
        what = f"Extra `{extra}`" if extra else "Always"
        parts += [f"## {what}", "\n".join(["| package | version | licence |", "|---|---|---|", *sorted(rows)])]
    return "\n\n".join(parts) + "\n"


def _requirements(package: str, extra: str, seen: set[str]) -> Iterator[str]:
    for line in requires(package) or ():
        requirement = Requirement(line)
        name = canonicalize_name(requirement.name)
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": extra})
        if not wanted or name in seen or (extra and "extra" not in str(requirement.marker)):
            continue
        seen.add(name)
        try:
            facts = metadata(name)
        except PackageNotFoundError:
            yield f"| {name} | not installed here | |"
            continue
        yield f"| {name} | {facts['Version']} | {_cell(_licence(facts))} |"
        yield from _requirements(name, "", seen)


def _licence(facts: Any) -> str:
    classified = [
        line.rpartition(" :: ")[2] for line in facts.get_all("Classifier") or () if line.startswith("License ::")
    ]
    stated = facts.get("License-Expression") or ", ".join(classified) or (facts.get("License") or "see its files")
    return stated.splitlines()[0][:80]


def main() -> None:
    """Write all pages."""
    FOLDER.mkdir(exist_ok=True)
    pages = {
        "commands": command_page(),
        "configuration": configuration_page(),
        "python": python_page(),
        "gallery": gallery_page(),
        "dependencies": dependency_page(),
    }
    for source, name in MOVED.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        pages[name] = moved_links(text, source=source, page=f"reference/{name}.md")
    for name, text in pages.items():
        (FOLDER / f"{name}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
