"""docs/systems.md says what the code says."""

import runpy
from pathlib import Path

import pytest

from spinlock.dynamics.initial_conditions import INITIAL_CONDITIONS
from spinlock.dynamics.systems import SYSTEMS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def page() -> str:
    return (ROOT / "docs" / "systems.md").read_text(encoding="utf-8")


def test_the_page_is_what_the_script_writes_now(page):
    made = runpy.run_path(str(ROOT / "scripts" / "write_systems_page.py"))["page"]()
    assert page == made, "run: python scripts/write_systems_page.py"


@pytest.mark.parametrize("name", list(SYSTEMS))
def test_every_system_has_its_equation_source_and_parameters(page, name):
    section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    assert "```" in section
    assert "**Source.**" in section
    for parameter in SYSTEMS[name]().parameters:
        assert f"| `{parameter.name}` | {parameter.unit} |" in section


def test_every_kind_of_frame_0_is_there(page):
    for name in INITIAL_CONDITIONS:
        assert f"\n| `{name}` |" in page
