"""`spinlock demo`."""

from pathlib import Path
from typing import Any

from spinlock.cli.command import command
from spinlock.cli.options import output_option


@command(examples="spinlock demo --output runs/demo")
@output_option(help="A folder for everything that the demo writes.")
def demo(*, output: Path) -> Any:
    """Run the whole pipeline on a small data set: simulate, describe, group, train, judge, tokenize, report."""
    from spinlock.cli.progress import progress
    from spinlock.pipeline.demo import demo as run

    with progress() as listener:
        return run(output, progress=listener)
