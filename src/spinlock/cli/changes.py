"""`spinlock changes`."""

from pathlib import Path
from typing import Any

import click

from spinlock.cli.command import command
from spinlock.cli.options import ExistingFile, tokenizer_option


@command(
    examples="""spinlock changes --dataset datasets/demo.h5
    spinlock changes --dataset mine.h5 --reference datasets/demo.h5 --json
    spinlock changes --dataset datasets/demo.h5 --tokenizer windows.vocabulary
    spinlock changes --dataset datasets/demo.h5 --window 8 --stride 2 --false-alarms 0.01""",
    reads_files=True,
)
@click.option(
    "--dataset",
    required=True,
    type=ExistingFile(),
    metavar="FILE",
    help="A data-set file (HDF5); no states are needed.",
)
@click.option(
    "--reference",
    type=ExistingFile(),
    metavar="FILE",
    help="A data set of runs that are taken for unchanged; without it those of --dataset are compared with each other.",
)
@tokenizer_option(
    help="A vocabulary of windows (spinlock tokenize --window): say what each run does before and after its change."
)
@click.option(
    "--window", type=int, default=16, show_default=True, metavar="W", help="Saved states on each side of a change."
)
@click.option("--stride", type=int, default=4, show_default=True, metavar="S", help="Look for a change every S states.")
@click.option(
    "--false-alarms",
    type=float,
    default=0.05,
    show_default=True,
    metavar="RATE",
    help="Share of runs without a change that may be beyond the threshold.",
)
def changes(*, dataset: Path, reference: Path | None, tokenizer: Path | None, **asked: Any) -> Any:
    """Say when each run changes what it does, and whether that is more than runs usually change; the clearest first."""
    from spinlock.cli.progress import progress
    from spinlock.pipeline.changes import Look, find_changes

    with progress() as listener:
        return find_changes(dataset, reference, tokenizer=tokenizer, look=Look(**asked), progress=listener)
