"""The law of a failing disk: whatever operation fails, nothing is lost, nothing damaged is taken as whole, and no command crashes.

Every open for writing, write, truncation, fsync and rename of a command is counted below libc (`failing_disk.c`, which needs a
C compiler and Linux). Then the command is run again and again, and at the n-th operation the disk fails: it has no space
once, or from then on; it reports an error once; or it takes half of a write. Afterwards
    the command ended with 0, 4 or 5 and a sentence: no signal, no traceback;
    with 0 its output is that of an unbroken run, byte for byte; otherwise what was there before is there, or the new whole;
    its inputs are as they were;
    run again on a sound disk, it gives the output of an unbroken run and leaves nothing else behind.

    python benchmarks/faults.py [--commands merge,generate] [--every 1] [--first 1] [--json]
"""

import argparse
import contextlib
import ctypes
import errno
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

FAULTS = {
    "no space once": (1, errno.ENOSPC),
    "no space for good": (2, errno.ENOSPC),
    "error once": (1, errno.EIO),
    "short write": (3, errno.EIO),
}
"""Name → what `fail` takes: how, and the error number."""

GENERATE = """num_samples: 24
num_timesteps: 16
num_realizations: 2
grid_size: 8
systems: [diffusion, burgers]
storage: {workers: 1}
"""
TRAIN = """families: {summary: {encoder: MLPEncoder, encoder_params: {hidden_dims: [8], output_dim: 4}}}
model: {backend: vqvae, group_embedding_dim: 4, group_hidden_dim: 8, levels: [{latent_dim: 4, num_tokens: 4}]}
training: {num_epochs: 4, checkpoint_every: 2, patience: 1000, max_clusters: 3}
"""


class Disk:
    """A child process in which command lines run above the failing disk; one that died is replaced."""

    def __init__(self, library: Path) -> None:
        self.library = library
        self._process: subprocess.Popen[str] | None = None

    def run(self, arguments: list[str], *, folder: Path, fault: str = "", number: int = 0) -> dict[str, Any]:
        """Run a command line while the `number`-th operation below `folder` fails: its exit code, sentence and operations."""
        if self._process is None or self._process.poll() is not None:
            environment = {**os.environ, "LD_PRELOAD": str(self.library), "SOURCE_DATE_EPOCH": "0"}
            command = [sys.executable, __file__, "--serve", str(self.library)]
            self._process = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([arguments, str(folder), number, *FAULTS.get(fault, (0, 0))]) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        return json.loads(line) if line else {"code": process.wait(), "said": "the process died", "operations": 0}

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate()


def serve(library: str) -> None:
    """Answer the requests of `Disk.run`, one a line."""
    from spinlock.cli import main as spinlock  # noqa: PLC0415  the child alone pays for it

    answers, disk = os.fdopen(os.dup(1), "w"), ctypes.CDLL(library)
    for line in sys.stdin:
        arguments, folder, number, how, error = json.loads(line)
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            disk.fail(folder.encode(), ctypes.c_long(number), how, error)
            code = spinlock(arguments)
            operations = disk.operations()
            disk.fail(b"", ctypes.c_long(0), 0, 0)
        answers.write(json.dumps({"code": code, "said": said.getvalue(), "operations": operations}) + "\n")
        answers.flush()


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path; temporary ones and locks too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def is_litter(name: str) -> bool:
    """Whether a file is one of those that the next run tidies up."""
    return any(part.startswith(".") for part in Path(name).parts)


class World:
    """The files that the commands start from, and the command lines; each works in `work`, which is filled anew for each run.

    Args:
        folder: for all of them.
        run: runs a command line on a sound disk and says how it ended, at least its `code`.
    """

    def __init__(self, folder: Path, run: Callable[[list[str]], dict[str, Any]]) -> None:
        self.folder, self.work, self.run = folder, folder / "work", run
        made = folder / "made"
        made.mkdir(parents=True)
        (folder / "g.yaml").write_text(GENERATE)
        (folder / "t.yaml").write_text(TRAIN)
        generate = ["generate", "--config", str(folder / "g.yaml"), "--output"]
        train = ["train-vqvae", "--config", str(folder / "t.yaml"), "--dataset", str(made / "d.h5"), "--output"]
        for arguments in (
            [*generate, str(made / "d.h5")],
            [*generate, str(made / "p.h5"), "--shard", "1/1"],
            [*train, str(made / "t")],
        ):
            self._sound(arguments)
        tokens = ["tokenize", "--tokenizer", str(made / "t"), "--dataset", str(made / "d.h5"), "--output"]
        report = ["report", "--tokenizer", str(made / "t"), "--dataset", str(made / "d.h5"), "--output"]
        self.commands = {
            "merge": ["merge", str(self.work / "p.h5.shards"), "--output", str(self.work / "d.h5")],
            "generate": [*generate, str(self.work / "p.h5")],
            "train": [*train, str(self.work / "t")],
            "report": [*report, str(self.work / "r.html")],
        }
        self.commands |= {f"tokenize {end}": [*tokens, str(self.work / f"x.{end}")] for end in ("csv", "h5", "parquet")}
        self.commands["discover"] = [
            *("discover-categories", "--dataset", str(made / "d.h5"), "--output", str(self.work / "c.json"))
        ]

    def fill(self, command: str, *, older: bool = True) -> dict[str, bytes]:
        """Put the files of before into `work`: shards for what merges them, and an older output where one was made."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir()
        if command in ("merge", "generate"):
            shutil.copytree(self.folder / "made" / "p.h5.shards", self.work / "p.h5.shards")
        if older and (there := self.folder / f"older {command}").exists():
            shutil.copytree(there, self.work, dirs_exist_ok=True)
        return contents(self.work)

    def make_older(self, command: str) -> None:
        """Keep an output of another tokenizer's (of another training), which a run of the command replaces."""
        self.fill(command)
        if command == "train":
            self._sound([*self.commands[command], "--seed", "1"])
            shutil.copytree(self.work, self.folder / f"older {command}")
            return
        other = self.folder / "made" / "other"
        if not other.exists():
            train = ["train-vqvae", "--config", str(self.folder / "t.yaml"), "--seed", "1", "--dataset"]
            self._sound([*train, str(self.folder / "made" / "d.h5"), "--output", str(other)])
        arguments = [str(other) if word == str(self.folder / "made" / "t") else word for word in self.commands[command]]
        self._sound(arguments)
        shutil.copytree(self.work, self.folder / f"older {command}")

    def _sound(self, arguments: list[str]) -> None:
        ended = self.run(arguments)
        if ended["code"] != 0:
            raise RuntimeError(f"{arguments} ended with {ended}")


def broken_laws(
    world: World, disk: Disk, command: str, *, fault: str, number: int, whole: dict[str, bytes]
) -> tuple[int, list[str]]:
    """Run a command with one fault: its exit code, and the laws that it broke."""
    before = world.fill(command)
    made = contents(world.folder / "made")
    ended = disk.run(world.commands[command], folder=world.work, fault=fault, number=number)
    code, broken = ended["code"], []
    after = {name: data for name, data in contents(world.work).items() if not is_litter(name)}
    if code not in (0, 4, 5) or "a mistake of spinlock" in ended["said"] or "Traceback" in ended["said"]:
        broken.append(f"ended with {code}: {ended['said'][-300:]}")
    elif code and ended["said"].count("\n") < 1:
        broken.append("said nothing")
    if code == 0 and after != whole:
        broken.append("exit code 0 with another output")
    for name in before.keys() | whole.keys():
        if name in before and after.get(name) not in (before[name], whole.get(name)):
            broken.append(f"{name} is neither as before nor whole")
    if contents(world.folder / "made") != made:
        broken.append("an input changed")
    again = disk.run(world.commands[command], folder=world.work)
    if again["code"] != 0 or contents(world.work) != whole:
        differ = [name for name in whole if contents(world.work).get(name) != whole[name]]
        more = sorted(contents(world.work).keys() - whole.keys())
        broken.append(f"run again: {again['code']} {again['said'][-200:]} differing {differ} too many {more}")
    return code, broken


def rows(world: World, disk: Disk, command: str, *, every: int, first: int) -> Iterator[dict[str, Any]]:
    """One row a fault: points, how the command ended, and what was broken."""
    if command.startswith(("tokenize", "report")):
        world.make_older(command)
    world.fill(command)
    ended = disk.run(world.commands[command], folder=world.work)
    if ended["code"] != 0:
        raise RuntimeError(f"{command} ended with {ended}")
    whole, operations = contents(world.work), ended["operations"]
    for fault in FAULTS:
        codes: Counter[int] = Counter()
        broken: list[str] = []
        numbers = range(first, operations + 1, every)
        for number in numbers:
            code, laws = broken_laws(world, disk, command, fault=fault, number=number, whole=whole)
            codes[code] += 1
            broken += [f"operation {number}: {law}" for law in laws]
        yield {
            "command": command,
            "operations": operations,
            "fault": fault,
            "points": len(numbers),
            "codes": {str(code): count for code, count in sorted(codes.items())},
            "broken": broken,
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commands", help="separated by commas; all when not given")
    parser.add_argument("--every", type=int, default=1, help="look at each n-th operation only")
    parser.add_argument("--first", type=int, default=1, help="the first operation to look at")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "failing_disk.so"
        source = Path(__file__).with_name("failing_disk.c")
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)  # noqa: S603, S607
        disk = Disk(library)
        world = World(Path(folder) / "world", partial(disk.run, folder=Path(folder) / "nowhere"))
        found = []
        for command in asked.commands.split(",") if asked.commands else world.commands:
            for row in rows(world, disk, command, every=asked.every, first=asked.first):
                found.append(row)
                if not asked.json:
                    print(*(f"{key}: {value}" for key, value in row.items()), sep="  ", flush=True)
        disk.close()
    if asked.json:
        print(json.dumps(found, indent=1))
    return int(any(row["broken"] for row in found))


if __name__ == "__main__":
    sys.exit(main())
