"""Runs of two systems and one of imported runs, with parameters of every kind."""

import numpy as np

from spinlock.store.dataset import ParameterTable
from spinlock.store.dataset_layout import ParameterColumn
from spinlock.training.parameters import RunParameters

COLUMNS = (
    ParameterColumn(name="wave.speed", unit="length/time", low=0.1, high=10.0),  # uniform in its logarithm
    ParameterColumn(name="wave.layers", low=1.0, high=4.0),  # whole numbers
    ParameterColumn(name="wave.kind", choices=("plain", "ring", "burst")),
    ParameterColumn(name="wave.initial_length"),
    ParameterColumn(name="heat.diffusivity", unit="length²/time"),  # no range
    ParameterColumn(name="Re"),  # of every system
)


def made(num_draws: int = 120, *, replicates: int = 1, seed: int = 0) -> RunParameters:
    """Draws of both systems by turns, each with `replicates` runs of other kinds of initial condition."""
    random = np.random.default_rng(seed)
    draws = np.full((num_draws, len(COLUMNS)), np.nan)
    wave = np.arange(num_draws) % 2 == 0
    count = int(wave.sum())
    draws[wave, 0] = 0.1 * 100 ** random.random(count)
    draws[wave, 1] = random.integers(1, 5, count)
    draws[wave, 2] = random.integers(0, 3, count)
    draws[wave, 3] = random.random(count)
    draws[~wave, 4] = random.exponential(size=num_draws - count)
    draws[:, 5] = random.normal(size=num_draws)
    rows = np.repeat(np.arange(num_draws), replicates)
    return RunParameters(
        table=ParameterTable(COLUMNS, draws[rows]),
        systems=tuple("wave" if wave[row] else "heat" for row in rows),
        initial_conditions=tuple(random.choice(["noise", "disc"], len(rows)).tolist()),
        ids=tuple(f"run{number}" for number in range(len(rows))),
        groups=tuple(str(row) for row in rows),
    )


def column(runs: RunParameters, name: str) -> np.ndarray:
    """The values of a column of the table of runs."""
    return runs.table.values[:, [own.name for own in runs.table.columns].index(name)]
