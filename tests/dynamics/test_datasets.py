"""Rollouts to try things on."""

import pytest
import torch

import spinlock
from spinlock.core.errors import ConfigError
from spinlock.dynamics.systems import SYSTEMS

SMALL = {"num_timesteps": 6, "grid_size": 16, "num_realizations": 1}


def test_every_system_is_there_and_two_samples_share_a_draw():
    rollouts = spinlock.datasets.load_demo(96, num_timesteps=2, grid_size=8, num_realizations=1)
    assert {rollout.system for rollout in rollouts} == set(SYSTEMS)
    assert len({rollout.name for rollout in rollouts}) == 96
    draws = {}
    for rollout in rollouts:
        own = {name: value for name, value in rollout.parameters.items() if not name.startswith("initial_")}
        draws.setdefault(rollout.group, []).append(own)
    assert len(draws) == 48
    assert all(first == second for first, second in draws.values())


def test_the_same_seed_gives_the_same_states_and_another_one_others():
    first, again, other = (
        spinlock.datasets.load_demo(2, systems=["gray_scott"], seed=seed, **SMALL)[0].states for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_they_become_a_table_with_names_draws_and_systems():
    table = spinlock.extract_features(spinlock.datasets.load_demo(2, systems=["diffusion"], **SMALL))
    assert table.ids == ("diffusion 0", "diffusion 1")
    assert table.groups[0] == table.groups[1]
    assert table.facts["system"] == ("diffusion", "diffusion")
    assert table.mask[:, table.names.index("superposition_error__mean")].all()  # the step is at hand


def test_an_unknown_system_is_refused_by_name():
    with pytest.raises(ConfigError, match="grey_scott.*Did you mean 'gray_scott'"):
        spinlock.datasets.load_demo(systems=["grey_scott"])
