"""Right values: what each kind of file, written by its own tool, does to the features, against the clean array.

    python benchmarks/doors.py

Every door writes the same travelling waves (sample, time, height, width) with dt = .25 and dx = .5; the table has the largest
difference of a feature to that of the array, in units of the column's spread over the samples, and how many entries are missing on
one side alone. Doors that round are compared with what their own tool reads.
"""

import argparse
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import h5py
import netCDF4
import numpy as np
import scipy.io
import torch
import xarray as xr
import zarr

import spinlock

DT, DX = 0.25, 0.5


def waves(samples: int = 6, times: int = 48, height: int = 16, width: int = 20) -> np.ndarray:
    """Damped travelling waves (sample, time, height, width), float32."""
    chance = np.random.default_rng(0)
    y, x = np.meshgrid(np.arange(height) / height, np.arange(width) / width, indexing="ij")
    steps = np.arange(times)[:, None, None]
    found = []
    for _ in range(samples):
        a, b = chance.integers(1, 4, 2)
        speed, growth, phase = chance.uniform(0.02, 0.08), chance.uniform(-0.02, 0.02), chance.uniform(0, 6)
        wave = np.sin(2 * np.pi * (a * x - 2 * speed * steps) + phase) + 0.5 * np.cos(2 * np.pi * b * y + 0.1 * steps)
        found.append(np.exp(growth * steps) * wave)
    return np.array(found, dtype=np.float32)


def dataset(u: np.ndarray) -> xr.Dataset:
    """The waves with names and coordinates."""
    _, times, height, width = u.shape
    grid = {"time": DT * np.arange(times), "y": DX * np.arange(height), "x": DX * np.arange(width)}
    return xr.Dataset({"u": (("run", "time", "y", "x"), u)}, coords=grid)


def snapshots(u: np.ndarray, path: Path) -> dict[str, object]:
    for run, states in enumerate(u):
        (path / f"run_{run}").mkdir(parents=True)
        for time, frame in enumerate(states):
            np.save(path / f"run_{run}" / f"u_{time}.npy", frame)
    return {"source": str(path / "run_*" / "*.npy"), "axes": "hw", "join": "time", "dt": DT, "dx": DX}


def folder_of_netcdf(u: np.ndarray, path: Path) -> dict[str, object]:
    path.mkdir()
    for run in range(len(u)):
        dataset(u).isel(run=run).to_netcdf(path / f"run_{run}.nc")
    return {"source": path}


def matlab(u: np.ndarray, path: Path) -> dict[str, object]:
    turned = u.transpose(0, 2, 3, 1)
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_dataset("u", data=turned.transpose()).attrs["MATLAB_class"] = np.bytes_("single")
    return {"source": path, "dataset_key": "u", "axes": "nhwt", "dt": DT, "dx": DX}


def old_matlab(u: np.ndarray, path: Path) -> dict[str, object]:
    scipy.io.savemat(path, {"u": u.transpose(0, 2, 3, 1)})
    return {"source": path, "dataset_key": "u", "axes": "nhwt", "dt": DT, "dx": DX}


def masked_netcdf(u: np.ndarray, path: Path) -> dict[str, object]:
    with netCDF4.Dataset(path, "w") as file:
        for name, size in zip(("run", "time", "y", "x"), u.shape, strict=True):
            file.createDimension(name, size)
        for name, values in (
            ("time", DT * np.arange(u.shape[1])),
            ("y", DX * np.arange(u.shape[2])),
            ("x", DX * np.arange(u.shape[3])),
        ):
            file.createVariable(name, "f8", (name,))[:] = values
        variable = file.createVariable("u", "f4", ("run", "time", "y", "x"), fill_value=-999.0)
        variable[:] = np.ma.masked_array(u, np.broadcast_to(land(u), u.shape))
    return {"source": path, "fill_masked": True}


def land(u: np.ndarray) -> np.ndarray:
    mask = np.zeros(u.shape[2:], bool)
    mask[:4, :6] = True
    return mask


def filled(u: np.ndarray, _: Path) -> np.ndarray:
    """The waves with the mean of the other cells on land."""
    clean = u.copy()
    clean[..., land(u)] = u[..., ~land(u)].mean(-1, dtype=np.float64)[..., None]
    return clean


def packed(u: np.ndarray, path: Path) -> dict[str, object]:
    encoding = {"u": {"dtype": "i2", "scale_factor": 2e-4, "add_offset": 1.0, "_FillValue": -32768}}
    dataset(u).to_netcdf(path, encoding=encoding)
    return {"source": path}


def to_file(
    write: Callable[[np.ndarray, Path], object], **options: object
) -> Callable[[np.ndarray, Path], dict[str, object]]:
    def door(u: np.ndarray, path: Path) -> dict[str, object]:
        write(u, path)
        return {"source": path, **options}

    return door


def zarr_array(u: np.ndarray, path: Path) -> None:
    zarr.open_group(str(path), mode="w").create_array("u", shape=u.shape, chunks=(1, *u.shape[1:]), dtype="f4")[:] = u


def scale_offset(u: np.ndarray, path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("u", data=u, scaleoffset=4)


PLAIN = {"axes": "nthw", "dt": DT, "dx": DX}
DOORS: dict[
    str, tuple[Callable[[np.ndarray, Path], dict[str, object]], Callable[[np.ndarray, Path], np.ndarray] | None]
] = {
    "netCDF-4 (netcdf4)": (to_file(lambda u, path: dataset(u).to_netcdf(path, engine="netcdf4")), None),
    "netCDF-4 (h5netcdf)": (to_file(lambda u, path: dataset(u).to_netcdf(path, engine="h5netcdf")), None),
    "netCDF-3": (to_file(lambda u, path: dataset(u).to_netcdf(path, engine="scipy", format="NETCDF3_64BIT")), None),
    "netCDF, land with _FillValue": (masked_netcdf, filled),
    "netCDF, packed int16": (packed, lambda _, path: xr.open_dataset(path)["u"].values),
    "folder of netCDF": (folder_of_netcdf, None),
    "Zarr 2 by xarray": (to_file(lambda u, path: dataset(u).to_zarr(path, zarr_format=2, consolidated=False)), None),
    "Zarr 3 by xarray": (to_file(lambda u, path: dataset(u).to_zarr(path, zarr_format=3, consolidated=False)), None),
    "Zarr by zarr": (to_file(zarr_array, **PLAIN), None),
    "DataArray": (lambda u, _: {"source": dataset(u)["u"]}, None),
    "DataArray of dates": (
        lambda u, _: {
            "source": dataset(u).assign_coords(
                time=np.datetime64("2020-01-01") + np.arange(u.shape[1]) * np.timedelta64(250, "ms")
            )["u"]
        },
        None,
    ),
    "masked array": (
        lambda u, _: {"source": np.ma.masked_array(u, np.broadcast_to(land(u), u.shape)), "fill_masked": True, **PLAIN},
        filled,
    ),
    "list of runs": (lambda u, _: {"source": list(u), "axes": "thw", "dt": DT, "dx": DX}, None),
    "torch tensor": (lambda u, _: {"source": torch.from_numpy(u), **PLAIN}, None),
    ".npy, Fortran order": (to_file(lambda u, path: np.save(path.open("wb"), np.asfortranarray(u)), **PLAIN), None),
    ".npz with t, x, y": (
        to_file(
            lambda u, path: np.savez(
                path.open("wb"),
                u=u,
                t=DT * np.arange(u.shape[1]),
                x=DX * np.arange(u.shape[3]),
                y=DX * np.arange(u.shape[2]),
            ),
            axes="nthw",
        ),
        None,
    ),
    "MATLAB 7.3": (matlab, None),
    "MATLAB 5": (old_matlab, None),
    "one file a saved time": (snapshots, None),
    "HDF5, scale-offset": (to_file(scale_offset, trusted=True, **PLAIN), lambda _, path: h5py.File(path)["u"][:]),
}


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    warnings.simplefilter("ignore")
    u = waves()
    print("| door | largest difference, spreads | missing on one side |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, (write, rounded)) in enumerate(DOORS.items()):
            ending = {".npz with t, x, y": ".npz"}.get(name, "")
            path = Path(folder) / f"{number}{ending}"
            options = write(u, path)
            read = spinlock.extract_features(options.pop("source"), **options).values.double()
            clean = spinlock.extract_features(u if rounded is None else rounded(u, path), **PLAIN).values.double()
            spread = torch.from_numpy(np.nanstd(clean.numpy(), axis=0)).clamp(min=1e-12)
            lost = int((read.isnan() != clean.isnan()).sum())
            largest = float(((read - clean).abs() / spread).nan_to_num().max())
            print(f"| {name} | {largest:.1e} | {lost} |", flush=True)


if __name__ == "__main__":
    main()
