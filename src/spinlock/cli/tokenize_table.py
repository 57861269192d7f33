"""`spinlock tokenize`."""

from pathlib import Path
from typing import Any

import click

from spinlock.cli.command import command
from spinlock.cli.import_options import dataset_of, import_options
from spinlock.cli.options import ExistingFile, output_option, tokenizer_option
from spinlock.core.errors import UsageError

SUFFIXES = (".h5", ".hdf5", ".csv", ".parquet")


@command(
    examples="""spinlock tokenize --input my_runs.nc --output tokens.csv
    spinlock tokenize --input rollouts.npy --axes ntchw --dt 0.1 --output tokens.csv
    spinlock tokenize --tokenizer checkpoints/demo --dataset datasets/demo.h5 --output tokens.csv""",
    reads_files=True,
)
@tokenizer_option(default="behaviour-1")
@click.option("--dataset", type=ExistingFile(), metavar="FILE", help="A data-set file (HDF5).")
@output_option(help="The token file: .h5, .csv or .parquet.")
@click.option(
    "--embedding",
    is_flag=True,
    help="Write beside the tokens where each sample lies among behaviours: at most 48 numbers.",
)
@import_options
def tokenize(*, tokenizer: Path, dataset: Path | None, output: Path, embedding: bool, **settings: Any) -> Any:
    """Write the tokens of a data set, or of rollouts of your own: one row a sample, one column a category and level.

    With --input the features are computed first and kept beside the output, as NAME.features.h5, for other commands.
    """
    from spinlock.cli.progress import progress

    if output.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--output must end in one of {', '.join(SUFFIXES)}; got '{output}'.")
    from spinlock.pipeline.tokenize_table import tokenize_table

    with progress() as listener:
        features = dataset_of(dataset, output=output, progress=listener, **settings)
        return tokenize_table(tokenizer, features, output, embedding=embedding, progress=listener)
