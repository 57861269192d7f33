"""`spinlock search`."""

from pathlib import Path
from typing import Any

import click

from spinlock.cli.command import command
from spinlock.cli.options import ExistingFile, tokenizer_option


@command(
    examples="""spinlock search --tokenizer checkpoints/demo --dataset datasets/demo.h5 --like 17
    spinlock search --tokenizer checkpoints/demo --dataset datasets/demo.h5 --like mine.npy --axes thw --dt 0.1
    spinlock search --tokenizer checkpoints/demo --dataset datasets/demo.h5 --unlike --where system=lenia
    spinlock search --tokenizer checkpoints/demo --dataset datasets/demo.h5 --like 17 --page found.html
    spinlock search --dataset tokens.h5 --subset 50 --rare --json
    spinlock search --dataset tokens.h5 --where temporal=12 --where nonlinear=3,4""",
    reads_files=True,
)
@tokenizer_option(
    help="The folder of a trained tokenizer, or behaviour-1, which is taken for a data set where none is given; not needed for a token file alone."
)
@click.option(
    "--dataset",
    required=True,
    type=ExistingFile(),
    metavar="FILE",
    help="A data-set file (HDF5), or a token file with an embedding (spinlock tokenize --embedding).",
)
@click.option(
    "--like",
    metavar="ID|FILE",
    help="Runs that behave like this one: its id, or a data set, a token file, or states of your own.",
)
@click.option("--unlike", is_flag=True, help="Runs that lie apart from all others.")
@click.option("--subset", type=click.IntRange(1), metavar="K", help="K runs that stand for all.")
@click.option("--duplicates", is_flag=True, help="Runs of different draws that are nearer than replicates of one.")
@click.option("--rare", is_flag=True, help="Of a subset: cover what is rare instead of what is common.")
@click.option("--nearer-than", type=float, metavar="DISTANCE", help="Of duplicates: the distance that counts as none.")
@click.option(
    "--where",
    multiple=True,
    metavar="CONDITION",
    help="Look at some runs only: 'temporal=12', 'system=lenia', 'feed>0.04', or words of a token's definition; may be repeated.",
)
@click.option("--count", type=click.IntRange(1), default=10, show_default=True, metavar="N", help="Hits at most.")
@click.option("--each-run", is_flag=True, help="Show every run of a draw, and those of the one that is asked about.")
@click.option(
    "--page",
    type=click.Path(path_type=Path),
    metavar="FILE.html",
    help="Write what was found as a page too, with moving pictures where the data set kept its states.",
)
@click.option("--axes", metavar="LETTERS", help="Axes of states, see spinlock extract-features.")
@click.option("--dt", type=float, metavar="DT", help="Time between their saved states.")
@click.option("--dx", type=float, metavar="DX", help="Their grid spacing.")
def search(*, tokenizer: Path | None, dataset: Path, count: int, page: Path | None, **asked: Any) -> Any:
    """Find runs that behave like one, like no other, like most, or the same: by their distance in the embedding."""
    from spinlock.cli.progress import progress
    from spinlock.pipeline.search import search as run
    from spinlock.pipeline.search_question import Question

    question = Question(num_hits=count, **asked)
    with progress() as listener:
        return run(tokenizer, dataset, question, page=page, progress=listener)
