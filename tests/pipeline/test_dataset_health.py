"""Which columns of a data set say nothing, and why."""

import json

import h5py
import numpy as np
import pytest
from test_extract_features import waves

from spinlock.cli import main
from spinlock.core.feature_table import FeatureSpec
from spinlock.core.needs import Setting
from spinlock.features.sdf import PER_TIMESTEP, SDF
from spinlock.pipeline.extract_features import Source, extract_features
from spinlock.pipeline.missing_values import BY_VALUE, Circumstances, count_reasons, reasons
from spinlock.pipeline.validate import validate_dataset

CHANNEL_FEATURES = 5  # granger_channels, its direction, transfer entropy, channel_lag, channel_phase_locking


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """Films of one realization and one channel, 40 steps, no operator: what users bring."""
    folder = tmp_path_factory.mktemp("films")
    chance = np.random.default_rng(0)
    films = [
        waves(steps=40, speed=speed)[:, 0] * np.exp(rate * np.arange(40))[:, None, None] + 0.3 * chance.normal()
        for speed, rate in zip(chance.uniform(-1.5, 1.5, size=24), chance.uniform(-0.05, 0.05, size=24), strict=True)
    ]
    np.save(folder / "films.npy", np.stack(films))
    return extract_features(Source(path=folder / "films.npy", axes="nthw"), output=folder / "f.h5", workers=1).output


def test_what_one_realization_one_channel_and_no_operator_cannot_have_is_excused(imported):
    found = validate_dataset(imported)
    assert found.problems == ()
    assert (found.missing, found.undocumented) == ((), ())
    assert found.missing_by_definition == {
        "one realization": 240,
        "no step operator": 14,
        "one channel": CHANNEL_FEATURES,
        "too few steps": 1 + 1,  # rolling_variability_fine wants 64, bicoherence 48
    }
    assert all(row["median_noise"] is None for row in found.categories)
    column = next(column for column in found.features if column.column == "bicoherence__mean")
    assert column.because == {"too few steps": 24}


def heat(samples=16, steps=30, cells=32):
    """Solutions of the heat equation in one dimension: sound data in which much is constant by physics."""
    chance = np.random.default_rng(0)
    k, t, x = np.arange(1, 6)[:, None, None], np.linspace(0, 0.6, steps)[:, None], np.arange(cells) / cells
    decay = np.exp(-0.02 * (2 * np.pi * k) ** 2 * t)
    waves_of = [np.cos(2 * np.pi * k * x + chance.uniform(0, 6, (5, 1, 1))) for _ in range(samples)]
    return np.stack([(chance.normal(size=(5, 1, 1)) * decay * wave).sum(0) for wave in waves_of]).astype("f4")


def test_what_physics_makes_constant_is_a_remark_for_one_system_and_a_failure_among_several(tmp_path):
    np.save(tmp_path / "heat.npy", heat())
    source = Source(path=tmp_path / "heat.npy", axes="ntw", dt=0.02)
    path = extract_features(source, output=tmp_path / "heat.h5", workers=1).output
    found = validate_dataset(path)
    assert (found.passed, found.failed) == (True, ())
    (constant,) = (entry["why"] for entry in found.remarks if entry["line"] == "constant")
    assert constant.startswith(f"{len(found.constant)} columns have one value in all samples: ")
    assert "transient_gain__mean" in found.constant  # energy that only decays
    with h5py.File(path, "r+") as file:
        file["parameters/system"][0] = b"another"
    among_several = validate_dataset(path)
    assert not among_several.passed
    assert (among_several.remarks, among_several.constant) == ((), found.constant)
    assert {"constant", "problems"} <= {entry["line"] for entry in among_several.failed}


def spoiled(source, target, change):
    target.write_bytes(source.read_bytes())
    with h5py.File(target, "r+") as file:
        names = file["features/sdf/aggregated/features"].attrs["column_names"].tolist()
        values = file["features/sdf/aggregated/features"][...]
        change(values, names)
        file["features/sdf/aggregated/features"][...] = values
    return target


def test_the_gate_names_constant_and_missing_columns_and_twins_and_ends_with_1(imported, tmp_path, capsys):
    def change(values, names):
        values[:, names.index("coverage__mean")] = 0.25
        values[:, names.index("burstiness__mean")] = np.nan
        values[:, names.index("determinism__mean")] = 3 - 2 * values[:, names.index("mass_drift__mean")]
        values[:5, names.index("laminarity__mean")] = np.nan

    path = spoiled(imported, tmp_path / "spoiled.h5", change)
    assert main(["validate", "--dataset", str(path), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert not found["passed"]
    assert [entry["line"] for entry in found["failed"]] == ["problems"]  # of one system the others are remarks
    assert [entry["line"] for entry in found["remarks"]] == ["missing", "constant", "twins"]
    assert set(found["constant"]) - set(validate_dataset(imported).constant) == {"coverage__mean"}
    assert found["missing"] == ["burstiness__mean"]
    pairs = {(twin["first"], twin["second"]) for twin in found["twins"]}
    assert ("mass_drift__mean", "determinism__mean") in pairs
    laminarity = next(column for column in found["features"] if column["column"] == "laminarity__mean")
    assert laminarity["because"] == {BY_VALUE: 5}
    assert len(found["features"]) == 360


def test_the_tables_for_people_name_categories_and_leave_out_the_long_list(imported, capsys):
    main(["validate", "--dataset", str(imported)])
    text = capsys.readouterr().out
    assert "missing by definition" in text
    assert "invariant_drift" in text
    assert "rolling_variability_medium__mean" not in text


def test_data_whose_noise_is_known_has_that_noise_level(dataset):
    found = validate_dataset(dataset)
    noise = {column.column: column.noise for column in found.features}
    # advection-diffusion and the others start all realizations from one frame: transport is the system's, not the noise's
    assert all(np.isnan(share) or 0 <= share <= 1 for share in noise.values())
    assert noise["transport_speed__mean"] < 0.2
    assert any(row["median_noise"] is not None for row in found.categories)


def about(samples: int, **changes) -> Circumstances:
    """Samples of three runs that lack nothing but what the changes say."""
    whole = {
        "runs": 3,
        "steps": 250,
        "channels": 2,
        "height": 32,
        "width": 32,
        "wraps": True,
        "operator": True,
    } | changes
    filled = {name: np.broadcast_to(value, samples) for name, value in whole.items()}
    return Circumstances(runs=filled.pop("runs"), setting=Setting(**filled))


def test_a_value_that_is_missing_without_a_word_is_counted_as_such():
    spec = FeatureSpec(name="mine__mean", category="mine", aggregation="mean")
    missing = np.array([True, True, False, False])
    assert count_reasons(missing, reasons(spec, about(4))) == ({}, 2)
    one = about(4, runs=np.array([0, 3, 3, 3]))
    assert count_reasons(missing, reasons(spec, one)) == ({"every realization diverged": 1}, 1)


@pytest.mark.parametrize(
    ("column", "changes", "reason"),
    [
        ("mass_drift__std", {"runs": 1}, "one realization"),
        ("local_gain__mean", {"operator": False}, "no step operator"),
        ("granger_channels__mean", {"channels": 1}, "one channel"),
        ("bicoherence__mean", {"steps": 47}, "too few steps"),
        ("transport_y__mean", {"height": 1}, "one row of cells"),
        ("translation_error__mean", {"wraps": False}, "the domain does not wrap around"),
        ("rotation_error__mean", {"width": 24}, "height and width differ"),
        ("coverage__mean", {}, BY_VALUE),
    ],
)
def test_every_reason_is_found(column, changes, reason):
    spec = FeatureSpec.from_stored(SDF.aggregated()[column].stored())  # as a file holds it
    assert count_reasons(np.array([True]), reasons(spec, about(1, **changes))) == ({reason: 1}, 0)


def test_features_of_frames_are_looked_at_too(imported, tmp_path):
    path = tmp_path / "frames.h5"
    path.write_bytes(imported.read_bytes())
    names = [feature.name for feature in PER_TIMESTEP]
    before = validate_dataset(imported).constant
    varied = next(name for name in names if name not in before and name != "spatial_mean")
    with h5py.File(path, "r+") as file:
        values = file["features/sdf/per_timestep/features"][...]
        values[..., names.index(varied)] = 2.0
        values[..., names.index("spatial_mean")] = np.nan
        file["features/sdf/per_timestep/features"][...] = values
    found = validate_dataset(path)
    assert found.missing == ("spatial_mean",)
    assert set(found.constant) - set(before) == {varied}
