"""Words for a solver of your own: an excitable medium, given as a function from one state to the next.

python examples/own_solver.py [picture.png]
"""

import sys
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import spinlock

CELLS, DT, STEPS = 48, 0.05, 5
THRESHOLDS = (0.01, 0.02, 0.03, 0.06)


def laplacian(u: np.ndarray) -> np.ndarray:
    """Sum of differences to the four neighbours of each cell; the domain wraps around."""
    return sum(np.roll(u, shift, axis) for axis in (0, 1) for shift in (1, -1)) - 4 * u


def step(state: np.ndarray, *, threshold: float) -> np.ndarray:
    """One saved step of Barkley's excitable medium (1991, Physica D 49, 61): excitation u and recovery v."""
    u, v = state
    for _ in range(STEPS):
        reaction = u * (1 - u) * (u - (v + threshold) / 0.75) / 0.05
        u, v = u + DT * (reaction + 0.8 * laplacian(u)), v + DT * (u - v)
    return np.stack([u, v])


def main(picture: Path) -> None:
    """Simulate, describe, say it in words, and draw the last states."""
    y, x = np.mgrid[:CELLS, :CELLS]
    start = np.stack([(x < CELLS / 2).astype(float), 0.4 * (y < CELLS / 2)])[
        None
    ]  # a broken wave: a spiral's beginning
    rollouts = [
        next(
            spinlock.simulate_step(partial(step, threshold=b), start, num_timesteps=120, dt=DT * STEPS, name="barkley")
        )
        for b in THRESHOLDS
    ]
    table = spinlock.extract_features(rollouts, ids=[f"threshold {b}" for b in THRESHOLDS], groups=range(len(rollouts)))
    tokenizer = spinlock.Tokenizer.from_pretrained("behaviour-1")
    tokens = tokenizer.encode(table)
    for name, sentence, is_far in zip(table.ids, tokenizer.describe(table), tokens.out_of_corpus, strict=True):
        print(f"{name}{' (unlike the runs that the words were made of)' if is_far else ''}\n  {sentence}")
    figure, axes = plt.subplots(1, len(rollouts), figsize=(9, 2.6), layout="constrained")
    for axis, rollout, name in zip(axes, rollouts, table.ids, strict=True):
        axis.imshow(rollout.states[0, -1, 0].numpy(), cmap="viridis", vmin=0, vmax=1)
        axis.set(title=name, xticks=[], yticks=[])
    figure.savefig(picture, metadata={"Software": None})


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "own_solver.png"))
