"""Tasks are done here or in processes, each once, with what they share sent beforehand."""

import os
import subprocess
import sys
from functools import partial

import pytest
import torch

from spinlock.core.errors import ResourceError, UsageError
from spinlock.core.workers import InProcesses, InThisProcess, num_cores
from spinlock.features.extract import num_workers


def scaled(factor, number):
    return factor * number, torch.get_num_threads()


def ended(_):
    os._exit(1)


@pytest.mark.parametrize("executor", [InThisProcess(), InProcesses(num_workers=2)])
def test_every_task_comes_back_once_with_its_result_on_one_thread(executor):
    before = torch.get_num_threads()
    found = dict(executor.map_unordered(partial(scaled, 3), range(7)))
    assert found == {number: (3 * number, 1) for number in range(7)}
    assert torch.get_num_threads() == before


def test_tasks_are_taken_as_they_are_needed():
    taken = []

    def tasks():
        for number in range(1000):
            taken.append(number)
            yield number

    pairs = InProcesses(num_workers=1).map_unordered(partial(scaled, 1), tasks())
    next(pairs)
    pairs.close()
    assert len(taken) <= 3


def test_a_worker_that_is_ended_from_outside_is_reported_as_a_lack_of_resources():
    with pytest.raises(ResourceError, match="a worker process was ended from outside"):
        list(InProcesses(num_workers=1).map_unordered(ended, range(3)))


def test_a_script_without_a_main_guard_runs_once_and_gives_what_one_process_gives(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import numpy as np, spinlock, torch\n"
        "torch.set_num_threads(1)\n"
        "print('script')\n"
        "u = np.random.default_rng(0).normal(size=(5, 20, 6, 6)).cumsum(1)\n"
        "one, two = (spinlock.extract_features(u, axes='nthw', n_jobs=n).values.nan_to_num() for n in (None, 2))\n"
        "print(torch.equal(one, two))\n"
    )
    ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=200)
    assert (ended.returncode, ended.stdout.split()) == (0, ["script", "True"]), ended.stderr


@pytest.mark.parametrize("n_jobs", [0, 1.5, True])
def test_numbers_of_processes_that_make_no_sense_are_refused(n_jobs):
    with pytest.raises(UsageError, match="`n_jobs` must be a number of processes, or -1"):
        num_workers(n_jobs)


def test_a_number_of_processes_is_counted_as_scikit_learn_does():
    cores = num_cores()
    assert [num_workers(n) for n in (None, 1, 3, -1)] == [1, 1, 3, cores]
    assert num_workers(-cores - 5) == 1
