"""Versions of what numbers come from."""

import platform

import h5py
import numpy as np
import scipy
import torch

from spinlock._version import __version__


def software() -> dict[str, str]:
    """Package → version, for the provenance of files."""
    return {
        "spinlock": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "h5py": h5py.__version__,
    }
