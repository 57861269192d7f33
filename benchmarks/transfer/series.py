"""The series that one would take from a film, for libraries that describe series."""

import numpy as np


def series_of(states: np.ndarray, *, lattice: int) -> np.ndarray:
    """Series (series, time) of the first channel of a film (time, channel, height, width).

    The spatial mean, the spatial standard deviation, then `lattice` x `lattice` cells.
    """
    field = states[:, 0]
    step = field.shape[1] // lattice
    cells = field[:, step // 2 :: step, step // 2 :: step].reshape(len(field), -1).T
    return np.concatenate([[field.mean((1, 2)), field.std((1, 2))], cells]).astype(np.float64)


def standardised(states: np.ndarray) -> np.ndarray:
    """A film (time, channel, height, width) in units of its own: zero mean and unit deviation over all its numbers; 0 where constant."""
    spread = states.std()
    return (states - states.mean()) / (spread if spread > 0 else 1.0)
