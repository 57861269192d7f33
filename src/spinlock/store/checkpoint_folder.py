"""Checkpoints of a training run: the newest that verifies is what a resume starts from."""

import logging
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from spinlock.core.errors import InputError, reading_errors
from spinlock.store.atomic import AnyPath, remove_partial, write_folder, write_text
from spinlock.store.json_file import from_exact_json, to_exact_json
from spinlock.store.manifest import read_verified, with_manifest
from spinlock.store.tensor_bytes import check_tensors, tensor_bytes, tensors_from_bytes

log = logging.getLogger(__name__)

_NAME = re.compile(r"step-(\d{9})")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Checkpoint:
    """Everything that a run needs to go on as if it had not stopped.

    Attributes:
        step: of the run.
        tensors: weights, optimiser moments, generator states.
        state: the numbers beside them, as they were: infinities and NaN included.
        path: its folder.
    """

    step: int
    tensors: Mapping[str, Tensor]
    state: dict[str, Any]
    path: Path


def save_checkpoint(
    folder: AnyPath, *, step: int, tensors: Mapping[str, Tensor], state: Mapping[str, object], keep: int = 2
) -> Path:
    """Writes a checkpoint whole or not at all, then names it the latest and removes all but the newest `keep`.

    Checkpoints of later steps are of a run that was given up, and are removed too.

    Args:
        folder: of the run's checkpoints; nobody else may be writing there.
        step: of the run, at least 0.
        tensors: by name.
        state: plain values that JSON can hold, keyed by words; numbers come back exactly.
        keep: how many checkpoints stay, at least 1.

    Raises:
        ResourceError: out of disk; the checkpoints before it stay.
    """
    folder = Path(folder)
    if step < 0 or keep < 1:
        raise ValueError(f"`step` must be at least 0 and `keep` at least 1; got {step} and {keep}.")
    check_tensors(tensors)
    files = {"tensors.safetensors": tensor_bytes(tensors), "state.json": to_exact_json(state).encode()}
    path = folder / f"step-{step:09d}"
    if path.exists():
        shutil.rmtree(path)
    write_folder(path, with_manifest(files, kind="checkpoint"))
    write_text(folder / "LATEST", f"{path.name}\n")
    kept = [number for number in _steps(folder) if number <= step][:keep]
    for number in _steps(folder):
        if number not in kept:
            shutil.rmtree(folder / f"step-{number:09d}", ignore_errors=True)
    remove_partial(folder)
    return path


def load_latest_checkpoint(folder: AnyPath) -> Checkpoint | None:
    """The checkpoint that LATEST names or, where that does not verify, the newest that does; None without any."""
    return next(checkpoints(folder), None)


def checkpoints(folder: AnyPath) -> Iterator[Checkpoint]:
    """The checkpoint that LATEST names, then the others, newest first; who finds one unfit goes on to the next.

    Which one was read, and which were not whole, is said in the log.
    """
    folder = Path(folder)
    steps = _steps(folder)
    latest = folder / "LATEST"
    if latest.is_file():
        named = _NAME.fullmatch(_first_line(latest))
        if named and int(named[1]) in steps:
            steps.insert(0, steps.pop(steps.index(int(named[1]))))
    for step in steps:
        path = folder / f"step-{step:09d}"
        try:
            with reading_errors(path):
                files = read_verified(path, kind="checkpoint")
                tensors = tensors_from_bytes(files["tensors.safetensors"], path=path)
                state = from_exact_json(files["state.json"].decode(), path=path / "state.json")
                if not isinstance(state, dict):
                    raise InputError(f"{path / 'state.json'} must hold one JSON object.")
        except InputError as error:
            log.warning("checkpoint %s is passed over: %s", path.name, error)
            continue
        log.info("checkpoint of step %d is read from %s.", step, path)
        yield Checkpoint(step=step, tensors=tensors, state=state, path=path)


def _first_line(path: Path) -> str:
    with path.open(errors="replace") as file:
        return file.readline(80).strip()


def _steps(folder: Path) -> list[int]:
    """Steps that have a folder, newest first."""
    if not folder.is_dir():
        return []
    named = (_NAME.fullmatch(entry.name) for entry in folder.iterdir() if entry.is_dir())
    return sorted((int(match[1]) for match in named if match), reverse=True)
