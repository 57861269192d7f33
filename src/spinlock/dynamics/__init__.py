"""Simulate: systems, their parameters, initial conditions, sampling and rollouts.

    simulation = Simulation(num_realizations=3, num_timesteps=64, grid_size=32, seed=7)     # how: simulation.py
    plan = plan_samples(num_samples=96, seed=7)                 # which samples: sampling.py, space.py, parameter_space.py
    for rollout in simulate(plan.plans, simulation):            # what they do: rollout.py, screening.py, systems.py
        ...

A system (`system.py`) is a class with its equation, source and parameters; `systems.py` is the table of all.
"""
