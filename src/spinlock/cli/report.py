"""`spinlock report`."""

from pathlib import Path
from typing import Any

from spinlock.cli.command import command
from spinlock.cli.options import dataset_option, output_option, tokenizer_option


@command(examples="spinlock report --tokenizer checkpoints/demo --dataset datasets/demo.h5 --output report.html")
@tokenizer_option
@dataset_option
@output_option(help="The page (HTML); the same numbers go to a JSON file beside it.")
def report(*, tokenizer: Path, dataset: Path, output: Path) -> Any:
    """Write an HTML report: training curves, use of the tokens, reconstruction, and rollouts that share a token."""
    from spinlock.cli.progress import progress
    from spinlock.pipeline.report import report as run

    with progress() as listener:
        return run(tokenizer, dataset, output=output, progress=listener)
