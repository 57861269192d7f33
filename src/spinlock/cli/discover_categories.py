"""`spinlock discover-categories`."""

from pathlib import Path
from typing import Any

import click

from spinlock.cli.command import command
from spinlock.cli.options import dataset_option, output_option


@command(
    examples="""spinlock discover-categories --dataset datasets/demo.h5 --output categories.json
    spinlock discover-categories --dataset datasets/demo.h5 --method auto --output clusters.json""",
    reads_files=True,
)
@dataset_option
@click.option("--feature-path", metavar="PATH", help="The table in the file.  [default: features of every sample]")
@output_option(help="The category map (JSON).")
@click.option(
    "--method",
    type=click.Choice(("semantic", "auto")),
    default="semantic",
    show_default=True,
    help="By what the features mean, or by how they move together.",
)
@click.option("--max-clusters", type=int, metavar="N", help="Most groups.  [auto only; default: 12]")
@click.option(
    "--min-features-per-category", type=int, metavar="N", help="Columns of the smallest group.  [auto only; default: 3]"
)
@click.option(
    "--orthogonality-target",
    type=float,
    metavar="R2",
    help="Highest mean squared rank correlation between columns of different groups.  [auto only; default: 0.15]",
)
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Of the clustering.")
def discover_categories(
    *, dataset: Path, feature_path: str | None, output: Path, method: str, seed: int, **bounds: int | float | None
) -> Any:
    """Group the features of a data set into categories and write the map that training takes."""
    from spinlock.categories.spec import ClusterSpec
    from spinlock.pipeline.discover_categories import discover_categories as run

    given: dict[str, Any] = {name: value for name, value in bounds.items() if value is not None}
    limits = ClusterSpec(**given) if given else None
    table: dict[str, Any] = {} if feature_path is None else {"feature_path": feature_path}
    return run(dataset, output, method=method, bounds=limits, seed=seed, **table)
