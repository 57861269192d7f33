"""`spinlock extract-features`."""

from pathlib import Path
from typing import Any

import click

from spinlock.cli.command import command
from spinlock.cli.options import ExistingFile, output_option


@command(
    examples="""spinlock extract-features --input runs.nc --output features.h5
    spinlock extract-features --input rollouts.npy --axes ntchw --dt 0.1 --output features.h5
    spinlock extract-features --input 'run_*/u_*.npy' --axes hw --join time --output features.h5
    spinlock extract-features --input runs.zarr --dataset-key 'run_*/u' --axes thw --no-periodic --output features.h5
    spinlock extract-features --input 'gray_scott_*.hdf5' --group-by file --output features.h5""",
    reads_files=True,
)
@click.option(
    "--input",
    "sources",
    required=True,
    multiple=True,
    type=ExistingFile(patterns=True),
    metavar="FILE",
    help="Rollouts: .npy, .npz, netCDF, HDF5, Zarr, MATLAB; a folder or a 'pattern*' of them; may be repeated.",
)
@click.option(
    "--format",
    metavar="NAME",
    default="auto",
    show_default=True,
    help="Its layout: auto, array, well, pdebench, spinlock, or that of an installed importer.",
)
@click.option(
    "--axes",
    metavar="LETTERS",
    help="Axes of an array: n sample, m realization, t time, c channel, d, h, w; by the names of its dimensions when not given.",
)
@click.option(
    "--dataset-key",
    metavar="KEY",
    help="The array inside a file; with * all arrays that fit; u,v are channels of one sample.",
)
@click.option(
    "--join",
    type=click.Choice(("samples", "time")),
    default="samples",
    show_default=True,
    help="What files of a folder, or arrays of a pattern, are: samples, or one run along time.",
)
@click.option("--dt", type=float, metavar="DT", help="Time between saved states; the file's own where it has one.")
@click.option("--dx", type=float, metavar="DX", help="Grid spacing; the file's own where it has one.")
@click.option("--group-key", metavar="KEY", help="An array in the file with the parameter draw of each sample.")
@click.option(
    "--group-by",
    type=click.Choice(("sample", "file")),
    default="sample",
    show_default=True,
    help="What splits keep together where there is no --group-key.",
)
@click.option(
    "--periodic/--no-periodic", default=None, help="Whether the domain wraps around; the file's own word, else yes."
)
@click.option(
    "--depth", metavar="PLANE", help="Of a third direction of space: middle (the default), mean, or a plane's number."
)
@click.option(
    "--channel-units",
    type=click.Choice(("shared", "own")),
    default="shared",
    show_default=True,
    help="One unit for all channels, or one for each, as for a pressure beside a velocity.",
)
@click.option(
    "--parameters",
    type=ExistingFile(),
    metavar="CSV",
    help="Parameters of the samples: a row each, in order or by a column 'name'.",
)
@click.option("--system", metavar="NAME", help="What made the states; 'imported' when not given.")
@click.option(
    "--keep-states",
    type=click.Choice(("none", "float16", "float32")),
    default="none",
    show_default=True,
    help="Keep the states in the data set, so that reports show pictures.",
)
@click.option("--fill-masked", is_flag=True, help="Fill cells without a value with the mean of the others.")
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Processes; one a core where nothing is given.")
@output_option(help="The data-set file with the features; a run that was stopped goes on.")
def extract_features(
    *,
    sources: tuple[Path, ...],
    output: Path,
    workers: int | None,
    depth: str | None,
    **settings: Any,
) -> Any:
    """Compute the features of your own rollouts: arrays, netCDF, Zarr, or files in the layouts of The Well and PDEBench."""
    from spinlock.cli.progress import progress
    from spinlock.importers.volume import parse_depth
    from spinlock.pipeline.extract_features import Source
    from spinlock.pipeline.extract_features import extract_features as run

    source = Source(path=sources, depth=None if depth is None else parse_depth(depth), **settings)
    with progress() as listener:
        return run(source, output=output, workers=workers, progress=listener)
