import math

import pytest
import torch

from spinlock.core.errors import InputError
from spinlock.core.rollout import Rollout


def rollout(**changes) -> Rollout:
    return Rollout(
        **{"states": torch.zeros(2, 3, 1, 4, 4), "system": "test", "dt": 0.1, "channel_names": ("u",), **changes}
    )


def test_a_finite_rollout_is_valid_in_every_realization():
    assert rollout().valid == (True, True)


def test_a_diverged_realization_is_marked_at_its_time():
    states = torch.zeros(2, 3, 1, 4, 4)
    states[1, 2] = math.nan
    assert rollout(states=states, diverged_at=(-1, 2)).valid == (True, False)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dt": 0.0}, "must be greater than 0; got dt=0.0"),
        ({"dt": math.nan}, "must be greater than 0; got dt=nan"),
        ({"dx": -1.0}, "dx=-1.0"),
        ({"channel_names": ("u", "v")}, "must name 1 channels; got 2"),
        ({"diverged_at": (-1,)}, "must have 2 entries; got 1"),
        ({"states": torch.full((1, 3, 1, 2, 2), math.nan)}, "realization 0 of a 'test' rollout is not finite before"),
    ],
)
def test_a_bad_rollout_is_refused(changes, words):
    with pytest.raises(InputError, match=words):
        rollout(**changes)
