import h5py
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spinlock.core.errors import InputError, UsageError
from spinlock.importers import open_rollouts
from spinlock.importers.source import spacing

SIZES = {"n": 4, "m": 2, "t": 5, "c": 3, "h": 6, "w": 7}
CHANCE = np.random.default_rng(0)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    letters=st.permutations("nmtchw"),
    left_out=st.sets(st.sampled_from("nmchw")),
    ending=st.sampled_from(["npy", "npz", "h5"]),
)
def test_axes_may_have_any_order_and_be_left_out(tmp_path, letters, left_out, ending):
    axes = "".join(letter for letter in letters if letter not in left_out)
    array = CHANCE.normal(size=[SIZES[letter] for letter in axes]).astype(np.float32)
    path = tmp_path / f"x.{ending}"
    if ending == "npy":
        np.save(path, array)
    elif ending == "npz":
        np.savez(path, states=array)
    else:
        with h5py.File(path, "w") as file:
            file["some/states"] = array
    source = open_rollouts(path, axes=axes)
    shape = tuple(1 if letter in left_out else SIZES[letter] for letter in "nmtchw")
    expected = np.einsum(f"{axes}->{''.join(a for a in 'nmtchw' if a in axes)}", array).reshape(shape)
    assert len(source) == shape[0]
    for number, rollout in enumerate(source):
        np.testing.assert_array_equal(rollout.states, expected[number])
    np.testing.assert_array_equal(source[-1].states, expected[-1])


def test_an_array_has_the_steps_and_groups_that_it_is_given(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["u"] = np.ones((3, 4, 2, 5, 5))
        file["draw"] = np.array([7, 7, 9])
    source = open_rollouts(
        tmp_path / "x.h5", axes="ntchw", dataset_key="u", group_key="draw", dt=0.5, dx=2.0, periodic=False
    )
    first, _, last = source
    assert (first.dt, first.dx, first.group, last.group, first.periodic) == (0.5, 2.0, 7, 9, False)
    assert first.channel_names == ("channel_0", "channel_1")
    assert first.system == "imported"


def test_states_are_marked_from_the_first_time_that_is_not_finite(tmp_path):
    states = np.zeros((1, 3, 6, 2))
    states[0, 1, 4, 0] = np.inf
    states[0, 2, 2, 1] = 1e300  # beyond float32
    np.save(tmp_path / "x.npy", states)
    (rollout,) = open_rollouts(tmp_path / "x.npy", axes="nmtw")
    assert rollout.diverged_at == (-1, 4, 2)
    assert torch.isnan(rollout.states[1, 4:]).all()
    assert torch.isfinite(rollout.states[1, :4]).all()


def save(path, array):
    np.save(path, array, allow_pickle=True)


@pytest.mark.parametrize(
    ("write", "arguments", "error", "message"),
    [
        (lambda p: save(p, np.zeros((2, 3))), {}, UsageError, "`axes` must name the axes of the array"),
        (lambda p: save(p, np.zeros((2, 3))), {"axes": "ntw"}, InputError, r"names 3 axes; .* has the shape \(2, 3\)"),
        (lambda p: save(p, np.zeros((2, 3))), {"axes": "nw"}, InputError, "`axes` must name the time, t; got 'nw'"),
        (lambda p: save(p, np.zeros((2, 3))), {"axes": "tt"}, InputError, "another one of the letters n sample, m rea"),
        (lambda p: save(p, np.zeros((2, 3, 4))), {"axes": "tdh"}, InputError, "names d, the third direction of space, without both h"),
        (lambda p: save(p, np.zeros((2, 3, 4, 5))), {"axes": "tdhw", "depth": 3}, UsageError, "names no plane of .* has 3 of them"),
        (lambda p: save(p, np.zeros((2, 3))), {"axes": "nt", "depth": "mean"}, UsageError, "the axes 'nt' has fewer"),
        (lambda p: save(p, np.zeros((2, 0))), {"axes": "nt"}, InputError, r"is empty: it has the shape \(2, 0\)"),
        (lambda p: save(p, np.zeros((2, 3))), {"axes": "nt", "dt": -1.0}, UsageError, "`dt` must be finite and greater than 0; got -1"),
        (lambda p: save(p, np.zeros((2, 3))), {"axes": "nt", "dataset_key": "u"}, UsageError, "one array without a name"),
        (lambda p: save(p, np.zeros((2, 3), dtype=complex)), {"axes": "nt"}, InputError, "must hold real numbers"),
        (lambda p: save(p, np.array([[{}]])), {"axes": "nt"}, InputError, "is not a .npy file of numbers: .*[Pp]ython objects"),
        (lambda p: p.write_bytes(b""), {"axes": "nt"}, InputError, r"is empty \(0 bytes\)"),
        (lambda p: p.write_bytes(bytes(200)), {"axes": "nt"}, InputError, "is not a .npy file of numbers: it does not begin as one."),
        (lambda p: p.write_text("1,2,3"), {"axes": "nt"}, InputError, "is not a .npy file of numbers"),
        (lambda p: p.write_bytes(b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (2, 9999999999999)}" + b" " * 51 + b"\n"), {"axes": "nt"}, InputError, "is not a .npy file of numbers"),
        (lambda _: None, {"axes": "nt"}, InputError, "does not exist; expected rollouts"),
        (lambda p: p.mkdir(), {"axes": "nt"}, InputError, "is a folder without a file that ends in .npy"),
    ],
)  # fmt: skip
def test_an_array_file_that_cannot_be_read_is_refused_in_one_sentence(tmp_path, write, arguments, error, message):
    path = tmp_path / "x.npy"
    write(path)
    with pytest.raises(error, match=message) as caught:
        open_rollouts(path, **arguments)
    assert "\n" not in str(caught.value)


def test_a_folder_of_folders_of_states_is_refused_with_the_call_that_reads_it(tmp_path):
    for run in range(2):
        (tmp_path / "runs" / f"run_{run}").mkdir(parents=True)
        for step in range(3):
            np.save(tmp_path / "runs" / f"run_{run}" / f"u_{step}.npy", np.full((4, 4), step + run))
    with pytest.raises(
        InputError, match=r"those of the folders in it are taken by a pattern, '(.*/runs/\*/\*\.npy)'"
    ) as refused:
        open_rollouts(tmp_path / "runs")
    pattern = str(refused.value).split("'")[1]
    with pytest.raises(
        UsageError, match=r"or 'hw' with join='time' \(--axes hw --join time\) for states that were saved"
    ):
        open_rollouts(pattern)
    found = open_rollouts(pattern, axes="hw", join="time")
    assert [rollout.states[0, :, 0, 0, 0].tolist() for rollout in found] == [[0, 1, 2], [1, 2, 3]]


def test_an_archive_of_several_arrays_needs_a_name(tmp_path):
    np.savez(tmp_path / "x.npz", u=np.zeros((2, 3)), v=np.ones((2, 3)))
    with pytest.raises(InputError, match="holds u, v; name one of them as `dataset_key` .--dataset-key."):
        open_rollouts(tmp_path / "x.npz", axes="nt")
    with pytest.raises(InputError, match="holds no array 'w'"):
        open_rollouts(tmp_path / "x.npz", axes="nt", dataset_key="w")
    assert float(open_rollouts(tmp_path / "x.npz", axes="nt", dataset_key="v")[0].states.sum()) == 3.0
    (tmp_path / "broken.npz").write_bytes((tmp_path / "x.npz").read_bytes()[:300])
    with pytest.raises(InputError, match="is not an .npz file of numbers"):
        open_rollouts(tmp_path / "broken.npz", axes="nt")


def test_hdf5_of_no_known_layout_says_what_it_holds(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["runs/u"], file["runs/v"] = np.zeros((2, 3)), np.zeros((2, 3))
        file["runs/elsewhere"] = h5py.ExternalLink("y.h5", "/u")
    with pytest.raises(
        InputError, match=r"holds /runs/u, /runs/v, which is no layout that spinlock knows: The Well .* PDEBench"
    ):
        open_rollouts(tmp_path / "x.h5")


def well_file(path, *, directions=("x", "y"), boundary="PERIODIC", time=None, spoil=None):
    """Two trajectories of a scalar, a vector, one scalar that varies along x alone, and a constant field."""
    sizes = (6, 4)[: len(directions)]
    rank = len(directions)
    fields = {
        "t0_fields": {"density": CHANCE.normal(size=(2, 5, *sizes)), "profile": CHANCE.normal(size=(2, 5, 6)[: 2 + 1])},
        "t1_fields": {"velocity": CHANCE.normal(size=(2, 5, *sizes, rank))},
        "t2_fields": {},
    }
    with h5py.File(path, "w") as file:
        file.attrs["dataset_name"] = "shear_flow"
        file.attrs["n_trajectories"] = 2
        file.attrs["n_spatial_dims"] = rank
        file.attrs["grid_type"] = "cartesian"
        file["dimensions/time"] = np.arange(5, dtype=np.float32) * 0.25 if time is None else time
        file["dimensions"].attrs["spatial_dims"] = list(directions)
        for name, size in zip(directions, sizes, strict=True):
            file[f"dimensions/{name}"] = (0.5 * np.arange(size)).astype(np.float32)
            edge = file.create_group(f"boundary_conditions/{name}_boundary")
            edge.attrs["bc_type"] = boundary
        for group, members in fields.items():
            file.create_group(group).attrs["field_names"] = list(members)
            for name, values in members.items():
                put_field(file, f"{group}/{name}", values, along=[True, name != "profile"][:rank])
        file["t0_fields"].attrs["field_names"] = ["density", "profile", "mask"]
        put_field(file, "t0_fields/mask", np.ones(sizes), along=[True] * rank, time=False, sample=False)
        file.create_group("scalars").attrs["field_names"] = ["viscosity", "seed", "clock"]
        put_field(file, "scalars/viscosity", np.float32(0.5), time=False, sample=False)
        put_field(file, "scalars/seed", np.array([3.0, 4.0]), time=False)
        put_field(file, "scalars/clock", np.arange(5.0), sample=False)
        if spoil:
            spoil(file)
    return path, fields


def put_field(file, path, values, *, along=None, time=True, sample=True):
    data = file.create_dataset(path, data=values)
    data.attrs["time_varying"] = time
    data.attrs["sample_varying"] = sample
    if along is not None:
        data.attrs["dim_varying"] = along


def test_a_file_of_the_well_becomes_rollouts(tmp_path):
    path, fields = well_file(tmp_path / "x.hdf5")
    source = open_rollouts(path)
    assert (source.format, len(source)) == ("well", 2)
    for number, rollout in enumerate(source):
        assert rollout.channel_names == ("density", "profile", "velocity_x", "velocity_y")
        assert (rollout.dt, rollout.dx, rollout.periodic, rollout.system, rollout.group) == (
            0.25,
            0.5,
            True,
            "shear_flow",
            number,
        )
        assert rollout.parameters == {"viscosity": 0.5, "seed": 3.0 + number}
        states = rollout.states.numpy()[0]  # (time, channel, height, width)
        np.testing.assert_allclose(states[:, 0], fields["t0_fields"]["density"][number], rtol=1e-6)
        np.testing.assert_allclose(
            states[:, 2:], np.moveaxis(fields["t1_fields"]["velocity"][number], -1, 1), rtol=1e-6
        )
        profile = fields["t0_fields"]["profile"][number]
        np.testing.assert_allclose(states[:, 1], np.repeat(profile[:, :, None], 4, axis=2), rtol=1e-6)


def test_a_field_of_the_well_may_keep_an_axis_of_length_one(tmp_path):
    def thin(file):
        values = file["t0_fields/profile"][...]
        del file["t0_fields/profile"]
        put_field(file, "t0_fields/profile", values[..., None], along=[True, False])

    path, fields = well_file(tmp_path / "x.hdf5", spoil=thin)
    np.testing.assert_allclose(
        open_rollouts(path)[1].states[0, :, 1, :, 3], fields["t0_fields"]["profile"][1], rtol=1e-6
    )


def test_one_dimension_of_the_well_lies_along_the_width(tmp_path):
    path, fields = well_file(tmp_path / "x.h5", directions=("x",), boundary="WALL")
    rollout = open_rollouts(path)[1]
    assert rollout.states.shape == (1, 5, 3, 1, 6)
    assert not rollout.periodic
    np.testing.assert_allclose(rollout.states[0, :, 0, 0], fields["t0_fields"]["density"][1], rtol=1e-6)


def test_times_of_the_well_may_differ_between_trajectories(tmp_path):
    time = np.arange(5) * np.array([[0.1], [0.2]])
    path, _ = well_file(tmp_path / "x.h5", time=time)
    assert [rollout.dt for rollout in open_rollouts(path)] == pytest.approx([0.1, 0.2])
    assert open_rollouts(path, dt=3.0)[0].dt == 3.0


def set_attribute(path, name, value):
    def spoil(file):
        file[path].attrs[name] = value

    return spoil


def shorten(file):
    del file["t0_fields/density"]
    put_field(file, "t0_fields/density", np.zeros((2, 5, 6, 3)), along=[True, True])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            set_attribute("dimensions", "spatial_dims", list("xyzw")),
            "has 4 directions of space .x, y, z, w.; expected one to three",
        ),
        (lambda f: f["dimensions/x"].__setitem__(3, 9.0), "dimensions/x must rise in even steps"),
        (lambda f: f["dimensions/y"].__setitem__(slice(None), np.arange(4.0)), "has the grid spacings 0.5 and 1"),
        (lambda f: f["dimensions/time"].__setitem__(2, 0.0), "dimensions/time must rise in even steps"),
        (shorten, r"/t0_fields/density has the shape \(2, 5, 6, 3\); each trajectory must have the shape \(5, 6, 4\)"),
        (lambda f: f["t0_fields/density"].attrs.__delitem__("time_varying"), "must have the attribute `time_varying`"),
        (lambda f: f.attrs.__setitem__("n_trajectories", 3), "has fields of 2, 3 trajectories; they must agree"),
        (lambda f: f.__delitem__("t1_fields/velocity"), "the data set /t1_fields/velocity is not there"),
    ],
)
def test_a_broken_file_of_the_well_is_refused(tmp_path, spoil, message):
    path, _ = well_file(tmp_path / "x.hdf5", spoil=spoil)
    with pytest.raises(InputError, match=message) as caught:
        list(open_rollouts(path))
    assert "\n" not in str(caught.value)


def coordinates(file, *sizes):
    for name, size in zip("xy", sizes, strict=False):
        file[f"{name}-coordinate"] = ((np.arange(size) + 0.5) / 8).astype(np.float32)
    file["t-coordinate"] = (0.01 * np.arange(7)).astype(
        np.float32
    )  # one more than there are states, as in the published files


def test_the_tensor_layout_of_pdebench(tmp_path):
    tensor = CHANCE.normal(size=(3, 6, 8)).astype(np.float32)
    with h5py.File(tmp_path / "1D_Burgers_Sols_Nu0.01.hdf5", "w") as file:
        file["tensor"] = tensor
        coordinates(file, 8)
        file.attrs["Nu"] = 0.01
    source = open_rollouts(tmp_path / "1D_Burgers_Sols_Nu0.01.hdf5")
    assert (source.format, len(source)) == ("pdebench", 3)
    rollout = source[2]
    np.testing.assert_array_equal(rollout.states[0, :, 0, 0], tensor[2])
    assert rollout.dt == pytest.approx(0.01, rel=1e-5)
    assert rollout.dx == 0.125
    assert rollout.parameters == {"Nu": pytest.approx(0.01)}
    assert (rollout.channel_names, rollout.periodic, rollout.group) == (("tensor",), True, 2)


def test_the_layout_of_pdebench_with_a_data_set_for_each_field(tmp_path):
    fields = {name: CHANCE.normal(size=(2, 6, 8, 5)).astype(np.float32) for name in ("Vx", "Vy", "density", "pressure")}
    path = tmp_path / "2D_CFD_Rand_M0.1_Eta1e-08_Zeta1e-08_trans_Train.hdf5"
    with h5py.File(path, "w") as file:
        for name, values in fields.items():
            file[name] = values
        coordinates(file, 8, 5)
    rollout = open_rollouts(path)[1]
    assert rollout.channel_names == ("density", "pressure", "Vx", "Vy")
    assert not rollout.periodic
    for channel, name in enumerate(rollout.channel_names):
        np.testing.assert_array_equal(rollout.states[0, :, channel], fields[name][1])


def test_the_layout_of_pdebench_with_a_group_for_each_seed(tmp_path):
    data = CHANCE.normal(size=(3, 6, 8, 5, 2)).astype(np.float32)
    with h5py.File(tmp_path / "2D_diff-react_NA_NA.h5", "w") as file:
        for seed, values in enumerate(data):
            group = file.create_group(f"{seed:04d}")
            group.create_dataset("data", data=values, compression="lzf")
            group["grid/x"] = 0.25 * np.arange(8)
            group["grid/y"] = 0.25 * np.arange(5)
            group["grid/t"] = 0.05 * np.arange(6)
            group.attrs["config"] = "!!python/object:os.system {}"  # never parsed
    source = open_rollouts(tmp_path / "2D_diff-react_NA_NA.h5")
    assert len(source) == 3
    for number, rollout in enumerate(source):
        np.testing.assert_array_equal(rollout.states[0], np.moveaxis(data[number], -1, 1))
        assert (rollout.dx, rollout.group, rollout.periodic) == (0.25, number, False)
        assert rollout.dt == pytest.approx(0.05)


def test_the_incompressible_flow_of_pdebench(tmp_path):
    velocity = CHANCE.normal(size=(2, 6, 4, 4, 2)).astype(np.float32)
    with h5py.File(tmp_path / "ns_incom.h5", "w") as file:
        file["velocity"] = velocity
        file["particles"] = np.ones((2, 6, 4, 4, 1), dtype=np.float32)
        file["force"] = np.zeros((2, 4, 4, 2))
        file["t"] = np.tile(0.1 * np.arange(6), (2, 1))
    with pytest.raises(InputError, match="has no /x-coordinate, /y-coordinate; give `dx`"):
        open_rollouts(tmp_path / "ns_incom.h5")[0]
    rollout = open_rollouts(tmp_path / "ns_incom.h5", dx=0.01)[1]
    assert rollout.channel_names == ("particles", "velocity_0", "velocity_1")
    np.testing.assert_array_equal(rollout.states[0, :, 1:], np.moveaxis(velocity[1], -1, 1))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tensor": (2, 1, 8, 8)}, "a steady field, without a time to describe"),
        (
            {"tensor": (2, 6, 4, 4, 4, 4)},
            r"expected \[sample, time, x\(, y\(, z\)\)\] with one to three directions of space",
        ),
        ({"density": (2, 6, 8), "pressure": (2, 6, 9)}, "has fields of the shapes .* they must agree"),
        ({"0000/data": (6, 8)}, r"expected \[time, x\(, y\(, z\)\), channel\]"),
        ({"tensor": (2, 6, 8)}, "has no /t-coordinate; give `dt`"),
    ],
)
def test_what_pdebench_does_not_hold_is_said(tmp_path, fields, message):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name, shape in fields.items():
            file[name] = np.zeros(shape)
    with pytest.raises(InputError, match=message):
        list(open_rollouts(tmp_path / "x.h5", format="pdebench"))


def test_one_name_alone_makes_no_file_one_of_pdebench(tmp_path):
    """Others store `velocity` too, with other axes: a file is one of PDEBench by two marks at least."""
    for name, shape in (("velocity", (2, 6, 2, 4, 4)), ("tensor", (2, 6, 8)), ("density", (2, 6, 8))):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file[name] = np.zeros(shape)
        with pytest.raises(UsageError, match="`axes` must name the axes"):
            open_rollouts(tmp_path / f"{name}.h5")


def test_axes_that_the_coordinates_of_pdebench_contradict_are_refused(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["tensor"] = CHANCE.normal(size=(3, 8, 6))  # (sample, x, time)
        coordinates(file, 8)
    with pytest.raises(InputError, match=r"lengths are t-coordinate 7, x-coordinate 8. Give the axes as they are"):
        open_rollouts(tmp_path / "x.h5")
    with h5py.File(tmp_path / "seeds.h5", "w") as file:
        file["0000/data"], file["0000/grid/t"] = np.zeros((8, 6, 2)), np.arange(6.0)
    with pytest.raises(InputError, match="/0000/grid/t has 6 entries, which contradicts that"):
        open_rollouts(tmp_path / "seeds.h5")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("pdebench", "holds t0_fields, which is no layout of PDEBench"),
        ("well", "holds other, which is not the layout of The Well"),
    ],
)
def test_a_file_of_another_layout_than_was_asked_for_is_refused(tmp_path, asked, message):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["t0_fields/u" if asked == "pdebench" else "other/u"] = np.zeros((2, 6, 8))
    with pytest.raises(InputError, match=message):
        open_rollouts(tmp_path / "x.h5", format=asked)


def test_spacing_of_rounded_coordinates_is_even():
    rounded = (1000 + 0.001 * np.arange(50)).astype(np.float32)
    assert spacing(rounded, where="x", remedy="") == pytest.approx(0.001, rel=0.05)
    with pytest.raises(InputError, match="must rise in even steps"):
        spacing(np.array([0.0, 1.0, 2.1]), where="x", remedy="")
    assert spacing(np.array([3.0]), where="x", remedy="") == 1.0


def test_an_archive_without_an_array_says_so(tmp_path):
    np.savez(tmp_path / "x.npz")
    with pytest.raises(InputError, match=r"x\.npz holds no array\.$"):
        open_rollouts(tmp_path / "x.npz", axes="nt")
