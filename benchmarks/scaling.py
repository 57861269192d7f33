"""What each command takes of time and memory as rows grow: a table of data sets of several sizes.

    python benchmarks/scaling.py --dataset rows_10000.h5 rows_100000.h5 --commands discover train tokenize

Every command is a process of its own, with the numbers that it counts: seconds by the clock, seconds of processors, and the most
memory of it or of any process that it started (`ru_maxrss`). The files that `train` leaves are those that `validate` and
`tokenize` read, so it always runs before them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from spinlock.store.dataset import open_dataset

CONFIG = Path(__file__).parents[1] / "configs" / "vqvae" / "sd_features_1k.yaml"
COMMANDS = ("discover", "train", "validate", "tokenize")
BACKENDS = ("classical", "predictive", "vqvae", "auto")
FORMATS = ("csv", "h5", "parquet")


class Cost(NamedTuple):
    """What a command took.

    Attributes:
        clock_s: seconds by the clock.
        processor_s: seconds of all processors.
        peak_mb: memory of the largest process.
        exit_code: 0, or 1 where `validate` found a threshold missed.
    """

    clock_s: float
    processor_s: float
    peak_mb: float
    exit_code: int


def command_lines(
    dataset: Path, folder: Path, *, chosen: list[str], backends: list[str], overrides: list[str]
) -> Iterator[tuple[str, list[str]]]:
    """Names of the commands and what they are called with, in the order of work."""
    data, mapping = ["--dataset", str(dataset)], folder / "categories.json"
    yield "discover, by meaning", ["discover-categories", *data, "--output", str(mapping)]
    if "discover" in chosen:
        clusters = str(folder / "clusters.json")
        yield "discover, by clustering", ["discover-categories", *data, "--output", clusters, "--method", "auto"]
    for backend in backends if set(chosen) & {"train", "validate", "tokenize"} else ():
        tokenizer = str(folder / backend)
        keys = [f"model.backend={backend}", f"training.category_mapping_file={mapping}", *overrides]
        settings = [word for key in keys for word in ("-o", key)]
        yield f"train, {backend}", ["train-vqvae", "--config", str(CONFIG), *data, "--output", tokenizer, *settings]
    fitted = ["--tokenizer", str(folder / backends[-1]), *data]
    if "validate" in chosen:
        yield f"validate, {backends[-1]}", ["validate", *fitted]
    if "tokenize" in chosen:
        for suffix in FORMATS:
            yield f"tokenize to .{suffix}", ["tokenize", *fitted, "--output", str(folder / f"tokens.{suffix}")]


def cost_of(words: list[str]) -> Cost:
    """Run a command to its end.

    Raises:
        RuntimeError: if it ends with another exit code than 0 and 1.
    """
    start = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([sys.executable, "-m", "spinlock", "-q", *words], stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        clock = time.perf_counter() - start
        if process.returncode not in (0, 1):
            said.seek(0)
            raise RuntimeError(f"{' '.join(words)} ended with exit code {process.returncode}: {said.read().decode()}")
    return Cost(clock, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, process.returncode)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, nargs="+", required=True)
    parser.add_argument("--commands", choices=COMMANDS, nargs="+", default=list(COMMANDS))
    parser.add_argument("--backends", choices=BACKENDS, nargs="+", default=["classical", "predictive"])
    parser.add_argument("-o", "--override", metavar="KEY=VALUE", action="append", default=[], help="of the training")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found: dict[int, dict[str, Cost]] = {}
    if not arguments.json:
        print("| rows | command | clock, s | processors, s | peak memory, MB |\n|---|---|---|---|---|")
    for dataset in arguments.dataset:
        with open_dataset(dataset) as opened:
            rows = len(opened)
        with tempfile.TemporaryDirectory() as folder:
            lines = command_lines(
                dataset.resolve(),
                Path(folder),
                chosen=arguments.commands,
                backends=arguments.backends,
                overrides=arguments.override,
            )
            for name, words in lines:
                cost = found.setdefault(rows, {})[name] = cost_of(words)
                if not arguments.json:
                    print(
                        f"| {rows} | {name} | {cost.clock_s:.1f} | {cost.processor_s:.1f} | {cost.peak_mb:.0f} |",
                        flush=True,
                    )
    if arguments.json:
        print(
            json.dumps({rows: {name: cost._asdict() for name, cost in costs.items()} for rows, costs in found.items()})
        )


if __name__ == "__main__":
    main()
