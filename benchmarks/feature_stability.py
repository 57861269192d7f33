"""Which features say the same of one behaviour when it is described in another setting, and which are in units of it.

    python benchmarks/feature_stability.py [--systems burgers wave …] [--draws 8] [--seed 0] [--output FILE]

A draw is one equation with parameters, initial condition and noise of its own, simulated once: three realizations of 250 saved
steps, 64 x 64 cells on the domain that the system has at 32 x 32. The same run is then described in pairs of settings:

    time         all 250 saved steps against the first 64; of features of a frame, the mean over those 64 both times
    grid         64 x 64 against 32 x 32: each frame less its modes from 16 cycles per domain on, on the same domain
    realization  three realizations against the first
    channel      the state against the state twice, the copy as further channels (32 x 32, first realization)
    companion    the state against the state beside one of another initial condition and other noise, as further channels

Of each feature and pair: the rank correlation of the two descriptions over all draws, where values that agree to a
thousandth of the spread between draws are equal, so that rounding is no order; and shift and distance, the median of
their difference and of its size, in units of that spread (interquartile range / 1.349, or the standard deviation where
that is 0). A feature is stable in a pair if the rank correlation is at least .9 and the distance at
most .25. The first, second and fourth pair are of one behaviour; the third shows noise, and the last is another
behaviour, whose description may well differ.
"""

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # before numpy and torch

import argparse
import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor

from spinlock.core.rollout import Rollout, StepOperator
from spinlock.core.seeds import stream
from spinlock.dynamics.initial_conditions import draw_fields
from spinlock.dynamics.sampling import plan_samples
from spinlock.dynamics.space import SamplePlan
from spinlock.dynamics.system import System
from spinlock.dynamics.systems import SYSTEMS
from spinlock.features.extract import SampleFeatures, extract_rollout
from spinlock.features.sdf import SDF_FEATURES

FAMILIES = (
    "advection_diffusion",
    "burgers",
    "complex_ginzburg_landau",
    "fisher_kpp",
    "gray_scott",
    "kuramoto_sivashinsky",
    "swift_hohenberg",
    "wave",
)
SMOOTH_STARTS = {"gaussian_field": 1.0, "band_limited": 1.0, "blobs": 1.0}
"""Kinds of initial conditions that 32 x 32 cells resolve."""
REALIZATIONS, TIMES, SHORT, SIZE = 3, 250, 64, 64
COMPANION = 10**6
"""What the number of a draw's companion is larger by: another initial condition and other noise, the same parameters."""
LEAST_CORRELATION, MOST_DISTANCE = 0.9, 0.25
RESOLUTION = 1e-3
"""Difference, in units of the spread between draws, below which two values are the same."""
PAIRS = {
    "time": ("early", "short"),
    "grid": ("whole", "coarse"),
    "realization": ("whole", "single"),
    "channel": ("plain", "twice"),
    "companion": ("plain", "beside"),
}
"""Pair → the two settings that it compares."""

Values = dict[str, list[float]]
"""Setting → one value a feature, in the order of `SDF_FEATURES`."""


class Agreement(NamedTuple):
    """How well two descriptions of the same draws agree; NaN where fewer than three draws have both."""

    correlation: float
    shift: float
    distance: float
    draws: int

    @property
    def is_stable(self) -> bool:
        """Whether both tolerances are met."""
        return self.correlation >= LEAST_CORRELATION and self.distance <= MOST_DISTANCE


def on_one_domain(name: str) -> System:
    """A system whose domain is the one of 32 x 32 cells, whatever the grid."""
    family = type(SYSTEMS[name]())
    return type(family.__name__, (family,), {"grows_with_grid": False})()


def simulated(plan: SamplePlan, *, realizations: int, seed: int) -> Rollout:
    """The runs of a plan at 64 x 64, from one initial condition."""
    system = on_one_domain(plan.system)
    fields = draw_fields(
        plan.initial_condition,
        rng=stream(seed, plan.index, "initial"),
        num_channels=len(system.channel_names),
        height=SIZE,
        width=SIZE,
        parameters=plan.parameters,
    )
    initial = system.initial_condition(torch.from_numpy(fields).float()[None])
    streams = [stream(seed, plan.index, realization, "noise") for realization in range(realizations)]

    def white() -> Tensor:
        rows = [generator.standard_normal(initial.shape[1:], dtype=np.float32) for generator in streams]
        return torch.from_numpy(np.stack(rows))

    with torch.no_grad():
        states = system.simulate(
            initial.expand(realizations, -1, -1, -1),
            {p.name: [plan.parameters[p.name]] * realizations for p in system.parameters},
            num_timesteps=TIMES,
            white=white,
        )
    return Rollout(
        states=states,
        system=plan.system,
        dt=system.dt,
        dx=system.length(SIZE) / SIZE,
        channel_names=system.channel_names,
        step=system.step_operator(plan.parameters),
    )


def coarse(rollout: Rollout) -> Rollout:
    """The same fields on half as many cells a side: their modes below 16 of 64 cells' 32 cycles per domain."""
    half = rollout.states.shape[-1] // 2
    kept = half // 2
    spectrum = torch.fft.rfft2(rollout.states)[..., :kept]
    rows = torch.cat((spectrum[..., :kept, :], spectrum[..., 1 - kept :, :]), dim=-2)
    modes = rows.new_zeros((*rows.shape[:-2], half, half // 2 + 1))
    modes[..., :kept, :kept] = rows[..., :kept, :]
    modes[..., 1 - kept :, :kept] = rows[..., kept:, :]
    return replace(rollout, states=torch.fft.irfft2(modes, s=(half, half)) / 4, dx=2 * rollout.dx)


def beside(rollout: Rollout, other: Tensor) -> Rollout:
    """A rollout with the states of another as further channels, which the step operator moves apart from its own."""
    step = rollout.step
    assert step is not None
    names = tuple(f"{name}_{copy}" for copy in (1, 2) for name in rollout.channel_names)
    return replace(rollout, states=torch.cat((rollout.states, other), dim=2), channel_names=names, step=_both(step))


def _both(step: StepOperator) -> StepOperator:
    """A step of two states that lie one after the other in the channels."""
    return lambda states: torch.cat([step(part) for part in states.chunk(2, dim=1)], dim=1)


def described(rollout: Rollout) -> SampleFeatures:
    """All features."""
    return extract_rollout(rollout)


def values(found: SampleFeatures, *, frames: int = TIMES) -> list[float]:
    """One value a feature: the mean over realizations, and over the first frames of those that have one a frame."""
    return torch.cat((found.per_timestep[:frames].nanmean(0), found.per_trajectory.nanmean(0))).double().tolist()


def first(rollout: Rollout) -> Rollout:
    """Its first realization."""
    return replace(rollout, states=rollout.states[:1], diverged_at=(), dead_at=(), frozen_at=())


def settings(plan: SamplePlan, *, seed: int) -> Values:
    """One draw described in all settings."""
    whole = simulated(plan, realizations=REALIZATIONS, seed=seed)
    small = coarse(whole)
    plain = first(small)
    companion = coarse(simulated(replace(plan, index=plan.index + COMPANION), realizations=1, seed=seed))
    found = described(whole)
    others = {
        "short": replace(whole, states=whole.states[:, :SHORT]),
        "coarse": small,
        "single": first(whole),
        "plain": plain,
        "twice": beside(plain, plain.states),
        "beside": beside(plain, companion.states),
    }
    return {
        "whole": values(found),
        "early": values(found, frames=SHORT),
        **{name: values(described(rollout)) for name, rollout in others.items()},
    }


def described_draws(families: list[str], *, draws: int, seed: int) -> Iterator[Values]:
    """All draws in all settings, one after the other; those that leave the finite numbers are left out, with a sentence."""
    sampling = plan_samples(
        num_samples=draws * len(families), seed=seed, systems=families, initial_conditions=SMOOTH_STARTS
    )
    for plan in sampling.plans:
        try:
            yield settings(plan, seed=seed)
        except ValueError as error:
            warnings.warn(f"draw {plan.index} is left out: {error}", stacklevel=1)


def agreement(before: np.ndarray, after: np.ndarray) -> Agreement:
    """How well two descriptions of the same draws agree; draws that lack one of them are left out."""
    both = np.isfinite(before) & np.isfinite(after)
    a, b = before[both], after[both]
    if len(a) < 3:
        return Agreement(np.nan, np.nan, np.nan, len(a))
    low, high = np.quantile(a, (0.25, 0.75))
    spread = (high - low) / 1.349 or a.std()
    if np.array_equal(a, b):
        return Agreement(1.0, 0.0, 0.0, len(a))
    if not spread > 0:
        return Agreement(np.nan, np.nan, np.nan, len(a))
    a, b = a / spread, b / spread
    ranks = rankdata((a / RESOLUTION).round()), rankdata((b / RESOLUTION).round())
    varies = all(np.ptp(rank) > 0 for rank in ranks)
    correlation = float(np.corrcoef(*ranks)[0, 1]) if varies else np.nan
    return Agreement(correlation, float(np.median(b - a)), float(np.median(np.abs(b - a))), len(a))


def table(rows: list[Values]) -> dict[str, dict[str, Agreement]]:
    """Feature → pair → how well its two settings agree."""
    by_setting = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return {
        feature.name: {
            pair: agreement(by_setting[before][:, column], by_setting[after][:, column])
            for pair, (before, after) in PAIRS.items()
        }
        for column, feature in enumerate(SDF_FEATURES)
    }


def summary(found: Mapping[str, Mapping[str, Agreement]]) -> dict[str, dict[str, object]]:
    """Pair → features with a rank correlation, how many reach .9 and .7 and are stable, the ten with the lowest."""
    figures: dict[str, dict[str, object]] = {}
    for pair in PAIRS:
        there = {name: pairs[pair] for name, pairs in found.items() if np.isfinite(pairs[pair].correlation)}
        worst = sorted(there, key=lambda name: there[name].correlation)[:10]
        figures[pair] = {
            "features": len(there),
            "at_least_.9": sum(one.correlation >= 0.9 for one in there.values()),
            "at_least_.7": sum(one.correlation >= 0.7 for one in there.values()),
            "stable": sum(one.is_stable for one in there.values()),
            "worst": {name: round(there[name].correlation, 2) for name in worst},
        }
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--systems", nargs="+", default=list(FAMILIES), help="names in the table of systems")
    parser.add_argument("--draws", type=int, default=8, help="of each system")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="JSON file for the table by feature")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    rows = list(described_draws(chosen.systems, draws=chosen.draws, seed=chosen.seed))
    found = table(rows)
    figures = summary(found)
    if chosen.output:
        by_feature = {
            name: {pair: one._asdict() | {"stable": one.is_stable} for pair, one in pairs.items()}
            for name, pairs in found.items()
        }
        # A number that is not there is null: NaN is not JSON.
        text = json.dumps({"draws": len(rows), "summary": figures, "features": by_feature}, indent=1)
        chosen.output.write_text(text.replace("NaN", "null") + "\n", encoding="utf-8")
    if chosen.json:
        print(json.dumps({"draws": len(rows), "summary": figures}))
        return
    print(f"{len(rows)} draws of {len(chosen.systems)} systems")
    for pair, parts in figures.items():
        print(f"{pair:12} " + ", ".join(f"{name} {value}" for name, value in parts.items()))


if __name__ == "__main__":
    main()
