"""Layers in bfloat16: which operators have them, what stays in float32, and which devices are refused."""

import pytest
import torch

from spinlock.dynamics import precision
from spinlock.dynamics.precision import BFLOAT16_CHANNELS, precision_mistake
from spinlock.dynamics.rollout import simulate
from spinlock.dynamics.sampling import plan_samples
from spinlock.dynamics.simulation import Simulation
from spinlock.dynamics.systems import SYSTEMS

NARROW = {"cnn": {"num_channels": 8}, "u_afno": {"base_channels": (4, 8)}}
WIDE = {"cnn": {"num_channels": (16, 32)}, "u_afno": {"base_channels": 16}}
needs_units = pytest.mark.skipif(
    precision_mistake("bfloat16", device="cpu") != "", reason="needs a processor with bfloat16 units"
)


def plans_of(*, num_samples=4, **parameters):
    return plan_samples(num_samples=num_samples, seed=5, systems=list(parameters), parameters=parameters).plans


def run(plans, *, grid_size=16, num_realizations=2, **others):
    counts = {"num_realizations": num_realizations, "num_timesteps": 4}
    return list(simulate(plans, Simulation(grid_size=grid_size, seed=5, **counts, **others)))


@needs_units
@pytest.mark.parametrize(("grid_size", "num_realizations"), [(16, 2), (20, 3), (64, 2)])
def test_bits_in_bfloat16_do_not_depend_on_company_or_order(grid_size, num_realizations):
    like = {"grid_size": grid_size, "num_realizations": num_realizations, "precision": "bfloat16"}
    plans = plans_of(**WIDE)
    together, backwards = run(plans, **like), run(plans[::-1], **like)[::-1]
    for plan, one, other in zip(plans, together, backwards, strict=True):
        alone = run([plan], **like)[0]
        assert torch.equal(one.states, alone.states), plan.system
        assert torch.equal(other.states, alone.states), plan.system


@needs_units
@pytest.mark.parametrize("name", list(WIDE))
def test_wide_operators_are_rounded_and_states_are_not(name):
    for plan in plans_of(**{name: WIDE[name]}):
        states = run([plan])[0].states[:, -1]
        exact, rounded = (SYSTEMS[name](precision=p).step_operator(plan.parameters) for p in ("float32", "bfloat16"))
        error = (rounded(states) - exact(states)).norm() / (exact(states) - states).norm()
        assert 1e-4 < error < 0.03
        assert rounded(states).dtype == states.dtype == torch.float32
        assert rounded(states.double()).dtype == torch.float64


@needs_units
@pytest.mark.parametrize("name", list(WIDE))
def test_the_derivative_of_a_rounded_operator_is_that_of_the_exact_one_but_for_rounding(name):
    plan = plans_of(num_samples=1, **{name: {**WIDE[name], "activation": "tanh"}})[0]
    state = run([plan])[0].states[:, -1].requires_grad_()
    slopes = [
        torch.autograd.grad(SYSTEMS[name](precision=p).step_operator(plan.parameters)(state).square().sum(), state)[0]
        for p in ("float32", "bfloat16")
    ]
    assert (slopes[1] - slopes[0]).norm() < 0.05 * slopes[0].norm()


def test_narrow_operators_and_equations_have_the_bits_of_float32():
    for plan in plans_of(num_samples=9, **NARROW, gray_scott={}):
        one, other = (run([plan], precision=p)[0].states for p in ("float32", "bfloat16"))
        assert torch.equal(one, other), plan.system


@pytest.mark.parametrize("name", list(WIDE))
def test_the_width_of_an_operator_is_one_of_its_choices(name):
    system = SYSTEMS[name]()
    (choices,) = [parameter.choices for parameter in system.parameters if parameter.name == system.width]
    assert min(choices) < BFLOAT16_CHANNELS <= max(choices)


@needs_units
@pytest.mark.parametrize("name", list(WIDE))
def test_the_step_operator_of_a_rollout_stays_in_float32(name):
    (rollout,) = run(plans_of(num_samples=1, **{name: WIDE[name]}), precision="bfloat16")
    states = rollout.states[:, -1]
    assert torch.equal(rollout.step(states), SYSTEMS[name]().step_operator(rollout.parameters)(states))


@pytest.mark.parametrize(
    ("flags", "is_refused"),
    [("fpu avx512f avx512_bf16", False), ("amx_bf16 fpu", False), ("fpu avx2 avx512f", True), (None, True)],
)
def test_a_processor_without_units_is_refused_by_what_it_can_do(flags, is_refused, tmp_path, monkeypatch):
    path = tmp_path / "cpuinfo"
    if flags is not None:
        path.write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    monkeypatch.setattr(precision, "CPU_FLAGS", path)
    said = "precision bfloat16 needs a processor with avx512_bf16 or amx_bf16 and finds none here; use float32, or another machine"
    assert precision_mistake("bfloat16", device="cpu") == (said if is_refused else "")
    assert precision_mistake("float32", device="cpu") == ""


@pytest.mark.parametrize("has_units", [True, False])
def test_a_gpu_is_asked_whether_it_has_units(has_units, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda **_: has_units)
    said = "precision bfloat16 needs a GPU that multiplies in bfloat16 and finds none here; use float32, or another machine"
    assert precision_mistake("bfloat16", device="cuda") == ("" if has_units else said)
    assert precision_mistake("float32", device="cuda") == ""
