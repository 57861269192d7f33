"""Equations against exponax, an independent solver (JAX): the same modes kept, its steps so fine that they have converged."""

import math
from operator import attrgetter

import numpy as np
import pytest
from plane_waves import columns, smooth_field

from spinlock.dynamics.systems import SYSTEMS

pytest.importorskip("exponax", reason="an independent solver; `pip install -e '.[oracles]'` brings it")

FRAMES = 4
"""Saved steps after which the two are compared."""


def gray_scott_kill(feed, position):
    return math.sqrt(feed) / 2 - feed - 0.002 + (0.012 - 0.12 * feed) * position


# System → its parameters, exponax's stepper and arguments, dimensions, and the largest relative error in L2.
CASES = {
    "kuramoto_sivashinsky": (
        {"instability": 1.0, "damping": 0.0},
        ("KuramotoSivashinsky", {}),
        1,
        1e-5,
    ),
    "burgers": ({"viscosity": 1.5}, ("Burgers", {"diffusivity": 1.5}), 2, 1e-4),
    "navier_stokes_decaying": ({"viscosity": 0.1}, ("NavierStokesVorticity", {"diffusivity": 0.1}), 2, 4e-4),
    "gray_scott": (
        {"feed": 0.04, "kill_position": 0.4, "diffusion_u": 0.16, "diffusion_ratio": 0.5},
        (
            "reaction.GrayScott",
            {
                "diffusivity_1": 0.16,
                "diffusivity_2": 0.08,
                "feed_rate": 0.04,
                "kill_rate": gray_scott_kill(0.04, 0.4),
            },
        ),
        1,
        1e-3,
    ),
    "fisher_kpp": (
        {"diffusivity": 0.8, "growth_rate": 0.1},
        ("reaction.FisherKPP", {"diffusivity": 0.8, "reactivity": 0.1}),
        1,
        5e-4,
    ),
    "allen_cahn": ({"diffusivity": 1.2, "bias": 0.0}, ("reaction.AllenCahn", {"diffusivity": 1.2}), 1, 4e-5),
    "cahn_hilliard": (
        {"mobility": 0.3, "gradient_energy": 1.0, "mean_composition": 0.0},
        ("reaction.CahnHilliard", {"diffusivity": 0.3, "gamma": 1.0}),
        1,
        1e-6,
    ),
}


def exponax_states(start, *, stepper, arguments, length, dt, steps):
    """exponax's state at the end of `FRAMES` saved steps, (channel, cell…), in float64."""
    import exponax  # noqa: PLC0415 - absent on most machines
    import jax  # noqa: PLC0415

    dimensions, cells = start.ndim - 1, start.shape[-1]
    kept = (-(-cells // 3) + 0.5) / (cells // 2)  # modes below a third of the cells, as here
    with jax.enable_x64(True):
        make = attrgetter(stepper)(exponax.stepper)
        grid = (dimensions, length, cells, dt / steps)

        def run(state):
            one = make(*grid, **arguments, order=4, dealiasing_fraction=kept)
            return exponax.RepeatedStepper(one, steps * FRAMES)(state)

        plain = {"xla_backend_optimization_level": 0}  # compiling is what takes time here
        return np.asarray(jax.jit(run, compiler_options=plain)(jax.numpy.asarray(start)))


@pytest.mark.parametrize("name", CASES)
def test_an_equation_goes_where_an_independent_solver_with_finer_steps_takes_it(name):
    system = SYSTEMS[name]()
    parameters, (stepper, arguments), dimensions, largest_error = CASES[name]
    size = (32, 32) if dimensions == 2 else (1, 32)
    start = system.initial_condition(smooth_field(1, len(system.channel_names), *size, seed=3, cells=4.0))
    mine = system.simulate(start, columns(**parameters), num_timesteps=FRAMES + 1)[0, -1].numpy()
    order = [1, 0] if name == "burgers" else slice(None)  # velocities come in the order of the axes there
    given = start[0].numpy()[order]
    theirs = exponax_states(
        given if dimensions == 2 else given[:, 0],
        stepper=stepper,
        arguments=arguments,
        length=system.length(32),
        dt=system.dt,
        steps=4 * system.num_substeps,
    )
    theirs = theirs[order] if dimensions == 2 else theirs[:, None]
    error = np.linalg.norm(mine - theirs) / np.linalg.norm(theirs)
    assert error < largest_error, f"relative L2 error {error:.1e} after {FRAMES} saved steps"
