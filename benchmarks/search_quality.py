"""Whether `spinlock search` finds runs of the same system, and whether a subset covers all systems.

    python benchmarks/search_quality.py --dataset pairs.h5 --tokenizer checkpoints/pairs

Search: of the ten nearest draws of the training and validation rows, the share that are of the system of a test row, over all
test rows; beside it the same by columns of means as normal scores. Subsets: 50 of 1000 rows by chance, ten times; and of 5
systems with 125 rows each and all others with 4.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

import spinlock
from spinlock.core.feature_table import FeatureTable
from spinlock.core.views import in_memory
from spinlock.pipeline.conditions import load_facts
from spinlock.pipeline.tables import load_table
from spinlock.questions.search import BehaviourIndex
from spinlock.vqvae.column_transform import ColumnTransform


def same_system_in_ten(rows: torch.Tensor, table: FeatureTable, systems: np.ndarray, is_test: torch.Tensor) -> float:
    """Mean share of the ten nearest draws that are of a test row's system."""
    index = BehaviourIndex(rows, table.groups)
    queries = is_test.nonzero().squeeze(1).tolist()
    hits = [index.like(rows[row], allowed=~is_test).rows.numpy() for row in queries]
    return float(np.mean([systems[found] == systems[row] for found, row in zip(hits, queries, strict=True)]))


def normal_scores(table: FeatureTable, is_test: torch.Tensor) -> torch.Tensor:
    """Columns of single runs as normal scores of the rows that are searched, 0 where missing."""
    columns = torch.tensor([spec.is_of_a_run for spec in table.registry.specs])
    values, mask = table.values[:, columns], table.mask[:, columns]
    z, present = ColumnTransform.fit(values[~is_test], mask[~is_test], warp="rank_gauss")(values, mask)
    return torch.where(present > 0, z.clamp(-3, 3), 0.0).float()


def covered(rows: torch.Tensor, systems: np.ndarray, pools: list[np.ndarray]) -> dict[str, float]:
    """Systems among 50 rows of a pool, mean over pools, by kind of subset and by chance."""
    noise = np.random.default_rng(1)
    counts: dict[str, list[int]] = {"typical": [], "rare": [], "chance": []}
    for pool in pools:
        index = BehaviourIndex(rows[pool])
        chosen = {"typical": index.subset(50).rows, "rare": index.subset(50, rare=True).rows}
        chosen["chance"] = torch.from_numpy(noise.permutation(len(pool))[:50])
        for kind, members in chosen.items():
            counts[kind].append(len(np.unique(systems[pool][members.numpy()])))
    return {kind: float(np.mean(found)) for kind, found in counts.items()}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tokenizer = spinlock.Tokenizer.from_pretrained(arguments.tokenizer)
    table = in_memory(load_table(arguments.dataset).table)
    systems = np.array(load_facts(arguments.dataset, table.ids).words["system"])
    test = set(tokenizer.record_.splits["test"])
    is_test = torch.tensor([name in test for name in table.ids])
    rows = tokenizer.embed(table)
    print(f"same system in ten, {int(is_test.sum())} test rows among {int((~is_test).sum())}:")
    print(f"  embedding {same_system_in_ten(rows, table, systems, is_test):.3f}")
    print(f"  columns   {same_system_in_ten(normal_scores(table, is_test), table, systems, is_test):.3f}", flush=True)
    noise = np.random.default_rng(0)
    of = {name: np.flatnonzero(systems == name) for name in np.unique(systems)}
    balanced = [noise.permutation(len(systems))[:1000] for _ in range(10)]
    uneven = []
    for _ in range(10):
        common = set(noise.permutation(list(of))[:5])
        parts = [noise.permutation(own)[: 125 if name in common else 4] for name, own in of.items()]
        uneven.append(np.concatenate(parts))
    print(f"systems of {len(of)} among 50 rows:")
    for name, pools in (("1000 rows by chance", balanced), ("5 common systems", uneven)):
        found = covered(rows, systems, pools)
        print(f"  {name}: " + ", ".join(f"{kind} {count:.1f}" for kind, count in found.items()), flush=True)


if __name__ == "__main__":
    main()
