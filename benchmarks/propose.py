"""How often runs with proposed parameters really show what was wanted, beside the share of the data set's runs that do.

    python benchmarks/propose.py pairs.h5 --tokenizer checkpoints/pairs --systems gray_scott lenia cnn fitzhugh_nagumo

Of each system some pairs of coarse tokens of two categories, drawn at random among all that 3 to 12 % of its runs showed, and eight
proposals for each; every proposal is run once, with a new initial condition and new noise.
"""

import argparse
import json
from itertools import combinations
from pathlib import Path

import numpy as np

from spinlock.core.seeds import stream
from spinlock.core.threads import one_thread
from spinlock.core.workers import InThisProcess
from spinlock.pipeline.propose import propose_from
from spinlock.pipeline.question_runs import Runs, load_runs

RAREST, COMMONEST = 0.03, 0.12
RUNS_A_TARGET = 8


def targets(runs: Runs, system: str, count: int, seed: int) -> list[dict[str, int]]:
    """Pairs of coarse tokens that so many of a system's runs showed, drawn without putting back."""
    coarse = runs.coarse[runs.of_system(system).rows]
    found = []
    for one, other in combinations(range(coarse.shape[1]), 2):
        pairs, counts = np.unique(coarse[:, [one, other]], axis=0, return_counts=True)
        shares = counts / len(coarse)
        kept = pairs[(shares >= RAREST) & (shares <= COMMONEST) & (pairs >= 0).all(1)]
        names = runs.tokens.category_names
        found += [{names[one]: first, names[other]: second} for first, second in kept.tolist()]
    order = stream(seed, "targets", system).permutation(len(found))[:count]
    return [found[place] for place in order.tolist()]


@one_thread()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--systems", nargs="+", default=["gray_scott", "lenia", "cnn", "fitzhugh_nagumo"])
    parser.add_argument("--targets", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    runs = load_runs(given.dataset, given.tokenizer)
    rows = []
    for system in given.systems:
        found = []
        for want in targets(runs, system, given.targets, given.seed):
            asked = {"want": want, "system": system, "count": RUNS_A_TARGET, "seed": given.seed}
            answer = propose_from(runs, **asked, executor=InThisProcess())
            assert answer.simulated is not None
            predicted = float(np.mean([proposal.probability for proposal in answer.proposals]))
            found.append((answer.simulated.runs, answer.simulated.showed_it, answer.base_rate, predicted))
        num_runs, showed_it, bases, predicted = (np.array(column) for column in zip(*found, strict=True))
        success, base = showed_it.sum() / num_runs.sum(), bases.mean()
        row = {"system": system, "targets": len(found), "runs": int(num_runs.sum()), "showed_it": showed_it.tolist()}
        row |= {"success": float(success), "base": float(base), "times": float(success / base)}
        row |= {"predicted": float(predicted.mean()), "hit_at_least_once": int((showed_it > 0).sum())}
        rows.append(row)
        if not given.json:
            print(
                *(
                    f"{name} {value:.3f}" if isinstance(value, float) else f"{name} {value}"
                    for name, value in row.items()
                ),
                flush=True,
            )
    if given.json:
        print(json.dumps(rows))


if __name__ == "__main__":
    main()
