"""The site: `make docs` builds docs/_build/html; a warning is an error."""

import re
import runpy
from pathlib import Path

from sphinx.application import Sphinx

import spinlock

ROOT = Path(__file__).parents[1]
PAGES = runpy.run_path(str(ROOT / "scripts" / "write_site_pages.py"))

project = "spinlock"
author = "The spinlock authors"
copyright = author  # noqa: A001  Sphinx's own word
version = release = spinlock.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build", "search.md"]  # search.html is Sphinx's own: the page is reference/search-and-compare
suppress_warnings = [
    "misc.highlighting_failure",  # JSON with an ellipsis in it
    "ref.python",  # two classes with a field of one name
]
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r".*")]
"""Annotations name classes of libraries whose pages cannot be reached, and of spinlock's inside; links in pages are all checked."""
default_role = "code"

myst_heading_anchors = 4
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_typehints_format = "short"
add_module_names = False
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 100
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"spinlock {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_theme_options = {
    "source_repository": "https://github.com/spinlock-dev/spinlock/",
    "source_branch": "main",
    "source_directory": "docs/",
    "light_css_variables": {"color-brand-primary": "#1f5f8b", "color-brand-content": "#1f5f8b"},
    "dark_css_variables": {"color-brand-primary": "#7fb8de", "color-brand-content": "#7fb8de"},
}


def _before_reading(app: Sphinx, page: str, source: list[str]) -> None:  # noqa: ARG001  Sphinx's own signature
    """Links out of docs/ lead to the site's copy of what they mean, or into the repository; all pages are in the contents."""
    if page.startswith("reference/"):
        return
    listed = {line.strip() for line in source[0].splitlines()}
    found = sorted(path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md"))
    others = [
        name
        for name in found
        if not name.startswith(("reference/", "examples/", "_", "search")) and name not in {*listed, page}
    ]
    text = source[0].replace("(other pages)", "\n".join(others))
    text = text.replace("(examples)", "\n".join(name for name in found if name.startswith("examples/")))
    source[0] = PAGES["moved_links"](text, source=f"docs/{page}.md", page=f"{page}.md")


def _before_napoleon(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:  # noqa: ARG001, PLR0913, E501
    """Docstrings are written like Markdown: `code` is code, a star is a star, an indented block is one."""
    words = "\n".join(lines).split("`")
    words[::2] = [re.sub(r"[*|]|_(?=[^\w:])", r"\\\g<0>", part) for part in words[::2]]
    text = "".join(f"``{part}``\\ " if place % 2 else part for place, part in enumerate(words))
    lines[:] = re.sub(r"(?<!:)\n\n(    )(?=\S)", r"\n\n::\n\n\1", text).split("\n")


def _is_left_out(app: Sphinx, what: str, name: str, obj: object, skip: bool, options: object) -> bool | None:  # noqa: ARG001, PLR0913, E501
    """What scikit-learn puts on every estimator is described there."""
    return True if re.fullmatch(r"set_\w+_request", name) else None


def setup(app: Sphinx) -> None:
    """Write the pages that are made from the code, then read."""
    PAGES["main"]()
    app.connect("source-read", _before_reading)
    app.connect("autodoc-process-docstring", _before_napoleon, priority=400)
    app.connect("autodoc-skip-member", _is_left_out)
