"""A user's module with a step, as tests name it by import path."""

import numpy as np


def rotate(state, *, cells=1, gain=1.0):
    """The state moved along the width, faded."""
    return gain * np.roll(state, cells, axis=-1)


def wrong_shape(state):
    return state[:, :-1]


def fails(state):
    raise ValueError(f"no\nsolution from {state.shape}")


def returns_a_list(state):
    return state.tolist()


not_a_function = 3


def takes_nothing(state):
    return state
