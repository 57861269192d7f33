import subprocess
import sys

import h5py
import numpy as np
import pytest
import torch
from store_samples import DESCRIPTION, sample_block

from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import InputError
from spinlock.core.tokens import TokenTable
from spinlock.store.category_file import save_category_map
from spinlock.store.checkpoint_folder import save_checkpoint
from spinlock.store.merge import merge_shards
from spinlock.store.shards import write_shard
from spinlock.store.summary import summarize
from spinlock.store.token_file import save_tokens
from spinlock.store.tokenizer_folder import save_tokenizer_folder

TOKENS = TokenTable(
    codes=torch.zeros(3, 2, 2, dtype=torch.int64),
    category_names=("a", "b"),
    codebook_sizes=torch.tensor([[8, 4], [8, 4]]),
)


def test_a_data_set_is_told_by_its_systems_shapes_and_features(tmp_path):
    write_shard(tmp_path / "shards", sample_block(0, 6, states=True))
    assert summarize(tmp_path / "shards")["shards"] == 1
    content = merge_shards(tmp_path / "shards", tmp_path / "x.h5", description=DESCRIPTION, num_samples=6)
    about = summarize(tmp_path / "x.h5")
    assert about["kind"] == "data set"
    assert about["content_sha256"] == content
    assert (about["num_samples"], about["num_realizations"], about["num_timesteps"], about["seed"]) == (6, 2, 5, 11)
    assert (about["grid"], about["channels"], about["states"], about["groups"]) == ("4 x 4", 2, "kept", 3)
    assert about["systems"] == {"spots": 3, "wave": 3}
    assert about["realizations_diverged"] == 1
    assert about["features"]["sdf"] == {
        "version": "2.0",
        "features": 4,
        "aggregated_columns": 6,
        "categories": {"spatial": 1, "spectral": 1, "temporal": 1, "causality": 1},
    }


@pytest.mark.parametrize("ending", ["h5", "csv", "parquet"])
def test_tokens_are_told_by_their_rows_and_codebooks(tmp_path, ending):
    save_tokens(TOKENS, tmp_path / f"x.{ending}")
    about = summarize(tmp_path / f"x.{ending}")
    assert (about["kind"], about["rows"], about["codebook_sizes"]) == ("tokens", 3, {"a": [8, 4], "b": [8, 4]})


def test_folders_and_maps_are_told(tmp_path):
    category_map = CategoryMap(group_indices={"a": (0, 2), "b": (1,)}, feature_names=("x", "y", "z"))
    save_category_map(category_map, tmp_path / "map.json")
    assert summarize(tmp_path / "map.json")["categories"] == {"a": 2, "b": 1}
    described = {
        "backend": "classical",
        "category_map": {"group_indices": {"a": [0, 2], "b": [1]}},
        "provenance": {"codebook_sizes": {"tokens": [[8, 4], [2, 1]]}, "num_fitted": 40},
    }
    save_tokenizer_folder(tmp_path / "t", tensors={}, tokenizer=described, training={})
    about = summarize(tmp_path / "t")
    assert (about["kind"], about["backend"], about["rows_fitted_to"]) == ("tokenizer", "classical", 40)
    assert about["categories"] == [
        {"category": "a", "columns": 2, "codes_by_level": "8 4"},
        {"category": "b", "columns": 1, "codes_by_level": "2 1"},
    ]
    save_tokenizer_folder(tmp_path / "bare", tensors={}, tokenizer={"backend": "classical"}, training={})
    assert "categories" not in summarize(tmp_path / "bare")
    save_checkpoint(tmp_path / "c", step=7, tensors={}, state={})
    assert summarize(tmp_path / "c")["latest"] == "step-000000007"
    assert summarize(tmp_path / "c" / "step-000000007")["kind"] == "checkpoint"


def test_arrays_and_other_hdf5_files_are_told_by_their_shapes(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((3, 4), dtype=np.float32))
    np.savez(tmp_path / "x.npz", u=np.zeros((3, 4)), v=np.arange(2))
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["u"] = np.zeros((5, 6))
        file["group/v"] = 1.0
        file["link"] = h5py.SoftLink("/u")
    assert summarize(tmp_path / "x.npy")["arrays"] == {"x": "3 x 4, float32"}
    assert summarize(tmp_path / "x.npz")["arrays"] == {"u": "3 x 4, float64", "v": "2, int64"}
    assert summarize(tmp_path / "x.h5")["names"] == {
        "u": "5 x 6",
        "group": "group of 1",
        "link": "not readable as numbers",
    }


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing", None, "does not exist"),
        ("x.json", b"[1]", "is JSON, and no category map"),
        ("x.csv", b"a,b\n", "is no token file"),
        ("x.parquet", b"PAR1", "cannot be read; it is damaged or was cut short"),
        ("x.npy", b"PAR1", "is not a file of arrays"),
        ("x.npz", b"PK", "is not a file of arrays"),
        ("x.h5", b"text", "is not an HDF5 file"),
        ("x.bin", b"", r"is empty \(0 bytes\)"),
        ("folder", None, "is no folder of spinlock; it holds nothing"),
    ],
)
def test_what_is_nothing_of_ours_is_refused_in_one_sentence(tmp_path, name, content, message):
    if name == "folder":
        (tmp_path / name).mkdir()
    elif content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        summarize(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_summary_does_not_load_torch():
    code = "import sys, spinlock.store.summary; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
