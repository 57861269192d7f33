import re
import tomllib
from pathlib import Path

import pytest

import spinlock

ROOT = Path(__file__).parents[2]
CONDA = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
"""Packages that conda-forge calls otherwise."""


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def recipe() -> str:
    return (ROOT / "recipe" / "meta.yaml").read_text(encoding="utf-8")


def test_the_package_and_the_project_have_one_version(project):
    assert spinlock.__version__ == project["version"]


def test_the_citation_is_of_that_version():
    assert f"\nversion: {spinlock.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_the_conda_recipe_has_that_version_and_the_dependencies_of_the_project(project, recipe):
    assert f'version = "{spinlock.__version__}"' in recipe
    names = (re.match(r"([\w-]+)(.*)", line).groups() for line in project["dependencies"])
    wanted = {f"{CONDA.get(name, name.lower())} {bound}" for name, bound in names}
    run = recipe.partition("  run:\n")[2].partition("\n\n")[0]
    assert {line.removeprefix("    - ") for line in run.splitlines()} == wanted | {
        "python " + project["requires-python"]
    }
