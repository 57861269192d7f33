"""`spinlock functors`."""

from pathlib import Path
from typing import Any

import click

from spinlock.cli.command import command
from spinlock.cli.options import ExistingFile, output_option, tokenizer_option


@command(
    examples="""spinlock functors datasets/pairs.h5
    spinlock functors datasets/pairs.h5 --tokenizer checkpoints/demo --output functors.csv""",
    reads_files=True,
)
@click.argument("dataset", metavar="PAIRS", type=ExistingFile())
@tokenizer_option(default="behaviour-1")
@click.option("--directions", type=int, default=8, show_default=True, metavar="N", help="Codes of the tokens.")
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Of the codes.")
@output_option(required=False, help="Also a token file, a row an operation at a base: .csv, .h5 or .parquet.")
def functors(*, dataset: Path, tokenizer: Path, directions: int, seed: int, output: Path | None) -> Any:
    """Say what the operations of `spinlock pairs` do to runs: as tokens, in words, and where it holds.

    An effect is the mean change over initial conditions, with the same noise in both runs. The figures say whether it is the same from other initial conditions (portability), whether two add up (additivity), and whether one is the same after the other (transfer).
    """
    from spinlock.cli.progress import progress
    from spinlock.pipeline.functors import functors as run

    with progress() as listener:
        return run(dataset, tokenizer, directions=directions, seed=seed, output=output, progress=listener)
