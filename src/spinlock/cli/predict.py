"""`spinlock predict`."""

from pathlib import Path
from typing import Any

import click

from spinlock.cli.command import command
from spinlock.cli.options import ExistingFile, tokenizer_option


@command(examples="spinlock predict datasets/demo.h5 --tokenizer checkpoints/demo", reads_files=True)
@click.argument("dataset", metavar="DATASET", type=ExistingFile())
@tokenizer_option(default="behaviour-1")
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Of the forest.")
def predict(*, dataset: Path, tokenizer: Path, seed: int) -> Any:
    """Predict coarse tokens from parameters, system and kind of initial condition; say how well, on draws that were held out.

    Bits are what a token still costs: with the prediction, where only the system is known, and where nothing is. Samples of one draw agree in so many cases; nobody who knows the draw alone is right more often than at_most.
    """
    from spinlock.cli.progress import progress
    from spinlock.pipeline.predict import predict as run

    with progress() as listener:
        return run(dataset, tokenizer, seed=seed, progress=listener).figures
