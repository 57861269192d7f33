"""A Dask cluster makes the bytes that this process makes, whatever becomes of its workers; without one, one sentence says so."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from pipeline_runs import ROOT, generate_config

from spinlock.cli import main
from spinlock.core.cluster import OnCluster
from spinlock.core.cluster_worker import Done
from spinlock.core.errors import InputError, ResourceError, UsageError
from spinlock.core.wanted import check_wanted
from spinlock.pipeline.extract_features import Source, extract_features
from spinlock.pipeline.generate import Part, generate, generate_part
from spinlock.pipeline.propose import propose
from spinlock.pipeline.question_runs import load_runs
from spinlock.store.dataset import open_dataset
from spinlock.store.shards import complete_shards

SMALL = (
    "num_samples=6",
    "num_timesteps=8",
    "grid_size=8",
    "systems=[gray_scott, advection_diffusion]",
    "storage.shard_size=1",
    "storage.workers=1",
    "storage.keep_states=none",
)
MAY_LOSE = 1
"""Workers that a task may lose on the cluster of the tests; with one more it has failed."""


def scaled(factor, number):
    return factor * number, torch.get_num_threads()


def ends_its_worker_once(note, number):
    if number == 3 and not note.exists():
        note.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def in_memory(dask_scheduler):
    return sum(task.state == "memory" for task in dask_scheduler.tasks.values())


def ends_its_worker(_):
    os.kill(os.getpid(), signal.SIGKILL)


def content_of(path):
    with open_dataset(path) as dataset:
        return dataset.metadata["content_sha256"]


@pytest.fixture(scope="module")
def distributed():
    return pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster(distributed):
    """Two workers of one thread, each a process that is started again when it ends."""
    settings = {"allowed_failures": MAY_LOSE}
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", scheduler_kwargs=settings, silence_logs=50
    ) as made:
        yield made.scheduler_address


@pytest.fixture
def lone_scheduler(distributed, tmp_path):  # noqa: ARG001
    """A scheduler without workers: its process and its scheduler file."""
    file = tmp_path / "scheduler.json"
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    process = subprocess.Popen(  # noqa: S603
        [*command, "--no-dashboard", "--scheduler-file", str(file)], cwd=tmp_path, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not (file.exists() and file.read_text().endswith("}")) and time.monotonic() < deadline:
        time.sleep(0.05)
    yield process, file
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return generate(generate_config(tmp_path_factory.mktemp("alone") / "alone.h5", *SMALL))


def test_every_task_comes_back_once_with_its_result_on_one_thread(cluster, tmp_path):
    on_cluster = OnCluster(scheduler=cluster, target=tmp_path / "x.h5")
    found = dict(on_cluster.map_unordered(partial(scaled, 3), range(7)))
    assert found == {number: (3 * number, 1) for number in range(7)}
    assert list(tmp_path.iterdir()) == []


def test_two_workers_make_the_bytes_that_one_process_makes(cluster, alone, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the workers are elsewhere
    there = generate(generate_config("there.h5", *SMALL), scheduler=cluster)
    assert content_of(there) == content_of(alone)
    assert [path.name for path in tmp_path.iterdir()] == ["there.h5"]


def test_features_of_own_rollouts_are_those_that_one_process_computes(cluster, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    states = np.random.default_rng(0).normal(size=(6, 12, 1, 8, 8)).cumsum(1).astype(np.float32)
    np.save("runs.npy", states)
    source = Source(path=Path("runs.npy"), axes="ntchw", dt=0.1)
    here = extract_features(source, output=Path("here.h5"), workers=1).output
    there = extract_features(source, output=Path("there.h5"), scheduler=cluster).output
    assert content_of(there) == content_of(here)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here.h5", "runs.npy", "there.h5"]


def test_the_tasks_of_a_worker_that_is_killed_are_done_again(cluster, tmp_path):
    function = partial(ends_its_worker_once, tmp_path / "killed")
    found = dict(OnCluster(scheduler=cluster, target=tmp_path / "x.h5").map_unordered(function, range(8)))
    assert found == {number: number for number in range(8)}
    assert (tmp_path / "killed").exists()


def test_results_that_end_with_their_worker_are_made_again(cluster, distributed, tmp_path):
    results = OnCluster(scheduler=cluster, target=tmp_path / "x.h5").map_unordered(partial(scaled, 2), range(8))
    found = [next(results)]
    with distributed.Client(cluster, set_as_default=False) as client:
        deadline = time.monotonic() + 60
        while client.run_on_scheduler(in_memory) < 7 and time.monotonic() < deadline:
            time.sleep(0.05)
        for process in client.run(os.getpid).values():  # they have what was not fetched yet
            os.kill(process, signal.SIGKILL)
        while client.run_on_scheduler(in_memory) and time.monotonic() < deadline:
            time.sleep(0.02)
    assert dict(found + list(results)) == {number: (2 * number, 1) for number in range(8)}


def test_a_task_that_ends_every_worker_ends_the_run_with_the_remedy(cluster, tmp_path):
    with pytest.raises(ResourceError, match="several workers ended while they did the same task.*--memory-limit"):
        list(OnCluster(scheduler=cluster, target=tmp_path / "x.h5").map_unordered(ends_its_worker, [0]))


def test_a_mistake_on_a_worker_is_told_in_its_own_words(cluster, tmp_path):
    with pytest.raises(ZeroDivisionError):
        list(OnCluster(scheduler=cluster, target=tmp_path / "x.h5").map_unordered(partial(divmod, 1), [0, 0]))


def test_a_scheduler_that_goes_away_leaves_shards_that_the_next_run_takes_up(distributed, alone, tmp_path):
    config = generate_config(tmp_path / "x.h5", *SMALL)

    def closing(_, done, __, ___=None):
        if done == 2:
            made.close()

    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0", silence_logs=50
    ) as made:
        with pytest.raises(ResourceError, match="went away or was restarted; start a cluster and run again"):
            generate(config, scheduler=made.scheduler_address, progress=closing)
        assert len(complete_shards(tmp_path / "x.h5.shards")) >= 2
    assert content_of(generate(config)) == content_of(alone)


def test_a_scheduler_that_is_killed_while_tasks_wait_is_told_at_once(lone_scheduler, tmp_path, caplog):
    process, file = lone_scheduler

    def tasks():
        yield 0
        process.kill()

    began = time.monotonic()
    with pytest.raises(ResourceError, match=r"the scheduler at .*scheduler.json went away"):
        list(OnCluster(scheduler=str(file), target=tmp_path / "x.h5").map_unordered(partial(scaled, 1), tasks()))
    assert time.monotonic() - began < 20
    assert "distributed" not in caplog.text
    assert "has no worker; waiting for one" in caplog.text


def test_an_interrupt_takes_the_tasks_back_and_names_the_way_on(lone_scheduler, distributed, tmp_path):
    _, file = lone_scheduler
    target = tmp_path / "x.h5"
    arguments = [
        "generate",
        "--config",
        "configs/generate/tiny.yaml",
        "--output",
        str(target),
        "--scheduler",
        str(file),
    ]
    command = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "spinlock", *arguments], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    with distributed.Client(scheduler_file=str(file), set_as_default=False) as client:

        def num_tasks():
            return client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))

        deadline = time.monotonic() + 120
        while num_tasks() < 3 and time.monotonic() < deadline:
            time.sleep(0.1)
        command.send_signal(signal.SIGINT)
        words = command.communicate(timeout=120)[1]
        assert command.returncode == 130, words
        assert f"spinlock: interrupted. What is complete is kept; to go on: spinlock {' '.join(arguments)}" in words
        assert "Traceback" not in words
        assert num_tasks() == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scheduler.json", "x.h5.shards"]


@pytest.mark.parametrize(
    ("address", "kind", "words"),
    [
        ("tcp://127.0.0.1:9", ResourceError, "no scheduler answers at tcp://127.0.0.1:9; start one"),
        ("nowhere", UsageError, "a scheduler is named by its address, for example tcp://10.0.0.1:8786.*got 'nowhere'"),
        ("absent.json", InputError, "absent.json is no scheduler file that can be read"),
    ],
)
def test_a_scheduler_that_is_not_there_is_told_in_one_sentence(distributed, tmp_path, address, kind, words):  # noqa: ARG001
    with pytest.raises(kind, match=words):
        generate_part(generate_config(tmp_path / "x.h5", *SMALL), Part(number=1, out_of=2), scheduler=address)


def test_a_complete_part_needs_no_scheduler(distributed, tmp_path):  # noqa: ARG001
    config = generate_config(tmp_path / "x.h5", *SMALL)
    made = generate_part(config, Part(number=1, out_of=2))
    assert generate_part(config, Part(number=1, out_of=2), scheduler="tcp://127.0.0.1:9") == made


def test_without_dask_the_command_that_installs_it_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    arguments = ["generate", "--config", str(ROOT / "configs/generate/tiny.yaml"), "--output", str(tmp_path / "x.h5")]
    assert main([*arguments, "--scheduler", "tcp://127.0.0.1:9"]) == 2
    assert capsys.readouterr().err == "spinlock: a cluster needs Dask: pip install 'spinlock[cluster]'.\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", [["--workers", "2"], ["--dry-run"]])
def test_options_of_this_machine_are_refused_beside_a_scheduler(option, capsys):
    arguments = ["generate", "--config", str(ROOT / "configs/generate/tiny.yaml"), "--scheduler", "tcp://127.0.0.1:9"]
    assert main([*arguments, *option]) == 2
    assert f"{option[0]} is about this machine alone; leave it out with --scheduler" in capsys.readouterr().err


def test_a_worker_that_does_not_see_the_folder_or_has_other_versions_does_nothing(tmp_path):
    mark = tmp_path / "mark"
    done = Done.here(partial(scaled, 2), mark=mark)
    with pytest.raises(
        InputError, match=f"the worker on .* does not see {tmp_path} as it is where the run was started"
    ):
        done(1)
    mark.touch()
    assert done(1)[0] == 2
    other = Done(function=done.function, mark=mark, versions={**done.versions, "torch": "0.1"})
    with pytest.raises(InputError, match=rf"has torch {torch.__version__.replace('+', '.')} for 0.1, so its numbers"):
        other(1)


def tries_to_write(go, note, number):
    """The second task goes on when it is told to, and notes whether it may write then."""
    deadline = time.monotonic() + 60
    if number:
        go.with_name("started").touch()
    while number and not go.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    try:
        check_wanted()
    except ResourceError as error:
        note.write_text(str(error))
    return number


def test_a_task_that_outlives_its_run_writes_nothing(cluster, tmp_path):
    shared, go, note = tmp_path / "shared", tmp_path / "go", tmp_path / "note"
    shared.mkdir()
    results = OnCluster(scheduler=cluster, target=shared / "x.h5").map_unordered(
        partial(tries_to_write, go, note), [0, 1]
    )
    assert next(results) == (0, 0)
    deadline = time.monotonic() + 60
    while not go.with_name("started").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not note.exists()
    results.close()  # as Ctrl-C does
    go.touch()
    deadline = time.monotonic() + 60
    while not (note.exists() and note.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert note.read_text() == f"the run that asked for this task has ended, so nothing is written to {shared}."
    assert list(shared.iterdir()) == []


def test_proposals_are_simulated_there_as_here(cluster, dataset, few_tokens):
    runs = load_runs(dataset, few_tokens)
    want = f"{runs.tokens.category_names[0]}={runs.coarse[0, 0]}"
    asked = {"want": want, "system": runs.systems[0], "count": 3, "simulate": True}
    assert propose(dataset, few_tokens, scheduler=cluster, **asked) == propose(dataset, few_tokens, **asked)
    with pytest.raises(UsageError, match="a cluster simulates the proposals: add --simulate"):
        propose(dataset, few_tokens, want=want, scheduler=cluster)


def test_tokens_of_own_rollouts_are_the_same_with_features_from_the_cluster(cluster, few_tokens, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("runs.npy", np.random.default_rng(0).normal(size=(4, 2, 12, 1, 8, 8)).cumsum(2).astype(np.float32))
    line = ["tokenize", "--tokenizer", str(few_tokens), "--input", "runs.npy", "--axes", "nmtchw", "--dt", "0.1"]
    assert main([*line, "--output", "there.csv", "--scheduler", cluster]) == 0
    assert main([*line, "--output", "here.csv", "--workers", "1"]) == 0
    assert Path("there.csv").read_text() == Path("here.csv").read_text()


def test_a_data_set_that_has_its_features_needs_no_cluster(dataset, few_tokens, tmp_path, capsys):
    line = ["tokenize", "--tokenizer", str(few_tokens), "--dataset", str(dataset), "--output", str(tmp_path / "t.csv")]
    assert main([*line, "--scheduler", "tcp://127.0.0.1:9"]) == 2
    assert "--scheduler computes the features of --input; those of --dataset are there" in capsys.readouterr().err
