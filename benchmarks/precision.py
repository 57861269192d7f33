"""Whether neural operators behave the same with layers in bfloat16 as in float32, told by their features.

    python benchmarks/precision.py [--systems cnn u_afno] [--draws 64] [--seed 0] [--output FILE]

A draw is an operator that is wide enough for bfloat16, with an initial condition of its own: 250 saved steps at 32 x 32. It is
simulated and described in four settings, three realizations each:

    float32   the reference
    bfloat16  the same initial condition and the same noise, layers in bfloat16
    noise     the same initial condition and other noise in float32: how well a description repeats at all
    step      the states of the reference, with features of sensitivity by a step operator whose layers are in bfloat16

Of each column the rank correlation with the reference over all draws and the median distance in units of the spread
between draws, as in `feature_stability.py`; a column is exact enough where they are at least .9 and at most .25. Columns are
the features of a frame (mean over frames), and mean, std and cv over realizations of those of a run.
"""

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # before numpy and torch

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from feature_stability import Agreement, agreement

from spinlock.core.rollout import Rollout
from spinlock.core.workers import keep_freed_memory
from spinlock.dynamics.parameter_space import Override
from spinlock.dynamics.precision import precision_mistake
from spinlock.dynamics.rollout import simulate
from spinlock.dynamics.sampling import plan_samples
from spinlock.dynamics.simulation import Precision, Simulation
from spinlock.dynamics.space import SamplePlan
from spinlock.dynamics.systems import SYSTEMS
from spinlock.features.aggregate import aggregate
from spinlock.features.extract import extract_rollout
from spinlock.features.sdf import SDF

WIDE: dict[str, dict[str, Override]] = {"cnn": {"num_channels": (16, 32)}, "u_afno": {"base_channels": 16}}
REALIZATIONS, TIMES, SIZE = 3, 250, 32
SETTINGS = ("bfloat16", "noise", "step")
FRAME, RUN = SDF.with_scope("per_timestep").names, SDF.aggregated().names
KINDS = {
    "frame": FRAME,
    "mean": tuple(name for name in RUN if name.endswith("__mean")),
    "std and cv": tuple(name for name in RUN if not name.endswith("__mean")),
}
"""Kind of a column → the columns."""


def simulated(plan: SamplePlan, *, seed: int, realizations: int, precision: Precision = "float32") -> Rollout:
    """The runs of a plan."""
    how = Simulation(num_realizations=realizations, num_timesteps=TIMES, grid_size=SIZE, seed=seed, precision=precision)
    (rollout,) = simulate([plan], how)
    return rollout


def last(rollout: Rollout, count: int) -> Rollout:
    """Its last realizations."""
    return replace(
        rollout,
        states=rollout.states[-count:],
        **{name: getattr(rollout, name)[-count:] for name in ("diverged_at", "dead_at", "frozen_at")},
    )


def described(rollout: Rollout) -> np.ndarray:
    """One value a column."""
    found = extract_rollout(rollout)
    return torch.cat((found.per_timestep.nanmean(0), aggregate(found.per_trajectory).flatten())).double().numpy()


def settings(plan: SamplePlan, *, seed: int, seconds: dict[Precision, float]) -> dict[str, np.ndarray]:
    """One draw described in all settings; `seconds` grows by the processor seconds of its simulations."""
    runs: dict[str, Rollout] = {}
    precisions: tuple[Precision, ...] = ("float32", "bfloat16")
    for precision in precisions:
        start = time.process_time()
        runs[precision] = simulated(plan, seed=seed, realizations=REALIZATIONS, precision=precision)
        seconds[precision] += time.process_time() - start
    runs["noise"] = last(simulated(plan, seed=seed, realizations=2 * REALIZATIONS), REALIZATIONS)
    rounded = SYSTEMS[plan.system](precision="bfloat16").step_operator(plan.parameters)
    runs["step"] = replace(runs["float32"], step=rounded)
    return {name: described(run) for name, run in runs.items()}


def table(rows: list[dict[str, np.ndarray]]) -> dict[str, dict[str, Agreement]]:
    """Setting → column → how well it agrees with the reference."""
    by_setting = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    return {
        setting: {
            column: agreement(by_setting["float32"][:, place], by_setting[setting][:, place])
            for place, column in enumerate((*FRAME, *RUN))
        }
        for setting in SETTINGS
    }


def summary(found: Mapping[str, Mapping[str, Agreement]]) -> dict[str, dict[str, object]]:
    """Setting → kind of column → [exact enough, columns that vary]; and the lowest of those that noise does not move."""
    steady = {name for name in (*FRAME, *RUN) if found["noise"][name].is_stable}
    figures: dict[str, dict[str, object]] = {}
    for setting, columns in found.items():
        figures[setting] = {
            kind: [
                sum(columns[name].is_stable for name in names),
                sum(bool(np.isfinite(columns[name].correlation)) for name in names),
            ]
            for kind, names in KINDS.items()
        }
        off = sorted(
            (name for name in steady if np.isfinite(columns[name].correlation) and not columns[name].is_stable),
            key=lambda name: columns[name].correlation,
        )
        figures[setting]["off though noise leaves it"] = {
            name: [round(columns[name].correlation, 2), round(columns[name].distance, 2)] for name in off
        }
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", nargs="+", choices=list(WIDE), default=list(WIDE))
    parser.add_argument("--draws", type=int, default=64, help="of each system")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="JSON file for the table by column")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    chosen = parser.parse_args()
    if mistake := precision_mistake("bfloat16", device="cpu"):
        parser.error(mistake)
    torch.set_num_threads(1)
    keep_freed_memory()
    results: dict[str, dict[str, object]] = {}
    columns: dict[str, object] = {}
    for name in chosen.systems:
        plans = plan_samples(num_samples=chosen.draws, seed=chosen.seed, systems=[name], parameters=WIDE).plans
        seconds: dict[Precision, float] = {"float32": 0.0, "bfloat16": 0.0}
        found = table([settings(plan, seed=chosen.seed, seconds=seconds) for plan in plans])
        results[name] = {"bfloat16_over_float32": round(seconds["float32"] / seconds["bfloat16"], 2), **summary(found)}
        columns[name] = {setting: {c: one._asdict() for c, one in by.items()} for setting, by in found.items()}
        if not chosen.json:
            print(name, *(f"{key}: {value}" for key, value in results[name].items()), sep="\n    ", flush=True)
    if chosen.output:
        # A number that is not there is null: NaN is not JSON.
        chosen.output.write_text(json.dumps(columns, indent=1).replace("NaN", "null") + "\n", encoding="utf-8")
    if chosen.json:
        print(json.dumps({"draws": chosen.draws, "results": results}))


if __name__ == "__main__":
    main()
