"""Help, version and schema come without the heavy libraries; so does `import spinlock`."""

import subprocess
import sys
import time

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


def test_help_takes_less_than_a_third_of_a_second():
    def seconds():
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "spinlock", "--help"], capture_output=True, check=True)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) < 0.3
