"""The page on a data set without a tokenizer."""

import json
import shutil

import h5py
import numpy as np
import pytest
from pipeline_runs import generate_config

from spinlock.core.threads import one_thread
from spinlock.pipeline.dataset_report import _chosen, _histogram, _made_from, _simulated, dataset_report
from spinlock.pipeline.generate import generate
from spinlock.store.dataset import open_dataset

SMALL = (
    "num_samples=12",
    "num_timesteps=8",
    "grid_size=8",
    "systems=[gray_scott, advection_diffusion, cnn]",
    "storage.workers=1",
)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return generate(generate_config(tmp_path_factory.mktemp("kept") / "kept.h5", *SMALL))


@pytest.fixture(scope="module")
def features_only(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    return generate(generate_config(folder / "features.h5", *SMALL, "storage.keep_states=none"))


def test_the_figures_are_those_of_the_file(kept, tmp_path):
    written = dataset_report(kept, tmp_path / "page.html")
    numbers = json.loads(written.numbers.read_text())
    with open_dataset(kept) as dataset:
        quality, systems, starts = dataset.quality, np.array(dataset.systems), np.array(dataset.initial_conditions)
    assert written.rollouts_shown == 6
    for line in numbers["systems"]:
        rows = systems == line["name"]
        assert line["samples"] == rows.sum() == 4
        assert line["realizations"] == 8
        assert line["dead"] == (quality.dead_at[rows] >= 0).sum()
        assert line["frozen"] == (quality.frozen_at[rows] >= 0).sum()
        for kind, count in numbers["initial_conditions"][line["name"]].items():
            assert count == (rows & (starts == kind)).sum()
        for counts in numbers["coverage"][line["name"]].values():
            assert sum(counts) == pytest.approx(4, abs=0.01)
    assert {line["name"] for line in numbers["sampling"]} == set(systems)
    assert all(line["is_balanced"] for line in numbers["sampling"])


def test_states_that_were_not_kept_are_simulated_again_to_the_bit(kept, features_only, tmp_path):
    with open_dataset(features_only) as dataset:
        config, difference = _made_from(dataset)
        chosen = _chosen(dataset.systems)
    assert difference == ""
    with open_dataset(kept) as dataset, one_thread():
        for sample, rollout in zip(chosen, _simulated(config, chosen), strict=True):
            assert np.array_equal(rollout.states.numpy(), dataset.states(sample).numpy())
    written = dataset_report(features_only, tmp_path / "page.html")
    assert "simulated again from the stored configuration" in written.rollouts_note
    assert written.report.read_text().count("data:image/webp") == 2 * written.rollouts_shown == 12


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("extra", {"fingerprint": "0" * 64}, "which may simulate differently"),
        ("configuration", {"num_samples": 12, "lunar_phase": 3}, "whose configuration this one does not read"),
        ("configuration", {"source": {"path": "x.npy"}}, "were not simulated by spinlock"),
    ],
)
def test_what_cannot_be_simulated_again_is_not_and_the_page_says_why(features_only, tmp_path, name, value, words):
    copy = tmp_path / "copy.h5"
    shutil.copy(features_only, copy)
    with h5py.File(copy, "r+") as file:
        del file["/metadata"].attrs["description_sha256"]  # as by hand, on purpose
        file["/metadata"].attrs[name] = json.dumps(value)
    written = dataset_report(copy, tmp_path / "page.html")
    assert written.rollouts_shown == 0
    assert words in written.rollouts_note
    assert words in written.report.read_text()


def test_a_value_that_covers_several_parts_is_shared_among_them():
    assert _histogram([(0.0, 0.5)] * 4 + [(0.99, 0.99)]).tolist() == [0.5] * 8 + [0.0] * 7 + [1.0]


def test_a_file_does_not_order_more_work_than_a_page_is_worth(features_only, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("spinlock.pipeline.dataset_report.MOST_CELLS", 100)
    written = dataset_report(features_only, tmp_path / "page.html")
    assert written.rollouts_shown == 0
    assert "takes 8 steps on" in written.rollouts_note
    assert "--simulate" in written.rollouts_note
    assert dataset_report(features_only, tmp_path / "page.html", simulate_all=True).rollouts_shown == 6
    assert "6 rollouts of 8 steps" in caplog.text


def test_a_configuration_of_more_samples_than_there_are_is_not_planned(features_only, tmp_path):
    path = tmp_path / "x.h5"
    shutil.copy(features_only, path)
    with h5py.File(path, "r+") as file:
        about = file["metadata"].attrs
        del about["description_sha256"]  # a stranger's file states none, or the right one
        about["configuration"] = json.dumps(json.loads(about["configuration"]) | {"num_samples": 20_000_000})
    assert "of 20000000 samples, and 12 are there" in dataset_report(path, tmp_path / "page.html").rollouts_note
