"""Whether changes along time are found where they are, and how often where there is none.

    python benchmarks/change_points.py --dataset corpus10k.h5
    python benchmarks/change_points.py --dataset films.h5 --states
    python benchmarks/change_points.py --dataset films.h5 --moved

A splice is the first part of a run and the second part of a run of another system, joined at a place chosen evenly between 3/8 and
5/8 of the run; the second's mean and standard deviation are those of the first at the joint. Without `--states` the features of
saved states are spliced (spatial mean, spatial deviation and gradient are scaled, what the others measure has no unit); with it
the states are, and their features computed. The detector is fitted to half of the rows, splices and false alarms are of the
other half, split by draw; mean of `--repeats` halves. With `--moved` a run goes on from its own state with one parameter, drawn by
chance, moved by half of its range, in the measure that it is sampled in.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from spinlock.dynamics.parameter_space import Parameter, Value
from spinlock.dynamics.systems import SYSTEMS
from spinlock.features.extract import extract_rollout, within_range
from spinlock.questions.changes import ChangeDetector
from spinlock.store.dataset import Dataset, open_dataset
from spinlock.training.split import split_by_group


def spliced_series(x: np.ndarray, names: tuple[str, ...], first: int, second: int, at: int) -> np.ndarray:
    """Features of two runs joined at a state, the second's mean and deviation set to the first's."""
    out = np.concatenate([x[first, :at], x[second, at:]])
    mean, deviation = names.index("spatial_mean"), names.index("spatial_std")
    scale = x[first, at, deviation] / max(x[second, at, deviation], 1e-6)
    out[at:, mean] = (x[second, at:, mean] - x[second, at, mean]) * scale + x[first, at, mean]
    for column in (deviation, names.index("gradient_magnitude")):
        out[at:, column] *= scale
    return out


def spliced_states(dataset: Dataset, first: int, second: int, at: int) -> np.ndarray | None:
    """Features of two films joined at a state; None where they have other channels or a film is constant or has diverged."""
    one, other = dataset.rollout(first), dataset.rollout(second)
    a, b = (rollout.states[:1] for rollout in (one, other))
    channels = min(a.shape[2], b.shape[2])
    a, b = a[:, :, :channels], b[:, :, :channels]
    here, there = a[:, at - 1], b[:, at]
    if not (torch.isfinite(a).all() and torch.isfinite(b).all() and here.std() > 1e-6 and there.std() > 1e-6):
        return None
    b = (b - there.mean()) / there.std() * here.std() + here.mean()
    states = torch.cat([a[:, :at], b[:, at:]], dim=1)
    never = (-1,)
    rollout = replace(
        one,
        states=states,
        channel_names=one.channel_names[:channels],
        diverged_at=never,
        dead_at=never,
        frozen_at=never,
        step=None,
    )
    return extract_rollout(within_range(rollout), per_trajectory=()).per_timestep.numpy()


def moved_parameter(dataset: Dataset, sample: int, at: int, noise: np.random.Generator) -> np.ndarray | None:
    """Features of a film that goes on from a state with one parameter moved by half of its range; None where it diverges."""
    one = dataset.rollout(sample)
    system = SYSTEMS[one.system]()
    specs = {spec.name: spec for spec in system.parameters if spec.kind in ("real", "log") and not spec.is_fixed}
    name = list(specs)[noise.integers(len(specs))]
    own = specs[name].interval(one.parameters[name])[0]
    parameters = one.parameters | {name: specs[name].value(own + 0.5 if own < 0.5 else own - 0.5)}
    states = one.states[:1]
    start = states[:, at - 1]
    if not torch.isfinite(start).all():
        return None
    columns = {spec.name: [_given(spec, parameters[spec.name])] for spec in system.parameters}
    with torch.no_grad():
        white = lambda: torch.from_numpy(noise.standard_normal(start.shape, dtype=np.float32))  # noqa: E731
        later = system.simulate(start, columns, num_timesteps=states.shape[1] - at + 1, white=white)
    both = torch.cat([states[:, :at], later[:, 1:]], dim=1)
    if not (torch.isfinite(both).all() and both.abs().max() < system.bound):
        return None
    never = (-1,)
    rollout = replace(one, states=both, diverged_at=never, dead_at=never, frozen_at=never, step=None)
    return extract_rollout(within_range(rollout), per_trajectory=()).per_timestep.numpy()


def _given(spec: Parameter, value: float | str) -> Value:
    """A parameter's own value of what a data set keeps."""
    if spec.kind == "choice":
        return {str(choice): choice for choice in spec.choices}[str(value)]
    return bool(value) if spec.kind == "boolean" else int(value) if spec.kind == "integer" else value


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--states", action="store_true")
    parser.add_argument("--moved", action="store_true")
    parser.add_argument("--rows", type=int, default=1600)
    parser.add_argument("--splices", type=int, default=240)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--window", type=int, default=16)
    parser.add_argument("--shrinkage", type=float, default=0.05)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, list[float]] = {name: [] for name in ("within 16", "within 8", "beyond", "chance 16", "alarms")}
    with open_dataset(arguments.dataset) as dataset:
        systems = np.array(dataset.systems)
        names = dataset.registry().with_scope("per_timestep").names
        for seed in range(arguments.repeats):
            noise = np.random.default_rng(seed)
            rows = noise.permutation(len(dataset))[: arguments.rows]
            x = dataset.array("per_timestep").take(np.sort(rows))
            rows = np.sort(rows)
            groups = [str(group) for group in dataset.groups[rows]]
            fit, _, test = (part.numpy() for part in split_by_group(groups, fractions=(0.5, 0.0, 0.5), seed=seed))
            detector = ChangeDetector.fit(
                torch.from_numpy(x[fit]),
                [groups[row] for row in fit],
                window=arguments.window,
                shrinkage=arguments.shrinkage,
                seed=seed,
            )
            alarms = detector.changes(torch.from_numpy(x[test]))
            found["alarms"].append(float(alarms.beyond[alarms.at >= 0].double().mean()))
            times = x.shape[1]
            splices, places = [], []
            while len(splices) < arguments.splices:
                one, other = noise.choice(test, 2, replace=False)
                at = int(noise.integers(times * 3 // 8, times * 5 // 8 + 1))
                if systems[rows[one]] == systems[rows[other]] or not np.isfinite(x[[one, other], -1]).any(axis=1).all():
                    continue
                if arguments.moved:
                    series = moved_parameter(dataset, int(rows[one]), at, noise)
                elif arguments.states:
                    series = spliced_states(dataset, int(rows[one]), int(rows[other]), at)
                else:
                    series = spliced_series(x, names, one, other, at)
                if series is not None:
                    splices.append(series)
                    places.append(at)
            changes = detector.changes(torch.from_numpy(np.stack(splices)).float())
            off = (changes.at - torch.tensor(places)).abs()
            grid = torch.arange(arguments.window, times - arguments.window + 1, 4)
            by_chance = (grid[None] - torch.tensor(places)[:, None]).abs() <= 16
            for name, value in (
                ("within 16", off <= 16),
                ("within 8", off <= 8),
                ("beyond", changes.beyond),
                ("chance 16", by_chance),
            ):
                found[name].append(float(value.double().mean()))
    print(", ".join(f"{name} {np.mean(values):.3f} ({np.std(values):.3f})" for name, values in found.items()))


if __name__ == "__main__":
    main()
