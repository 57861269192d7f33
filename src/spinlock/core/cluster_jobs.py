"""A Dask cluster that a run starts for itself: processes of this machine, or jobs of a batch system that come and go with the work."""

import asyncio
import logging
import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator

from spinlock.core.errors import ResourceError, UsageError
from spinlock.core.spec import Count, Positive, Spec, Word, located

SECONDS_TO_SUBMIT = 120.0
_CLUSTERS = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster"}
_OF_JOBS = ("workers_per_job", "hours", "queue", "account", "directives", "prologue", "interface")

log = logging.getLogger(__name__)


def _line(value: object) -> object:
    if isinstance(value, str) and not (value.strip() and value.isprintable()):
        raise ValueError("must be one line of text")
    return value


Line = Annotated[str, BeforeValidator(_line)]


class ClusterJobs(Spec):
    """Workers of a Dask cluster that lives as long as the run: processes of this machine, or jobs of Slurm, PBS or LSF."""

    kind: Literal["local", "slurm", "pbs", "lsf"]
    """What starts the workers: this machine (to try things), or the batch system whose commands this machine has."""
    workers: Count
    """Most workers at a time; each is a process that does one task on one thread."""
    workers_per_job: Count = 1
    """Workers, and cores, of one job."""
    gigabytes_per_worker: Positive = 2.0
    """Memory of each worker, in 10^9 bytes; one that takes more is ended and its task given to another."""
    hours: Positive | None = None
    """Wall time that a job asks for, in hours; jobs that ran out of it are followed by others."""
    queue: Word | None = None
    """Of Slurm the partition, of PBS and LSF the queue; the system's own when not given."""
    account: Word | None = None
    """What is charged; of LSF the project."""
    directives: tuple[Line, ...] = ()
    """Further lines of the job's head without their `#SBATCH`, for example "--gres=gpu:1"."""
    prologue: tuple[Line, ...] = ()
    """Lines of the shell that run before the workers start, for example "module load python"."""
    interface: Word | None = None
    """Network by which workers and this machine reach each other, for example "ib0"."""

    @model_validator(mode="after")
    def _belongs_together(self) -> "ClusterJobs":
        if self.kind == "local":
            fields = type(self).model_fields
            given = [name for name in _OF_JOBS if getattr(self, name) != fields[name].default]
            if given:
                raise located([((name,), "belongs to jobs, and kind is local") for name in given])
        elif self.hours is None:
            raise located([(("hours",), f"is required for jobs of {self.kind}")])
        if self.workers % self.workers_per_job:
            raise located([(("workers",), f"must be a multiple of workers_per_job, {self.workers_per_job}")])
        return self

    @contextmanager
    def started(self) -> Iterator[str]:
        """The address of a scheduler in this process, to which workers come; all of them end with the block.

        Raises:
            UsageError: if the package or the batch system is not there.
            ResourceError: if the batch system refuses a job.
        """
        made = self._cluster()
        try:
            if self.kind == "local":  # one that could not be started again is replaced
                made.adapt(minimum=self.workers, maximum=self.workers)
            else:
                self._submit_first(made)
                made.adapt(minimum_jobs=1, maximum_jobs=self.workers // self.workers_per_job)
            yield made.scheduler_address
        finally:
            made.close(timeout=10.0)

    def job_script(self) -> str:
        """The script of one job, as it is handed to the batch system.

        Raises:
            UsageError: if workers are no jobs, or the package is not there.
        """
        if self.kind == "local":
            raise UsageError("workers of kind local are processes of this machine and have no job script.")
        made = self._cluster()
        try:
            return made.job_script()
        finally:
            made.close(timeout=10.0)

    def check_can_start(self) -> None:
        """Refuses workers that cannot be started here.

        Raises:
            UsageError: if a package, or the batch system's command, is not there.
        """
        _package("distributed")
        if self.kind == "local":
            return
        job = getattr(_package("dask_jobqueue"), _CLUSTERS[self.kind]).job_cls
        command = job.submit_command.split()[0]
        if shutil.which(command) is None:
            raise UsageError(
                f"workers of kind {self.kind} are started by `{command}`, which is not on this machine; run where jobs are submitted, "
                "or start workers yourself and name their --scheduler."
            )

    def _cluster(self) -> Any:
        memory = int(self.gigabytes_per_worker * 1e9)
        if self.kind == "local":
            return _package("distributed").LocalCluster(
                n_workers=self.workers,
                threads_per_worker=1,
                memory_limit=memory,
                dashboard_address=None,
                worker_dashboard_address=None,
                silence_logs=logging.CRITICAL,
            )
        assert self.hours is not None
        minutes = max(1, math.ceil(self.hours * 60))
        settings: dict[str, Any] = {
            "cores": self.workers_per_job,
            "processes": self.workers_per_job,
            "memory": f"{memory * self.workers_per_job}B",
            "walltime": f"{minutes // 60:02d}:{minutes % 60:02d}{'' if self.kind == 'lsf' else ':00'}",
            "job_name": "spinlock",
            "job_extra_directives": list(self.directives),
            "job_script_prologue": list(self.prologue),
            "scheduler_options": {"dashboard": False, "dashboard_address": ":0"},
            "silence_logs": logging.CRITICAL,
        }
        named = {
            "queue": self.queue,
            "interface": self.interface,
            "project" if self.kind == "lsf" else "account": self.account,
        }
        settings |= {name: value for name, value in named.items() if value is not None}
        return getattr(_package("dask_jobqueue"), _CLUSTERS[self.kind])(**settings)

    def _submit_first(self, made: Any) -> None:
        """One job at once: what the batch system has against it is told here, and nobody waits for workers that never come."""
        try:
            made.sync(_submitted, made)
        except (RuntimeError, OSError, TimeoutError) as error:
            words = str(error).partition("stderr:")[2] or str(error)
            raise ResourceError(
                f"{self.kind} takes no job of these settings: {' '.join(words.split()) or 'it does not say why'}."
            ) from error


async def _submitted(made: Any) -> None:
    made.worker_spec.update(made.new_worker_spec())
    try:
        await asyncio.wait_for(made._correct_state(), SECONDS_TO_SUBMIT)  # what `scale` does, which tells no error
    except BaseException:
        for job in made.workers.values():
            job.status = _package("distributed.core").Status.failed
        made.worker_spec.clear()
        made.workers.clear()  # a job that was never taken cannot be cancelled
        raise


def _package(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise UsageError("a cluster needs Dask: pip install 'spinlock[cluster]'.") from error
