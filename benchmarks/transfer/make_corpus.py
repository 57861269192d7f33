"""Solves every family for many draws of its parameters; films as in `films.py`, and the parameters, in one HDF5 file.

python benchmarks/transfer/make_corpus.py --output runs/transfer/equations.h5 --draws 80
"""

import argparse
import inspect
import os
from pathlib import Path

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import equations  # noqa: E402
import exponax  # noqa: E402
import h5py  # noqa: E402
import jax  # noqa: E402
import numpy as np  # noqa: E402
from equations import CELLS, FAMILIES, STEPS, SUBSTEPS, Family  # noqa: E402
from films import joined, named  # noqa: E402

BATCH = 20


def draw_parameters(family: Family, draws: int, chance: np.random.Generator) -> dict[str, np.ndarray]:
    """Independent draws of every parameter."""
    found = {}
    for name, (low, high) in family.ranges.items():
        share = chance.uniform(size=draws)
        found[name] = low * (high / low) ** share if name in family.log else low + (high - low) * share
    return found


def first_frames(draws: int, chance: np.random.Generator) -> np.ndarray:
    """Random fields (draw, height, width) with waves 1 to 5 along each axis, zero mean and unit variance."""
    waves = np.fft.fftfreq(CELLS, 1 / CELLS)
    near = np.maximum(np.abs(waves)[:, None], np.abs(waves)[None, :])
    noise = np.fft.fft2(chance.normal(size=(draws, CELLS, CELLS))) * ((near > 0) & (near <= 5))
    fields = np.fft.ifft2(noise).real
    return fields / fields.std(axis=(1, 2), keepdims=True)


def solve(family: Family, parameters: dict[str, np.ndarray], frames: np.ndarray) -> np.ndarray:
    """States (draw, time, height, width) of the channel that is seen."""

    def run(drawn: dict[str, jax.Array], frame: jax.Array) -> jax.Array:
        stepper = family.stepper(CELLS, family.dt / SUBSTEPS, drawn)
        saved = exponax.rollout(exponax.RepeatedStepper(stepper, SUBSTEPS), STEPS - 1, include_init=True)
        return saved(frame)[:, 0]

    start = np.zeros((len(frames), family.channels, CELLS, CELLS), dtype=np.float32)
    start[:, 0] = family.scale * frames
    solved = jax.jit(jax.vmap(run))
    parts = [
        np.asarray(solved({name: values[i : i + BATCH] for name, values in parameters.items()}, start[i : i + BATCH]))
        for i in range(0, len(frames), BATCH)
    ]
    return np.concatenate(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("runs/transfer/equations.h5"))
    parser.add_argument("--draws", type=int, default=80, help="draws of each family; a multiple of 20")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = np.random.default_rng(arguments.seed)
    parts, drawn = [], {}
    for name, family in FAMILIES.items():
        drawn[name] = draw_parameters(family, arguments.draws, chance)
        solved = solve(family, drawn[name], first_frames(arguments.draws, chance))
        if not np.isfinite(solved).all():
            raise SystemExit(f"{name}: {int((~np.isfinite(solved)).any(axis=(1, 2, 3)).sum())} draws blew up")
        parts.append(named(solved, name, films=1))
        growth = solved[:, -1].std(axis=(1, 2)) / solved[:, 0].std(axis=(1, 2))
        print(f"{name}: standard deviation at the end over that at the start {np.percentile(growth, [0, 50, 100])}")
    joined(parts).save(arguments.output, source=str(inspect.getdoc(equations)))
    with h5py.File(arguments.output, "a") as file:
        for name, parameters in drawn.items():
            for parameter, values in parameters.items():
                file[f"parameters/{name}/{parameter}"] = values
                file[f"parameters/{name}/{parameter}"].attrs["log"] = parameter in FAMILIES[name].log


if __name__ == "__main__":
    main()
