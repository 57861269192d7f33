"""`spinlock report`."""

from pathlib import Path
from typing import Any

import click

from spinlock.cli.command import command
from spinlock.cli.options import ExistingFile, dataset_option, output_option


@command(
    examples="""spinlock report --tokenizer checkpoints/demo --dataset datasets/demo.h5 --output report.html
    spinlock report --dataset datasets/demo.h5 --output data.html""",
    reads_files=True,
)
@click.option("--tokenizer", type=ExistingFile(), metavar="DIR", help="The folder of a trained tokenizer.")
@dataset_option
@output_option(help="The page (HTML); the same numbers go to a JSON file beside it.")
@click.option(
    "--simulate",
    is_flag=True,
    help="Without --tokenizer: simulate the rollouts for the pictures again, however much work the file asks for.",
)
def report(*, tokenizer: Path | None, dataset: Path, output: Path, simulate: bool) -> Any:
    """Write an HTML report: training curves, use of the tokens, reconstruction, and rollouts that share a token.

    Without a tokenizer: what is in the data set, how evenly it was sampled, and which runs diverged, died or froze.
    """
    from spinlock.cli.progress import progress
    from spinlock.core.errors import UsageError
    from spinlock.pipeline.dataset_report import dataset_report
    from spinlock.pipeline.report import report as run

    with progress() as listener:
        if tokenizer is None:
            return dataset_report(dataset, output, simulate_all=simulate, progress=listener)
        if simulate:
            raise UsageError(
                "--simulate belongs to the report on a data set alone; leave --tokenizer or --simulate out."
            )
        return run(tokenizer, dataset, output=output, progress=listener)
