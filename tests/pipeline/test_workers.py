"""Tasks are done here or in processes, each once, with what they share sent beforehand."""

import os
from functools import partial

import pytest
import torch

from spinlock.core.errors import ResourceError
from spinlock.pipeline.workers import InProcesses, InThisProcess


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
