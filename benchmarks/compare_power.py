"""How often `spinlock compare` finds something where nothing differs, and where a parameter does.

    python benchmarks/compare_power.py --pairs pairs.h5 --pool pool.h5 --tokenizer checkpoints/pairs

Null splits: the draws of one system into halves by chance, with all rows of each. Shifts: of the numeric parameters that PARAMETERS
names, two windows as wide as .6 of the parameter's range (in ranks), one moved by a share of the range, and 60 other draws from
each. `--pool` has 320 draws of each of the three systems, `--pairs` draws of two initial conditions.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

import spinlock
from spinlock.core.feature_table import FeatureTable
from spinlock.core.views import in_memory, numbered
from spinlock.pipeline.tables import load_table
from spinlock.questions.column_differences import different_columns
from spinlock.questions.draws import draw_means
from spinlock.questions.energy import energy_test
from spinlock.store.dataset import open_dataset

PARAMETERS = {
    "cnn": ("alpha", "gain", "inhibition", "asymmetry", "noise_scale"),
    "gray_scott": ("feed", "kill_position", "diffusion_u", "diffusion_ratio", "noise_scale"),
    "lenia": ("radius", "center", "tolerance", "rate", "noise_scale"),
}
WIDTH, NUM_DRAWS = 0.6, 60


class Rows:
    """A data set in memory: columns of single runs, embeddings, and of every draw its system and parameters."""

    def __init__(self, path: Path, tokenizer: spinlock.Tokenizer) -> None:
        table: FeatureTable = in_memory(load_table(path).table)
        columns = torch.tensor([spec.is_of_a_run for spec in table.registry.specs])
        self.draws = numbered(table.groups)
        self.means = draw_means(table.values[:, columns], table.groups)
        self.embedding = tokenizer.embed(table)
        with open_dataset(path) as dataset:
            place = {name: row for row, name in enumerate(dataset.view().ids)}
            rows = [place[name] for name in table.ids]
            first = {draw: row for draw, row in zip(reversed(self.draws.tolist()), reversed(rows), strict=True)}
            order = [first[draw] for draw in range(len(self.means))]
            self.systems = np.array(dataset.systems)[order]
            self.values = dataset.parameters.values[order]
            self.names = [column.name for column in dataset.parameter_columns]

    def found(self, one: np.ndarray, other: np.ndarray) -> tuple[int, bool]:
        """How many columns tell two sets of draws apart, and whether the whole does at 5 %."""
        _, columns = different_columns(self.means[one], self.means[other])
        number = np.full(len(self.means), -1)
        number[np.concatenate([one, other])] = np.arange(len(one) + len(other))
        own = torch.from_numpy(number)[self.draws]
        is_first = torch.arange(len(one) + len(other)) < len(one)
        test = energy_test(self.embedding[own >= 0], own[own >= 0], is_first)
        return len(columns.columns), test.p <= 0.05


def nulls(rows: Rows, noise: np.random.Generator, repeats: int) -> None:
    """Halves of the draws of each system, at most 60 a side."""
    found = []
    for system in np.unique(rows.systems):
        draws = np.flatnonzero(rows.systems == system)
        for _ in range(repeats):
            order = noise.permutation(draws)
            half = min(NUM_DRAWS, len(draws) // 2)
            found.append(rows.found(order[:half], order[half : 2 * half]))
    columns, whole = (np.array(part) for part in zip(*found, strict=True))
    print(
        f"  {len(found)} null splits: {np.mean(columns > 0):.3f} with any column, whole at p <= .05 {whole.mean():.3f}",
        flush=True,
    )


def shifts(rows: Rows, noise: np.random.Generator, repeats: int) -> None:
    """Windows of a parameter moved by a share of its range."""
    for shift in (0.1, 0.2, 0.3, 0.4):
        found, by_parameter = [], {}
        for system, names in PARAMETERS.items():
            draws = np.flatnonzero(rows.systems == system)
            for name in names:
                values = rows.values[draws, rows.names.index(f"{system}.{name}")]
                rank = values.argsort().argsort() / (len(draws) - 1)
                low = (1 - WIDTH - shift) / 2
                here = []
                for _ in range(repeats):
                    one = noise.permutation(draws[(rank >= low) & (rank <= low + WIDTH)])[:NUM_DRAWS]
                    window = draws[(rank >= low + shift) & (rank <= low + shift + WIDTH)]
                    other = noise.permutation(np.setdiff1d(window, one))[:NUM_DRAWS]
                    here.append(rows.found(one, other))
                found += here
                by_parameter[f"{system}.{name}"] = np.mean([columns > 0 for columns, _ in here])
        columns, whole = (np.array(part) for part in zip(*found, strict=True))
        print(
            f"  shift {shift}: {np.mean(columns > 0):.3f} with any column, {columns.mean():.1f} columns, whole "
            f"{whole.mean():.3f} (n {len(found)}); "
            + ", ".join(f"{name} {rate:.2f}" for name, rate in by_parameter.items()),
            flush=True,
        )


def main() -> None:
    """Print the rates."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name in ("pairs", "pool", "tokenizer"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=12)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tokenizer = spinlock.Tokenizer.from_pretrained(arguments.tokenizer)
    noise = np.random.default_rng(0)
    pairs, pool = (Rows(path, tokenizer) for path in (arguments.pairs, arguments.pool))
    for name, rows, times in (("pairs", pairs, 1), ("pool", pool, 8)):
        print(name)
        nulls(rows, noise, times * arguments.repeats)
    shifts(pool, noise, arguments.repeats)


if __name__ == "__main__":
    main()
