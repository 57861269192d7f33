"""Rows that `Tokenizer.encode` codes a minute of processor time, and how many times that is of another checkout's.

    python benchmarks/encode_speed.py --dataset datasets/demo.h5 --before ../spinlock-before/src --turns 9

Every checkout has a process of its own, which fits the same tokenizer to some rows of the data set and then encodes all whenever
it is its turn, on one thread; of all turns the shortest counts, which a busy machine lengthens least.
"""

import argparse
import hashlib
import inspect
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

import spinlock
from spinlock.pipeline.tables import load_table


def encode_when_told(dataset: Path, num_tokens: list[int], backend: str, fit_rows: int) -> None:
    """The work of one process: fit, then encode once a line of stdin; needs nothing that the other checkout may lack."""
    torch.set_num_threads(1)
    table = load_table(dataset).table
    # A second fit, where there is one, would give other codebooks than the first.
    one_fit = {"refit": False} if "refit" in inspect.signature(spinlock.Tokenizer).parameters else {}
    levels = [(16, size) for size in num_tokens]
    tokenizer = (
        spinlock.Tokenizer(levels=levels, backend=backend, **one_fit)
        .fit(table.rows(torch.arange(len(table)) < fit_rows))
        .tokenizer_
    )
    print(json.dumps({"rows": len(table)}), flush=True)
    for _ in sys.stdin:
        start = time.process_time()
        tokens = tokenizer.encode(table)
        seconds = time.process_time() - start
        digest = hashlib.sha256(tokens.codes.numpy().tobytes())
        print(json.dumps({"seconds": seconds, "tokens": digest.hexdigest()}), flush=True)


def started(source: Path) -> subprocess.Popen[str]:
    """A process of this script with the package of a checkout."""
    command = [sys.executable, __file__, *sys.argv[1:], "--worker"]
    environment = os.environ | {"PYTHONPATH": str(source)}
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=source
    )


def answer(process: subprocess.Popen[str], question: str = "") -> dict[str, Any]:
    """What a process says next, after it was told to go on."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(question)
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=lambda path: Path(path).resolve(), required=True)
    parser.add_argument("--before", type=lambda path: Path(path).resolve(), help="folder src of another checkout")
    parser.add_argument("--num-tokens", type=int, nargs="+", default=[16, 16, 16], help="of each level")
    parser.add_argument("--backend", default="predictive")
    parser.add_argument("--fit-rows", type=int, default=1000, help="the first, which the tokenizer is fitted to")
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        encode_when_told(arguments.dataset, arguments.num_tokens, arguments.backend, arguments.fit_rows)
        return
    sources = {"now": Path(spinlock.__file__).parents[1]} | ({"before": arguments.before} if arguments.before else {})
    processes = {name: started(source) for name, source in sources.items()}
    rows = {name: answer(process)["rows"] for name, process in processes.items()}
    turns = [{name: answer(process, "\n") for name, process in processes.items()} for _ in range(arguments.turns)]
    found: dict[str, Any] = {
        f"{name}, rows a minute": 60 * rows[name] / min(turn[name]["seconds"] for turn in turns) for name in processes
    }
    if arguments.before:
        found["now over before"] = found["now, rows a minute"] / found["before, rows a minute"]
        found["same tokens"] = turns[0]["now"]["tokens"] == turns[0]["before"]["tokens"]
    for process in processes.values():
        process.communicate()
    for name, value in found.items():
        print(f"{name:<24} {value:.4g}" if not arguments.json else "", end="" if arguments.json else "\n")
    if arguments.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
