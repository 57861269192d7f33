"""The law of kills: a command that is killed at any moment and run again ends in the bytes of an unbroken run.

generate: one data set of all systems is made
    whole, by two workers;
    by one worker and by four, in shards of another size;
    in four parts, put together in several orders;
    by a command that is killed with all its workers at random moments and run again, until it was killed so often.
Every one must have the `content_sha256` of the first.

cluster: the same data set is made by two workers of a Dask cluster, one of which is killed after every third shard that comes back until so
many were killed, each in the middle of its task. One run must end with the bytes of an unbroken one, and nothing else in the folder.

merge, train, tokenize, report, on the small files of `faults.py`: the command and its children are killed once it works (its
lock is there, so that the imports are done), at a random moment of the time that it takes or while it writes a file that is drawn.
Every other round an older output is there, which it replaces; a training is begun again or goes on (`--resume`). After each kill
    an output of one file is as before or the new one whole, one that is a folder opens or is refused in a sentence;
    a tokenizer that was there opens, the old or the new; once there was a checkpoint, one verifies;
    the inputs are as they were.
After one to three kills it is run to its end: exit code 0, the bytes of an unbroken run in every file, and no file else.

    python benchmarks/kills.py [--commands merge,train] [--kills 20] [--samples 60] [--seed 0] [--json]
"""

import argparse
import contextlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from distributed import Client, LocalCluster
from faults import World, contents, is_litter

from spinlock.cli import main as spinlock
from spinlock.config import GenerateConfig, load_config
from spinlock.pipeline.generate import Part, generate, generate_part
from spinlock.pipeline.merge import merge
from spinlock.store.checkpoint_folder import load_latest_checkpoint
from spinlock.store.dataset import open_dataset

CONFIG = Path(__file__).parents[1] / "configs" / "generate" / "tiny.yaml"
COMMANDS = ("generate", "cluster", "merge", "train", "tokenize csv", "tokenize h5", "tokenize parquet", "report")
LONGER = ["-o", "training.num_epochs=60"]
"""More epochs than `faults.py` takes, so that kills meet them."""


def configured(target: Path, samples: int, *overrides: str) -> GenerateConfig:
    return load_config(
        CONFIG, GenerateConfig, overrides=(f"output_path={target}", f"num_samples={samples}", *overrides)
    )


def content_of(path: Path) -> str:
    with open_dataset(path) as dataset:
        return str(dataset.metadata["content_sha256"])


def killed(target: Path, samples: int, *, kills: int, seed: int, seconds: float) -> dict[str, Any]:
    """Make a data set by a command that is killed again and again.

    Args:
        target: the data set.
        samples: in it.
        kills: that are to happen; once it is complete, the file is removed and made again.
        seed: of the moments.
        seconds: that an unbroken run takes.
    """
    moments, done, hashes, shards_kept = random.Random(seed), 0, set(), []
    command = [sys.executable, "-m", "spinlock", "-q", "generate", "--config", str(CONFIG), "--output", str(target)]
    command += ["-o", f"num_samples={samples}", "-o", "storage.shard_size=3"]
    while done < kills or not target.exists():
        if target.exists():
            hashes.add(content_of(target))
            target.unlink()
        process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)  # noqa: S603
        end = time.monotonic() + (moments.uniform(0.2, 1.2) * seconds if done < kills else 3600.0)
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            done += 1
            shards_kept.append(len(list(target.with_name(f"{target.name}.shards").glob("shard-*.h5.json"))))
            if target.exists():
                content_of(target)  # whatever is there opens
        elif process.returncode:
            raise RuntimeError(f"generate ended with exit code {process.returncode}")
    hashes.add(content_of(target))
    return {"kills": done, "shards_after_each": shards_kept, "contents": sorted(hashes)}


def generate_row(folder: Path, *, samples: int, kills: int, seed: int) -> dict[str, Any]:
    """What came of a data set made whole, in parts, and by a command that is killed."""
    start = time.monotonic()
    whole = content_of(generate(configured(folder / "whole.h5", samples, "storage.workers=2")))
    seconds = time.monotonic() - start
    found: dict[str, list[str]] = {}
    for workers, size in ((1, 5), (4, 4)):
        settings = (f"storage.workers={workers}", f"storage.shard_size={size}")
        found[f"{workers} workers"] = [content_of(generate(configured(folder / f"{workers}.h5", samples, *settings)))]
    parts = [
        generate_part(configured(folder / f"part{n}.h5", samples), Part(number=n, out_of=4)).shards
        for n in (3, 1, 4, 2)
    ]
    orders = [parts, parts[::-1], [parts[1], parts[3], parts[0], parts[2]]]
    found["4 parts"] = [content_of(merge(order, folder / f"m{n}.h5")) for n, order in enumerate(orders)]
    after = killed(folder / "killed.h5", samples, kills=kills, seed=seed, seconds=seconds)
    found[f"{after['kills']} kills"] = after["contents"]
    return {
        "command": "generate",
        "samples": samples,
        "content_sha256": whole,
        "shards_after_each": after["shards_after_each"],
        "broken": [name for name, hashes in found.items() if set(hashes) != {whole}],
    }


def cluster_row(folder: Path, *, samples: int, kills: int, seed: int) -> dict[str, Any]:
    """What came of one run on a Dask cluster whose workers are killed."""
    start = time.monotonic()
    whole = content_of(generate(configured(folder / "serial.h5", samples, "storage.workers=1", "storage.shard_size=1")))
    alone, done = time.monotonic() - start, 0
    moments, target = random.Random(seed), folder / "shared" / "cluster.h5"
    target.parent.mkdir()
    workers = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50)
    with workers as made, Client(made, set_as_default=False) as beside:
        made.adapt(minimum=2, maximum=2)  # one whose process could not be started again is replaced

        def kill_one(_: str, shards: int, __: int, ___: float | None = None) -> None:
            nonlocal done
            busy = [address for address, worker in made.scheduler.workers.items() if worker.processing]
            if shards % 3 == 2 and done < kills and busy:
                chosen = moments.choice(busy)
                os.kill(beside.run(os.getpid, workers=[chosen])[chosen], signal.SIGKILL)
                done += 1

        start = time.monotonic()
        settings = configured(target, samples, "storage.shard_size=1")
        found = content_of(generate(settings, scheduler=made.scheduler_address, progress=kill_one))
        seconds = time.monotonic() - start
    left = sorted(path.name for path in target.parent.iterdir())
    laws = {"other bytes": found != whole, "too few kills": done < kills, f"left {left}": left != ["cluster.h5"]}
    return {
        "command": "cluster",
        "samples": samples,
        "kills": done,
        "seconds_alone": round(alone, 1),
        "seconds": round(seconds, 1),
        "content_sha256": found,
        "broken": [name for name, is_broken in laws.items() if is_broken],
    }


class Ended(NamedTuple):
    """How a process ended.

    Attributes:
        code: -9 where it was killed.
        said: on stderr.
        began: seconds from its start until its lock was there.
        worked: seconds from then on.
        writes: files that it was seen to begin.
    """

    code: int
    said: str
    began: float
    worked: float
    writes: int


class Moment(NamedTuple):
    """When to kill: `seconds` after the work began, or after the `write`-th file was begun."""

    seconds: float
    write: int = 0


NEVER = Moment(3600.0)


def run(arguments: list[str], *, work: Path, moment: Moment = NEVER) -> Ended:
    """Run a command line as a process group that is killed at a moment.

    Args:
        arguments: of `spinlock`.
        work: the folder where it writes, and where its lock says that it works.
        moment: of the kill.
    """
    command = [sys.executable, "-m", "spinlock", "-q", *arguments]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "0"}
    start, began, ended, due, begun = time.monotonic(), None, None, None, set(unfinished(work))
    known = len(begun)
    process = subprocess.Popen(  # noqa: S603
        command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
    )
    while process.poll() is None:
        now, works = time.monotonic(), is_locked_by(process.pid, work)
        if began is None and works:
            began = now
        if began is not None and not works and ended is None:
            ended = now
        begun |= unfinished(work)
        if due is None and began is not None and len(begun) - known >= moment.write:
            due = now + moment.seconds
        if due is not None and now >= due:
            os.killpg(process.pid, signal.SIGKILL)
            break
        time.sleep(0.0005)
    said = process.communicate()[1]
    began = began or time.monotonic()
    return Ended(process.returncode, said, began - start, (ended or time.monotonic()) - began, len(begun) - known)


def unfinished(work: Path) -> set[str]:
    """Names of files that are being written, or were when their writer was killed."""
    names = (name for _, folders, files in os.walk(work) for name in (*folders, *files))
    return {name for name in names if ".partial-" in name}


def is_locked_by(pid: int, work: Path) -> bool:
    """Whether a process holds the place of its output."""
    for lock in work.glob(".*.lock"):
        with contextlib.suppress(FileNotFoundError):
            if lock.read_text().startswith(f"process {pid} "):
                return True
    return False


def phase(work: Path, before: dict[str, bytes], whole: dict[str, bytes], output: str) -> str:
    """How far a command was that was killed, by what it left."""
    files = {name: data for name, data in contents(work).items() if not name.endswith(".lock")}
    if files == before:
        return "before it wrote"
    new = {name for name in files if name.startswith(output) and files[name] == whole.get(name)}
    latest = files.get("t/checkpoints/LATEST", b"").decode().strip()
    if any(".partial-" in name or ".replacement" in name for name in files):
        return "while it wrote"
    if new == {name for name in whole if name.startswith(output)}:
        return "once all was written"
    return f"after {latest}" if latest else "before it wrote"


def opens(path: Path) -> tuple[bool, str]:
    """Whether `spinlock info` reads what is at a path, and what it said."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        return spinlock(["info", str(path)]) == 0, said.getvalue()


class Killed:
    """A command of a world that is killed and run again."""

    def __init__(self, world: World, command: str, *, seed: int) -> None:
        self.world, self.command, self.random = world, command, random.Random(f"{seed} {command}")
        if command == "train":
            world.commands[command] += LONGER
        self.output = Path(world.commands[command][world.commands[command].index("--output") + 1])
        self.broken: list[str] = []
        if command != "merge":
            world.make_older(command)
        unbroken = self._filled_and_run(older=True)
        self.whole = contents(world.work)
        if command == "train":
            unbroken = self._filled_and_run(older=False)
            self.check(contents(world.work) == self.whole, "an older tokenizer makes a difference")
        self.seconds, self.writes, self.starts = unbroken.worked, max(1, unbroken.writes), unbroken.began
        self.made = contents(world.folder / "made")

    def _filled_and_run(self, *, older: bool) -> Ended:
        self.world.fill(self.command, older=older)
        ended = run(self.world.commands[self.command], work=self.world.work)
        if ended.code != 0:
            raise RuntimeError(f"{self.command} ended with {ended}")
        return ended

    def check(self, holds: bool, what: str) -> None:
        if not holds:
            self.broken.append(what)

    def check_what_is_there(self, before: dict[str, bytes]) -> None:
        """The laws after a kill."""
        after, work = contents(self.world.work), self.world.work
        if self.command == "train":
            readable, said = opens(self.output) if self.output.exists() else (True, "")
            self.check(readable or ("t/manifest.json" not in before and said.count("\n") == 1), f"info says {said}")
            if (work / "t" / "checkpoints" / "LATEST").exists():
                self.check(load_latest_checkpoint(work / "t" / "checkpoints") is not None, "no checkpoint verifies")
        else:
            for name in (before.keys() | after.keys() | self.whole.keys()) - {*filter(is_litter, after)}:
                found = after.get(name)
                self.check(found in (before.get(name), self.whole.get(name)), f"{name} is neither as before nor whole")
        self.check(contents(self.world.folder / "made") == self.made, "an input changed")

    def round(self, number: int) -> Counter[str]:
        """One to three kills and a run to the end: how far the command was at each."""
        older, phases = number % 2 == 0, Counter[str]()
        before = self.world.fill(self.command, older=older)
        arguments = self.world.commands[self.command]
        for _ in range(self.random.choice((1, 1, 2, 3))):
            moment = Moment(self.random.uniform(0, self.seconds))
            if self.random.random() < 0.5:
                moment = Moment(self.random.uniform(0, 0.005), write=self.random.randint(1, self.writes))
            ended = run(self._again(arguments, older), work=self.world.work, moment=moment)
            if ended.code != -signal.SIGKILL:
                self.check(ended.code == 0, f"ended with {ended}")
                break
            phases[phase(self.world.work, before, self.whole, self.output.name[:1])] += 1
            self.check_what_is_there(before)
        ended, left = run(self._again(arguments, older), work=self.world.work), contents(self.world.work)
        self.check(ended.code == 0, f"run again: {ended}")
        differing = [name for name in self.whole if left.get(name) != self.whole[name]]
        self.check(left == self.whole, f"differing {differing}, too many {sorted(left.keys() - self.whole.keys())}")
        return phases

    def _again(self, arguments: list[str], older: bool) -> list[str]:
        """A training goes on every other time, where its checkpoints are its own."""
        goes_on = self.command == "train" and not older and self.random.random() < 0.5
        return [*arguments, "--resume"] if goes_on else arguments

    def row(self, kills: int) -> dict[str, Any]:
        """Rounds until there were so many kills."""
        phases, rounds = Counter[str](), 0
        while phases.total() < kills:
            phases += self.round(rounds)
            rounds += 1
            print(
                f"{self.command}: {phases.total()} kills, {len(self.broken)} laws broken", file=sys.stderr, flush=True
            )
        return {
            "command": self.command,
            "kills": phases.total(),
            "rounds": rounds,
            "seconds_before_work": round(self.starts, 2),
            "seconds_of_work": round(self.seconds, 2),
            "writes": self.writes,
            "killed": dict(sorted(phases.items())),
            "broken": self.broken,
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commands", default=",".join(COMMANDS), help="separated by commas")
    parser.add_argument("--kills", type=int, default=20, help="of each command, at least")
    parser.add_argument("--samples", type=int, default=60, help="that generate makes")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found, world = [], None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for command in asked.commands.split(","):
            if command in ("generate", "cluster"):
                make = generate_row if command == "generate" else cluster_row
                row = make(folder, samples=asked.samples, kills=asked.kills, seed=asked.seed)
            else:
                world = world or World(
                    folder / "world", lambda line: run(line, work=folder / "world" / "work")._asdict()
                )
                row = Killed(world, command, seed=asked.seed).row(asked.kills)
            found.append(row)
            if not asked.json:
                print(*(f"{key}: {value}" for key, value in row.items()), sep="  ", flush=True)
    if asked.json:
        print(json.dumps(found, indent=1))
    return int(any(row["broken"] for row in found))


if __name__ == "__main__":
    sys.exit(main())
