"""A flipped bit is found, wherever it lies: refused in one sentence, or nothing that the file says is another."""

import json
import logging

import h5py
import numpy as np
import pytest
import torch
from store_samples import DESCRIPTION, sample_block

from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import InputError
from spinlock.core.tokens import TokenTable
from spinlock.store.category_file import load_category_map, load_clustering, save_category_map
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_check import check_dataset
from spinlock.store.dataset_paths import DESCRIBED
from spinlock.store.merge import merge_shards
from spinlock.store.shards import write_shard
from spinlock.store.token_file import load_tokens, save_tokens, tokens_sha256

FLIPS = 60
MAP = CategoryMap(group_indices={"shape": (0, 2), "time": (1,)}, feature_names=("width", "decay", "area"))


def token_table() -> TokenTable:
    chance = np.random.default_rng(0)
    return TokenTable(
        codes=torch.from_numpy(chance.integers(0, 8, size=(20, 2, 2))),
        category_names=("shape", "time"),
        codebook_sizes=torch.tensor([[8, 8], [8, 8]]),
        ids=tuple(f"run {number}" for number in range(20)),
        groups=tuple(f"draw {number // 2}" for number in range(20)),
        distances=torch.from_numpy(chance.random(20, dtype=np.float32)),
        out_of_corpus=torch.arange(20) % 3 == 0,
    )


@pytest.mark.parametrize("name", ["x.csv", "x.parquet", "x.json"])
def test_a_flipped_bit_is_refused_or_changes_nothing(tmp_path, name):
    path = tmp_path / name
    if name == "x.json":
        save_category_map(MAP, path)
        read = load_category_map
        whole = MAP
    else:
        save_tokens(token_table(), path)
        whole = tokens_sha256(token_table())

        def read(path):
            return tokens_sha256(load_tokens(path))

    data, chance, found = path.read_bytes(), np.random.default_rng(1), 0
    for _ in range(FLIPS):
        damaged = bytearray(data)
        damaged[chance.integers(len(data))] ^= 1 << chance.integers(8)
        path.write_bytes(damaged)
        try:
            assert read(path) == whole
        except InputError:
            found += 1
    assert found > FLIPS / 2


@pytest.fixture(scope="module")
def data_set(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    write_shard(folder / "shards", sample_block(0, 4))
    merge_shards(folder / "shards", folder / "x.h5", description=DESCRIPTION, num_samples=4)
    return folder / "x.h5"


def test_every_attribute_of_a_data_set_is_covered(data_set, tmp_path, caplog):
    copy = tmp_path / "x.h5"
    with h5py.File(data_set) as file:
        places = [(path, name) for path in DESCRIBED if path in file for name in file[path].attrs]
    changed = [place for place in places if place[1] not in ("description_sha256", "format", "format_version")]
    assert len(changed) > 20
    for path, name in changed:
        copy.write_bytes(data_set.read_bytes())
        with h5py.File(copy, "r+") as file:
            value = file[path].attrs[name]
            if isinstance(value, str):
                file[path].attrs[name] = value + " "
            elif value.dtype.kind == "O":
                file[path].attrs[name] = [*value[:-1], value[-1] + "x"]
            else:
                file[path].attrs[name] = value + 1
        with caplog.at_level(logging.WARNING), open_dataset(copy) as data:
            assert "attributes do not have the checksum that /metadata states" in caplog.text
            assert any("description_sha256" in problem for problem in check_dataset(data))
        caplog.clear()


def test_whoever_changes_an_attribute_on_purpose_deletes_the_checksum(data_set, tmp_path):
    copy = tmp_path / "x.h5"
    copy.write_bytes(data_set.read_bytes())
    with h5py.File(copy, "r+") as file:
        file["/parameters/params"].attrs["units"] = ["m/s", "1"]
        del file["/metadata"].attrs["description_sha256"]
    with open_dataset(copy) as data:
        assert data.parameter_columns[0].unit == "m/s"


def test_an_edited_map_is_read_once_the_line_with_the_checksum_is_out(tmp_path):
    path = tmp_path / "map.json"
    save_category_map(MAP, path)
    path.write_text(path.read_text().replace('"shape"', '"form"'))
    with pytest.raises(InputError, match='damaged or edited; whoever edited it takes the line "content_sha256" out'):
        load_category_map(path)
    content = json.loads(path.read_text())
    del content["content_sha256"]
    path.write_text(json.dumps(content))
    assert load_category_map(path).categories == ("form", "time")


def test_a_map_keeps_the_clustering_that_it_came_from(tmp_path):
    path = tmp_path / "map.json"
    save_category_map(MAP, path, clustering={"stability": 0.1 + 0.2, "linkage": ((0.0, 1.0),)})
    assert load_clustering(path) == {"stability": 0.1 + 0.2, "linkage": [[0.0, 1.0]]}
    assert load_category_map(path) == MAP
    save_category_map(MAP, path)
    assert load_clustering(path) is None


@pytest.mark.parametrize("ending", ["h5", "csv", "parquet"])
def test_tokens_have_one_checksum_in_every_format_and_files_without_one_are_read(tmp_path, ending):
    path, tokens = tmp_path / f"x.{ending}", token_table()
    save_tokens(tokens, path)
    assert tokens_sha256(load_tokens(path)) == tokens_sha256(tokens)
    assert tokens_sha256(tokens).encode() in path.read_bytes()
    if ending == "csv":
        first, rest = path.read_text().split("\n", 1)
        assert first == f"# spinlock tokens, format 1, content_sha256 {tokens_sha256(tokens)}"
        path.write_text("# spinlock tokens, format 1\n" + rest)
        assert tokens_sha256(load_tokens(path)) == tokens_sha256(tokens)
        path.write_text(f"{first},,,\n{rest}")  # as a spreadsheet does
        assert tokens_sha256(load_tokens(path)) == tokens_sha256(tokens)


def test_a_word_that_is_no_longer_utf8_is_found(data_set, tmp_path):
    damaged = data_set.read_bytes().replace(b'"decay_rate"', b'"decay\xe5rate"')
    assert damaged != data_set.read_bytes()
    (tmp_path / "x.h5").write_bytes(damaged)
    with open_dataset(tmp_path / "x.h5") as data:
        assert any("not UTF-8" in problem for problem in check_dataset(data))
