"""`spinlock tokenize`."""

from pathlib import Path
from typing import Any

import click

from spinlock.cli.command import command
from spinlock.cli.import_options import dataset_of, import_options
from spinlock.cli.options import ExistingFile, output_option, tokenizer_option
from spinlock.core.errors import UsageError
from spinlock.store.shipped import VOCABULARIES, vocabulary

SUFFIXES = (".h5", ".hdf5", ".csv", ".parquet")


@command(
    examples="""spinlock tokenize --input my_runs.nc --output tokens.csv
    spinlock tokenize --input rollouts.npy --axes ntchw --dt 0.1 --output tokens.csv
    spinlock tokenize --tokenizer checkpoints/demo --dataset datasets/demo.h5 --output tokens.csv
    spinlock tokenize --dataset datasets/demo.h5 --window 16 --stride 4 --output windows.csv""",
    reads_files=True,
)
@tokenizer_option(
    help="The folder of a trained tokenizer; behaviour-1, which comes with spinlock, when not given. With --window one that was fitted "
    "to windows; when not given it is fitted to these and kept as NAME.vocabulary."
)
@click.option("--dataset", type=ExistingFile(), metavar="FILE", help="A data-set file (HDF5).")
@output_option(help="The token file: .h5, .csv or .parquet.")
@click.option(
    "--embedding",
    is_flag=True,
    help="Write beside the tokens where each sample lies among behaviours: at most 48 numbers.",
)
@click.option(
    "--window", type=click.IntRange(4), metavar="W", help="Tokens along time: a row for every window of W saved states."
)
@click.option(
    "--stride",
    type=click.IntRange(1),
    metavar="S",
    help="Saved states from one window to the next; a quarter of a window when not given.",
)
@import_options
def tokenize(  # noqa: PLR0913 click's way: a parameter an option
    *,
    tokenizer: Path | None,
    dataset: Path | None,
    output: Path,
    embedding: bool,
    window: int | None,
    stride: int | None,
    **settings: Any,
) -> Any:
    """Write the tokens of a data set, or of rollouts of your own: one row a sample, one column a category and level.

    With --window one row a window of a run, which says in saved states and in time where it begins and ends.

    With --input the features are computed first and kept beside the output, as NAME.features.h5, for other commands.
    """
    from spinlock.cli.progress import progress

    if output.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--output must end in one of {', '.join(SUFFIXES)}; got '{output}'.")
    if stride is not None and window is None:
        raise UsageError("--stride belongs to --window.")
    from spinlock.pipeline.tokenize_table import tokenize_table
    from spinlock.pipeline.tokenize_windows import tokenize_windows

    with progress() as listener:
        features = dataset_of(dataset, output=output, progress=listener, **settings)
        if window is not None:
            shape = {"window": window, "stride": stride or max(1, window // 4)}
            return tokenize_windows(tokenizer, features, output, **shape, embedding=embedding, progress=listener)
        usual = vocabulary(VOCABULARIES[0])
        return tokenize_table(tokenizer or usual, features, output, embedding=embedding, progress=listener)
