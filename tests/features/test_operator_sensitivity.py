"""Sensitivity of maps whose Jacobians and exponents are known."""

import math
from collections.abc import Callable

import pytest
import torch
from feature_samples import noise, smooth
from torch import Tensor

from spinlock.features.fields import Fields
from spinlock.features.operator_sensitivity import (
    OPERATOR_SENSITIVITY,
    amplified_extent,
    amplified_wavenumber,
    growth_unsteadiness,
    influence_growth,
    influence_radius,
    large_gain_change,
    local_gain,
    medium_gain_change,
    noise_gain,
    offset_gain,
    rotation_error,
    superposition_error,
    translation_error,
    twin_growth_rate,
)

SIZE = 32


def fields_of(
    step: Callable[[Tensor], Tensor], *, channels=1, dt=1.0, dx=1.0, periodic=True, scale=1.0, dtype=torch.float64
):
    """Two realizations of 9 steps of `step` from smooth noise of unit variance, times `scale`."""
    state = (smooth(2, channels, SIZE, SIZE, length=0.06) * scale).to(dtype)
    states = [state]
    for _ in range(8):
        states.append(step(states[-1]).detach())
    u = torch.stack(states, 1)
    size = u[:, 0].flatten(1).std(-1, correction=0)
    return Fields(u / size[:, None, None, None, None], dt=dt, dx=dx, periodic=periodic, step=step, scale=size)


def diffuse(u: Tensor, *, share: float = 0.1) -> Tensor:
    """One explicit step of the heat equation: 1 - 2 share (2 - cos 2πkx/n - cos 2πky/n) for every wave."""
    neighbours = u.roll(1, -1) + u.roll(-1, -1) + u.roll(1, -2) + u.roll(-1, -2)
    return u + share * (neighbours - 4 * u)


def lattice_of_logistic_maps(u: Tensor) -> Tensor:
    """Coupled maps x → 3.9 x (1 - x) on [0, 1], a tenth of each from its neighbours: chaotic."""
    image = 3.9 * u.sigmoid() * (1 - u.sigmoid())
    return diffuse(image.clamp(1e-6, 1 - 1e-6).logit(), share=0.02)


def test_twins_that_meet_have_no_growth_rate_and_give_no_missing_values_to_the_step():
    def forget(u: Tensor) -> Tensor:
        assert torch.isfinite(u).all()
        return torch.ones_like(u)

    assert twin_growth_rate(fields_of(forget)).isnan().all()


def test_an_image_that_is_nearly_constant_does_not_make_the_errors_of_symmetry_large():
    def almost_flat_on_the_grid(u: Tensor) -> Tensor:
        """Rows that alternate are lost by a shift of half a cell, and made anew from the shifted state."""
        rows = torch.ones(SIZE, 1, dtype=u.dtype)
        rows[::2] = -1
        return u.square().mean((1, 2, 3), keepdim=True) * (1 + rows.expand(SIZE, SIZE))

    error = translation_error(fields_of(almost_flat_on_the_grid))
    assert ((error > 0.5) & (error < 2)).all()
    assert rotation_error(fields_of(lambda u: 1 + 0 * u)).isnan().all()


def test_gains_of_a_multiple_of_the_identity_are_the_factor():
    fields = fields_of(lambda u: 0.7 * u)
    for feature in (local_gain, noise_gain, offset_gain):
        torch.testing.assert_close(feature(fields), torch.full((2,), 0.7, dtype=torch.float64), atol=1e-9, rtol=0)
    torch.testing.assert_close(twin_growth_rate(fields), torch.full((2,), math.log(0.7), dtype=torch.float64))
    assert growth_unsteadiness(fields).max() < 1e-9
    assert influence_radius(fields).tolist() == [0, 0]


@pytest.mark.parametrize(("small", "large"), [(0.5, 2.0), (2.0, 0.5)])
def test_local_gain_is_the_largest_singular_value_and_names_its_wave(small, large):
    pattern = torch.sin(2 * math.pi * 3 * torch.arange(SIZE).double() / SIZE).expand(SIZE, SIZE)
    pattern = pattern / pattern.norm()

    def step(u: Tensor) -> Tensor:  # `small` times the rest, `large` times the pattern
        return small * u + (large - small) * (u * pattern).sum((-2, -1), keepdim=True) * pattern

    fields = fields_of(step)
    torch.testing.assert_close(local_gain(fields), torch.full((2,), max(small, large), dtype=torch.float64))
    if large > small:
        torch.testing.assert_close(amplified_wavenumber(fields), torch.full((2,), 3.0, dtype=torch.float64))
        entropy = -(2 * pattern.square() * pattern.abs().clamp_min(1e-300).log()).sum()
        torch.testing.assert_close(amplified_extent(fields), (entropy.exp() / SIZE**2).expand(2))


def test_local_gain_of_a_pointwise_map_is_its_steepest_slope():
    fields = fields_of(torch.tanh)
    state = fields.u[:, 4] * fields.scale[:, None, None, None]
    slope = (1 - state.tanh().square()).amax((1, 2, 3))
    found = local_gain(fields)
    assert (found <= slope + 1e-6).all()
    assert (found > 0.9 * slope).all()


def test_where_torch_cannot_differentiate_the_gain_of_a_linear_map_is_a_close_lower_bound():
    def outside(u: Tensor) -> Tensor:
        return torch.from_numpy(diffuse(u).numpy())

    bound, exact = local_gain(fields_of(outside)), local_gain(fields_of(diffuse))
    torch.testing.assert_close(bound, torch.ones(2, dtype=torch.float64), atol=1e-9, rtol=0)  # the mean is kept
    assert (exact > 0.98).all()  # the slowest waves are hard to tell from each other


def test_twin_growth_rate_is_positive_for_chaos_and_negative_for_diffusion():
    chaos, order = fields_of(lattice_of_logistic_maps), fields_of(diffuse)
    assert (twin_growth_rate(chaos) > 0.1).all()
    assert (twin_growth_rate(order) < -1e-3).all()
    faster = fields_of(lattice_of_logistic_maps, dt=0.5)
    torch.testing.assert_close(twin_growth_rate(faster), 2 * twin_growth_rate(chaos))


def test_a_linear_map_superposes_and_has_one_gain_at_all_amplitudes():
    fields = fields_of(lambda u: diffuse(u) + 3.0)
    for feature in (superposition_error, medium_gain_change, large_gain_change):
        assert feature(fields).abs().max() < 1e-9, feature.name


def test_saturation_lowers_the_gain_of_larger_perturbations():
    fields = fields_of(lambda u: 0.1 * torch.tanh(u))  # by the middle of the run the state is near 0
    smaller, medium, large = (
        (torch.tanh(size * perturbation).square().mean().sqrt() / size).item()
        for perturbation in [noise(400, 400)]
        for size in (0.01, 0.15, 0.4)
    )
    assert medium < smaller
    assert large < medium
    assert medium_gain_change(fields).mean().item() == pytest.approx((medium - smaller) / (medium + smaller), abs=0.003)
    assert large_gain_change(fields).mean().item() == pytest.approx((large - medium) / (large + medium), abs=0.01)


def test_a_nonlinear_map_does_not_superpose():
    assert (superposition_error(fields_of(lambda u: 1.2 * torch.tanh(u))) > 0.05).all()


def test_a_homogeneous_isotropic_map_commutes_with_moving_and_turning():
    fields = fields_of(diffuse)
    assert translation_error(fields).max() < 1e-9
    assert rotation_error(fields).max() < 1e-9
    blown = fields_of(lambda u: diffuse(u) + 0.1 * (u.roll(1, -1) - u.roll(-1, -1)))
    assert translation_error(blown).max() < 1e-9
    assert rotation_error(blown).min() > 0.01


def test_a_map_that_knows_its_place_does_not_commute_with_moving():
    mask = torch.linspace(0.5, 1.0, SIZE, dtype=torch.float64)
    fields = fields_of(lambda u: mask * u)
    assert translation_error(fields).min() > 0.05
    walled = fields_of(lambda u: mask * u, periodic=False)
    assert translation_error(walled).isnan().all()


def test_noise_gain_is_the_root_mean_square_of_the_factors_of_all_waves():
    fields = fields_of(diffuse)
    along = torch.cos(2 * math.pi * torch.arange(SIZE).double() / SIZE)
    factors = 1 - 0.2 * (2 - along[:, None] - along)
    expected = factors.square().mean().sqrt().item()
    assert noise_gain(fields).mean().item() == pytest.approx(expected, rel=0.03)
    assert offset_gain(fields).mean().item() == pytest.approx(1)


def test_influence_radius_of_one_diffusion_step_is_its_closed_form():
    share, dx = 0.1, 0.5
    fields = fields_of(diffuse, dx=dx)
    expected = dx * math.sqrt(4 * share**2 / ((1 - 4 * share) ** 2 + 4 * share**2))
    torch.testing.assert_close(influence_radius(fields), torch.full((2,), expected, dtype=torch.float64))
    assert ((influence_growth(fields) > 0.3) & (influence_growth(fields) < 0.7)).all()


def test_influence_of_a_shift_travels():
    fields = fields_of(lambda u: u.roll(1, -1))
    torch.testing.assert_close(influence_radius(fields), torch.ones(2, dtype=torch.float64))
    torch.testing.assert_close(influence_growth(fields), torch.ones(2, dtype=torch.float64))


@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_sensitivity_does_not_depend_on_the_unit_of_the_states(scale):
    plain = fields_of(diffuse, dtype=torch.float32)
    other = fields_of(diffuse, dtype=torch.float32, scale=scale)
    for feature in OPERATOR_SENSITIVITY:
        if not feature.name.endswith("error"):  # those are rounding here
            torch.testing.assert_close(feature(other), feature(plain), rtol=2e-3, atol=2e-3, msg=feature.name)


def test_float32_agrees_with_float64():
    single, double = (fields_of(lattice_of_logistic_maps, dtype=dtype) for dtype in (torch.float32, torch.float64))
    state = single.u
    same = Fields(state.double(), dt=1.0, step=double.step, scale=single.scale.double())
    for feature in (local_gain, noise_gain, superposition_error, translation_error, influence_radius):
        torch.testing.assert_close(feature(single).double(), feature(same), rtol=0.02, atol=1e-3, msg=feature.name)


def test_without_a_step_operator_all_are_missing():
    for feature in OPERATOR_SENSITIVITY:
        assert feature(Fields(noise(2, 5, 1, 8, 8), dt=1.0)).isnan().all(), feature.name


def test_a_realization_whose_steps_explode_is_missing_alone():
    def step(u: Tensor) -> Tensor:
        return torch.where(u.abs().amax((1, 2, 3), keepdim=True) > 50, torch.inf, 0.9 * u)

    states = noise(2, 1, 1, 16, 16).clamp(-3, 3)
    states[1] *= 40
    fields = Fields(states, dt=1.0, step=step)
    for feature in (local_gain, noise_gain, twin_growth_rate, superposition_error):
        assert feature(fields).isnan().tolist() == [False, True], feature.name


def test_the_cost_is_bounded():
    calls: list[int] = []

    def counted(u: Tensor) -> Tensor:
        calls.append(len(u))
        return lattice_of_logistic_maps(u)

    fields = fields_of(counted)
    calls.clear()
    for feature in OPERATOR_SENSITIVITY:
        feature(fields)
    assert len(calls) <= 12
    assert sum(calls) <= 36 * 2  # states stepped, for each of two realizations


def test_features_do_not_depend_on_the_realizations_beside():
    both = fields_of(lattice_of_logistic_maps)
    alone = Fields(both.u[1:], dt=both.dt, step=both.step, scale=both.scale[1:])
    for feature in OPERATOR_SENSITIVITY:
        torch.testing.assert_close(feature(both)[1:], feature(alone), rtol=1e-6, atol=1e-9, msg=feature.name)
