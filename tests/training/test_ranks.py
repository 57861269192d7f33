"""Several processes train what one would."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import process_of_ranks
import pytest
import torch
from process_of_ranks import outcome, read

from spinlock.core import ranks
from spinlock.core.threads import one_thread
from spinlock.store.checkpoint_folder import load_latest_checkpoint

HERE = Path(__file__).parent
JOBS = ("gradients", "short", "killed", "resumed", "no network")


def started(folder, *jobs, number, world=2, port):
    told = {"RANK": number, "WORLD_SIZE": world, "LOCAL_RANK": number, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    environment = {**os.environ, **{name: str(value) for name, value in told.items()}, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(HERE / "process_of_ranks.py"), str(folder), *jobs]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def together(folder, *jobs, world=2):
    """Exit codes and what was said on standard error, by process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [started(folder, *jobs, number=number, world=world, port=port) for number in range(world)]
    said = [process.communicate(timeout=240)[1] for process in processes]
    return [process.returncode for process in processes], said


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What two processes came to in every job."""
    found = tmp_path_factory.mktemp("ranks")
    codes, said = together(found, *JOBS)
    assert codes == [0, 0], said
    return found


def pair(folder, job):
    """What two processes came to, and what one does."""
    return read(folder, job), outcome(process_of_ranks.JOBS[job](folder / "alone"))


@one_thread()
@pytest.mark.parametrize(("job", "epochs"), [("gradients", 3), ("short", 12)])
def test_two_processes_have_the_losses_of_one(folder, job, epochs):
    """Dropout, batch normalisation, gaps, a last batch of other size, moving averages and restarts included."""
    (two, start), (one, own_start) = pair(folder, job)
    assert len(one.curves["total"]) == epochs
    for name, curve in one.curves.items():
        for (epoch, value), (same_epoch, other) in zip(curve, two.curves[name], strict=True):
            assert (epoch, value) == (same_epoch, pytest.approx(other, abs=1e-6)), name
    for name, tensor in own_start.items():
        torch.testing.assert_close(start[name], tensor, rtol=1e-3, atol=1e-4, equal_nan=True, msg=name)


@one_thread()
def test_codebooks_of_two_processes_follow_what_those_of_one_do(folder):
    """As they are after 48 steps of moving averages, whichever epoch is the best."""
    process_of_ranks.JOBS["short"](folder / "alone")
    two, one = (load_latest_checkpoint(place / "short") for place in (folder, folder / "alone"))
    assert two is not None
    assert one is not None
    names = [name for name in one.tensors if name.startswith("model.quantizers.")]
    assert names
    for name in names:
        torch.testing.assert_close(two.tensors[name], one.tensors[name], rtol=1e-3, atol=1e-4, msg=name)


def test_a_run_of_two_processes_that_was_killed_and_resumed_has_the_bits_of_an_unbroken_one(folder):
    (curves, unbroken), (others, resumed) = (read(folder, job) for job in ("short", "resumed"))
    assert others == curves
    assert all(torch.equal(resumed[name], tensor) for name, tensor in unbroken.items())


@one_thread()
def test_another_number_of_processes_goes_on_and_says_so(folder, caplog):
    history, _ = outcome(process_of_ranks.fitted(folder=folder / "short", resume=True))
    assert "made with 2 processes, this run has 1: the weights may differ in their last bits" in caplog.text
    assert history == read(folder, "short")[0]


def test_a_process_that_dies_ends_the_other_in_one_sentence(tmp_path):
    codes, said = together(tmp_path, "dies")
    assert codes == [5, 9]
    (line,) = [line for line in said[0].splitlines() if line.startswith("spinlock: ")]
    assert line.startswith("spinlock: process 1 of 2 has lost another one of this training")
    assert line.endswith("start all again with --resume to go on from the last checkpoint.")


def test_processes_with_other_settings_are_refused(tmp_path):
    codes, said = together(tmp_path, "other rows")
    assert codes == [5, 4]
    assert said[1].startswith("spinlock: process 2 of 2 has other rows, columns or settings than the first")


def test_a_fit_without_a_network_is_refused_by_all(folder):
    for number in range(2):
        said = (folder / f"no network {number}.txt").read_text()
        assert "with backend: classical, metric: columns and coarse: codebook there is none" in said


def test_a_process_alone_holds_all_rows():
    values = torch.arange(12.0).view(4, 3)
    with ranks.joined(), ranks.part_of(4):
        assert (ranks.world(), ranks.rank(), ranks.is_first()) == (1, 0, True)
        assert torch.equal(ranks.own(values), values)
        assert torch.equal(ranks.gathered(values, 0), values)
        assert torch.equal(ranks.summed(values)[0], values)
        assert torch.equal(ranks.row_mean(values, 0), values.mean(dim=0))
