"""The Well's own library as the other side: it writes what we read, and reads what we say a file of its layout holds."""

import h5py
import numpy as np
import pytest
from test_importers import well_file

from spinlock.importers import open_rollouts

pytestmark = pytest.mark.filterwarnings("ignore")  # the warnings of another library's imports are its own
dummy_data = pytest.importorskip("the_well.utils.dummy_data", exc_type=ImportError)
datasets = pytest.importorskip("the_well.data.datasets", exc_type=ImportError)


def test_a_file_that_its_own_library_writes_is_read(tmp_path):
    path = tmp_path / "dummy.hdf5"
    dummy_data.write_dummy_data(str(path))
    source = open_rollouts(path)
    assert (source.format, len(source)) == ("well", 2)
    with h5py.File(path) as file:
        for number, rollout in enumerate(source):
            assert (rollout.system, rollout.channel_names) == ("dummy_dataset", ("field_x", "field_y"))
            np.testing.assert_array_equal(rollout.states[0], np.moveaxis(file["t1_fields/field"][number], -1, 1))
            assert rollout.dt == pytest.approx(1 / 9)
            assert rollout.dx == pytest.approx(1 / 31)
            assert rollout.periodic
            assert rollout.parameters == {"a": 0.25, "b": 0.75}


def test_its_own_reader_sees_the_same_states(tmp_path):
    def complete(file):  # what its reader asks for beside what ours needs
        file.attrs["simulation_parameters"] = []
        del file["t0_fields/mask"], file["t0_fields/profile"]
        file["t0_fields"].attrs["field_names"] = ["density"]
        for name in ("time", "x", "y"):
            file[f"dimensions/{name}"].attrs["sample_varying"] = False
        for name in "xy":
            edge = file[f"boundary_conditions/{name}_boundary"]
            edge.attrs.update(associated_dims=[name], associated_fields=[], sample_varying=False, time_varying=False)
            edge["mask"] = np.array([True, *[False] * (file[f"dimensions/{name}"].size - 2), True])

    folder = tmp_path / "data"
    folder.mkdir()
    path, _ = well_file(folder / "shear.hdf5", spoil=complete)
    theirs = datasets.WellDataset(
        path=str(folder), n_steps_input=4, n_steps_output=1, use_normalization=False, return_grid=True
    )
    for number, rollout in enumerate(open_rollouts(path)):
        item = theirs[number]
        fields = np.concatenate([item["input_fields"], item["output_fields"]])  # (time, x, y, field)
        np.testing.assert_array_equal(rollout.states[0].movedim(1, -1), fields.astype(np.float32))
