"""Time of one exact query among 10⁴, 10⁵ and 10⁶ runs of 48 coordinates, on one thread.

    python benchmarks/search_latency.py --turns 20

Rows are two of a draw, as replicates are; the ten nearest other draws are asked for. Of all turns the shortest counts, which a busy
machine lengthens least, and the median is printed beside it.
"""

import argparse
import time

import torch

from spinlock.questions.search import BehaviourIndex

NUM_AXES = 48


def query_times(num_rows: int, turns: int, *, each_run: bool = False) -> torch.Tensor:
    """Seconds of each query."""
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(num_rows // 2, NUM_AXES, generator=generator).repeat_interleave(2, 0)
    rows = 4 * draws.add_(0.3 * torch.randn(num_rows, NUM_AXES, generator=generator))
    index = BehaviourIndex(rows, tuple(str(row // 2) for row in range(num_rows)))
    taken = []
    for turn in range(turns):
        row = turn * 7919 % num_rows
        start = time.perf_counter()
        hits = index.like(rows[row], but=str(row // 2), each_run=each_run)
        taken.append(time.perf_counter() - start)
        assert len(hits.rows) == 10
    return torch.tensor(taken)


def main() -> None:
    """Print a line for each number of runs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--turns", type=int, default=20)
    turns = parser.parse_args().turns
    torch.set_num_threads(1)
    for num_rows in (10_000, 100_000, 1_000_000):
        taken = 1000 * query_times(num_rows, turns)
        print(f"{num_rows:>8} runs: {taken.min():.2f} ms shortest, {taken.median():.2f} ms median")


if __name__ == "__main__":
    main()
