"""`spinlock doctor`: versions, extras, cores, memory, disk."""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, Literal, NamedTuple

from spinlock.cli.command import command

LIBRARIES = (
    "torch",
    "numpy",
    "scipy",
    "sklearn",
    "h5py",
    "pydantic",
    "yaml",
    "safetensors",
    "matplotlib",
    "jinja2",
    "PIL",
)
EXTRAS = {"pyarrow": "Parquet token files", "zarr": "Zarr input"}
LEAST_MEMORY = 2 * 2**30
LEAST_DISK = 1 * 2**30


class Check(NamedTuple):
    """One thing that was looked at; only "fail" makes the doctor fail."""

    what: str
    state: Literal["ok", "note", "fail"]
    found: str


@command()
def doctor() -> Any:
    """Check this installation: versions, optional parts, cores, memory, disk; exit code 1 if something must be mended."""
    rows = list(checks())
    return {
        "passed": all(check.state != "fail" for check in rows),
        "checks": [{"check": check.what, "state": check.state, "found": check.found} for check in rows],
    }


def checks() -> Iterator[Check]:
    """Everything the doctor looks at, in order."""
    right = sys.version_info >= (3, 11)
    yield Check("python", "ok" if right else "fail", f"{platform.python_version()} on {platform.platform(terse=True)}")
    yield _spinlock()
    yield from map(_library, LIBRARIES)
    yield from (_extra(name, purpose) for name, purpose in EXTRAS.items())
    yield _torch_device()
    yield Check("cores", "ok", str(_cores()))
    yield from _memory()
    free = shutil.disk_usage(Path.cwd()).free
    yield Check("free disk here", "ok" if free >= LEAST_DISK else "note", _gibibytes(free))
    yield _can_write(Path.cwd())


def _spinlock() -> Check:
    try:
        return Check("spinlock", "ok", f"{version('spinlock')}, {len(requires('spinlock') or ())} requirements")
    except PackageNotFoundError:
        return Check("spinlock", "note", "not installed: runs from a folder on the path")


def _library(name: str) -> Check:
    try:
        module = import_module(name)
    except ImportError as error:
        return Check(name, "fail", f"cannot be imported ({error}); run pip install -e . again")
    return Check(name, "ok", str(getattr(module, "__version__", "present")))


def _extra(name: str, purpose: str) -> Check:
    try:
        return Check(name, "ok", f"{version(name)} ({purpose})")
    except PackageNotFoundError:
        return Check(name, "note", f"not installed ({purpose})")


def _torch_device() -> Check:
    try:
        import torch
    except ImportError:
        return Check("device", "fail", "no torch")
    devices = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return Check("device", "ok", ", ".join(devices) or f"CPU, {torch.get_num_threads()} threads")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _memory() -> Iterator[Check]:
    if sys.platform == "linux":
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        yield Check("memory", "ok" if size >= LEAST_MEMORY else "note", _gibibytes(size))


def _can_write(folder: Path) -> Check:
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".spinlock-") as file:
            file.write(b"x")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return Check("writing here", "note", f"not possible in {folder} ({error.strerror})")
    return Check("writing here", "ok", str(folder))


def _gibibytes(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
