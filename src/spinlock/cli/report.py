"""`spinlock report`."""

from pathlib import Path
from typing import Any

import click

from spinlock.cli.command import command
from spinlock.cli.import_options import dataset_of, import_options
from spinlock.cli.options import TOKENIZER_HELP, ExistingFile, output_option, tokenizer_option


@command(
    examples="""spinlock report --input my_runs.nc --output report.html
    spinlock report --tokenizer checkpoints/demo --dataset datasets/demo.h5 --output report.html
    spinlock report --dataset datasets/demo.h5 --output data.html""",
    reads_files=True,
)
@tokenizer_option(help=f"{TOKENIZER_HELP} That one where --input is given without a tokenizer.")
@click.option("--dataset", type=ExistingFile(), metavar="FILE", help="A data-set file (HDF5).")
@output_option(help="The page (HTML); the same numbers go to a JSON file beside it.")
@click.option(
    "--export-atlas",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a row for each run too, as Parquet: embedding-atlas FILE --x x --y y --text sentence.",
)
@click.option(
    "--simulate",
    is_flag=True,
    help="Without --tokenizer: simulate the rollouts for the pictures again, however much work the file asks for.",
)
@import_options
def report(
    *,
    tokenizer: Path | None,
    dataset: Path | None,
    output: Path,
    export_atlas: Path | None,
    simulate: bool,
    keep_states: str,
    **settings: Any,
) -> Any:
    """Write an HTML report: what runs do, what every token means, how far that holds, and how the tokenizer was made.

    With --input the features of rollouts of your own are computed first and kept beside the page, as NAME.features.h5, with the
    states (float16) for its pictures. Without a tokenizer and with --dataset: what is in the data set, how evenly it was
    sampled, and which runs diverged, died or froze.
    """
    from spinlock.cli.progress import progress
    from spinlock.core.errors import UsageError
    from spinlock.pipeline.dataset_report import dataset_report
    from spinlock.pipeline.report import report as run
    from spinlock.store.shipped import vocabulary

    states = "float16" if keep_states == "none" else keep_states
    with progress() as listener:
        features = dataset_of(dataset, output=output, keep_states=states, progress=listener, **settings)
        if tokenizer is None and dataset is not None:
            if export_atlas is not None:
                raise UsageError("--export-atlas needs tokens to write; name a tokenizer by --tokenizer.")
            return dataset_report(features, output, simulate_all=simulate, progress=listener)
        if simulate:
            raise UsageError(
                "--simulate belongs to the report on a data set alone; leave --tokenizer, --input or --simulate out."
            )
        return run(tokenizer or vocabulary("behaviour-1"), features, output, atlas=export_atlas, progress=listener)
