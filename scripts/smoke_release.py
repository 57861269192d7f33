#!/usr/bin/env python
"""Build the wheel and the sdist, install each in an empty environment, and run what a stranger runs first.

python scripts/smoke_release.py                          # with the Python that runs this
python scripts/smoke_release.py python3.12 python3.13    # with each of these
make release-check                                       # with every one of 3.11 to 3.14 that is on the path
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PUBLIC = "import spinlock; [getattr(spinlock, name) for name in spinlock.__all__]; print(spinlock.__version__)"
ROLLOUTS = """
import numpy as np
t, x = np.arange(40)[:, None, None], np.arange(16)
runs = [np.sin(2 * np.pi * (n + 1) * x / 16 - 0.2 * t) + 0 * x[:, None] for n in range(4)]
np.save("runs.npy", np.stack(runs)[:, :, None].astype("f4"))
"""
"""Four travelling waves, (sample, time, channel, height, width)."""


def main() -> int:
    """Print one line for each Python and each of wheel and sdist; 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pythons", nargs="*", default=[sys.executable], metavar="PYTHON", help="an interpreter")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave wheel and sdist there")
    arguments = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="spinlock-release-") as folder:
        built = build(Path(folder))
        for python in arguments.pythons:
            for archive in built:
                try:
                    said = smoke(python, archive, Path(folder) / "try")
                except subprocess.CalledProcessError as error:
                    failed += 1
                    said = f"FAILED: {' '.join(map(str, error.cmd))}\n{error.stdout}{error.stderr}"
                print(f"{python}  {archive.name}  {said}", flush=True)
        for archive in built if arguments.keep else ():
            arguments.keep.mkdir(parents=True, exist_ok=True)
            shutil.copy(archive, arguments.keep)
    return 1 if failed else 0


def build(folder: Path) -> list[Path]:
    """The wheel and the sdist, built in an environment that has the builder alone."""
    python = environment(sys.executable, folder / "builder", "build")
    run([python, "-m", "build", "--outdir", folder / "dist", ROOT], folder)
    shutil.rmtree(folder / "builder")
    return sorted((folder / "dist").iterdir())


def environment(python: str, folder: Path, *packages: str | Path) -> Path:
    """The interpreter of a new environment of another one, with some packages in it; by uv where it is there, which is quicker."""
    inside = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if uv := shutil.which("uv"):
        run([uv, "venv", "--quiet", "--python", python, folder], Path.cwd())
        run([uv, "pip", "install", "--quiet", "--python", inside, *packages], Path.cwd())
    else:
        run([python, "-m", "venv", folder], Path.cwd())
        run([inside, "-m", "pip", "install", "--quiet", *packages], Path.cwd())
    return inside


def smoke(python: str, archive: Path, folder: Path) -> str:
    """Install one archive and run a stranger's first commands, far from the checkout; what to print of it."""
    shutil.rmtree(folder, ignore_errors=True)
    work = folder / "work"
    work.mkdir(parents=True)
    inside = environment(python, folder / "environment", archive)
    spinlock = [inside, "-m", "spinlock"]
    version = run([inside.with_name("spinlock"), "--version"], work).split()[-1]
    assert run([inside, "-c", PUBLIC], work).strip() == version, "the package and its program state one version"
    assert json.loads(run([*spinlock, "doctor", "--json"], work))["passed"], "spinlock doctor fails"
    run([inside, "-c", ROLLOUTS], work)
    run(
        [*spinlock, "tokenize", "--input", "runs.npy", "--axes", "ntchw", "--dt", "0.1", "--output", "tokens.csv"], work
    )
    rows = (work / "tokens.csv").read_text(encoding="utf-8").splitlines()
    assert sum(not row.startswith("#") for row in rows) == 5, "a header and a row a run"
    where = run([inside, "-c", "import sys, torch; print(sys.version.split()[0], torch.__version__)"], work)
    return f"passed: spinlock {version}, Python and torch {where.strip()}"


def run(words: list[str | Path], folder: Path) -> str:
    """What a command prints, without the settings of whoever runs this."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(list(map(str, words)), cwd=folder, env=clean, check=True, capture_output=True, text=True)
    return done.stdout


if __name__ == "__main__":
    raise SystemExit(main())
