import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from store_samples import DESCRIPTION, sample_block

from spinlock.core.errors import InputError, ResourceError
from spinlock.store.atomic import check_free_space
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_check import check_dataset
from spinlock.store.merge import merge_shards, write_dataset
from spinlock.store.shards import complete_shards, missing_samples, remove_shards, write_shard

NUM_SAMPLES = 13


def make(folder: Path, target: Path, *, cuts, order=None, states=True) -> str:
    blocks = [sample_block(a, b - a, states=states) for a, b in zip(cuts, cuts[1:], strict=False)]
    for number in order or range(len(blocks)):
        write_shard(folder, blocks[number])
    return merge_shards(folder, target, description=DESCRIPTION, num_samples=NUM_SAMPLES)


@pytest.fixture
def fixed_time(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")


@pytest.mark.usefixtures("fixed_time")
@pytest.mark.parametrize(
    ("cuts", "order"), [((0, 5, 6, 13), (2, 0, 1)), ((0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13), None)]
)
def test_merged_file_has_the_same_bytes_whatever_the_shards_and_their_order(tmp_path, cuts, order):
    whole = make(tmp_path / "one", tmp_path / "one.h5", cuts=(0, NUM_SAMPLES))
    pieces = make(tmp_path / "many", tmp_path / "many.h5", cuts=cuts, order=order)
    assert whole == pieces
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "many.h5").read_bytes()


def test_content_checksum_does_not_depend_on_the_time_of_creation(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    first = make(tmp_path / "shards", tmp_path / "a.h5", cuts=(0, NUM_SAMPLES))
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    second = merge_shards(tmp_path / "shards", tmp_path / "b.h5", description=DESCRIPTION, num_samples=NUM_SAMPLES)
    with open_dataset(tmp_path / "a.h5") as a, open_dataset(tmp_path / "b.h5") as b:
        assert a.metadata["created"] == "1970-01-01T00:00:00Z" != b.metadata["created"]
        assert a.metadata["content_sha256"] == b.metadata["content_sha256"] == first == second


def test_compressed_states_have_the_content_of_plain_ones(tmp_path):
    plain = make(tmp_path / "shards", tmp_path / "a.h5", cuts=(0, NUM_SAMPLES))
    packed = merge_shards(
        tmp_path / "shards",
        tmp_path / "b.h5",
        description=DESCRIPTION,
        num_samples=NUM_SAMPLES,
        compress_outputs=True,
    )
    assert plain == packed
    with open_dataset(tmp_path / "b.h5") as data:
        assert check_dataset(data, contents=True) == []


def test_channels_are_padded_to_the_widest_system(tmp_path):
    narrow, wide = sample_block(1, 1, states=True), sample_block(0, 1, states=True)
    cut = {"inputs": narrow.inputs[:, :1], "outputs": narrow.outputs[:, :, :, :1]}
    fields = {name: getattr(narrow, name) for name in narrow.__dataclass_fields__} | cut
    write_shard(tmp_path / "narrow", type(narrow)(**fields))
    write_shard(tmp_path / "narrow", wide)
    write_shard(tmp_path / "wide", wide)
    write_shard(tmp_path / "wide", narrow)
    contents = {
        merge_shards(tmp_path / name, tmp_path / f"{name}.h5", description=DESCRIPTION, num_samples=2)
        for name in ("narrow", "wide")
    }
    assert len(contents) == 1


def test_the_bytes_do_not_depend_on_how_many_shards_are_open_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    make(tmp_path / "shards", tmp_path / "a.h5", cuts=(0, 2, 5, 6, 9, NUM_SAMPLES))
    monkeypatch.setattr("spinlock.store.merge.MOST_OPEN", 2)
    merge_shards(tmp_path / "shards", tmp_path / "b.h5", description=DESCRIPTION, num_samples=NUM_SAMPLES)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_shards_that_were_found_complete_are_not_checked_again(tmp_path):
    merged = make(tmp_path / "shards", tmp_path / "a.h5", cuts=(0, 5, NUM_SAMPLES))
    shards = complete_shards(tmp_path / "shards")
    for entry in (tmp_path / "shards").glob("*.json"):
        entry.unlink()
    again = write_dataset(shards, tmp_path / "b.h5", description=DESCRIPTION, num_samples=NUM_SAMPLES)
    assert again == merged


def test_shard_with_a_flipped_bit_does_not_count(tmp_path, caplog):
    kept, broken = (write_shard(tmp_path, sample_block(first, 4)) for first in (0, 4))
    data = bytearray(broken.path.read_bytes())
    data[len(data) // 2] ^= 1
    broken.path.write_bytes(data)
    assert complete_shards(tmp_path) == (kept,)
    assert broken.path.name in caplog.text
    assert missing_samples(complete_shards(tmp_path), 10) == (4, 5, 6, 7, 8, 9)


def test_writing_a_shard_again_gives_the_same_bytes(tmp_path):
    first = write_shard(tmp_path / "a", sample_block(0, 3))
    time.sleep(1.1)  # a time stamp in the file would differ
    assert write_shard(tmp_path / "b", sample_block(0, 3)).sha256 == first.sha256


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([(0, 5), (7, 6)], "samples 5 to 6 are in no shard before shard-000000007-000000012.h5."),
        ([(0, 5)], "samples 5 to 12 are in no shard after shard-000000000-000000004.h5."),
        ([], "samples 0 to 12 are in no shard."),
        ([(0, 5), (4, 9)], "sample 4 is in two shards, shard-000000000-000000004.h5 and shard-000000004-000000012.h5"),
        ([(0, 15)], "shard-000000000-000000014.h5 holds samples up to 14; the data set has 13."),
    ],
)
def test_missing_and_overlapping_shards_are_named(tmp_path, blocks, message):
    for first, count in blocks:
        write_shard(tmp_path / "shards", sample_block(first, count))
    with pytest.raises(InputError, match=message.replace(".", r"\.")):
        merge_shards(tmp_path / "shards", tmp_path / "x.h5", description=DESCRIPTION, num_samples=NUM_SAMPLES)
    assert not (tmp_path / "x.h5").exists()


def test_shards_of_another_configuration_are_refused(tmp_path):
    write_shard(tmp_path, sample_block(0, 3), fingerprint="one")
    assert len(complete_shards(tmp_path, fingerprint="one")) == 1
    with pytest.raises(InputError, match="was made from another configuration"):
        complete_shards(tmp_path, fingerprint="two")


def test_shards_that_do_not_fit_together_are_refused(tmp_path):
    write_shard(tmp_path, sample_block(0, 3, states=True))
    write_shard(tmp_path, sample_block(3, 10, states=True, dtype=np.float16))
    with pytest.raises(InputError, match="float16; the shards before it have .* float32"):
        merge_shards(tmp_path, tmp_path / "x.h5", description=DESCRIPTION, num_samples=NUM_SAMPLES)


def test_removing_shards_leaves_other_files_alone(tmp_path):
    write_shard(tmp_path / "shards", sample_block(0, 3))
    (tmp_path / "shards" / "notes.txt").write_text("mine")
    (tmp_path / "shards" / ".shard-x.partial-1").write_bytes(b"left by a killed writer")
    remove_shards(tmp_path / "shards")
    assert [path.name for path in (tmp_path / "shards").iterdir()] == ["notes.txt"]


def test_a_job_that_does_not_fit_on_the_disk_is_refused_before_it_starts(tmp_path):
    with pytest.raises(ResourceError, match=r"needs 1000000\.0 TB of disk and .* are free"):
        check_free_space(tmp_path / "not" / "there" / "x.h5", 10**18)


KILLED_WRITERS = """
import os, random, signal, sys, time
from pathlib import Path
sys.path.insert(0, {here!r})
from store_samples import DESCRIPTION, sample_block
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_check import check_dataset
from spinlock.store.merge import merge_shards
from spinlock.store.shards import complete_shards, missing_samples, write_shard
folder, target, chance = Path(sys.argv[1]), Path(sys.argv[2]), random.Random(3)

def write():
    for sample in missing_samples(complete_shards(folder, fingerprint="f"), {n}):
        write_shard(folder, sample_block(sample, 1, states=True), fingerprint="f")
    merge_shards(folder, target, description=DESCRIPTION, num_samples={n}, fingerprint="f")

killed, found = 0, []
while killed < 12:
    writer = os.fork()
    if not writer:
        while True:
            write()
            os._exit(0) if killed % 3 else None  # every third writer merges over and over until it is killed
    wanted = chance.randint(0, {n})
    while len(list(folder.glob("*.json"))) < wanted:  # by what is done and not by the clock alone: machines are busy
        time.sleep(0.001)
    time.sleep(chance.uniform(0.0, 0.02 if killed % 3 else 0.15))
    os.kill(writer, signal.SIGKILL)
    killed += os.WIFSIGNALED(os.waitpid(writer, 0)[1])
    found.append(len(complete_shards(folder)))
    if target.exists():  # a target is whole whenever it is there
        with open_dataset(target) as data:
            assert check_dataset(data, contents=True) == []
    if found[-1] == {n} and killed % 3 == 0:
        for entry in list(folder.glob("*.json"))[::2]:
            entry.unlink()
write()
print(*found)
"""


@pytest.mark.slow
def test_writers_killed_at_any_moment_and_resumed_give_the_bytes_of_an_unbroken_run(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    (tmp_path / "writers.py").write_text(KILLED_WRITERS.format(here=str(Path(__file__).parent), n=NUM_SAMPLES))
    target = tmp_path / "killed.h5"
    run = [sys.executable, "-W", "error", str(tmp_path / "writers.py"), str(tmp_path / "shards"), str(target)]
    done = subprocess.run(run, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert any(0 < int(found) < NUM_SAMPLES for found in done.stdout.split())  # some were killed half-way
    make(tmp_path / "unbroken", tmp_path / "unbroken.h5", cuts=(0, 6, NUM_SAMPLES))
    assert target.read_bytes() == (tmp_path / "unbroken.h5").read_bytes()
    assert not list(tmp_path.glob(".*partial*"))


def test_shard_entries_are_strict_json(tmp_path):
    shard = write_shard(tmp_path, sample_block(2, 3), fingerprint="f")
    entry = json.loads(shard.path.with_name(f"{shard.path.name}.json").read_text())
    assert entry == {"first": 2, "count": 3, "sha256": shard.sha256, "fingerprint": "f"}
