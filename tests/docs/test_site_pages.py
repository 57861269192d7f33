"""The pages of the site that are made from something else, and links between all pages; `make docs` needs Sphinx, this does not."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXTS = [
    ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "benchmarks/README.md")
]
TEXTS += sorted((ROOT / "docs").glob("*.md"))


@pytest.fixture(scope="module")
def made():
    return runpy.run_path(str(ROOT / "scripts" / "write_site_pages.py"))


def test_links_of_a_moved_text_lead_to_the_same_page(made):
    moved = made["moved_links"]
    text = "[a](../docs/words.md#how-good-they-are), [b](refit.py), [c](#here), [d](https://example.org/x.md)"
    assert moved(text, source="benchmarks/README.md", page="reference/benchmarks.md") == (
        "[a](../words.md#how-good-they-are), "
        "[b](https://github.com/spinlock-dev/spinlock/blob/main/benchmarks/refit.py), [c](#here), [d](https://example.org/x.md)"
    )


def test_links_to_a_text_beside_docs_lead_to_its_page(made):
    found = made["moved_links"]("[x](../CHANGELOG.md)", source="docs/words.md", page="words.md")
    assert found == "[x](reference/changelog.md)"


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_somewhere(page, made):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = [path for path, _ in made["LINK"].findall(text) if path]
    assert not [path for path in links if not path.startswith("reference/") and not (page.parent / path).exists()]


def test_every_command_and_option_is_on_the_page_of_commands(made):
    names = (ROOT / "tests" / "cli" / "public_names.txt").read_text(encoding="utf-8").splitlines()
    page = made["command_page"]()
    commands = [name.split() for name in names if name.startswith("spinlock ")]
    assert {word for words in commands for word in words if word.startswith("--")} <= set(
        re.findall(r"`(--[\w-]+)`", page)
    )
    titles = {" ".join(words) for words in commands if re.fullmatch("[a-z][a-z-]*", words[-1])}
    assert titles <= set(re.findall(r"^##+ (.*)$", page, re.MULTILINE))


def test_every_public_name_is_on_the_page_of_python(made):
    page, spinlock = made["python_page"](), made["spinlock"]
    assert {f"## {name}" for name in spinlock.__all__[1:]} <= set(page.splitlines())
