"""Files as other people's tools write them, and objects in memory: the same states as the clean array, or one clear sentence."""

import subprocess
import sys

import h5py
import numpy as np
import pytest
import scipy.io
import torch

import spinlock
from spinlock.core.errors import InputError
from spinlock.importers import open_rollouts
from spinlock.importers.labelled import decoded

xr = pytest.importorskip("xarray")
netCDF4 = pytest.importorskip("netCDF4")

CHANCE = np.random.default_rng(0)
U = CHANCE.normal(size=(3, 6, 4, 5)).astype("f4")
"""(sample, time, y, x)"""
V = CHANCE.normal(size=U.shape).astype("f4")
TIMES = 0.25 * np.arange(6)
LAND = np.zeros((4, 5), bool)
LAND[:2, :2] = True


def dataset(**variables):
    grid = {"time": TIMES, "y": 0.5 * np.arange(4), "x": 0.5 * np.arange(5)}
    return xr.Dataset({name: (("run", "time", "y", "x"), values) for name, values in variables.items()}, coords=grid)


def same(source, expected=U, *, dt=0.25, dx=0.5):
    """The rollouts are those of an array (sample, time, height, width)."""
    assert len(source) == len(expected)
    for rollout, states in zip(source, expected, strict=True):
        np.testing.assert_allclose(rollout.states[0, :, 0].numpy(), states, rtol=1e-6, atol=1e-6)
        assert (rollout.dt, rollout.dx) == (pytest.approx(dt), pytest.approx(dx))


@pytest.mark.parametrize(
    "write",
    [
        lambda path: dataset(u=U).to_netcdf(path, engine="netcdf4"),
        lambda path: dataset(u=U).to_netcdf(path, engine="h5netcdf"),
        lambda path: dataset(u=U).to_netcdf(path, engine="scipy", format="NETCDF3_64BIT"),
        lambda path: dataset(u=U).to_netcdf(path, engine="scipy", format="NETCDF3_CLASSIC"),
        lambda path: dataset(u=U).to_zarr(path, zarr_format=2, consolidated=False),
        lambda path: dataset(u=U).to_zarr(path, zarr_format=3, consolidated=False),
    ],
    ids=["netcdf4", "h5netcdf", "netcdf3-64", "netcdf3", "zarr2", "zarr3"],
)
def test_names_and_coordinates_of_a_file_are_its_axes_dt_and_dx(tmp_path, write):
    path = tmp_path / "runs.file"
    write(path)
    source = open_rollouts(path)
    same(source)
    assert source.stated["axes"].startswith("nthw, by the names")
    assert "'time'" in source.stated["dt"]
    assert source[0].channel_names == ("u",)


@pytest.mark.parametrize("zarr_format", [None, 2, 3])
@pytest.mark.parametrize(
    "encoding", [{"_FillValue": -999.0}, {"dtype": "i2", "scale_factor": 1e-3, "add_offset": 1.0, "_FillValue": 0}]
)
def test_fill_values_are_missing_and_packed_numbers_are_unpacked(tmp_path, zarr_format, encoding):
    holes = U.copy()
    holes[..., LAND] = np.nan
    path = tmp_path / "x"
    if zarr_format is None:
        dataset(u=holes).to_netcdf(path, encoding={"u": encoding})
    else:
        dataset(u=holes).to_zarr(path, zarr_format=zarr_format, consolidated=False, encoding={"u": encoding})
    with pytest.raises(InputError, match="20.0% of the cells"):
        open_rollouts(path)[0]
    filled = open_rollouts(path, fill_masked=True)[1].states[0, :, 0].numpy()
    np.testing.assert_allclose(filled[:, ~LAND], U[1][:, ~LAND], atol=1e-3 if "dtype" in encoding else 0)
    assert (np.ptp(filled[:, LAND], axis=1) == 0).all()


def test_every_way_to_say_that_there_is_no_value(tmp_path):
    """netCDF4's default fill, missing_value, valid ranges in packed and in unpacked units, and unsigned bytes."""
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        for name, size in zip("tyx", (6, 4, 5), strict=True):
            file.createDimension(name, size)
        for name, kind, about in (
            ("default", "f4", {}),
            ("several", "f4", {"missing_value": np.array([-5.0, -6.0], "f4")}),
            ("range", "f4", {"valid_range": np.array([-100.0, 100.0], "f4")}),
            ("packed", "i2", {"valid_max": np.int16(50), "scale_factor": 0.1}),
            ("unpacked", "i2", {"valid_max": np.float32(5.0), "scale_factor": 0.1}),
            ("unsigned", "i1", {"_Unsigned": "true", "valid_max": np.uint8(250)}),
        ):
            variable = file.createVariable(name, kind, tuple("tyx"))
            variable.set_auto_maskandscale(False)
            variable.setncatts(about)
            values = np.full((6, 4, 5), 7, kind)
            bad = {"several": -6, "range": 1e5, "packed": 51, "unpacked": 51, "unsigned": -1}
            if name in bad:
                values[:, :2, :2] = bad[name]
                variable[:] = values
            else:
                variable[:, 2:] = values[:, 2:]
                variable[:, :2, 2:] = values[:, :2, 2:]
    for name in ("default", "several", "range", "packed", "unpacked", "unsigned"):
        with pytest.raises(InputError, match="20.0% of the cells"):
            open_rollouts(tmp_path / "a.nc", dataset_key=name)[0]


def test_single_numbers_are_decoded_as_arrays_are():
    about = {"scale_factor": 0.5, "add_offset": 1.0, "_FillValue": np.int16(9), "valid_max": np.int16(7)}
    found = [decoded(np.array(value, "i2"), about) for value in (4, 9, 8)]
    assert [value.shape for value in found] == [(), (), ()]
    np.testing.assert_array_equal(found, [3.0, np.nan, np.nan])
    np.testing.assert_array_equal(decoded(np.array(2.0), {"valid_min": 3.0}), np.nan)


def test_infinity_is_never_a_mask(tmp_path):
    broken = U.copy()
    broken[0, 3:] = np.inf
    dataset(u=broken).assign_attrs(a=1).to_netcdf(tmp_path / "a.nc", encoding={"u": {"_FillValue": 1e20}})
    assert open_rollouts(tmp_path / "a.nc")[0].diverged_at == (3,)


@pytest.mark.parametrize("unit", ["hours", "days", "seconds"])
def test_dates_are_in_the_unit_of_the_file(tmp_path, unit):
    step = {"hours": "6h", "days": "1D", "seconds": "90s"}[unit]
    when = np.datetime64("2020-01-01", "ns") + np.arange(6) * np.timedelta64(
        *{"6h": (6, "h"), "1D": (1, "D"), "90s": (90, "s")}[step]
    )
    data = dataset(u=U).assign_coords(time=when)
    data.to_netcdf(tmp_path / "a.nc", encoding={"time": {"units": f"{unit} since 2020-01-01", "dtype": "f8"}})
    dt = {"hours": 6.0, "days": 1.0, "seconds": 90.0}[unit]
    source = open_rollouts(tmp_path / "a.nc")
    same(source, dt=dt)
    assert f"in {unit}" in source.stated["dt"]
    with xr.open_dataset(tmp_path / "a.nc") as opened:
        same(open_rollouts(opened["u"]), dt=dt)
    same(
        open_rollouts(data["u"]), dt=dt * {"hours": 3600, "days": 86400, "seconds": 1}[unit]
    )  # without a file: seconds


def test_what_contradicts_is_refused(tmp_path):
    data = dataset(u=U)
    data.to_netcdf(tmp_path / "a.nc")
    with pytest.raises(InputError, match="takes the dimension 'time' .* for height"):
        open_rollouts(tmp_path / "a.nc", axes="nhtw")
    data.assign_coords(time=TIMES**2).to_netcdf(tmp_path / "b.nc")
    with pytest.raises(InputError, match="/time must rise in even steps; .* Give `dt` .*, or interpolate the run"):
        open_rollouts(tmp_path / "b.nc")
    same(open_rollouts(tmp_path / "b.nc", dt=0.25))
    data.assign_coords(x=0.7 * np.arange(5)).to_netcdf(tmp_path / "c.nc")
    with pytest.raises(InputError, match="grid spacings 0.5 and 0.7; cells must be square"):
        open_rollouts(tmp_path / "c.nc")
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["u"], file["t"] = U[0], np.arange(7.0)
        file["t"].make_scale("t")
        file["u"].dims[0].attach_scale(file["t"])
        file["u"].dims[1].label, file["u"].dims[2].label = "y", "x"
    with pytest.raises(InputError, match="has 6 entries along 't', whose coordinates are 7"):
        open_rollouts(tmp_path / "d.h5")
    xr.Dataset({"u": (("a", "b", "time"), U[0])}).to_netcdf(tmp_path / "e.nc")
    with pytest.raises(InputError, match="has the dimensions a, b, time; give `axes`"):
        open_rollouts(tmp_path / "e.nc")


def test_falling_latitudes_and_the_order_of_space(tmp_path):
    data = dataset(u=U).rename(y="lat", x="lon").assign_coords(lat=[1.5, 1.0, 0.5, 0.0])
    data.to_netcdf(tmp_path / "a.nc")
    same(open_rollouts(tmp_path / "a.nc"))
    data.transpose("lon", "time", "run", "lat").to_netcdf(tmp_path / "b.nc")
    same(open_rollouts(tmp_path / "b.nc"), U.swapaxes(2, 3))  # space keeps the order of the file


def test_the_one_variable_that_can_be_states_needs_no_name(tmp_path):
    """Beside it stand grids, bounds and masks; its own name may be that of an axis, as T and w are."""
    for name in ("T", "w", "h", "temperature"):
        data = dataset(**{name: U}).rename(time="nt").assign(mask=(("y", "x"), LAND), lat=(("y", "x"), U[0, 0]))
        data = data.drop_vars("nt").assign(ocean_time=("nt", TIMES), nt_bnds=(("nt", "two"), np.zeros((6, 2))))
        data.to_netcdf(tmp_path / "a.nc")
        source = open_rollouts(tmp_path / "a.nc")
        same(source)  # the time is that along the same dimension, whatever it is called
        assert source[0].channel_names == (name,)
    series = xr.Dataset({"q": (("run", "time"), U[:, :, 0, 0])}, coords={"time": TIMES})
    series.to_netcdf(tmp_path / "b.nc")
    assert open_rollouts(tmp_path / "b.nc")[2].states.shape == (1, 6, 1, 1, 1)
    series.isel(run=0).to_netcdf(tmp_path / "c.nc")
    np.testing.assert_array_equal(open_rollouts(tmp_path / "c.nc")[0].states.flatten(), U[0, :, 0, 0])


def test_variables_are_channels(tmp_path):
    dataset(u=U, v=V).to_netcdf(tmp_path / "a.nc")
    for key in ("u,v", ("u", "v"), ["u", "v"]):
        rollout = open_rollouts(tmp_path / "a.nc", dataset_key=key)[1]
        assert rollout.channel_names == ("u", "v")
        np.testing.assert_array_equal(rollout.states[0], np.stack([U[1], V[1]], 1))
    for source in (dataset(u=U, v=V), dataset(u=U, v=V)[["u", "v"]]):
        assert open_rollouts(source)[1].channel_names == ("u", "v")
    with pytest.raises(
        InputError,
        match=r"holds /u, /v; name one of them as `dataset_key` .--dataset-key., or several as channels \('u,v'\)",
    ):
        open_rollouts(tmp_path / "a.nc")
    with h5py.File(tmp_path / "runs.h5", "w") as file:
        for run in (10, 2):
            file[f"run_{run}/u"], file[f"run_{run}/v"] = U[0] * run, V[0]
            file[f"run_{run}"].attrs["Re"] = 100.0 * run
    source = open_rollouts(tmp_path / "runs.h5", dataset_key="run_*/u,run_*/v", axes="thw")
    assert [rollout.parameters["Re"] for rollout in source] == [200.0, 1000.0]  # numbers in their order
    np.testing.assert_allclose(source[1].states[0, :, 0], 10 * U[0], rtol=1e-6)


def test_states_saved_one_by_one_are_joined_along_time(tmp_path):
    for run in range(2):
        (tmp_path / f"run_{run}").mkdir()
        for time, frame in enumerate(U[run]):
            np.save(tmp_path / f"run_{run}" / f"u_{time}.npy", frame)
    source = open_rollouts(str(tmp_path / "run_*" / "*.npy"), axes="hw", join="time", dt=0.25, dx=0.5)
    same(source, U[:2])
    assert "joined along time from 6 parts" in source.stated["axes"]
    np.save(tmp_path / "run_0" / "u_3.npy", np.zeros((2, 2)))
    with pytest.raises(InputError, match="may differ in their number of times alone"):
        open_rollouts(tmp_path / "run_0", axes="hw", join="time")
    (tmp_path / "nc").mkdir()
    for time in range(6):
        dataset(u=U).isel(time=[time]).to_netcdf(tmp_path / "nc" / f"part{time}.nc")
    source = open_rollouts(tmp_path / "nc", join="time")
    same(source)
    assert "from the times of what was joined" in source.stated["dt"]
    for time in range(6):
        dataset(u=U).isel(time=time).to_netcdf(
            tmp_path / "nc" / f"part{time}.nc"
        )  # no dimension of time, its value beside
    source = open_rollouts(tmp_path / "nc", join="time")
    same(source)
    assert "from the times of what was joined" in source.stated["dt"]
    with h5py.File(tmp_path / "series.h5", "w") as file:
        for time, frame in enumerate(U[0]):
            file[f"timeseries/u/{100 * time}"] = frame
    same(open_rollouts(tmp_path / "series.h5", dataset_key="timeseries/u/*", axes="hw", join="time"), U[:1], dt=1, dx=1)


def test_names_and_parameters_travel(tmp_path):
    data = dataset(u=U).assign_coords(run=["a", "b", "c"]).assign(Re=("run", [1.0, 2.0, 3.0])).assign_attrs(nu=0.1)
    data.to_netcdf(tmp_path / "a.nc")
    source = open_rollouts(tmp_path / "a.nc", system="cylinder")
    assert [rollout.name for rollout in source] == ["a", "b", "c"]
    assert [rollout.parameters for rollout in source] == [{"nu": 0.1, "Re": value} for value in (1.0, 2.0, 3.0)]
    assert source[0].system == "cylinder"
    (tmp_path / "runs").mkdir()
    for number, name in enumerate(("Re100", "Re20")):
        np.save(tmp_path / "runs" / f"{name}.npy", U[number])
    (tmp_path / "p.csv").write_text("name,Re,made by\nRe100,100,me\nRe20,20,you\n")
    source = open_rollouts(tmp_path / "runs", axes="thw", parameters=tmp_path / "p.csv")
    assert [(rollout.name, rollout.parameters) for rollout in source] == [
        ("Re20", {"Re": 20.0}),
        ("Re100", {"Re": 100.0}),
    ]
    table = spinlock.extract_features(tmp_path / "runs", axes="thw", parameters={"Re": [20, 100]})
    assert table.ids == ("Re20", "Re100")
    with pytest.raises(InputError, match="has 1 rows for 2 samples"):
        open_rollouts(tmp_path / "runs", axes="thw", parameters={"Re": [20]})
    with pytest.raises(InputError, match="has no row of the sample 'Re20'"):
        list(open_rollouts(tmp_path / "runs", axes="thw", parameters={"id": ["Re100", "x"], "Re": [20, 1]}))


def test_matlab_counts_columns_first(tmp_path):
    """Axes are those that `size(u)` shows, in both kinds of files."""
    u = U.transpose(0, 2, 3, 1)  # u(n, h, w, t)
    scipy.io.savemat(tmp_path / "old.mat", {"u": u, "t": TIMES})
    with h5py.File(tmp_path / "new.mat", "w", userblock_size=512) as file:
        file.create_dataset("u", data=u.transpose()).attrs["MATLAB_class"] = np.bytes_("double")
        file.create_dataset("t", data=TIMES[:, None]).attrs["MATLAB_class"] = np.bytes_("double")
    for name in ("old.mat", "new.mat"):
        same(open_rollouts(tmp_path / name, dataset_key="u", axes="nhwt", dx=0.5, dt=0.25))


def test_matlab_has_numbers_and_lists_as_matrices(tmp_path):
    """A 1 x 1 matrix is a number (dt, parameters), one of a single row or column a list (times), in both kinds of files."""
    for beside in ({"t": TIMES[None]}, {"t": TIMES[:, None]}, {"dt": np.array([[TIMES[1] - TIMES[0]]])}):
        arrays = {"u": U.transpose(0, 2, 3, 1), "nu": np.array([[0.5]]), **beside}
        scipy.io.savemat(tmp_path / "old.mat", arrays)
        with h5py.File(tmp_path / "new.mat", "w", userblock_size=512) as file:
            for name, array in arrays.items():
                file.create_dataset(name, data=array.transpose()).attrs["MATLAB_class"] = np.bytes_("double")
        for name in ("old.mat", "new.mat"):
            found = open_rollouts(tmp_path / name, dataset_key="u", axes="nhwt")
            assert "assumed" not in found.stated["dt"]
            assert found[0].dt == pytest.approx(TIMES[1] - TIMES[0])
            assert {"nu": 0.5}.items() <= found[0].parameters.items()


def test_objects_in_memory_are_read_as_their_files_would_be():
    same(open_rollouts(U, axes="nthw", dt=0.25, dx=0.5))
    same(open_rollouts(torch.from_numpy(U), axes="nthw", dt=0.25, dx=0.5))
    same(open_rollouts(dataset(u=U)["u"]))
    same(open_rollouts(dataset(u=U)))
    same(open_rollouts(list(U), axes="nthw", dt=0.25, dx=0.5))
    masked = np.ma.masked_array(U, np.broadcast_to(LAND, U.shape))
    with pytest.raises(InputError, match="20.0% of the cells"):
        open_rollouts(masked, axes="nthw")[0]
    filled = open_rollouts(masked, axes="nthw", fill_masked=True)[0].states[0, :, 0].numpy()
    np.testing.assert_allclose(filled[:, LAND], np.broadcast_to(U[0][:, ~LAND].mean(1)[:, None], (6, 4)), rtol=1e-5)
    several = open_rollouts([U[0], U[1, :4]], axes="thw")
    assert [len(rollout.states[0]) for rollout in several] == [6, 4]


def test_a_table_does_not_depend_on_the_door(tmp_path):
    data = dataset(u=U)
    data.to_netcdf(tmp_path / "a.nc")
    tables = [
        spinlock.extract_features(U, axes="nthw", dt=0.25, dx=0.5),
        spinlock.extract_features(data["u"]),
        spinlock.extract_features(tmp_path / "a.nc"),
        spinlock.extract_features(open_rollouts(tmp_path / "a.nc")),
    ]
    for table in tables[1:]:
        assert torch.equal(table.values.nan_to_num(), tables[0].values.nan_to_num())


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"CDF\x05", "nccopy -k nc4"),
        (b"GRIB", "cdo -f nc4"),
        (b"\x1f\x8b", "gunzip"),
        (b"\x80\x04\x95", "pickled objects are never opened"),
        (b"PK\x03\x04", "is a zip archive"),
        (b"1.0,2.0\n", "np.loadtxt"),
    ],
)
def test_formats_that_stay_outside_are_named_with_the_line_that_converts_them(tmp_path, head, message):
    path = tmp_path / "x.dat"
    path.write_bytes(head + bytes(600) if b"," not in head else head)
    with pytest.raises(InputError, match=message):
        open_rollouts(path)


def test_arguments_of_the_wrong_kind_are_refused_in_words():
    """In a process of its own, where nothing checks types before we do."""
    code = """
import numpy as np, spinlock
for arguments in ({"dt": np.arange(6.0)}, {"dx": (0.1, 0.2)}, {"dt": "0.1"}, {"join": "space"}, {"format": "well"}, {"axes": 5}):
    try:
        spinlock.extract_features(np.zeros((3, 6, 4, 5)), **{"axes": "nthw", **arguments})
    except spinlock.SpinlockError as error:
        print(error)
for states in ((frame for frame in np.zeros((3, 6))), {"u": 1}, [], 3.0, "a.npy"):
    try:
        spinlock.extract_features(states)
    except spinlock.SpinlockError as error:
        print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(said) == 11
    assert said[0] == "`dt` must be one number greater than 0; got a ndarray: interpolate a run to even times."
    assert said[1] == "`dx` must be one number greater than 0; got a tuple: interpolate a grid to square cells."
    assert said[2].startswith("`dt` must be one number greater than 0; got a str")
    assert all(line.startswith("`states` must be an array, a list of arrays") for line in said[6:10])
    assert said[10].startswith("a.npy does not exist")


PLUGIN = """
import numpy as np
from contextlib import contextmanager
from spinlock.importers.source import RolloutSource, SampleFacts, rollout_of

class Toy:
    name, endings = "toy", (".toy",)
    def matches(self, path):
        return path.suffix == ".toy"
    def open(self, path, options):
        @contextmanager
        def opened():
            states = np.fromfile(path, "f4").reshape(1, -1, 1, 4, 5)
            yield lambda sample: rollout_of(states, SampleFacts(dt=0.25, dx=0.5, group=sample, name=path.stem), options)
        return RolloutSource(path=path, format="toy", num_samples=1, opened=opened, stated={"dt": "0.25, by the format"})
"""


def test_another_package_brings_an_importer(tmp_path):
    """A real distribution on the path of a fresh process."""
    (tmp_path / "toy_reader.py").write_text(PLUGIN)
    about = tmp_path / "toy_reader-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-reader\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[spinlock.importers]\ntoy = toy_reader:Toy\n")
    (tmp_path / "runs").mkdir()
    for number in range(2):
        U[number].tofile(tmp_path / "runs" / f"{number}.toy")
    code = (
        "import sys; sys.path.insert(0, '.'); import spinlock\n"
        "source = spinlock.open_rollouts('runs')\n"
        "print(source.format, [r.name for r in source], source[1].dt, float(source[1].states[0, 2, 0, 3, 4]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["toy", "['0',", "'1']", "0.25", str(float(U[1, 2, 3, 4]))]
