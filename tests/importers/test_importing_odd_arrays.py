"""Arrays as strangers write them: odd types and orders, masks, samples of many shapes, many files, Zarr."""

import json
import os

import h5py
import numpy as np
import pytest
import torch

from spinlock.core.errors import InputError, UsageError
from spinlock.importers import open_rollouts

CHANCE = np.random.default_rng(2)
STATES = CHANCE.integers(0, 100, size=(3, 5, 2, 4, 6))


@pytest.mark.parametrize(
    "dtype", ["<f2", ">f4", ">f8", "<f8", "|u1", "|i1", ">i2", "<u4", ">i8", "<u8", "|b1"]
)  # fmt: skip
@pytest.mark.parametrize("ending", ["npy", "npz", "h5"])
def test_every_width_and_byte_order_of_real_numbers_is_read(tmp_path, dtype, ending):
    values = STATES.astype(dtype)
    path = tmp_path / f"x.{ending}"
    if ending == "npy":
        np.save(path, np.asfortranarray(values))
    elif ending == "npz":
        np.savez_compressed(path, u=values)
    else:
        with h5py.File(path, "w") as file:
            file["u"] = values
    states = open_rollouts(path, axes="ntchw")[2].states
    np.testing.assert_array_equal(states[0], values[2].astype(np.float32))
    assert states.dtype == torch.float32


def test_small_unsigned_numbers_do_not_wrap_around(tmp_path):
    np.save(tmp_path / "x.npy", np.array([[0, 255, 0, 255]], dtype=np.uint8))
    states = open_rollouts(tmp_path / "x.npy", axes="nt")[0].states.flatten()
    assert torch.diff(states).tolist() == [255, -255, 255]


def test_what_float32_would_round_away_stays_in_double_precision(tmp_path):
    wave = 1e-3 * np.sin(np.arange(40.0))
    np.save(tmp_path / "x.npy", np.stack([wave, wave + 1e5]))
    small, offset = open_rollouts(tmp_path / "x.npy", axes="nt")
    assert (small.states.dtype, offset.states.dtype) == (torch.float32, torch.float64)
    np.testing.assert_allclose(offset.states.flatten() - 1e5, wave, atol=1e-10)
    np.save(tmp_path / "y.npy", np.array([[2**60, 2**60 + 4096]]))
    assert open_rollouts(tmp_path / "y.npy", axes="nt")[0].states.flatten().diff().item() == 4096


def test_masked_cells_are_refused_or_filled_with_the_mean_of_the_others(tmp_path):
    states = CHANCE.normal(size=(1, 6, 2, 4, 4))
    holed = states.copy()
    holed[:, :, :, 1:3, 2] = np.nan
    holed[0, 4:, 1, 0, 0] = np.inf  # and a run that ends early
    np.save(tmp_path / "x.npy", holed)
    with pytest.raises(InputError, match=r"sample 0: 12.5% of the cells have no value in the first state, as a mask"):
        open_rollouts(tmp_path / "x.npy", axes="ntchw")[0]
    rollout = open_rollouts(tmp_path / "x.npy", axes="ntchw", fill_masked=True)[0]
    assert rollout.diverged_at == (4,)
    cells = np.isfinite(holed[0, 0, 0])
    for time, channel in ((0, 0), (3, 1)):
        frame = rollout.states[0, time, channel].numpy()
        np.testing.assert_allclose(frame[~cells], states[0, time, channel][cells].mean(), rtol=1e-5)
        np.testing.assert_allclose(frame[cells], states[0, time, channel][cells], rtol=1e-6)
    holed[:, :, 1] = np.nan
    np.save(tmp_path / "y.npy", holed)
    with pytest.raises(InputError, match="channel 1 has no finite value in the first state"):
        open_rollouts(tmp_path / "y.npy", axes="ntchw", fill_masked=True)[0]


def test_samples_of_their_own_lengths_are_found_by_a_pattern(tmp_path):
    lengths = {"run_2": 4, "run_10": 7, "run_1": 3}
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for number, (name, length) in enumerate(lengths.items()):
            file[f"{name}/u"] = np.full((length, 5, 5), float(length))
            file[f"{name}/draw"] = 7 + number
    source = open_rollouts(tmp_path / "x.h5", axes="thw", dataset_key="run_*/u", group_key="run_*/draw")
    assert [tuple(r.states.shape[1:2]) + (r.group,) for r in source] == [(3, 9), (4, 7), (7, 8)]
    with pytest.raises(InputError, match=r"holds no array 'run_\*/v'"):
        open_rollouts(tmp_path / "x.h5", axes="thw", dataset_key="run_*/v")
    with pytest.raises(InputError, match="names 2 axes; .*run_1/u has the shape"):
        open_rollouts(tmp_path / "x.h5", axes="tw", dataset_key="/run_*/u")


def test_several_files_are_one_source_and_their_groups_stay_apart(tmp_path):
    for number, length in ((10, 3), (2, 5)):
        np.save(tmp_path / f"r{number}.npy", np.full((2, length), float(number)))
    in_order = [5, 5, 3, 3]
    for given in (tmp_path, tmp_path / "r*.npy", [tmp_path / "r2.npy", tmp_path / "r10.npy", tmp_path / "r2.npy"]):
        source = open_rollouts(given, axes="nt")
        assert (len(source), source.starts) == (4, (0, 2))
        assert [rollout.states.shape[1] for rollout in source] == in_order
        assert float(source[3].states[0, 0]) == 10.0
    assert len({rollout.group for rollout in source}) == 4
    assert [rollout.group for rollout in open_rollouts(tmp_path, axes="nt", group_by="file")] == [0, 0, 1, 1]
    with pytest.raises(InputError, match="no file fits the pattern"):
        open_rollouts(tmp_path / "q*.npy", axes="nt")


def test_groups_that_the_user_named_are_shared_by_files(tmp_path):
    for number in (1, 2):
        with h5py.File(tmp_path / f"{number}.h5", "w") as file:
            file["u"], file["draw"] = np.zeros((2, 3)), np.array([5, number])
    source = open_rollouts(tmp_path, axes="nt", dataset_key="u", group_key="draw")
    assert [rollout.group for rollout in source] == [5, 1, 5, 2]
    with pytest.raises(UsageError, match="contradicts `group_key`"):
        open_rollouts(tmp_path, axes="nt", dataset_key="u", group_key="draw", group_by="file")


@pytest.mark.parametrize("groups", [np.zeros(2), np.zeros((3, 1), dtype=int), np.array([1.0, np.nan, 2.0])])
def test_groups_that_do_not_say_one_of_every_sample_are_refused(tmp_path, groups):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["u"], file["draw"] = np.zeros((3, 4)), groups
    with pytest.raises(InputError, match="must hold a group for each of 3 samples|must have a value for every sample"):
        open_rollouts(tmp_path / "x.h5", axes="nt", dataset_key="u", group_key="draw")


@pytest.mark.parametrize(
    "labels",
    [np.array([b"a", b"b", b"a"]), np.array([100.5, 1e3, 100.5]), np.array([2**64 - 1, 2**63, 2**64 - 1], "u8")],
)
def test_groups_may_be_words_and_any_numbers(tmp_path, labels):
    for name in ("1.h5", "2.h5"):
        with h5py.File(tmp_path / name, "w") as file:
            file["u"], file["case"] = np.ones((3, 4)), labels
    groups = [rollout.group for rollout in open_rollouts(tmp_path, axes="nt", dataset_key="u", group_key="case")]
    assert groups[0] == groups[2] != groups[1]
    assert groups[:3] == groups[3:]  # equal labels of two files are one group


class Stranger:
    """Writes a file when it is unpickled."""

    def __init__(self, trap):
        self.trap = trap

    def __reduce__(self):
        return os.mkdir, (str(self.trap),)


@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_an_array_of_objects_is_never_unpickled(tmp_path, ending):
    path, trap = tmp_path / f"x.{ending}", tmp_path / "trap"
    array = np.array([[Stranger(trap)]], dtype=object)
    (np.save if ending == "npy" else np.savez)(path, array)
    with pytest.raises(InputError, match="file of numbers: .*[Pp]ython objects"):
        open_rollouts(path, axes="nt")
    assert not trap.exists()


@pytest.mark.parametrize("ending", ["npy", "npz", "h5"])
def test_a_file_that_was_cut_short_is_one_sentence_wherever_it_was_cut(tmp_path, ending):
    path = tmp_path / f"whole.{ending}"
    if ending == "npy":
        np.save(path, STATES)
    elif ending == "npz":
        np.savez(path, u=STATES)
    else:
        with h5py.File(path, "w") as file:
            file.create_dataset("u", data=STATES, chunks=(1, 5, 2, 4, 6), fletcher32=True)
    content = path.read_bytes()
    for share in (0.02, 0.3, 0.9):
        part = tmp_path / f"part.{ending}"
        part.write_bytes(content[: int(share * len(content))])
        with pytest.raises(InputError) as caught:
            list(open_rollouts(part, axes="ntchw"))
        assert "\n" not in str(caught.value)


def zarr_array(path, values, *, form=2, key="run/u", **settings):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(str(path), mode="w", zarr_format=form)
    array = group.create_array(key, shape=values.shape, dtype=values.dtype, chunks=(1, *values.shape[1:]), **settings)
    array[...] = values
    return path


@pytest.mark.parametrize("form", [2, 3])
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "|u1"])
def test_zarr_of_both_formats_is_read_as_an_array(tmp_path, form, dtype):
    values = STATES.astype(dtype)
    path = zarr_array(tmp_path / "x.zarr", values, form=form)
    for key in (None, "run/u", "run/*"):
        source = open_rollouts(path, axes="ntchw", dataset_key=key)
        assert (source.format, len(source)) == ("array", 3)
        np.testing.assert_array_equal(source[1].states[0], values[1].astype(np.float32))
    np.testing.assert_array_equal(open_rollouts(tmp_path, axes="ntchw")[0].states[0], values[0])
    with pytest.raises(InputError, match=r"holds no array 'run/v'. Did you mean 'run/u'"):
        open_rollouts(path, axes="ntchw", dataset_key="run/v")
    with pytest.raises(UsageError, match="`axes` must name the axes"):
        open_rollouts(path)


def test_a_zarr_array_without_a_group_and_with_shards(tmp_path):
    zarr = pytest.importorskip("zarr")
    array = zarr.create_array(
        str(tmp_path / "x.zarr"), shape=STATES.shape, dtype="f4", chunks=(1, 5, 2, 4, 6), shards=(3, 5, 2, 4, 6)
    )
    array[...] = STATES
    np.testing.assert_array_equal(open_rollouts(tmp_path / "x.zarr", axes="ntchw")[2].states[0], STATES[2])


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def link_chunk_away(path):
    chunk = next(file for file in (path / "run/u").iterdir() if file.name[0].isdecimal())
    secret = path.parent / "secret"
    chunk.rename(secret)
    chunk.symlink_to(secret)


def cut_chunk(path):
    for chunk in (path / "run/u").iterdir():
        if chunk.name[0].isdecimal():
            chunk.write_bytes(chunk.read_bytes()[:-9])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: edit(p / "run/u/.zarray", filters=[{"id": "pickle"}]), "through the codec pickle, which spinlock does not run"),
        (lambda p: edit(p / "run/u/.zarray", dtype="|O"), r"must hold real numbers; it holds \|O"),
        (lambda p: edit(p / "run/u/.zarray", dtype="<c8", fill_value=0.0), "must hold real numbers|cannot be read"),
        (lambda p: edit(p / "run/u/.zarray", shape=[10**9, 5, 2, 4, 6]), "claims .* of which .* are stored"),
        (lambda p: edit(p / "run/u/.zarray", shape=[3, 2**30, 2, 4, 6], chunks=[1, 2**30, 2, 4, 6]), "claims .* of which"),
        (link_chunk_away, "is a link; spinlock follows none"),
        (cut_chunk, "cannot be read; it is damaged or was cut short"),
        (lambda p: (p / "run/u/.zarray").write_text("{"), "is not JSON|JSON"),
    ],
)  # fmt: skip
def test_zarr_from_a_stranger_is_refused(tmp_path, spoil, message):
    path = zarr_array(tmp_path / "x.zarr", STATES.astype("f4"), form=2)
    spoil(path)
    with pytest.raises(InputError, match=message) as caught:
        list(open_rollouts(path, axes="ntchw"))
    assert "\n" not in str(caught.value)


def test_a_sample_larger_than_memory_allows_is_refused_unread(tmp_path):
    np.lib.format.open_memmap(tmp_path / "x.npy", mode="w+", dtype=np.int8, shape=(2, 2**30 + 1))  # a sparse file
    with pytest.raises(InputError, match="one sample takes 4.* as float32; at most 4"):
        open_rollouts(tmp_path / "x.npy", axes="nt")[0]
