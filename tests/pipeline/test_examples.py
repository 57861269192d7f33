"""Every example runs, says something worth reading, draws a picture, and stands on its page as it is."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.py"))
SAYS = {
    "own_solver": ["threshold 0.01", "Predictability:"],
    "own_netcdf": ["dt: 0.1, from the coordinates 'time'", "drift 7: Rhythm:", "invariant_drift"],
    "search_and_compare": ["like swift_hohenberg 3:", "the whole: p = 0.0", "is larger in burgers"],
    "words_into_sklearn": ["of 72 runs; by chance 0.17", "gray_scott: "],
    "propose": ["wanted: nonlinear", "of 8 showed it"],
}
"""What each prints on every machine."""


HALF_A_MINUTE = {"propose", "search_and_compare", "words_into_sklearn"}
"""Examples that are run where EXAMPLES=all is set, as `make release-check` sets it."""


@pytest.mark.slow
@pytest.mark.parametrize("name", SAYS)
def test_an_example_prints_what_it_is_about_and_draws_a_picture(name, tmp_path):
    if name in HALF_A_MINUTE and os.environ.get("EXAMPLES") != "all":
        pytest.skip("EXAMPLES=all runs it: half a minute")
    if name == "own_netcdf":
        pytest.importorskip("xarray")
    picture = tmp_path / "picture.png"
    command = "import pathlib, runpy, sys; runpy.run_path(sys.argv[1])['main'](pathlib.Path(sys.argv[2]))"
    script = str(ROOT / "examples" / f"{name}.py")
    line = [sys.executable, "-c", command, script, str(picture)]  # as users run it: types are not checked on the way
    printed = subprocess.run(line, check=True, capture_output=True, text=True, cwd=tmp_path).stdout
    assert [words for words in SAYS[name] if words not in printed] == []
    assert np.unique(plt.imread(picture)).size > 10


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_short(name):
    assert len((ROOT / "examples" / f"{name}.py").read_text().splitlines()) <= 60


@pytest.mark.parametrize("name", SAYS)
def test_the_page_of_an_example_has_the_script_as_it_is(name):
    writer = runpy.run_path(str(ROOT / "scripts" / "write_example_pages.py"))
    page = (ROOT / "docs" / "examples" / f"{name}.md").read_text(encoding="utf-8")
    assert page == writer["page"](name, writer["printed_on"](page)), "run: python scripts/write_example_pages.py"
    assert all(words in page for words in SAYS[name])
    assert (ROOT / "docs" / "examples" / f"{name}.png").is_file()
