"""Draw the README's picture from a finished demo: one run of some systems over time, with its coarse tokens.

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
from spinlock.store.token_file import load_tokens

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


def main(run: Path, output: Path) -> None:
    """Draw the demo in `run` to a PNG file."""
    tokens = load_tokens(run / "tokens.csv")
    with open_dataset(run / "rollouts.h5") as dataset:
        samples = {system: [i for i, name in enumerate(dataset.systems) if name == system][1] for system in SYSTEMS}
        frames, titles = [], []
        for system, sample in samples.items():
            coarse = tokens.codes[tokens.ids.index(str(sample)), :, 0].tolist()
            frames.append(gallery_rollout(dataset, sample).frames)
            titles.append(f"{system.replace('_', ' ')}\n{' · '.join(map(str, coarse))}")
    drawn = io.BytesIO()
    with rc_context(STYLE):
        contact_sheet(frames, titles).savefig(drawn, format="png", dpi=144)
    picture = Image.open(drawn).convert("RGB")
    paper = Image.new("RGB", picture.size, picture.getpixel((0, 0)))
    left = ImageChops.difference(picture, paper).getbbox()[0]
    picture.crop((max(0, left - 20), 0, *picture.size)).save(output, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
