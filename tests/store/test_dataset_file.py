import json
from hashlib import sha256

import h5py
import numpy as np
import pytest
import torch
from store_samples import DESCRIPTION, PARAMETERS, REGISTRY, sample_block

from spinlock.core.errors import InputError, UsageError
from spinlock.importers import open_rollouts
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_check import check_dataset
from spinlock.store.dataset_layout import DatasetBlock
from spinlock.store.dataset_paths import AGGREGATED, ARRAYS
from spinlock.store.merge import merge_shards
from spinlock.store.shards import write_shard


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset")
    for first in (0, 4, 8):
        write_shard(folder / "shards", sample_block(first, 4, states=True))
    merge_shards(folder / "shards", folder / "data.h5", description=DESCRIPTION, num_samples=12)
    return folder / "data.h5"


def test_every_array_comes_back_as_it_was(path):
    block = sample_block(0, 12, states=True)
    with open_dataset(path) as data:
        assert len(data) == 12
        for name, spec in ARRAYS.items():
            expected = getattr(block, name)
            if expected is None:
                assert name == "name"
                continue
            if spec.dtype == "word":
                assert data.file.words(spec.path) == expected
            else:
                np.testing.assert_array_equal(data.numbers(name), expected)
        assert data.systems == block.system
        assert data.initial_conditions == block.initial_condition
        np.testing.assert_array_equal(data.quality.valid, block.valid)


def test_feature_table_has_the_names_of_the_registry_and_the_groups_of_the_samples(path):
    with open_dataset(path) as data:
        table = data.feature_table()
        assert data.registry() == REGISTRY
    assert table.names == (
        "decay_rate__mean",
        "decay_rate__std",
        "decay_rate__cv",
        "speed__mean",
        "speed__std",
        "speed__cv",
    )
    assert table.registry["speed__cv"].category == "causality"
    assert table.ids[:3] == ("0", "1", "2")
    assert table.groups[:4] == ("0", "0", "1", "1")
    np.testing.assert_array_equal(table.values, sample_block(0, 12).aggregated)


def test_both_names_of_the_family_lead_to_the_same_table(path):
    with open_dataset(path) as data:
        one, two = data.feature_table(), data.feature_table("/features/summary/aggregated/features")
    assert torch.equal(one.values, two.values)
    assert one.registry == two.registry


def test_rollout_has_its_own_channels_parameters_and_divergence(path):
    with open_dataset(path) as data:
        wave, spots = data.rollout(9), data.rollout(6)
    assert (wave.system, wave.channel_names, wave.parameters) == ("wave", ("height",), {"speed": 10.0})
    assert wave.diverged_at == (-1, 3)
    assert (spots.system, spots.channel_names, spots.parameters) == ("spots", ("u", "v"), {"kind": "coral"})
    assert spots.states.shape == (2, 5, 2, 4, 4)
    assert (wave.dt, wave.dx, wave.seed, wave.group) == (0.1, 0.25, 11, 4)


def test_parameters_have_names_units_ranges_and_choices(path):
    with open_dataset(path) as data:
        columns = data.parameters.columns
    assert [(c.name, c.unit, c.choices) for c in columns] == [(c.name, c.unit, c.choices) for c in PARAMETERS]
    assert (columns[0].low, columns[0].high) == (0.5, 2.0)


def test_metadata_comes_back(path):
    with open_dataset(path) as data:
        about = data.metadata
    assert about["configuration"] == DESCRIPTION.configuration
    assert (about["seed"], about["num_samples"], about["num_realizations"], about["num_timesteps"]) == (11, 12, 2, 5)


def test_a_file_of_ours_has_no_problems(path):
    with open_dataset(path) as data:
        assert check_dataset(data, contents=True) == []


def change_column(file):
    names = file[AGGREGATED].attrs["column_names"]
    names[0], names[1] = names[1], names[0]
    file[AGGREGATED].attrs["column_names"] = names


def make_summary_another_group(file):
    del file["/features/summary"]
    file.create_group("/features/summary")


def put(path, place, value):
    def change(file):
        file[path][place] = value

    return change


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (change_column, "/features/sdf/aggregated/features has the expected columns in another order: column 0"),
        (make_summary_another_group, "/features/summary must be a hard link to /features/sdf."),
        (put("/parameters/dt", 3, 0.0), "/parameters/dt must be finite and greater than 0."),
        (put("/quality/diverged_at", (0, 0), 2), "/quality/valid must be 1 exactly where /quality/diverged_at is -1."),
        (put("/quality/dead_at", (0, 0), 99), "/quality/dead_at must hold time indices below"),
        (put("/quality/frozen_at", (4, 1), 0), "/quality/frozen_at must be -1 where a realization diverged."),
        (put("/quality/redraws", 2, -1), "/quality/redraws must be at least 0."),
        (put("/parameters/params", (0, 0), 1.0), "parameter 'wave.speed' must be NaN in samples of other systems."),
        (put("/parameters/params", (0, 1), 2.0), "parameter 'spots.kind' must be the place of one of its 2 choices."),
        (put(AGGREGATED, (1, 1), np.inf), "/features/sdf/aggregated/features holds infinite values"),
        (put("/inputs/fields", (0, 0, 0, 0), 0.5), "the data have the checksum"),
        (lambda file: file.__delitem__("/parameters/group"), "the data set /parameters/group is not there"),
        (lambda file: file["/metadata"].attrs.__delitem__("seed"), "/metadata lacks the attributes seed."),
    ],
)
def test_each_broken_rule_is_one_problem(path, tmp_path, change, problem):
    broken = tmp_path / "broken.h5"
    broken.write_bytes(path.read_bytes())
    with h5py.File(broken, "r+") as file:
        del file["metadata"].attrs["description_sha256"]  # as by hand, on purpose
        change(file)
    with open_dataset(broken) as data:
        problems = check_dataset(data, contents=True)
    assert len(problems) == 1
    assert problem in problems[0]


def foreign(path, **attributes):
    with h5py.File(path, "w") as file:
        features = file.create_dataset("features/mine/table", data=np.arange(6.0).reshape(3, 2))
        for name, value in attributes.items():
            (file["features/mine"] if name == "feature_registry" else features).attrs[name] = value
    return path


def test_a_foreign_file_with_column_names_alone_is_read(tmp_path):
    with open_dataset(foreign(tmp_path / "x.h5", column_names=["a", "b"])) as data:
        table = data.feature_table("/features/mine/table")
    assert table.names == ("a", "b")
    assert table.registry["a"].category == "all"
    assert table.ids == table.groups == ("0", "1", "2")


@pytest.mark.parametrize(
    "features",
    [
        [{"name": "a", "category": "spatial", "other": 1}, {"name": "b", "category": "nonlinear"}],
        {"a": {"category": "spatial"}, "b": {"category": "nonlinear"}},
    ],
)
def test_a_foreign_registry_alone_names_the_columns(tmp_path, features):
    registry = json.dumps({"version": "1.0", "features": features})
    with open_dataset(foreign(tmp_path / "x.h5", feature_registry=registry)) as data:
        table = data.feature_table("/features/mine/table")
    assert [(spec.name, spec.category) for spec in table.registry.specs] == [("a", "spatial"), ("b", "nonlinear")]


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({}, "no attribute `column_names` and its family has no `feature_registry`"),
        ({"column_names": ["a"]}, "has 2 columns and `column_names` names 1"),
        ({"feature_registry": '{"features": 3}'}, 'must be .*"version"'),
        ({"feature_registry": "{"}, "is not JSON"),
        ({"feature_registry": '{"features": [{"name": "a", "category": "x"}]}'}, "its registry has 1 features"),
    ],
)
def test_a_foreign_file_that_names_no_columns_is_refused(tmp_path, attributes, message):
    with (
        open_dataset(foreign(tmp_path / "x.h5", **attributes)) as data,
        pytest.raises(InputError, match=message),
    ):
        data.feature_table("/features/mine/table")


def test_a_missing_feature_path_says_what_is_there(path):
    with (
        open_dataset(path) as data,
        pytest.raises(InputError, match="/features/sdf holds aggregated, per_timestep, per_tra"),
    ):
        data.feature_table("/features/sdf/total")


def test_states_that_were_not_kept_are_asked_for_in_vain(tmp_path):
    write_shard(tmp_path / "shards", sample_block(0, 2))
    merge_shards(tmp_path / "shards", tmp_path / "x.h5", description=DESCRIPTION, num_samples=2)
    with open_dataset(tmp_path / "x.h5") as data:
        assert not data.has_states
        with pytest.raises(InputError, match="holds features only"):
            data.states(0)
        with pytest.raises(InputError, match="has the samples 0 to 1; got 2"):
            data.inputs(2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"index": np.array([0, 2, 3])}, "`index` must be consecutive"),
        ({"system": ("a", "b", "c" * 65)}, "at most 64 bytes"),
        ({"dt": np.array([0.1, 0.0, 0.1])}, "greater than 0"),
        ({"valid": np.zeros((3, 2), dtype=bool)}, "`valid` must say"),
    ],
)
def test_a_block_that_contradicts_itself_is_refused(changes, message):
    block = sample_block(0, 3)
    values = {name: getattr(block, name) for name in DatasetBlock.__dataclass_fields__}
    with pytest.raises(InputError, match=message):
        DatasetBlock(**(values | changes))


def test_arrays_that_do_not_fit_the_registry_are_refused(tmp_path):
    block = sample_block(0, 2)
    values = {name: getattr(block, name) for name in DatasetBlock.__dataclass_fields__}
    write_shard(tmp_path, DatasetBlock(**(values | {"aggregated": block.aggregated[:, :5]})))
    with pytest.raises(InputError, match="`aggregated` must have 6 columns, as its registry says; got 5"):
        merge_shards(tmp_path, tmp_path / "x.h5", description=DESCRIPTION, num_samples=2)


def test_a_file_written_from_the_document_alone_has_no_problems(tmp_path):
    """As docs/data_format.md describes it, without any of our writers."""
    word = np.dtype("S64")
    features = [
        {"name": "roughness", "category": "spatial", "scope": "per_timestep"},
        {"name": "decay", "category": "temporal", "scope": "per_trajectory"},
    ]
    names = {"per_timestep": ["roughness"], "per_trajectory": ["decay"]}
    names["aggregated"] = ["decay__mean", "decay__std", "decay__cv"]
    arrays = {
        "/features/sdf/aggregated/features": np.ones((2, 3), "<f4"),
        "/features/sdf/per_timestep/features": np.ones((2, 4, 1), "<f4"),
        "/features/sdf/per_trajectory/features": np.ones((2, 3, 1), "<f4"),
        "/inputs/fields": np.ones((2, 1, 1, 8), "<f4"),
        "/parameters/dt": np.array([0.1, 0.1]),
        "/parameters/dx": np.array([0.5, 0.5]),
        "/parameters/group": np.array([0, 1], "<i8"),
        "/parameters/index": np.array([0, 1], "<i8"),
        "/parameters/initial_condition": np.array([b"noise", b""], word),
        "/parameters/num_channels": np.array([1, 1], "<i4"),
        "/parameters/params": np.array([[0.5], [0.7]]),
        "/parameters/system": np.array([b"wave", b"wave"], word),
        "/quality/dead_at": np.full((2, 3), -1, "<i4"),
        "/quality/diverged_at": np.full((2, 3), -1, "<i4"),
        "/quality/frozen_at": np.full((2, 3), 2, "<i4"),
        "/quality/redraws": np.array([0, 2], "<i4"),
        "/quality/valid": np.ones((2, 3), "|u1"),
    }
    lines = [
        f"{name} {values.dtype.str} {'x'.join(map(str, values.shape))} {sha256(values.tobytes()).hexdigest()}\n"
        for name, values in sorted(arrays.items())
    ]
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name, values in arrays.items():
            file[name] = values
        for scope, columns in names.items():
            file[f"/features/sdf/{scope}/features"].attrs["column_names"] = columns
        file["/features/sdf"].attrs["feature_registry"] = json.dumps({"version": "1", "features": features})
        file["/features/sdf"].attrs["num_features"] = 2
        file["/features/summary"] = file["/features/sdf"]
        params = file["/parameters/params"].attrs
        params["names"], params["units"], params["choices"] = ["wave.speed"], ["length/time"], "{}"
        params["ranges"] = np.array([[0.0, 1.0]])
        about = file.create_group("/metadata").attrs
        about["format"], about["format_version"] = "spinlock dataset", 1
        about["created"], about["seed"], about["periodic"] = "2026-01-31T12:00:00Z", -1, 1
        about["configuration"] = about["software"] = "{}"
        about["content_sha256"] = sha256("".join(lines).encode()).hexdigest()
    with open_dataset(tmp_path / "x.h5") as data:
        assert check_dataset(data, contents=True) == []
        assert data.feature_table().names == tuple(names["aggregated"])
        assert data.parameters.of_sample(1) == {"speed": 0.7}


def test_our_own_data_set_with_its_states_is_a_source(tmp_path):
    write_shard(tmp_path / "shards", sample_block(0, 4, states=True))
    merge_shards(tmp_path / "shards", tmp_path / "x.h5", description=DESCRIPTION, num_samples=4)
    source = open_rollouts(tmp_path / "x.h5")
    assert (source.format, len(source)) == ("spinlock", 4)
    with open_dataset(tmp_path / "x.h5") as data:
        for number, rollout in enumerate(source):
            np.testing.assert_array_equal(rollout.states, data.states(number))
    with pytest.raises(UsageError, match="has its own dt, dx and periodic"):
        open_rollouts(tmp_path / "x.h5", dt=1.0)
