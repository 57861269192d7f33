"""Workers that a run starts for itself: what the batch system is given, and that runs end as they do without it."""

import os
import subprocess
import sys
import time

import pytest
from pipeline_runs import ROOT

from spinlock.cli import main
from spinlock.config import load_config
from spinlock.core.cluster import OnCluster
from spinlock.core.cluster_jobs import ClusterJobs
from spinlock.core.errors import ConfigError, ResourceError, UsageError
from spinlock.store.dataset import open_dataset

SMALL = ["-o", "num_samples=6", "-o", "num_timesteps=8", "-o", "grid_size=8", "-o", "storage.shard_size=1"]
SMALL += ["-o", "systems=[gray_scott, advection_diffusion]", "-o", "storage.keep_states=none"]
RUNS_THE_JOB = """#!/bin/sh
# What a batch system does: it takes the script, says its number, and runs it elsewhere.
cp "$1" "$JOBS/script-$$.sh"
setsid sh "$JOBS/script-$$.sh" > "$JOBS/log-$$" 2>&1 &
echo "Submitted batch job $!"
"""
ENDS_THE_JOB = """#!/bin/sh
kill -- "-$1"
"""
REFUSES = """#!/bin/sh
echo "sbatch: error: Invalid account" >&2
exit 1
"""


@pytest.fixture
def jobqueue():
    pytest.importorskip("distributed")
    return pytest.importorskip("dask_jobqueue")


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """Writes commands of a batch system where they are found first."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("JOBS", str(tmp_path))

    def write(**texts):
        for name, text in texts.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)

    return write


def generated(target, *options):
    line = ["generate", "--config", str(ROOT / "configs/generate/tiny.yaml"), "--output", str(target), *SMALL]
    return main([*line, *options])


def test_the_job_of_slurm_asks_for_what_the_file_says(jobqueue):  # noqa: ARG001
    jobs = ClusterJobs(
        kind="slurm", workers=16, workers_per_job=4, gigabytes_per_worker=1.5, hours=2.25, queue="short", account="physics",
        directives=("--gres=gpu:1",), prologue=("module load python",),
    )  # fmt: skip
    script = jobs.job_script().splitlines()
    assert script[0] == "#!/usr/bin/env bash"
    asked = {
        "-J spinlock",
        "-p short",
        "-A physics",
        "-n 1",
        "--cpus-per-task=4",
        "--mem=6G",
        "-t 02:15:00",
        "--gres=gpu:1",
    }
    assert {line.removeprefix("#SBATCH ") for line in script if line.startswith("#SBATCH")} == asked
    assert script[-2] == "module load python"
    assert script[-1].startswith(f"{sys.executable} -m distributed.cli.dask_worker tcp://")
    assert "--nthreads 1 --memory-limit 1.40GiB --nworkers 4" in script[-1]


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        (
            "pbs",
            ["#PBS -q short", "#PBS -A physics", "#PBS -l select=1:ncpus=2:mem=3434MB", "#PBS -l walltime=00:30:00"],
        ),
        ("lsf", ["#BSUB -q short", '#BSUB -P "physics"', "#BSUB -n 2", "#BSUB -W 00:30"]),
    ],
)
def test_jobs_of_other_systems_ask_in_their_words(jobqueue, kind, lines):  # noqa: ARG001
    settings = {"workers": 2, "workers_per_job": 2, "gigabytes_per_worker": 1.8, "hours": 0.5}
    script = ClusterJobs(kind=kind, **settings, queue="short", account="physics").job_script().splitlines()
    assert [line for line in lines if line not in script] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{kind: slurm, workers: 4}", "hours: is required for jobs of slurm"),
        ("{kind: local, workers: 4, queue: short}", "queue: belongs to jobs, and kind is local"),
        ("{kind: pbs, workers: 5, workers_per_job: 2, hours: 1}", "workers: must be a multiple of workers_per_job, 2"),
        ("{kind: sge, workers: 4}", "kind: must be one of 'local', 'slurm', 'pbs' or 'lsf'"),
        ("{kind: local, worker: 4}", "unknown key (did you mean 'workers')"),
        ("{kind: slurm, workers: 4, hours: 1, prologue: ['']}", "prologue.0: must be one line of text"),
    ],
)
def test_mistakes_in_the_file_are_told_by_line_and_key(tmp_path, text, words):
    (tmp_path / "cluster.yaml").write_text(text)
    with pytest.raises(ConfigError) as told:
        load_config(tmp_path / "cluster.yaml", ClusterJobs)
    assert words in str(told.value)
    assert "cluster.yaml:1:" in str(told.value)


def test_workers_of_this_machine_make_the_bytes_that_processes_make(tmp_path):
    pytest.importorskip("distributed")
    (tmp_path / "cluster.yaml").write_text("kind: local\nworkers: 2\n")
    assert generated(tmp_path / "there.h5", "--cluster", str(tmp_path / "cluster.yaml")) == 0
    assert generated(tmp_path / "here.h5", "--workers", "1") == 0
    contents = []
    for name in ("there.h5", "here.h5"):
        with open_dataset(tmp_path / name) as dataset:
            contents.append(dataset.metadata["content_sha256"])
    assert contents[0] == contents[1]
    assert sorted(path.name for path in tmp_path.glob("*.h5*")) == ["here.h5", "there.h5"]


def test_jobs_that_are_submitted_do_the_tasks_and_end_with_the_run(jobqueue, commands, tmp_path):  # noqa: ARG001
    commands(sbatch=RUNS_THE_JOB, scancel=ENDS_THE_JOB)
    jobs = ClusterJobs(kind="slurm", workers=1, hours=1.0, interface="lo")
    found = dict(OnCluster(scheduler=jobs, target=tmp_path / "x.h5").map_unordered(abs, range(-3, 2)))
    assert found == {-3: 3, -2: 2, -1: 1, 0: 0, 1: 1}
    deadline = time.monotonic() + 20
    while _running(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert _running(tmp_path) == []


def _running(folder):
    """Job scripts below a folder that still run."""
    told = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in told.splitlines() if f"{folder}/script-" in line]


def test_what_the_batch_system_has_against_a_job_is_told_at_once(jobqueue, commands, tmp_path):  # noqa: ARG001
    commands(sbatch=REFUSES)
    jobs = ClusterJobs(kind="slurm", workers=1, hours=1.0, interface="lo")
    with pytest.raises(ResourceError, match="slurm takes no job of these settings: sbatch: error: Invalid account"):
        list(OnCluster(scheduler=jobs, target=tmp_path / "x.h5").map_unordered(abs, [1]))


def test_a_batch_system_that_is_not_here_is_named(jobqueue, tmp_path):  # noqa: ARG001
    with pytest.raises(UsageError, match="workers of kind lsf are started by `bsub`, which is not on this machine"):
        OnCluster(scheduler=ClusterJobs(kind="lsf", workers=1, hours=1.0), target=tmp_path / "x.h5")


def test_a_cluster_that_runs_and_one_to_start_are_not_both_given(tmp_path, capsys):
    (tmp_path / "cluster.yaml").write_text("kind: local\nworkers: 2\n")
    both = ["--scheduler", "tcp://127.0.0.1:9", "--cluster", str(tmp_path / "cluster.yaml")]
    assert generated(tmp_path / "x.h5", *both) == 2
    assert "give either --scheduler, a cluster that runs, or --cluster" in capsys.readouterr().err
