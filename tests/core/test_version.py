import tomllib
from pathlib import Path

import spinlock


def test_the_package_and_the_project_have_one_version():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert spinlock.__version__ == project["project"]["version"]
