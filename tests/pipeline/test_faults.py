"""A disk that fails at some operation of a command: nothing is lost, nothing damaged is taken as whole (`benchmarks/faults.py`)."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FAULTS = Path(__file__).parents[2] / "benchmarks" / "faults.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux" or shutil.which("cc") is None, reason="needs Linux and a C compiler")
def test_whatever_operation_fails_the_output_is_whole_or_as_before(tmp_path):
    commands = ("merge", "tokenize h5")  # a data set, one file; the benchmark has all
    line = (sys.executable, str(FAULTS), "--json", "--every", "131", "--first", "9", "--commands", ",".join(commands))
    ended = subprocess.run(line, stdout=subprocess.PIPE, check=False, cwd=tmp_path)  # noqa: S603
    rows = json.loads(ended.stdout)
    assert [row for row in rows if row["broken"]] == []
    assert ended.returncode == 0
    assert {row["command"] for row in rows} == set(commands)
    for row in rows:  # a fault that no operation meets would prove nothing
        assert row["points"] > 0
        assert set(row["codes"]) == ({"0"} if row["fault"] == "short write" else {"5"}), row
