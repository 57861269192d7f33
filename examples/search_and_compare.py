"""Find runs that behave like one, and say what differs between two sets of runs.

python examples/search_and_compare.py [picture.png]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import spinlock

SYSTEMS = ("gray_scott", "swift_hohenberg", "wave", "burgers", "life_like_automaton", "navier_stokes_decaying")
QUERY = "swift_hohenberg 3"


def main(picture: Path) -> None:
    """Search in the embedding, compare by columns, draw the hits."""
    rollouts = spinlock.datasets.load_demo(72, systems=SYSTEMS, num_realizations=1)
    table = spinlock.extract_features(rollouts)
    tokenizer = spinlock.Tokenizer.from_pretrained("behaviour-1")

    index = spinlock.BehaviourIndex(tokenizer.embed(table), table.groups)
    query = table.ids.index(QUERY)
    hits = index.like(index.embedding[query], num_hits=5, but=table.groups[query])  # of other draws of parameters
    print(f"like {QUERY}:")
    for row, distance in zip(hits.rows.tolist(), hits.values.tolist(), strict=True):
        print(f"  {distance:6.2f}  {table.ids[row]}")

    system = np.array(table.facts["system"])
    sides = {name: table.rows(system == name) for name in ("wave", "burgers")}
    found = spinlock.compare(*sides.values(), tokenizer=tokenizer)
    print(f"\nwave and burgers, the whole: p = {found.energy.p:.3f}")
    for difference in found.differences[:5]:
        print(f"  {difference.sentence(*sides)}")

    shown = [query, *hits.rows.tolist()]
    figure, axes = plt.subplots(1, len(shown), figsize=(11, 2.2), layout="constrained")
    for axis, row in zip(axes, shown, strict=True):
        axis.imshow(rollouts[row].states[0, -1, 0].numpy(), cmap="cividis")
        axis.set(title=table.ids[row].replace("_", " "), xticks=[], yticks=[])
        axis.title.set_fontsize(8)
    figure.savefig(picture, metadata={"Software": None})


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "search_and_compare.png"))
