"""`spinlock compare`."""

from pathlib import Path
from typing import Any

import click

from spinlock.cli.command import command
from spinlock.cli.options import ExistingFile, tokenizer_option


@command(
    examples="""spinlock compare before.h5 after.h5 --tokenizer checkpoints/demo
    spinlock compare datasets/demo.h5 --by feed
    spinlock compare datasets/demo.h5 --by 'noise_scale>0.01' --where system=lenia --json""",
    reads_files=True,
)
@click.argument("files", metavar="FILE [FILE]", nargs=-1, required=True, type=ExistingFile())
@click.option(
    "--by",
    metavar="PARAMETER|CONDITION",
    help="Of one data set: compare the lower with the upper half of a parameter, or runs that meet a condition with the others.",
)
@click.option(
    "--where",
    multiple=True,
    metavar="CONDITION",
    help="Look at some runs only: 'system=lenia', 'feed>0.04'; may be repeated.",
)
@tokenizer_option(
    help="The folder of a trained tokenizer, or behaviour-1: its embedding and its tokens are compared too."
)
@click.option(
    "--count",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    metavar="N",
    help="Differences and tokens that are listed, the clearest first.",
)
def compare(
    *, files: tuple[Path, ...], by: str | None, where: tuple[str, ...], tokenizer: Path | None, count: int
) -> Any:
    """Say what differs between two data sets, or between parts of one: in sentences, with what could have been found."""
    from spinlock.cli.progress import progress
    from spinlock.pipeline.compare import Sides, compare_files

    sides = Sides(files=files, by=by, where=where)
    with progress() as listener:
        return compare_files(sides, tokenizer, count=count, progress=listener)
