"""`spinlock extract-features`."""

from pathlib import Path
from typing import Any, Literal

import click

from spinlock.cli.command import command
from spinlock.cli.options import ExistingFile, output_option

Format = Literal["auto", "array", "well", "pdebench", "spinlock"]
FORMATS = ("auto", "array", "well", "pdebench", "spinlock")


@command(
    examples="""spinlock extract-features --input rollouts.npy --axes ntchw --dt 0.1 --output features.h5
    spinlock extract-features --input gray_scott.hdf5 --format well --output features.h5"""
)
@click.option(
    "--input", "source", required=True, type=ExistingFile(), metavar="FILE", help="Rollouts: .npy, .npz, HDF5."
)
@click.option("--format", "layout", type=click.Choice(FORMATS), default="auto", show_default=True, help="Its layout.")
@click.option("--axes", metavar="LETTERS", help="Axes of an array: n sample, m realization, t time, c channel, h, w.")
@click.option("--dataset-key", metavar="KEY", help="The array inside the file, where there are several.")
@click.option("--dt", type=float, metavar="DT", help="Time between saved states; the file's own where it has one.")
@click.option("--dx", type=float, metavar="DX", help="Grid spacing; the file's own where it has one.")
@click.option("--group-key", metavar="KEY", help="An array in the file with the parameter draw of each sample.")
@output_option(help="The data-set file with the features.")
def extract_features(
    *,
    source: Path,
    layout: Format,
    axes: str | None,
    dataset_key: str | None,
    dt: float | None,
    dx: float | None,
    group_key: str | None,
    output: Path,
) -> Any:
    """Compute the features of your own rollouts: arrays, or files in the layouts of The Well and PDEBench."""
    from spinlock.cli.progress import progress
    from spinlock.pipeline.extract_features import Source
    from spinlock.pipeline.extract_features import extract_features as run

    rollouts = Source(path=source, format=layout, axes=axes, dataset_key=dataset_key, dt=dt, dx=dx, group_key=group_key)
    with progress() as listener:
        return run(rollouts, output=output, progress=listener)
