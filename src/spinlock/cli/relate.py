"""`spinlock relate`."""

from pathlib import Path
from typing import Any

import click

from spinlock.cli.command import command
from spinlock.cli.options import ExistingFile, output_form, tokenizer_option

MOST_SHOWN = 30
"""Relations or cells that are printed; --json has all."""


@command(
    examples="""spinlock relate datasets/demo.h5 --tokenizer checkpoints/demo
    spinlock relate datasets/demo.h5 --tokenizer checkpoints/demo --between tokens tokens
    spinlock relate datasets/demo.h5 --tokenizer checkpoints/demo --between temporal gray_scott.feed \\
        --table temporal gray_scott.feed""",
    reads_files=True,
)
@click.argument("dataset", metavar="DATASET", type=ExistingFile())
@tokenizer_option(default="behaviour-1")
@click.option(
    "--between",
    nargs=2,
    default=("tokens", "parameters,initial"),
    metavar="FIRST SECOND",
    help="Two sets: tokens, parameters, initial, other, columns, or columns by name; several with commas. "
    "Where nothing is said, tokens and parameters,initial.",
)
@click.option("--tokens", type=ExistingFile(), metavar="FILE", help="Another token file of the same samples: other.")
@click.option("--columns", type=ExistingFile(), metavar="FILE", help="A CSV file with numbers of the samples: columns.")
@click.option("--table", nargs=2, metavar="FIRST SECOND", help="Count the labels of two columns together.")
@click.option("--shuffles", type=int, default=100, show_default=True, metavar="N", help="That measure chance, a pair.")
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Of the shuffles.")
def relate(  # noqa: PLR0913  one argument an option
    *,
    dataset: Path,
    tokenizer: Path,
    between: tuple[str, str],
    tokens: Path | None,
    columns: Path | None,
    table: tuple[str, str] | None,
    shuffles: int,
    seed: int,
) -> Any:
    """Say which tokens go with which parameters, initial conditions or other tokens, given the system.

    Bits are what two columns share within systems beyond what shuffled ones share; z is how many standard deviations of shuffled ones that is, and q the share of false ones among all pairs that are no less certain.
    """
    from spinlock.cli.progress import progress
    from spinlock.core.plain import to_plain
    from spinlock.pipeline.relate import relate as run

    with progress() as listener:
        found = run(
            dataset,
            tokenizer,
            first=between[0],
            second=between[1],
            tokens=tokens,
            columns=columns,
            table=table,
            shuffles=shuffles,
            seed=seed,
            progress=listener,
        )
    relations = [relation._asdict() for relation in found.relations]
    told = to_plain(found) | {"relations": relations}
    if output_form().as_json:
        return told
    told["relations"] = [relation for relation in relations if relation["is_significant"]][:MOST_SHOWN]
    told["cells"] = told["cells"][:MOST_SHOWN]
    return {name: value for name, value in told.items() if value != []}
