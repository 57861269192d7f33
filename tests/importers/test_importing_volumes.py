"""Three directions of space: one plane of the third, or its mean."""

import h5py
import numpy as np
import pytest
from test_importers import coordinates, put_field

from spinlock.core.errors import UsageError
from spinlock.importers import open_rollouts

CHANCE = np.random.default_rng(1)


def taken(volume, axis, depth):
    """What each choice means, in numpy's words."""
    if depth == "mean":
        return volume.mean(axis=axis)
    return volume.take(volume.shape[axis] // 2 if depth in (None, "middle") else depth, axis=axis)


@pytest.mark.parametrize("depth", [None, "middle", "mean", 0, -1])
@pytest.mark.parametrize("axes", ["ntdhw", "dnthw", "nthwd"])
def test_the_axis_d_of_an_array_becomes_a_plane_or_a_mean(tmp_path, axes, depth):
    sizes = {"n": 2, "t": 3, "d": 5, "h": 4, "w": 6}
    array = CHANCE.normal(size=[sizes[letter] for letter in axes])
    np.save(tmp_path / "x.npy", array)
    expected = taken(np.einsum(f"{axes}->ntdhw", array), 2, depth)
    for number, rollout in enumerate(open_rollouts(tmp_path / "x.npy", axes=axes, depth=depth)):
        np.testing.assert_allclose(rollout.states[0, :, 0], expected[number], rtol=1e-6)


@pytest.mark.parametrize("depth", [None, "mean", 2])
def test_the_third_direction_of_the_well_is_z(tmp_path, depth):
    sizes = (6, 4, 5)
    density, velocity = CHANCE.normal(size=(2, 3, *sizes)), CHANCE.normal(size=(2, 3, *sizes, 3))
    flat = CHANCE.normal(size=(2, 3, 6, 4))
    with h5py.File(tmp_path / "x.hdf5", "w") as file:
        file["dimensions/time"] = np.arange(3.0)
        file["dimensions"].attrs["spatial_dims"] = ["x", "y", "z"]
        for name, size, step in zip(
            "xyz", sizes, (1.0, 1.0, 7.0), strict=True
        ):  # cells need to be square in the plane only
            file[f"dimensions/{name}"] = step * np.arange(size)
            edge = file.create_group(f"boundary_conditions/{name}")
            edge.attrs["associated_dims"] = name
            edge.attrs["bc_type"] = "WALL" if name == "z" else "PERIODIC"
        file.create_group("t0_fields").attrs["field_names"] = ["density", "flat"]
        file.create_group("t1_fields").attrs["field_names"] = ["velocity"]
        put_field(file, "t0_fields/density", density, along=[True] * 3)
        put_field(file, "t0_fields/flat", flat, along=[True, True, False])
        put_field(file, "t1_fields/velocity", velocity, along=[True] * 3)
    rollout = open_rollouts(tmp_path / "x.hdf5", depth=depth)[1]
    assert rollout.channel_names == ("density", "flat", "velocity_x", "velocity_y", "velocity_z")
    assert rollout.periodic  # the walls are along z
    states = rollout.states[0]
    np.testing.assert_allclose(states[:, 0], taken(density[1], 3, depth), rtol=1e-5)
    np.testing.assert_allclose(states[:, 1], flat[1], rtol=1e-6)
    np.testing.assert_allclose(states[:, 2:], np.moveaxis(taken(velocity[1], 3, depth), -1, 1), rtol=1e-5)


@pytest.mark.parametrize("depth", [None, "mean", 1])
def test_the_third_direction_of_pdebench_is_z(tmp_path, depth):
    fields = {name: CHANCE.normal(size=(2, 6, 4, 5, 3)).astype(np.float32) for name in ("Vx", "Vy", "Vz", "density")}
    with h5py.File(tmp_path / "3D_CFD.hdf5", "w") as file:
        for name, values in fields.items():
            file[name] = values
        coordinates(file, 4, 5)
    rollout = open_rollouts(tmp_path / "3D_CFD.hdf5", depth=depth)[1]
    assert rollout.channel_names == ("density", "Vx", "Vy", "Vz")
    for channel, name in enumerate(rollout.channel_names):
        np.testing.assert_allclose(
            rollout.states[0, :, channel], taken(fields[name][1], 3, depth), rtol=1e-5, atol=1e-6
        )


def test_a_plane_of_flat_data_is_refused(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["tensor"] = np.zeros((2, 6, 8))
        coordinates(file, 8)
    with pytest.raises(UsageError, match="`depth` chooses a plane of three directions of space; .* has fewer"):
        open_rollouts(tmp_path / "x.h5", depth="mean")
