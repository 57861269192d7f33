"""Parameters that will show a behaviour: propose some, run them, and count how many did.

python examples/propose.py [picture.png]
"""

import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import spinlock
from spinlock.config import GenerateConfig, load_config
from spinlock.config.load import shipped_config
from spinlock.pipeline.generate import generate
from spinlock.store.dataset import open_dataset

SETTINGS = ("systems=[gray_scott]", "num_samples=64", "num_timesteps=64", "grid_size=32", "num_realizations=1")
CATEGORY = "nonlinear"


def main(picture: Path) -> None:
    """Choose a word that few runs have, propose parameters for it, simulate them, draw the plane of two parameters."""
    tokenizer = spinlock.Tokenizer.from_pretrained("behaviour-1")
    with tempfile.TemporaryDirectory() as folder:
        place = {"--output": ("output_path", str(Path(folder) / "rollouts.h5"))}
        tiny = shipped_config("generate/tiny.yaml")
        dataset = generate(load_config(tiny, GenerateConfig, overrides=SETTINGS, options=place))
        with open_dataset(dataset) as opened:
            tokens = tokenizer.encode(opened.view())
            runs = [opened.parameters.of_sample(row) for row in range(len(tokens))]
        coarse = tokens.codes[:, tokens.category_names.index(CATEGORY), 0].numpy()
        counts = np.bincount(coarse, minlength=16)
        token = int(np.argmin(np.where(counts >= 4, counts, len(coarse))))
        found = spinlock.propose(dataset, "behaviour-1", want={CATEGORY: token}, system="gray_scott", simulate=True)

    word = next(w for w in tokenizer.definitions() if (w.category, w.token) == (CATEGORY, token))
    print(f"wanted: {CATEGORY} {token}, typically {word.title}")
    print(f"seen in {found.seen} of {found.runs} runs; proposed, simulated once each:")
    for one in found.proposals:
        numbers = ", ".join(f"{name} {one.parameters[name]:.4f}" for name in ("feed", "kill_position"))
        print(f"  {numbers}: chance {one.probability:.2f}, {'showed it' if one.showed_it else 'did not'}")
    print(
        f"{found.simulated.showed_it} of {found.simulated.runs} showed it: {found.simulated.success_rate:.2f}, base rate {found.base_rate:.2f}"
    )

    figure, axis = plt.subplots(figsize=(5.5, 4.5), layout="constrained")
    plane = np.array([[run["feed"], run["kill_position"]] for run in runs])
    axis.scatter(*plane[coarse != token].T, c="#b9c2cb", label="other runs")
    axis.scatter(*plane[coarse == token].T, c="#0a6c96", label="runs with the word")
    wanted = np.array([[one.parameters["feed"], one.parameters["kill_position"]] for one in found.proposals])
    axis.scatter(*wanted.T, c="#b3500f", marker="x", label="proposed")
    axis.set(xlabel="feed", ylabel="kill position", title=word.title)
    axis.legend()
    figure.savefig(picture, metadata={"Software": None})


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "propose.png"))
