"""Time of one exact query among 10⁴, 10⁵ and 10⁶ runs of 48 coordinates, on one thread.

    python benchmarks/search_latency.py --turns 20

Rows are two of a draw, as replicates are; the ten nearest other draws are asked for. Of all turns the shortest counts, which a busy
machine lengthens least; beside it the median of processor seconds, which waiting for a core does not lengthen.
"""

import argparse
import time

import torch

from spinlock.questions.search import BehaviourIndex

NUM_AXES = 48


def query_times(num_rows: int, turns: int) -> torch.Tensor:
    """Seconds, and processor seconds, of each query: (turn, 2)."""
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(num_rows // 2, NUM_AXES, generator=generator).repeat_interleave(2, 0)
    rows = 4 * draws.add_(0.3 * torch.randn(num_rows, NUM_AXES, generator=generator))
    index = BehaviourIndex(rows, tuple(str(row // 2) for row in range(num_rows)))
    taken = []
    for turn in range(turns):
        row = turn * 7919 % num_rows
        start = time.perf_counter(), time.process_time()
        hits = index.like(rows[row], but=str(row // 2))
        taken.append((time.perf_counter() - start[0], time.process_time() - start[1]))
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
        wall, processor = taken[:, 0].min(), taken[:, 1].median()
        print(f"{num_rows:>8} runs: {wall:.2f} ms shortest, {processor:.2f} ms of processor time (median)", flush=True)


if __name__ == "__main__":
    main()
