"""Draw the README's picture from a finished demo: one run of some systems over time, with two of its words in behaviour-1.

python scripts/draw_readme_picture.py runs/demo docs/images/words.png
"""

import io
import sys
from pathlib import Path

from matplotlib import rc_context
from PIL import Image, ImageChops

from spinlock.pipeline.gallery import gallery_rollout
from spinlock.plots.rollouts import contact_sheet
from spinlock.plots.theme import STYLE
from spinlock.store.dataset import open_dataset
from spinlock.training.estimator import Tokenizer

SYSTEMS = (
    "gray_scott",
    "swift_hohenberg",
    "kuramoto_sivashinsky",
    "complex_ginzburg_landau",
    "navier_stokes_decaying",
    "cahn_hilliard",
    "cnn",
    "u_afno",
    "life_like_automaton",
    "lenia",
)
"""Systems of which the second sample is drawn."""
CATEGORIES = ("temporal", "invariant_drift")
"""Whose words are told."""


def main(run: Path, output: Path) -> None:
    """Draw the demo in `run` to a PNG file."""
    tokenizer = Tokenizer.from_pretrained("behaviour-1")
    said_of = {(word.category, word.token): word.title for word in tokenizer.definitions()}
    with open_dataset(run / "rollouts.h5") as dataset:
        tokens = tokenizer.encode(dataset.view())
        shown = [tokens.category_names.index(category) for category in CATEGORIES]
        samples = {system: [i for i, name in enumerate(dataset.systems) if name == system][1] for system in SYSTEMS}
        frames, titles = [], []
        for system, sample in samples.items():
            coarse = tokens.codes[tokens.ids.index(str(sample)), :, 0].tolist()
            said = [said_of[tokens.category_names[place], coarse[place]] for place in shown if coarse[place] >= 0]
            frames.append(gallery_rollout(dataset, sample).frames)
            titles.append("\n".join([system.replace("_", " "), *", ".join(said).split(", ")]))
    drawn = io.BytesIO()
    with rc_context(STYLE):
        contact_sheet(frames, titles).savefig(drawn, format="png", dpi=144)
    picture = Image.open(drawn).convert("RGB")
    paper = Image.new("RGB", picture.size, picture.getpixel((0, 0)))
    left = ImageChops.difference(picture, paper).getbbox()[0]
    picture.crop((max(0, left - 20), 0, *picture.size)).save(output, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
