import pytest
import torch

from spinlock.dynamics.pde.etdrk import ETDRK4, _phi, propagator


def test_phi_functions_are_those_of_their_series_near_zero():
    z = torch.tensor([0.0, 1e-9, -1e-4, 0.01], dtype=torch.float64)
    one, two, three = _phi(z)
    torch.testing.assert_close(one, 1 + z / 2 + z**2 / 6, rtol=0, atol=1e-7)
    torch.testing.assert_close(two, 1 / 2 + z / 6 + z**2 / 24, rtol=0, atol=1e-7)
    torch.testing.assert_close(three, 1 / 6 + z / 24 + z**2 / 120, rtol=0, atol=1e-7)


def test_phi_functions_are_their_closed_forms_far_from_zero():
    z = torch.tensor([-40.0, -3.0, 2.0], dtype=torch.float64)
    one, two, three = _phi(z)
    torch.testing.assert_close(one, torch.expm1(z) / z, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(two, (torch.expm1(z) - z) / z**2, rtol=1e-11, atol=1e-13)
    torch.testing.assert_close(three, (torch.expm1(z) - z - z**2 / 2) / z**3, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("rate", [1.5, complex(-0.5, 2.0)])
def test_order_of_convergence_is_four(rate):
    """u' = λ u − u² has the closed form λ u₀ e^{λt} / (λ − u₀ + u₀ e^{λt})."""
    start, time = torch.tensor([0.8 + 0j], dtype=torch.complex128), 2.0
    linear = torch.tensor([rate], dtype=torch.complex128 if isinstance(rate, complex) else torch.float64)
    grown = torch.exp(torch.tensor(rate * time, dtype=torch.complex128))
    exact = rate * start * grown / (rate - start + start * grown)
    errors = []
    for steps in (8, 16, 32):
        scheme = ETDRK4.of(linear, step=time / steps, keep=torch.ones(1).double(), dtype=torch.float64)
        value = start
        for _ in range(steps):
            value = scheme(value, lambda u: -u * u)
        errors.append((value - exact).abs().item())
    orders = [torch.log2(torch.tensor(a / b)).item() for a, b in zip(errors, errors[1:], strict=False)]
    assert all(3.7 < order < 4.4 for order in orders), (errors, orders)


def test_a_linear_equation_is_solved_exactly_by_one_long_step():
    linear = torch.tensor([complex(-0.3, 5.0)], dtype=torch.complex128)
    start = torch.tensor([1 + 1j], dtype=torch.complex128)
    step = propagator(linear, time=10.0, dtype=torch.float64)
    torch.testing.assert_close(step(start), start * torch.exp(10 * linear))


def test_nothing_is_fed_into_modes_that_are_not_kept():
    scheme = ETDRK4.of(
        torch.tensor([-1.0, -1.0]).double(), step=0.5, keep=torch.tensor([1.0, 0.0]).double(), dtype=torch.float64
    )
    start = torch.tensor([1 + 0j, 1 + 0j], dtype=torch.complex128)
    fed, unfed = scheme(start, lambda u: torch.full_like(u, 3.0))
    assert fed.real.item() == pytest.approx(3 + (1 - 3) * torch.exp(torch.tensor(-0.5)).item(), rel=1e-6)
    assert unfed.real.item() == pytest.approx(torch.exp(torch.tensor(-0.5)).item(), rel=1e-6)
