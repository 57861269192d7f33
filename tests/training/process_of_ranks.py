"""One of several processes that train a tiny network together; `test_ranks.py` starts them, with what torchrun would tell them.

    python process_of_ranks.py <folder> <job>

The first process writes what came out into `<folder>`.
"""

import json
import os
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from training_samples import ENCODER, FIT, MODEL, changed, sample_values

from spinlock.cli.failure import report_failure
from spinlock.core import ranks
from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import SpinlockError
from spinlock.core.feature_table import FeatureTable
from spinlock.training.fit import FitResult, fit_tokenizer
from spinlock.training.history import History

CATEGORIES = ["wave"] * 4 + ["heat"] * 5
KILLED_AFTER = 6


class Killed(Exception):
    """Raised in the middle of a run."""


def table(rows: int = 150, seed: int = 0) -> FeatureTable:
    """The sample table with gaps, so that a mean over parts is none of means."""
    values = sample_values(rows=rows, seed=seed)
    values[: rows // 2, :2] = torch.nan
    return FeatureTable.from_array(values, categories=CATEGORIES)


def fitted(*, folder=None, resume=False, killed_after=None, **changes):
    def on_progress(figures):
        if figures["epoch"] == killed_after:
            raise Killed

    train = table()
    return fit_tokenizer(
        train,
        table(rows=61, seed=7),
        category_map=CategoryMap.from_registry(train.registry),
        model=changed(MODEL, **{"backend": "vqvae", **changes}),
        encoder=ENCODER,
        fit=changed(FIT, **changes),
        checkpoints=folder,
        resume=resume,
        on_progress=on_progress,
    )


def outcome(result):
    """Curves and tensors of a fit."""
    return result.history, result.tokenizer.state_dict()


def read(folder: Path, job: str):
    """The outcome of two processes."""
    history = History.from_json(json.loads((folder / f"{job}.json").read_text()))
    return history, load_file(folder / f"{job}.safetensors")


def write(folder: Path, job: str, found) -> None:
    """What `read` gives."""
    history, state = found
    (folder / f"{job}.json").write_text(json.dumps(history.to_json()))
    save_file({name: tensor.contiguous().clone() for name, tensor in state.items()}, folder / f"{job}.safetensors")


def killed(folder: Path) -> None:
    try:
        fitted(folder=folder, killed_after=KILLED_AFTER)
    except Killed:
        return
    raise AssertionError("it was to be killed")


def refused(job) -> str:
    try:
        job()
    except SpinlockError as error:
        return str(error)
    raise AssertionError("it was to be refused")


JOBS = {
    # codewords that follow gradients, and a last batch of one row
    "gradients": lambda _: fitted(num_epochs=3, use_ema=False, batch_size=149),
    "short": lambda folder: fitted(folder=folder / "short"),
    "killed": lambda folder: killed(folder / "killed"),
    "resumed": lambda folder: fitted(folder=folder / "killed", resume=True),
    "other rows": lambda _: fitted(seed=ranks.rank()),
    "no network": lambda _: refused(lambda: fitted(backend="classical")),
    # the second process, which does not catch what kills it
    "dies": lambda _: fitted(killed_after=2 if ranks.rank() == 1 else None, num_epochs=100_000),
}


def main() -> int:
    """Do all jobs in turn, in one world of processes."""
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    try:
        with ranks.joined():
            for job in sys.argv[2:]:
                found = JOBS[job](folder)
                if ranks.is_first() and isinstance(found, FitResult):
                    write(folder, job, outcome(found))
                if isinstance(found, str):
                    (folder / f"{job} {ranks.rank()}.txt").write_text(found)
    except Killed:
        os._exit(9)
    except Exception as error:  # noqa: BLE001  told as the command line tells it
        return report_failure(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
