"""`spinlock info`."""

from pathlib import Path
from typing import Any

import click

from spinlock.cli.command import command
from spinlock.cli.options import ExistingFile


@command(examples="spinlock info datasets/demo.h5", reads_files=True)
@click.argument("path", metavar="FILE", type=ExistingFile())
def info(*, path: Path) -> Any:
    """Say what a file is and what it holds: a data set, tokens, a tokenizer, a category map, a configuration."""
    from spinlock.pipeline.inspect_file import inspect_file

    return inspect_file(path)
