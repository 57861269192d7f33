"""Words for runs in a netCDF file: what it says of itself is enough.

python examples/own_netcdf.py [picture.png]
"""

import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray

import spinlock


def write(path: Path) -> None:
    """What another program might leave: four heat equations and four drifting patterns, as xarray writes them."""
    rng = np.random.default_rng(0)
    wavenumbers = np.hypot(*np.meshgrid(np.fft.fftfreq(48, 0.5), np.fft.rfftfreq(48, 0.5), indexing="ij"))
    time = np.arange(80) * 0.1
    runs = []
    for run in range(8):
        modes = np.fft.rfft2(rng.standard_normal((48, 48))) * (wavenumbers < 0.25)
        decay = np.exp(-((8 * wavenumbers) ** 2) * time[:, None, None] * (run < 4))
        states = np.fft.irfft2(modes * decay, s=(48, 48))
        runs.append(states if run < 4 else [np.roll(state, run * t, axis=1) for t, state in enumerate(states)])
    xarray.Dataset(
        {"temperature": (("run", "time", "y", "x"), np.array(runs, dtype=np.float32))},
        coords={"run": [f"{'heat' if run < 4 else 'drift'} {run}" for run in range(8)], "time": time}
        | {axis: np.arange(48) * 0.5 for axis in "yx"},
    ).to_netcdf(path, engine="h5netcdf")


def main(picture: Path) -> None:
    """Read the file as a stranger's, say what was taken from it and what its runs do."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "my_runs.nc"
        write(path)
        source = spinlock.open_rollouts(path)
        print(*(f"{name}: {value}" for name, value in source.stated.items()), sep="\n")
        table = spinlock.extract_features(source)
        states = [rollout.states[0, :, 0].numpy() for rollout in source]
    tokenizer = spinlock.Tokenizer.from_pretrained("behaviour-1")
    for name, sentence in zip(table.ids, tokenizer.describe(table), strict=True):
        print(f"\n{name}: {sentence}")
    coarse = tokenizer.encode(table).to_pandas().filter(like="level0")
    print("\n", coarse.rename(columns=lambda name: name.removesuffix("__level0")).to_string(), sep="")
    figure, axes = plt.subplots(2, 4, figsize=(8, 4), layout="constrained")
    for row, run in zip(axes, (0, 4), strict=True):
        for axis, at in zip(row, (0, 10, 30, 79), strict=True):
            axis.imshow(states[run][at], cmap="RdBu_r", vmin=states[run].min(), vmax=states[run].max())
            axis.set(title=f"{table.ids[run]}, state {at}", xticks=[], yticks=[])
    figure.savefig(picture, metadata={"Software": None})


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "own_netcdf.png"))
