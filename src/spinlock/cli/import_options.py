"""Options of commands that take rollouts of users as they come."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from spinlock.cli.options import ExistingFile, cluster_options, scheduler_of
from spinlock.core.errors import UsageError

if TYPE_CHECKING:
    from spinlock.pipeline.extract_features import Extracted

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--input",
        "sources",
        multiple=True,
        type=ExistingFile(patterns=True),
        metavar="FILE",
        help="Rollouts: .npy, .npz, netCDF, HDF5, Zarr, MATLAB; a folder or a 'pattern*' of them; may be repeated.",
    ),
    click.option(
        "--format",
        metavar="NAME",
        default="auto",
        show_default=True,
        help="Its layout: auto, array, well, pdebench, spinlock, or that of an installed importer.",
    ),
    click.option(
        "--axes",
        metavar="LETTERS",
        help="Axes of an array: n sample, m realization, t time, c channel, d, h, w; by the names of its dimensions when not given.",
    ),
    click.option(
        "--dataset-key",
        metavar="KEY",
        help="The array inside a file; with * all arrays that fit; u,v are channels of one sample.",
    ),
    click.option(
        "--join",
        type=click.Choice(("samples", "time")),
        default="samples",
        show_default=True,
        help="What files of a folder, or arrays of a pattern, are: samples, or one run along time.",
    ),
    click.option("--dt", type=float, metavar="DT", help="Time between saved states; the file's own where it has one."),
    click.option("--dx", type=float, metavar="DX", help="Grid spacing; the file's own where it has one."),
    click.option("--group-key", metavar="KEY", help="An array in the file with the parameter draw of each sample."),
    click.option(
        "--group-by",
        type=click.Choice(("sample", "file")),
        default="sample",
        show_default=True,
        help="What splits keep together where there is no --group-key.",
    ),
    click.option(
        "--periodic/--no-periodic", default=None, help="Whether the domain wraps around; the file's own word, else yes."
    ),
    click.option(
        "--depth",
        metavar="PLANE",
        help="Of a third direction of space: middle (the default), mean, or a plane's number.",
    ),
    click.option(
        "--channel-units",
        type=click.Choice(("shared", "own")),
        default="shared",
        show_default=True,
        help="One unit for all channels, or one for each, as for a pressure beside a velocity.",
    ),
    click.option(
        "--parameters",
        type=ExistingFile(),
        metavar="CSV",
        help="Parameters of the samples: a row each, in order or by a column 'name'.",
    ),
    click.option("--system", metavar="NAME", help="What made the states; 'imported' when not given."),
    click.option(
        "--keep-states",
        type=click.Choice(("none", "float16", "float32")),
        default="none",
        show_default=True,
        help="Keep the states in the data set, so that reports show pictures.",
    ),
    click.option("--fill-masked", is_flag=True, help="Fill cells without a value with the mean of the others."),
    click.option(
        "--workers", type=click.IntRange(1), metavar="N", help="Processes; one a core where nothing is given."
    ),
)


def import_options(function: F) -> F:
    """`--input`, how its files are to be read, and where; the command gets them as `sources` and others, for `features_of`."""
    function = cluster_options(function)
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def features_of(
    *,
    output: Path,
    sources: tuple[Path, ...],
    depth: str | None,
    workers: int | None,
    scheduler: str | None,
    cluster: Path | None,
    progress: Any,
    **settings: Any,
) -> "Extracted":
    """The features of the rollouts that the options name, as a data set at `output`."""
    from spinlock.importers.volume import parse_depth
    from spinlock.pipeline.extract_features import Source, extract_features

    where = scheduler_of(scheduler, cluster, workers=workers)
    source = Source(path=sources, depth=None if depth is None else parse_depth(depth), **settings)
    return extract_features(source, output=output, workers=workers, scheduler=where, progress=progress)


def dataset_of(dataset: Path | None, *, output: Path, sources: tuple[Path, ...], **settings: Any) -> Path:
    """The data set that a command works on: `--dataset` itself, or the features of `--input`, which are kept beside the output.

    Raises:
        UsageError: if neither or both are given.
    """
    if (dataset is None) == (not sources):
        raise UsageError("give either --dataset, a data-set file, or --input, rollouts of your own.")
    if dataset is None:
        return features_of(output=output.with_name(f"{output.stem}.features.h5"), sources=sources, **settings).output
    for name in ("scheduler", "cluster"):
        if settings[name] is not None:
            raise UsageError(
                f"--{name} computes the features of --input; those of --dataset are there, so leave it out."
            )
    return dataset
