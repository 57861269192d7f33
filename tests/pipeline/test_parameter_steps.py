import math
import shutil

import h5py
import numpy as np
import pytest
import torch
from pipeline_runs import generate_config

from spinlock.core.errors import InputError
from spinlock.core.views import Selection
from spinlock.pipeline.generate import generate
from spinlock.pipeline.parameter_steps import DrawParameters, load_parameters
from spinlock.pipeline.tables import load_table
from spinlock.store.dataset import open_dataset

PLACES = {"0": [0.0, 0.0], "1": [0.3, 0.4], "2": [1.0, 1.0], "3": [0.2, 0.0]}


def draws(places, systems=None, is_choice=(False, False)):
    return DrawParameters(
        system=systems or dict.fromkeys(places, "wave"),
        place={name: np.array(place) for name, place in places.items()},
        is_choice={"wave": np.array(is_choice), "heat": np.array(is_choice)},
    )


def test_the_nearest_draw_is_that_at_the_smallest_root_mean_square():
    found = draws(PLACES).pairs(("0", "1", "2", "3"), seed=0)
    assert found.nearest.tolist() == [3, 3, 1, 0]
    assert found.steps[0] == pytest.approx(math.sqrt(0.04 / 2))
    assert found.steps[2] == pytest.approx(math.sqrt((0.49 + 0.36) / 2))


def test_a_choice_that_differs_is_a_whole_range_away():
    found = draws({"0": [0.0, 0.0], "1": [0.0, 3.0], "2": [0.9, 0.0]}, is_choice=(False, True)).pairs("012", seed=0)
    assert found.nearest.tolist()[0] == 2
    assert found.steps.tolist()[1] == pytest.approx(math.sqrt(1 / 2))


def test_pairs_are_of_one_system_and_of_the_first_row_of_each_draw():
    systems = {"0": "wave", "1": "heat", "2": "wave", "3": "heat"}
    found = draws(PLACES, systems).pairs(("1", "0", "0", "2", "3", "3"), seed=0)
    assert sorted(found.rows.tolist()) == [0, 1, 3, 4]
    partner = dict(zip(found.rows.tolist(), found.nearest.tolist(), strict=True))
    assert partner == {0: 4, 4: 0, 1: 3, 3: 1}
    assert dict(zip(found.rows.tolist(), found.others.tolist(), strict=True)) == partner


def test_no_draw_is_its_own_partner_and_each_is_one_others():
    places = {str(n): place for n, place in enumerate(np.random.default_rng(0).random((20, 2)))}
    found = draws(places).pairs(tuple(places), seed=3)
    assert not (found.others == found.rows).any()
    assert not (found.nearest == found.rows).any()
    assert sorted(found.others.tolist()) == list(range(20))


def test_there_are_no_pairs_without_two_draws_of_a_system_whose_parameters_vary():
    assert draws(PLACES).pairs(("0", "0"), seed=0) is None
    assert draws(PLACES).pairs(("8", "9"), seed=0) is None
    assert draws({"0": [], "1": []}).pairs(("0", "1"), seed=0) is None


def test_parameters_of_a_data_set_are_ranks_within_their_system(dataset):
    table = load_table(dataset).table
    found = load_parameters(dataset, Selection(table, torch.arange(20)))
    with open_dataset(dataset) as opened:
        stored, systems = opened.parameters, opened.systems
    assert set(found.place) == set(table.groups[:20])
    wave = next(row for row in range(20) if systems[row] == "gray_scott")
    own = [row for row, system in enumerate(systems) if system == "gray_scott"]
    varying = [
        column
        for column, described in enumerate(stored.columns)
        if described.name.startswith("gray_scott.") and np.ptp(stored.values[own, column]) > 0  # not where some are NaN
    ]
    numbers = [column for column in varying if not stored.columns[column].choices]
    assert len(numbers) >= 2
    assert found.is_choice["gray_scott"].tolist() == [column not in numbers for column in varying]
    for column in numbers:
        below = np.sum(stored.values[own, column] < stored.values[wave, column])
        ties = np.sum(stored.values[own, column] == stored.values[wave, column]) - 1
        place = found.place[table.groups[wave]][varying.index(column)]
        assert place == pytest.approx((below + ties / 2) / (len(own) - 1))


def test_a_file_without_parameters_has_none(tmp_path, dataset):
    path = tmp_path / "features.h5"
    with h5py.File(dataset) as file, h5py.File(path, "w") as other:
        other["table"] = file["features/sdf/aggregated/features"][:]
        other["table"].attrs["column_names"] = [f"c{n}" for n in range(other["table"].shape[1])]
    assert load_parameters(path, load_table(path, "table").table) is None


def test_parameters_of_other_samples_are_refused(tmp_path, dataset):
    path = tmp_path / "cut.h5"
    shutil.copy(dataset, path)
    with h5py.File(path, "r+") as file:
        kept = dict(file["parameters/params"].attrs)
        values = file["parameters/params"][:-1]
        del file["parameters/params"]
        file["parameters/params"] = values
        file["parameters/params"].attrs.update(kept)
    with pytest.raises(InputError, match="must be of the same samples; got 23, 24 and 24"):
        load_parameters(path, load_table(path).table)


def test_samples_of_one_draw_have_one_place(tmp_path):
    overrides = ("sampling.samples_per_group=2", "num_samples=8", "systems=[advection_diffusion]")
    path = generate(generate_config(tmp_path / "pairs.h5", *overrides))
    table = load_table(path).table
    found = load_parameters(path, table)
    assert len(found.place) == 4
    assert sorted(found.pairs(table.groups, seed=0).rows.tolist()) == [0, 2, 4, 6]
