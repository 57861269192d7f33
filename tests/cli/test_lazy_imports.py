"""Help, version and schema come without the heavy libraries; so does `import spinlock`."""

import subprocess
import sys

import pytest

from spinlock.cli.app import COMMANDS

HEAVY = ("torch", "numpy", "scipy", "sklearn", "h5py", "pydantic", "yaml", "matplotlib", "rich", "jaxtyping")

SCRIPT = """
import sys
from spinlock.cli import main
try:
    main({arguments})
finally:
    print("HEAVY:" + ",".join(name for name in {heavy} if name in sys.modules), file=sys.stderr)
"""


PATHS = f"import sys; sys.path[:] = {sys.path!r}"
"""For a process without `site`, whose path files may load anything."""


def loaded(*arguments, heavy=HEAVY):
    """The heavy libraries that a command line loads, in a fresh process."""
    script = SCRIPT.format(arguments=list(arguments), heavy=heavy)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout
    return done.stderr.rpartition("HEAVY:")[2].strip()


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), *((name, "--help") for name in COMMANDS)])
def test_help_and_version_load_nothing_heavy(arguments):
    assert loaded(*arguments) == ""


@pytest.mark.parametrize("arguments", [("config", "schema", "train"), ("config", "init", "generate")])
def test_schema_and_first_file_load_neither_torch_nor_numpy(arguments):
    assert loaded(*arguments, heavy=("torch", "numpy", "h5py", "scipy")) == ""


def test_importing_spinlock_loads_nothing_heavy():
    script = f"import spinlock, sys; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_loads_click_and_the_standard_library_alone():
    script = SCRIPT.format(arguments=["--help"], heavy="sorted(sys.modules)")
    done = subprocess.run([sys.executable, "-S", "-c", f"{PATHS}{script}"], capture_output=True, text=True, check=True)
    loaded_packages = {name.partition(".")[0] for name in done.stderr.rpartition("HEAVY:")[2].strip().split(",")}
    assert loaded_packages - sys.stdlib_module_names - {"__main__"} == {"click", "spinlock"}
