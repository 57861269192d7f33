"""Runs that are killed and resumed end in the same bytes as unbroken ones."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pipeline_runs import SMALL, generate_config

from spinlock.pipeline.generate import generate
from spinlock.pipeline.sample_block import consecutive_runs
from spinlock.store.dataset import open_dataset

ROOT = Path(__file__).parents[2]


def run_killed(arguments: list[str], *, after: float, until: Path | None = None) -> int:
    """Run a command line and kill it and all its workers after some seconds, or when a file has appeared; its exit code."""
    command = [sys.executable, "-m", "spinlock", "-q", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL)  # noqa: S603
    deadline = time.monotonic() + after
    while process.poll() is None and time.monotonic() < deadline:
        if until is not None and until.exists():
            break
        time.sleep(0.02)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def content_of(path: Path) -> str:
    with open_dataset(path) as dataset:
        return str(dataset.metadata["content_sha256"])


@pytest.mark.slow
def test_a_data_set_that_was_killed_on_the_way_is_byte_equal(dataset, tmp_path):
    target = tmp_path / "killed.h5"
    shards = target.with_name("killed.h5.shards")
    arguments = ["generate", "--config", "configs/generate/tiny.yaml", "--output", str(target)]
    for override in (*SMALL, "storage.shard_size=4"):
        arguments += ["-o", override]
    first = shards / "shard-000000000-000000003.h5.json"
    assert run_killed(arguments, after=60, until=first) == -signal.SIGKILL
    assert not target.exists()
    assert first.exists()
    assert run_killed(arguments, after=120) == 0
    assert content_of(target) == content_of(dataset)
    assert not shards.exists()


@pytest.mark.parametrize(
    ("samples", "runs"),
    [
        ((), []),
        ((0, 1, 2, 3, 4), [(0, 1), (2, 3), (4,)]),
        ((1, 2, 5, 6), [(1,), (2,), (5,), (6,)]),
        ((4, 5, 9), [(4, 5), (9,)]),
    ],
)
def test_missing_samples_are_cut_where_a_whole_run_would_be_cut(samples, runs):
    assert consecutive_runs(samples, size=2) == runs


def test_the_data_do_not_depend_on_shards_and_workers(dataset, tmp_path):
    config = generate_config(tmp_path / "again.h5", "storage.workers=1", "storage.shard_size=5")
    assert content_of(generate(config)) == content_of(dataset)
