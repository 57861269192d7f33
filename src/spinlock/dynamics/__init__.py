"""Simulate: systems, their parameters, frame 0, sampling and rollouts.

    plan = plan_samples(num_samples=96, seed=7)                 # which samples: sampling.py, space.py, parameter_space.py
    for rollout in simulate(plan.plans, num_realizations=3, num_timesteps=64, grid_size=32, seed=7):
        ...                                                     # what they do: rollout.py, screening.py, systems.py

A system (`system.py`) is a class with its equation, source and parameters; `systems.py` is the table of all.
"""

from spinlock.dynamics.evenness import SystemSampling
from spinlock.dynamics.initial_conditions import INITIAL_CONDITIONS, initial_parameters
from spinlock.dynamics.parameter_space import Override, Parameter, Value
from spinlock.dynamics.rollout import simulate
from spinlock.dynamics.sampling import SamplingPlan, plan_samples
from spinlock.dynamics.screening import Screening, fates
from spinlock.dynamics.space import SamplePlan, SystemSpace
from spinlock.dynamics.system import System
from spinlock.dynamics.systems import SYSTEMS

__all__ = [
    "INITIAL_CONDITIONS",
    "SYSTEMS",
    "Override",
    "Parameter",
    "SamplePlan",
    "SamplingPlan",
    "Screening",
    "System",
    "SystemSampling",
    "SystemSpace",
    "Value",
    "fates",
    "initial_parameters",
    "plan_samples",
    "simulate",
]
