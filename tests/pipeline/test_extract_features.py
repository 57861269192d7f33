"""Files of strangers on their way to a feature table."""

import json
import logging
import signal
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from test_kills import content_of, run_killed

from spinlock.cli import main
from spinlock.core.errors import InputError
from spinlock.core.views import in_memory
from spinlock.importers.describe import extract_features as features_of_array
from spinlock.pipeline.extract_features import Extracted, Source, extract_features
from spinlock.pipeline.tables import load_table
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_check import check_dataset


def waves(*, steps: int, cells: tuple[int, ...] = (12, 12), speed: float = 0.7, channels: int = 1) -> np.ndarray:
    """States (time, channel, *cells) of two travelling waves and a little noise."""
    places = np.meshgrid(*(2 * np.pi * np.arange(n) / n for n in cells), indexing="ij") if cells else [np.zeros(())]
    times = np.arange(steps).reshape(-1, *[1] * max(len(cells), 0))
    field = np.sin(places[-1] - speed * times) + 0.5 * np.cos(2 * places[0] + 0.3 * times)
    chance = np.random.default_rng(steps)
    return np.stack([field + 0.01 * chance.normal(size=field.shape) + c for c in range(channels)], 1).astype(np.float32)


def described(output: Path) -> Extracted:
    with open_dataset(output) as dataset:
        assert check_dataset(dataset, contents=True) == []
        for sample in range(len(dataset)):
            assert torch.isfinite(dataset.inputs(sample)).all()
    return in_memory(load_table(output).table)


def test_a_run_that_explodes_is_marked_and_the_others_are_described(tmp_path):
    array = np.stack([waves(steps=24)] * 3)
    array[1, 10:] *= 1e18
    np.save(tmp_path / "runs.npy", array)
    written = extract_features(Source(path=tmp_path / "runs.npy", axes="ntchw"), output=tmp_path / "f.h5", workers=1)
    assert (written.samples, written.diverged) == (3, 1)
    table = in_memory(load_table(written.output).table)
    assert table.ids == ("0", "2")
    with open_dataset(written.output) as dataset:
        assert dataset.quality.diverged_at.tolist() == [[-1], [10], [-1]]


def test_files_of_other_lengths_grids_and_channels_become_one_table(tmp_path):
    arrays = [waves(steps=24), waves(steps=40, channels=2), waves(steps=32, cells=(30,)), waves(steps=64, cells=())]
    for number, (array, axes) in enumerate(zip(arrays, ("tchw", "tchw", "tcw", "tc"), strict=True)):
        np.save(tmp_path / f"{number}.npy", np.expand_dims(array, tuple(range(array.ndim, 4))))
        assert array.ndim == len(axes)
    source = Source(path=tmp_path, axes="tchw", dt=0.5)
    written = extract_features(source, output=tmp_path / "features.h5", workers=1)
    assert (written.files, written.samples, written.diverged) == (4, 4, 0)
    assert written.extent["time"] == "24 to 64"
    assert written.extent["channel"] == "1 to 2"
    table = described(written.output)
    assert len(set(table.groups)) == 4
    for row, array in enumerate(arrays):
        alone = features_of_array(np.expand_dims(array, tuple(range(array.ndim, 4)))[None], axes="ntchw", dt=0.5)
        torch.testing.assert_close(table.values[row], alone.values[0], equal_nan=True, rtol=0, atol=0)


@pytest.fixture
def level_of_the_log():
    """A command line sets how much is logged; put back what was."""
    logger = logging.getLogger("spinlock")
    before = logger.level
    yield
    logger.setLevel(before)


@pytest.mark.usefixtures("level_of_the_log")
def test_the_command_reads_patterns_flags_the_domain_and_repeats_itself(tmp_path, capsys):
    for number in (1, 2):
        with h5py.File(tmp_path / f"r{number}.h5", "w") as file:
            for run in range(2):
                file[f"run_{run}/u"] = waves(steps=20 + number)[:, 0]
    line = (
        f"extract-features --json -q --input {tmp_path}/r*.h5 --axes thw --dataset-key run_*/u --dt 0.1 --no-periodic "
    )
    line += f"--group-by file --workers 1 --output {tmp_path / 'f.h5'}"
    for _ in range(2):  # the second call finds its own result
        assert main(line.split()) == 0
        written = json.loads(capsys.readouterr().out)
        assert (written["samples"], written["files"]) == (4, 2)
        assert written["extent"]["time"] == "21 to 22"
    with open_dataset(tmp_path / "f.h5") as dataset:
        assert dataset.metadata["periodic"] == 0
        assert dataset.groups.tolist() == [0, 0, 1, 1]
        assert dataset.metadata["configuration"]["source"]["periodic"] is False
    assert main(line.replace("0.1", "0.2").split()) == 4
    assert "exists and was made from something else" in capsys.readouterr().err


def test_whether_the_domain_wraps_around_changes_the_features(tmp_path):
    np.save(tmp_path / "x.npy", waves(steps=24)[None, :, 0])
    tables = [
        in_memory(
            load_table(
                extract_features(
                    Source(path=tmp_path / "x.npy", axes="nthw", periodic=periodic),
                    output=tmp_path / f"{periodic}.h5",
                    workers=1,
                ).output
            ).table
        ).values
        for periodic in (None, True, False)
    ]
    torch.testing.assert_close(tables[0], tables[1], equal_nan=True, rtol=0, atol=0)
    both = ~(tables[1].isnan() | tables[2].isnan())
    assert (tables[1] != tables[2])[both].sum() > 5


def test_files_whose_channels_differ_are_refused(tmp_path):
    for name, fields in (("a", ("u", "v")), ("b", ("u", "w"))):
        with h5py.File(tmp_path / f"{name}.hdf5", "w") as file:
            file["dimensions/time"], file["dimensions/x"] = np.arange(4.0), np.arange(8.0)
            file["dimensions"].attrs["spatial_dims"] = ["x"]
            group = file.create_group("t0_fields")
            group.attrs["field_names"] = list(fields)
            for field in fields:
                group[field] = np.random.default_rng(0).normal(size=(1, 4, 8))
                group[field].attrs.update(time_varying=True, sample_varying=True, dim_varying=[True])
    with pytest.raises(InputError, match="'the_well' hold the channels u, v and u, w; describe each kind"):
        extract_features(Source(path=tmp_path), output=tmp_path / "f.h5")


def test_a_mask_in_a_later_sample_is_named_by_its_file(tmp_path):
    states = np.stack([waves(steps=20)[:, 0]] * 3)
    states[2, :, 3, 4] = np.nan
    np.save(tmp_path / "x.npy", states)
    with pytest.raises(InputError, match=r"x.npy, sample 2: 0.7% of the cells .* --fill-masked"):
        extract_features(Source(path=tmp_path / "x.npy", axes="nthw"), output=tmp_path / "f.h5", workers=1)
    filled = Source(path=tmp_path / "x.npy", axes="nthw", fill_masked=True)
    assert extract_features(filled, output=tmp_path / "g.h5", workers=1).diverged == 0


def test_runs_padded_with_nan_have_the_features_of_their_own_length_and_are_counted(tmp_path, caplog):
    runs = [waves(steps=steps)[:, 0] for steps in (24, 30, 24)]
    padded = np.full((3, 30, 12, 12), np.nan, dtype=np.float32)
    for row, run in enumerate(runs):
        padded[row, : len(run)] = run
    np.save(tmp_path / "x.npy", padded)
    with caplog.at_level(logging.WARNING):
        written = extract_features(Source(path=tmp_path / "x.npy", axes="nthw"), output=tmp_path / "f.h5", workers=1)
    assert (written.cut, written.diverged, written.extent["time"]) == (2, 0, "24 to 30")
    assert "2 samples (0, 2) with saved times without any value" in caplog.text
    with pytest.warns(UserWarning, match=r"2 samples \(0, 2\) with saved times without any value"):
        from_memory = features_of_array(padded, axes="nthw")
    table = described(written.output)
    for row, run in enumerate(runs):
        alone = features_of_array(run[None], axes="nthw").values[0]
        for values in (table.values, from_memory.values):
            torch.testing.assert_close(values[row], alone, equal_nan=True, rtol=0, atol=0)


@pytest.mark.slow
def test_an_extraction_that_was_killed_goes_on_and_ends_in_the_same_bytes(tmp_path):
    np.save(tmp_path / "x.npy", np.stack([waves(steps=40, speed=0.1 * n)[:, 0] for n in range(24)]))
    whole = extract_features(Source(path=(tmp_path / "x.npy",), axes="nthw"), output=tmp_path / "whole.h5", workers=1)
    target = tmp_path / "killed.h5"
    arguments = ["extract-features", "--input", str(tmp_path / "x.npy"), "--axes", "nthw", "--output", str(target)]
    first = tmp_path / "killed.h5.shards/shard-000000000-000000002.h5.json"
    assert run_killed([*arguments, "--workers", "1"], after=60, until=first) == -signal.SIGKILL
    assert first.exists()
    assert not target.exists()
    with_two = [*arguments, "--workers", "2"]
    assert run_killed(with_two, after=120) == 0
    assert content_of(target) == content_of(whole.output)


def test_channels_of_very_different_size_are_named_once_and_may_have_units_of_their_own(tmp_path, caplog):
    states = np.stack([waves(steps=24)] * 2)
    states = np.concatenate(
        [states * 1e5, np.roll(states, 3, axis=-1)], axis=2
    )  # (sample, time, channel, height, width)
    np.save(tmp_path / "x.npy", states)
    tables = {}
    for units in ("shared", "own"):
        caplog.clear()
        source = Source(path=tmp_path / "x.npy", axes="ntchw", channel_units=units)
        tables[units] = described(extract_features(source, output=tmp_path / f"{units}.h5", workers=1).output)
        warned = [record.getMessage() for record in caplog.records if record.name.startswith("spinlock")]
        assert len(warned) == (units == "shared")
        assert all("channel 'channel_0' varies 100000 times as much as 'channel_1'" in line for line in warned)
        expected = features_of_array(states.astype(np.float32), axes="ntchw", channel_units=units)
        torch.testing.assert_close(tables[units].values, expected.values, equal_nan=True)
    with open_dataset(tmp_path / "own.h5") as dataset:
        assert dataset.metadata["configuration"]["source"]["channel_units"] == "own"
    with pytest.raises(InputError, match="made from something else"):
        extract_features(source, output=tmp_path / "shared.h5", workers=1)
