"""A disk that is full, as a small file system where one can be made, and as a limit on the size of files everywhere."""

import resource
import subprocess
from contextlib import suppress

import pytest
import torch
from store_samples import DESCRIPTION, sample_block

from spinlock.core.errors import InputError, ResourceError
from spinlock.store.atomic import write_bytes
from spinlock.store.checkpoint_folder import load_latest_checkpoint, save_checkpoint
from spinlock.store.dataset import open_dataset
from spinlock.store.merge import merge_shards
from spinlock.store.outputs import locked
from spinlock.store.shards import complete_shards, write_shard


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 6 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a file system cannot be mounted here")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.fixture
def small_files():
    """No file may become larger than 64 kB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_on_a_full_disk_complete_shards_stay_and_nothing_else_does(small_disk):
    write_shard(small_disk, sample_block(0, 4))
    (small_disk / "ballast").write_bytes(bytes(5 * 2**20))
    with pytest.raises(ResourceError, match=r"shard-000000004-000003999\.h5 cannot be written: no space is left"):
        write_shard(small_disk, sample_block(4, 3996))
    assert [shard.first for shard in complete_shards(small_disk)] == [0]
    assert len(list(small_disk.iterdir())) == 3


def test_a_merge_that_does_not_fit_is_refused_and_the_target_of_before_stays(small_disk, tmp_path):
    write_shard(tmp_path / "shards", sample_block(0, 4))
    merge_shards(tmp_path / "shards", small_disk / "x.h5", description=DESCRIPTION, num_samples=4)
    assert (small_disk / "x.h5").stat().st_size < 2**17
    (small_disk / "ballast").write_bytes(bytes(4 * 2**20))
    with pytest.raises(ResourceError, match=r"x\.h5 needs .* of disk and .* are free"):
        merge_shards(tmp_path / "shards", small_disk / "x.h5", description=DESCRIPTION, num_samples=4)
    with open_dataset(small_disk / "x.h5") as data:
        assert len(data) == 4


def test_a_disk_that_fills_while_hdf5_writes_is_out_of_room(small_disk, tmp_path, monkeypatch):
    write_shard(tmp_path / "shards", sample_block(0, 4))
    (small_disk / "ballast").write_bytes(bytes(6 * 2**20 - 2**15))
    monkeypatch.setattr("spinlock.store.hdf5_image.check_free_space", lambda *_: None)
    with pytest.raises(ResourceError, match=r"x\.h5 cannot be written: no space is left on the disk"):
        merge_shards(tmp_path / "shards", small_disk / "x.h5", description=DESCRIPTION, num_samples=4)
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]


def test_a_disk_without_room_for_a_lock_is_left_as_it_was(small_disk):
    with suppress(OSError), (small_disk / "ballast").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(2**12))
    with (
        pytest.raises(ResourceError, match=r"x\.csv cannot be written: no space is left"),
        locked(small_disk / "x.csv"),
    ):
        raise AssertionError
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]


def test_a_checkpoint_that_does_not_fit_leaves_the_one_before(small_disk):
    save_checkpoint(small_disk, step=1, tensors={"w": torch.ones(4)}, state={})
    with pytest.raises(ResourceError, match="no space is left"):
        save_checkpoint(small_disk, step=2, tensors={"w": torch.ones(2 * 2**20)}, state={})
    loaded = load_latest_checkpoint(small_disk)
    assert loaded is not None
    assert loaded.step == 1
    assert sorted(path.name for path in small_disk.iterdir()) == ["LATEST", "step-000000001"]


@pytest.mark.usefixtures("small_files")
def test_a_file_past_the_largest_allowed_leaves_the_one_before(tmp_path):
    write_bytes(tmp_path / "x", b"before")
    with pytest.raises(ResourceError, match="x cannot be written: the file would be larger than the system allows"):
        write_bytes(tmp_path / "x", bytes(2**17))
    assert (tmp_path / "x").read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.usefixtures("small_files")
def test_a_merge_past_the_largest_file_allowed_is_refused(tmp_path):
    write_shard(tmp_path / "shards", sample_block(0, 4))
    with pytest.raises(ResourceError, match="the file would be larger than the system allows"):
        merge_shards(tmp_path / "shards", tmp_path / "x.h5", description=DESCRIPTION, num_samples=4)
    assert [path.name for path in tmp_path.iterdir()] == ["shards"]


def test_a_place_that_is_no_folder_is_an_input_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_bytes(tmp_path / "file" / "x", b"")
