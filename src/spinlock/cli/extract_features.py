"""`spinlock extract-features`."""

from pathlib import Path
from typing import Any

from spinlock.cli.command import command
from spinlock.cli.import_options import features_of, import_options
from spinlock.cli.options import output_option
from spinlock.core.errors import UsageError


@command(
    examples="""spinlock extract-features --input runs.nc --output features.h5
    spinlock extract-features --input rollouts.npy --axes ntchw --dt 0.1 --output features.h5
    spinlock extract-features --input 'run_*/u_*.npy' --axes hw --join time --output features.h5
    spinlock extract-features --input runs.zarr --dataset-key 'run_*/u' --axes thw --no-periodic --output features.h5
    spinlock extract-features --input 'gray_scott_*.hdf5' --group-by file --output features.h5""",
    reads_files=True,
)
@import_options
@output_option(help="The data-set file with the features; a run that was stopped goes on.")
def extract_features(*, output: Path, **settings: Any) -> Any:
    """Compute the features of your own rollouts: arrays, netCDF, Zarr, or files in the layouts of The Well and PDEBench."""
    from spinlock.cli.progress import progress

    if not settings["sources"]:
        raise UsageError("missing option '--input': rollouts of your own.")
    with progress() as listener:
        return features_of(output=output, progress=listener, **settings)
