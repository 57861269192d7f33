import math

import numpy as np
import pytest
import torch

from spinlock.core.errors import InputError
from spinlock.dynamics.systems import SYSTEMS
from spinlock.dynamics.u_afno import _enlarged, _Network

PARAMETERS = {
    "base_channels": 4,
    "depth": 2,
    "kernel_size": 3,
    "num_blocks": 2,
    "mixing": 1.0,
    "sparsity": 0.1,
    "activation": "tanh",
    "normalization": "none",
    "update": "residual",
    "alpha": 0.3,
    "gain": 2.0,
    "inhibition": 0.5,
    "asymmetry": 0.4,
    "weight_seed": 17,
}


def step_of(**changes):
    return SYSTEMS["u_afno"]().step_operator({**PARAMETERS, **changes})


def noise(size, rows=2):
    return torch.randn(rows, 1, size, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_an_operator_is_rebuilt_from_its_stored_parameters():
    state = noise(16)
    assert torch.equal(step_of()(state), step_of()(state))
    assert not torch.allclose(step_of()(state), step_of(weight_seed=18)(state))


@pytest.mark.parametrize("update", ["residual", "convex", "autoregressive"])
@pytest.mark.parametrize("normalization", ["instance", "none"])
def test_states_stay_within_the_limit(update, normalization):
    state, step = noise(16), step_of(update=update, normalization=normalization, gain=50.0, alpha=0.8)
    for _ in range(20):
        state = step(state)
    assert state.abs().max() <= 3.0
    assert state.isfinite().all()


@pytest.mark.parametrize("size", [8, 18, 20, 32, 128])
def test_grids_that_can_be_halved_less_often_have_fewer_levels(size):
    after = step_of()(noise(size, rows=1))
    assert after.shape == (1, 1, size, size)
    assert after.isfinite().all()


def test_without_the_global_path_an_operator_commutes_with_shifts_by_whole_coarse_cells():
    state, step = noise(16), step_of(mixing=0.0)
    torch.testing.assert_close(step(state.roll((4, -8), (2, 3))), step(state).roll((4, -8), (2, 3)))
    far = noise(16)
    far[:, :, 8:, 8:] += 1.0
    whole = step_of(mixing=1.0, inhibition=0.0)
    assert not torch.allclose(whole(state)[:, :, 0, 0], whole(far)[:, :, 0, 0], atol=1e-3)


def test_the_global_path_is_a_network_over_channels_applied_to_every_fourier_mode():
    network = _Network.of(PARAMETERS, like=noise(16))
    x = torch.randn(1, 16, 4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    first, second = (network.weights[name].numpy() for name in ("first", "second"))
    offset, blocks, width = network.offsets["first"].numpy(), 2, 8
    modes = np.fft.rfft2(x[0].numpy(), norm="ortho")
    out = np.zeros_like(modes)
    for ky in range(4):
        for kx in range(3):
            for block in range(blocks):
                own = slice(block * width, (block + 1) * width)
                hidden = modes[own, ky, kx] @ first[block] + offset[own]
                hidden = np.tanh(hidden.real) + 1j * np.tanh(hidden.imag)
                image = hidden @ second[block]
                shrunk = [np.sign(part) * np.maximum(np.abs(part) - 0.1, 0) for part in (image.real, image.imag)]
                out[own, ky, kx] = shrunk[0] + 1j * shrunk[1]
    expected = np.fft.irfft2(out, s=(4, 4), norm="ortho")
    np.testing.assert_allclose(network._mixed(x, lambda _, output: output)[0].numpy(), expected, atol=1e-12)


def test_layers_are_scaled_to_outputs_of_unit_size_on_a_smooth_field():
    network = _Network.of({**PARAMETERS, "asymmetry": 1.0}, like=noise(32))
    seen = {}

    def note(name, output):
        seen[name] = float(output.abs().square().mean().sqrt())
        return output

    y, x = np.mgrid[:32, :32] / 32
    waves = np.cos(2 * math.pi * (2 * x + y)) + np.cos(2 * math.pi * (x - 3 * y))
    network.through(torch.from_numpy(waves)[None, None], rescale=note)
    assert set(seen) == {"enter", "down1", "down2", "first", "second", "up2", "up1", "leave"}
    assert all(0.3 < size < 3 for size in seen.values()), seen


def test_rows_of_a_call_share_one_operator():
    columns = {name: (value, value) for name, value in PARAMETERS.items()}
    columns["gain"] = (1.0, 2.0)
    with pytest.raises(InputError, match="rows of a 'u_afno' call must share one operator; gain differ"):
        SYSTEMS["u_afno"]().flow(columns, noise(16))


def test_the_way_up_is_linear_between_cells_and_wraps_around():
    x = torch.randn(2, 3, 4, 6, dtype=torch.float64)
    twice = x.repeat_interleave(2, dim=-2).repeat_interleave(2, dim=-1)
    for axis in (-2, -1):  # the binomial filter turns steps into lines
        twice = (twice.roll(1, axis) + 2 * twice + twice.roll(-1, axis)) / 4
    torch.testing.assert_close(_enlarged(x), twice)
    shifted = _enlarged(x.roll((1, -2), dims=(-2, -1)))
    torch.testing.assert_close(shifted, twice.roll((2, -4), dims=(-2, -1)))
