"""Whether `spinlock search` finds runs that behave alike, and whether a subset covers all systems.

    python benchmarks/search_quality.py --dataset pairs.h5 --tokenizer checkpoints/pairs
    python benchmarks/search_quality.py --dataset corpus10k.h5 --tokenizer checkpoints/pairs --rows 3000 --catch22

Search: of the ten nearest draws of the rows that are searched, the share that are of the system of a test row, and the share that
also lie in its octant: on the same side of the median in the three parameters of its system that behaviour tells best (out-of-bag
R² of a random forest on the searched rows alone). Test rows are the tokenizer's own, or of another data set 30 % of
`--rows` rows by draw. Compared: the embedding, columns as normal scores, columns decoded from tokens, tokens by how many differ,
and catch22 of eight series. Subsets: 50 of 1000 rows by chance, ten times; and of 5 systems with 125 rows each and
all others with 4.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from scipy.stats import norm, rankdata
from sklearn.ensemble import RandomForestRegressor

import spinlock
from spinlock.core.feature_table import FeatureTable
from spinlock.core.views import in_memory
from spinlock.pipeline.conditions import load_facts
from spinlock.pipeline.tables import load_table
from spinlock.questions.search import BehaviourIndex
from spinlock.store.dataset import open_dataset
from spinlock.training.split import split_by_group
from spinlock.vqvae.column_transform import ColumnTransform

CATCH22 = (
    "spatial_mean", "spatial_std", "spatial_skewness", "gradient_magnitude",
    "correlation_length_x", "spectral_centroid", "spectral_entropy", "dominant_share",
)  # fmt: skip
"""Features of saved states whose series catch22 describes."""


def nearest_ten(rows: torch.Tensor, table: FeatureTable, is_test: torch.Tensor) -> list[np.ndarray]:
    """Of each test row the ten nearest draws among the others, by rows in a Euclidean space."""
    index = BehaviourIndex(rows, table.groups)
    return [index.like(rows[row], allowed=~is_test).rows.numpy() for row in is_test.nonzero().squeeze(1).tolist()]


def fewest_differing(tokens: spinlock.TokenTable, is_test: torch.Tensor) -> list[np.ndarray]:
    """The same by Hamming distance of all tokens, of equals one by chance; each draw by its nearest row."""
    codes, searched = tokens.codes.flatten(1), (~is_test).nonzero().squeeze(1).numpy()
    noise, found = np.random.default_rng(0), []
    for row in is_test.nonzero().squeeze(1).tolist():
        apart = (codes[searched] != codes[row]).sum(dim=1).numpy()
        order = searched[np.lexsort((noise.random(len(searched)), apart))]
        draws: dict[str, int] = {}
        for hit in order[:60]:
            draws.setdefault(tokens.groups[hit], hit)
        found.append(np.array(list(draws.values())[:10]))
    return found


def octants(dataset: Path, table: FeatureTable, systems: np.ndarray, is_test: torch.Tensor) -> np.ndarray:
    """Of each row a number for its system and which side of three medians it is on."""
    columns = normal_scores(table, is_test).numpy()
    with open_dataset(dataset) as opened:
        place = {name: sample for sample, name in enumerate(opened.view().ids)}
        parameters, samples = opened.parameters, [place[name] for name in table.ids]
        values = parameters.values[samples]
    found = np.zeros(len(table), dtype=np.int64)
    for number, name in enumerate(np.unique(systems)):
        own = systems == name
        searched = own & ~is_test.numpy()
        told = {}
        for column, spec in enumerate(parameters.columns):
            x = values[searched, column]
            if spec.choices or not np.isfinite(x).all() or len(np.unique(x)) < 8:
                continue
            forest = RandomForestRegressor(100, oob_score=True, max_features=0.3, random_state=0)
            told[column] = forest.fit(columns[searched], rankdata(x)).oob_score_
        best = sorted(told, key=told.__getitem__, reverse=True)[:3]
        sides = [values[own, column] > np.median(values[searched, column]) for column in best]
        found[own] = 8 * number + sum(side.astype(int) << bit for bit, side in enumerate(sides))
    return found


def catch22_scores(dataset: Path, table: FeatureTable, is_test: torch.Tensor) -> torch.Tensor:
    """22 numbers of each of eight series of a run, as normal scores of the searched rows, 0 where missing."""
    import pycatch22  # noqa: PLC0415 nothing else needs it, and its licence keeps it out of what spinlock installs

    with open_dataset(dataset) as opened:
        place = {name: sample for sample, name in enumerate(opened.view().ids)}
        names = opened.registry().with_scope("per_timestep").names
        wanted = [names.index(name) for name in CATCH22]
        series = opened.array("per_timestep").take(np.array([place[name] for name in table.ids]))[:, :, wanted]
    rows = np.full((len(table), 22 * len(CATCH22)), np.nan)
    for row, run in enumerate(series):
        for place, values in enumerate(run.T.astype(float)):
            if np.isfinite(values).all() and values.std() > 0:
                rows[row, 22 * place : 22 * place + 22] = pycatch22.catch22_all(values.tolist())["values"]
    scores = np.zeros_like(rows)
    for column, values in enumerate(rows.T):
        known = np.sort(values[~is_test.numpy() & np.isfinite(values)])
        if len(known):
            rank = (np.searchsorted(known, values, "left") + np.searchsorted(known, values, "right")) / (2 * len(known))
            own = norm.ppf(rank.clip(0.5 / len(known), 1 - 0.5 / len(known)))
            scores[:, column] = np.where(np.isfinite(values), own, 0.0)
    return torch.from_numpy(scores.clip(-3, 3)).float()


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
    parser.add_argument("--rows", type=int, help="rows of a data set that the tokenizer was not fitted to")
    parser.add_argument("--catch22", action="store_true", help="with pycatch22, too")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tokenizer = spinlock.Tokenizer.from_pretrained(arguments.tokenizer)
    table = in_memory(load_table(arguments.dataset).table)
    if arguments.rows:
        table = table.rows(np.sort(np.random.default_rng(0).permutation(len(table))[: arguments.rows]))
        is_test = torch.zeros(len(table), dtype=torch.bool)
        is_test[split_by_group(table.groups, fractions=(0.7, 0.0, 0.3), seed=0).test] = True
    else:
        test = set(tokenizer.record_.splits["test"])
        is_test = torch.tensor([name in test for name in table.ids])
    systems = np.array(load_facts(arguments.dataset, table.ids).words["system"])
    rows = tokenizer.embed(table)
    tokens = tokenizer.encode(table)
    octant = octants(arguments.dataset, table, systems, is_test)
    queries = is_test.nonzero().squeeze(1).numpy()
    counts = np.bincount(octant[~is_test.numpy()], minlength=octant.max() + 1)
    most = np.minimum(counts[octant[queries]], 10).mean() / 10
    print(
        f"in ten, {len(queries)} test rows among {int((~is_test).sum())}; in the octant at most {most:.3f}:", flush=True
    )

    def told(name: str, found: list[np.ndarray]) -> None:
        same = [
            np.mean([(label[hits] == label[row]).mean() for hits, row in zip(found, queries, strict=True)])
            for label in (systems, octant)
        ]
        print(f"  {name:<10} system {same[0]:.3f}, and octant {same[1]:.3f}", flush=True)

    told("embedding", nearest_ten(rows, table, is_test))
    told("columns", nearest_ten(normal_scores(table, is_test), table, is_test))
    told("decoded", nearest_ten(normal_scores(tokenizer.decode(tokens), is_test), table, is_test))
    told("tokens", fewest_differing(tokens, is_test))
    if arguments.catch22:
        told("catch22", nearest_ten(catch22_scores(arguments.dataset, table, is_test), table, is_test))
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
