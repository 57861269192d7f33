import numpy as np
import pytest
import torch

from spinlock.core.errors import InputError
from spinlock.dynamics.neural import blurred, random_kernels
from spinlock.dynamics.systems import SYSTEMS

PARAMETERS = {
    "num_layers": 3,
    "num_channels": 8,
    "kernel_size": 5,
    "activation": "gelu",
    "normalization": "none",
    "update": "residual",
    "alpha": 0.3,
    "gain": 2.0,
    "inhibition": 0.5,
    "asymmetry": 0.4,
    "weight_seed": 17,
}


def step_of(**changes):
    return SYSTEMS["cnn"]().step_operator({**PARAMETERS, **changes})


@pytest.fixture
def state():
    return torch.randn(2, 1, 24, 24, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_an_operator_is_rebuilt_from_its_stored_parameters(state):
    assert torch.equal(step_of()(state), step_of()(state))
    assert not torch.allclose(step_of()(state), step_of(weight_seed=18)(state))


@pytest.mark.parametrize("update", ["residual", "convex", "autoregressive"])
@pytest.mark.parametrize("normalization", ["instance", "none"])
def test_states_stay_within_the_limit(update, normalization, state):
    step = step_of(update=update, normalization=normalization, gain=50.0, alpha=0.8)
    for _ in range(20):
        state = step(state)
    assert state.abs().max() <= 3.0
    assert state.isfinite().all()


def test_an_operator_commutes_with_translations(state):
    step = step_of()
    torch.testing.assert_close(step(state.roll((3, -5), (2, 3))), step(state).roll((3, -5), (2, 3)))


def test_an_operator_without_asymmetry_commutes_with_quarter_turns_and_mirrors(state):
    step = step_of(asymmetry=0.0)
    torch.testing.assert_close(step(state.rot90(1, (2, 3))), step(state).rot90(1, (2, 3)))
    torch.testing.assert_close(step(state.flip(3)), step(state).flip(3))
    skewed = step_of(asymmetry=1.0)
    assert not torch.allclose(skewed(state.rot90(1, (2, 3))), skewed(state).rot90(1, (2, 3)), atol=1e-3)


def test_asymmetry_does_not_change_the_size_of_a_kernel_much():
    sizes = [
        np.linalg.norm(random_kernels(np.random.Generator(np.random.PCG64(0)), 8, 64, 5, asymmetry=a))
        for a in (0.0, 0.5, 1.0)
    ]
    assert max(sizes) / min(sizes) < 1.5


def test_a_checkerboard_gets_no_answer_from_a_linear_layer():
    """The binomial filter at the end of the last kernel removes the finest wave along either axis."""
    kernels = np.random.Generator(np.random.PCG64(0)).standard_normal((1, 4, 5, 5))
    smoothed = blurred(kernels)
    signs = (-1.0) ** np.arange(7)
    np.testing.assert_allclose((smoothed * signs).sum((2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose((smoothed * signs[:, None]).sum((2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(smoothed.sum((2, 3)), kernels.sum((2, 3)))


def test_the_convex_update_moves_from_the_state_towards_the_answer(state):
    small, large = step_of(update="convex", alpha=0.1)(state), step_of(update="convex", alpha=0.2)(state)
    torch.testing.assert_close(2 * (small - state), large - state)


def test_instance_norm_makes_the_answer_blind_to_amplitude(state):
    step = step_of(update="autoregressive", normalization="instance", alpha=0.0, num_layers=2)
    torch.testing.assert_close(step(3 * state), step(state), rtol=1e-3, atol=1e-3)
    aware = step_of(update="autoregressive", normalization="none", alpha=0.0, num_layers=2)
    assert not torch.allclose(aware(3 * state), aware(state), rtol=1e-2, atol=1e-2)


def test_rows_with_different_operators_are_refused():
    system = SYSTEMS["cnn"]()
    parameters = {name: (value, value) for name, value in PARAMETERS.items()} | {"gain": (1.0, 2.0)}
    with pytest.raises(InputError, match="the rows of a 'cnn' call must share one operator; gain differ"):
        system.simulate(torch.zeros(2, 1, 16, 16), parameters, num_timesteps=2)
