"""What of an operation's effect is the same from other initial conditions, adds up, and holds after another operation.

    spinlock pairs --config configs/generate/tiny.yaml -o systems=[gray_scott,…] --operations "gray_scott.feed+0.3 …" --output pairs.h5
    python benchmarks/functors.py pairs.h5 --tokenizer behaviour-1 --pictures pictures

The figures of `spinlock functors` for halves of one, two, … initial conditions, for several numbers of directions, and how often
changes that cancel in the mean (each turned about its mean by a random sign) pass the noise floor. `--pictures` simulates the nearest
pairs of effects again, of different operations at different bases, and draws each as base run and operated run.
"""

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from matplotlib import pyplot

import spinlock
from spinlock.dynamics.rollout import simulate
from spinlock.pipeline.functors import Pairing, changes_of, load_pairing
from spinlock.pipeline.question_runs import stored_config
from spinlock.pipeline.recipe import plan_of
from spinlock.pipeline.tokenizers import load_rows
from spinlock.questions.functors import Changes, agreements, effects, has_effect
from spinlock.store.dataset import open_dataset

DIRECTIONS = (6, 8, 12, 16)
FRAMES = 6
"""Of each run in a picture."""


def figures(changes: Changes) -> list[dict[str, object]]:
    """All agreements, by the initial conditions in each half and by the number of directions."""
    rows = []
    for num_initial in range(1, changes.values.shape[1] // 2 + 1):
        some = replace(changes, values=changes.values[:, : 2 * num_initial])
        for num_directions in DIRECTIONS:
            found = agreements(some, num_directions=num_directions)
            rows += [{"initial": num_initial, "directions": num_directions} | asdict(one) for one in found]
    return rows


def false_effects(changes: Changes, noise: np.random.Generator, repeats: int = 50) -> float:
    """Share of effects above the floor where there is none: what differs between initial conditions, by random signs."""
    count = changes.values.shape[1]
    away = (changes.values - effects(changes.values)[:, None]) * np.sqrt(count / (count - 1))
    signs = noise.choice([-1.0, 1.0], size=(repeats, *away.shape[:2], 1))
    moving = np.square(away).sum((1, 2)) > 0
    return float(np.mean([has_effect(away * sign)[moving].mean() for sign in signs]))


def nearest(changes: Changes, most: int) -> list[tuple[int, int, float]]:
    """Pairs of effects of different operations at different bases with the largest cosine, each base once."""
    found = effects(changes.values)
    is_one = has_effect(changes.values)
    units = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
    cosines = np.nan_to_num(units @ units.T, nan=-1.0)
    kinds = np.array([f"{s} {o}" for s, o in zip(changes.systems, changes.operations, strict=True)])
    bases = np.array(changes.bases)
    cosines[(kinds[:, None] == kinds) | (bases[:, None] == bases) | ~is_one[:, None] | ~is_one] = -1
    pairs = []
    while len(pairs) < most:
        one, other = np.unravel_index(cosines.argmax(), cosines.shape)
        pairs.append((int(one), int(other), float(cosines[one, other])))
        used = np.isin(bases, bases[[one, other]])
        cosines[used] = cosines[:, used] = -1
    return pairs


def draw(path: Path, pairing: Pairing, pairs: list[tuple[int, int, float]], folder: Path) -> None:
    """One picture a pair: two effects, each as base run above operated run, from the first initial condition."""
    with open_dataset(path) as dataset:
        config = stored_config(dataset)
    assert config is not None
    plan = plan_of(config)
    folder.mkdir(parents=True, exist_ok=True)
    for number, (one, other, cosine) in enumerate(pairs):
        chosen = [rows[effect, 0] for effect in (one, other) for rows in (pairing.base, pairing.operated)]
        runs = list(simulate([plan.plans[row] for row in chosen], config, spaces=plan.spaces))
        figure, axes = pyplot.subplots(4, FRAMES, figsize=(1.5 * FRAMES, 6.6))
        for line, run in enumerate(runs):
            states = run.states[0, :, 0].numpy()
            partner = runs[line ^ 1].states[0, :, 0].numpy()
            low, high = min(states.min(), partner.min()), max(states.max(), partner.max())
            times = np.linspace(0, len(states) - 1, FRAMES).astype(int)
            for axis, time in zip(axes[line], times, strict=True):
                axis.imshow(states[time], vmin=low, vmax=high, cmap="viridis")
                axis.set_xticks([])
                axis.set_yticks([])
            effect = (one, other)[line // 2]
            name = (
                f"{pairing.systems[effect]}: {pairing.operations[effect]}" if line % 2 else f"{pairing.systems[effect]}"
            )
            axes[line, 0].set_title(name, loc="left", fontsize=8)
        figure.suptitle(f"cosine {cosine:.2f}", fontsize=9)
        figure.savefig(folder / f"pair_{number}.png", dpi=80, bbox_inches="tight")
        pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--tokenizer", default="behaviour-1")
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--most", type=int, default=6, help="pictures")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    fitted = spinlock.Tokenizer.from_pretrained(given.tokenizer)
    view = load_rows(given.pairs, fitted.record_).table
    pairing = load_pairing(given.pairs, view)
    changes = changes_of(pairing, fitted.embed(view).double().numpy())
    rows = figures(changes)
    told = {"effects": len(changes), "with_effect": float(has_effect(changes.values).mean())}
    told |= {"false_effects": false_effects(changes, np.random.default_rng(0))}
    if given.json:
        print(json.dumps(told | {"figures": rows}))
    else:
        print(told)
        for row in rows:
            print("  ".join(f"{value:.3f}" if isinstance(value, float) else f"{value!s:>4}" for value in row.values()))
    if given.pictures is not None:
        draw(given.pairs, pairing, nearest(changes, given.most), given.pictures)


if __name__ == "__main__":
    main()
