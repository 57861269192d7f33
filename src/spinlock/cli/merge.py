"""`spinlock merge`."""

from pathlib import Path
from typing import Any

import click

from spinlock.cli.command import command
from spinlock.cli.options import ExistingFile, output_option


@command(
    examples="""spinlock generate --config configs/generate/demo.yaml --output a.h5 --shard 1/2
    spinlock generate --config configs/generate/demo.yaml --output b.h5 --shard 2/2
    spinlock merge a.h5.shards b.h5.shards --output demo.h5"""
)
@click.argument("folders", nargs=-1, required=True, type=ExistingFile(), metavar="FOLDER...")
@output_option(help="The data-set file.")
def merge(*, folders: tuple[Path, ...], output: Path) -> Any:
    """Put parts of a data set together that were made by `generate --shard`; in any order, any number of times."""
    from spinlock.pipeline.generate import screening_counts
    from spinlock.pipeline.merge import merge as run

    dataset = run(folders, output)
    return {"dataset": dataset, "screening": screening_counts(dataset)}
