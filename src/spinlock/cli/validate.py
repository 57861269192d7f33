"""`spinlock validate`."""

from pathlib import Path
from typing import Any

import click

from spinlock.cli.command import command
from spinlock.cli.options import ExistingFile, dataset_option, output_form, tokenizer_option

SPLITS = ("test", "validation", "train", "all")


@command(
    examples="""spinlock validate --tokenizer checkpoints/demo --dataset datasets/demo.h5
    spinlock validate --dataset datasets/demo.h5""",
    reads_files=True,
)
@tokenizer_option()
@dataset_option
@click.option(
    "--split", type=click.Choice(SPLITS), help="The rows whose thresholds count; test where nothing is given."
)
@click.option(
    "--training-dataset",
    type=ExistingFile(),
    metavar="FILE",
    help="Where the data set that the tokenizer was fitted to is now, if it was moved; needed to judge it on another.",
)
def validate(*, tokenizer: Path | None, dataset: Path, split: str | None, training_dataset: Path | None) -> Any:
    """Judge a tokenizer on a data set; without one, check the data set itself.

    On a data set that the tokenizer was not fitted to, all rows are judged, as rows of which none were seen. Several families are judged each by its own columns. Ends with exit code 1 when a threshold or a check fails.
    """
    from dataclasses import asdict

    from spinlock.cli.progress import progress
    from spinlock.core.errors import UsageError

    for option, value in (("--split", split), ("--training-dataset", training_dataset)):
        if tokenizer is None and value is not None:
            raise UsageError(f"{option} needs --tokenizer: a data set alone is checked as a whole.")
    from spinlock.pipeline.validate import validate as run
    from spinlock.pipeline.validate import validate_dataset
    from spinlock.pipeline.validate_families import validate_families
    from spinlock.store.family_folder import has_families

    with progress() as listener:
        if tokenizer is None:
            verdict = asdict(validate_dataset(dataset, progress=listener))
            return _shown(verdict, without="features")
        if has_families(tokenizer):
            verdict = validate_families(
                tokenizer, dataset, split=split, training_dataset=training_dataset, progress=listener
            )
            return _shown(verdict, without="verdicts")
        return run(tokenizer, dataset, split=split, training_dataset=training_dataset, progress=listener)


def _shown(verdict: dict[str, Any], *, without: str) -> dict[str, Any]:
    """A verdict; what is empty in it, and one long part, for programs and with --verbose only."""
    everything = output_form().as_json or output_form().verbosity > 0
    return {name: value for name, value in verdict.items() if everything or (name != without and value != {})}
