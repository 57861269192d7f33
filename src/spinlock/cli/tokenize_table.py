"""`spinlock tokenize`."""

from pathlib import Path
from typing import Any

import click

from spinlock.cli.command import command
from spinlock.cli.options import dataset_option, output_option, tokenizer_option
from spinlock.core.errors import UsageError

SUFFIXES = (".h5", ".hdf5", ".csv", ".parquet")


@command(
    examples="spinlock tokenize --tokenizer checkpoints/demo --dataset datasets/demo.h5 --output tokens.csv",
    reads_files=True,
)
@tokenizer_option
@dataset_option
@output_option(help="The token file: .h5, .csv or .parquet.")
@click.option(
    "--embedding",
    is_flag=True,
    help="Write beside the tokens where each sample lies among behaviours: at most 48 numbers.",
)
def tokenize(*, tokenizer: Path, dataset: Path, output: Path, embedding: bool) -> Any:
    """Write the tokens of a data set: one row a sample, one column a category and level."""
    from spinlock.cli.progress import progress

    if output.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--output must end in one of {', '.join(SUFFIXES)}; got '{output}'.")
    from spinlock.pipeline.tokenize_table import tokenize_table

    with progress() as listener:
        return tokenize_table(tokenizer, dataset, output, embedding=embedding, progress=listener)
