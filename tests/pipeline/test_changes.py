"""Changes along time from files, by the command line."""

import json
import shutil

import h5py
import pytest

from spinlock.cli.app import run
from spinlock.store.dataset_paths import ARRAYS

ASKED = ("--window", "4", "--stride", "2", "--false-alarms", "0.1")


@pytest.fixture(scope="module")
def planted(dataset, tmp_path_factory):
    """The data set with the ends of its first two samples exchanged from the tenth state on."""
    path = tmp_path_factory.mktemp("changes") / "planted.h5"
    shutil.copy(dataset, path)
    with h5py.File(path, "r+") as file:
        series = file[ARRAYS["per_timestep"].path][()]
        series[[0, 1], 10:] = series[[1, 0], 10:]
        file[ARRAYS["per_timestep"].path][...] = series
    return path


def asked(capsys, *words):
    capsys.readouterr()
    assert run(["changes", *map(str, words), *ASKED, "--json", "-q"]) == 0
    return json.loads(capsys.readouterr().out)


def test_every_run_has_its_most_likely_change_the_clearest_first(dataset, capsys):
    found = asked(capsys, "--dataset", dataset)
    assert found["runs"] == len(found["changes"]) == len({line["id"] for line in found["changes"]})
    scores = [line["score"] for line in found["changes"] if line["score"] is not None]
    assert scores == sorted(scores, reverse=True)
    assert found["runs_beyond"] == sum(line["beyond"] for line in found["changes"]) == 2  # a tenth of each half of 12
    with h5py.File(dataset) as file:
        dt = file[ARRAYS["dt"].path][()]
    for line in found["changes"]:
        assert line["state"] is None or line["time"] == pytest.approx(line["state"] * dt[int(line["id"])])


def test_a_planted_change_is_found_against_runs_that_do_not_change(dataset, planted, capsys):
    found = asked(capsys, "--dataset", planted, "--reference", dataset)
    changed = {line["id"]: line for line in found["changes"]}
    assert abs(changed["0"]["state"] - 10) <= 2
    assert changed["0"]["beyond"]
    assert changed["0"]["score"] > found["threshold"]


def test_files_that_cannot_be_looked_at_are_refused(dataset, tmp_path, capsys):
    assert run(["changes", "--dataset", str(dataset)]) == 4
    assert "runs must have 3 windows of 16 states" in capsys.readouterr().err
    path = tmp_path / "rows.h5"
    shutil.copy(dataset, path)
    with h5py.File(path, "r+") as file:
        del file[ARRAYS["per_timestep"].path]
    assert run(["changes", "--dataset", str(path), *ASKED]) == 4
    assert (
        "the file has none at /features/sdf/per_timestep/features; compute them with extract-features"
        in capsys.readouterr().err
    )


def test_a_reference_with_other_features_is_refused(dataset, tmp_path, capsys):
    path = tmp_path / "other.h5"
    shutil.copy(dataset, path)
    with h5py.File(path, "r+") as file:
        group = file["features/sdf"]
        group.attrs["feature_registry"] = group.attrs["feature_registry"].replace('"spatial_mean"', '"average"')
        del file["metadata"].attrs["description_sha256"]
    assert run(["changes", "--dataset", str(dataset), "--reference", str(path), *ASKED]) == 4
    assert "has other features of saved states than" in capsys.readouterr().err
