"""One thread in every process of the tests, workers and commands included.

Tests run side by side on all cores already; a second thread then waits for the first, and a step of a simulation that takes
milliseconds takes a second. It must be said before numpy and torch are loaded.
"""

import os

for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

from hypothesis import settings  # noqa: E402

settings.register_profile("no clock", deadline=None)  # machines are shared: a test that is slow today is not wrong
settings.load_profile("no clock")
