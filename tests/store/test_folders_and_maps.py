import json
import logging
import math

import pytest
import torch

from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import InputError, NamesDifferError
from spinlock.store.atomic import sha256_of_bytes
from spinlock.store.category_file import load_category_map, save_category_map
from spinlock.store.checkpoint_folder import load_latest_checkpoint, save_checkpoint
from spinlock.store.json_file import read_json, write_json
from spinlock.store.tokenizer_folder import load_tokenizer_folder, save_tokenizer_folder

TENSORS = {
    "codebook": torch.tensor([[0.1, float("nan")], [-0.0, float("inf")]]),
    "mask": torch.tensor([True, False]),
    "generator": torch.get_rng_state(),
    "transposed": torch.arange(6, dtype=torch.int64).reshape(2, 3).T,
    "scalar": torch.tensor(3.0, dtype=torch.float64),
}
PARTS = {"tensors": TENSORS, "tokenizer": {"names": ["a"], "levels": 3}, "training": {"loss": [0.5, float("nan")]}}


def assert_same_bits(one, other):
    assert set(one) == set(other)
    for name, tensor in one.items():
        assert other[name].dtype == tensor.dtype
        assert other[name].shape == tensor.shape
        assert other[name].contiguous().numpy().tobytes() == tensor.contiguous().numpy().tobytes()


def damage(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def test_tokenizer_folder_comes_back_to_the_bit(tmp_path):
    save_tokenizer_folder(tmp_path / "t", **PARTS, report={"mse": 0.03})
    loaded = load_tokenizer_folder(tmp_path / "t")
    assert_same_bits(TENSORS, loaded.tensors)
    assert loaded.tokenizer == PARTS["tokenizer"]
    assert loaded.training == {"loss": [0.5, None]}
    assert loaded.report == {"mse": 0.03}
    assert sorted(path.name for path in (tmp_path / "t").iterdir()) == [
        "manifest.json",
        "report.json",
        "tokenizer.json",
        "training.json",
        "weights.safetensors",
    ]


def test_saving_over_a_tokenizer_replaces_it_and_leaves_other_files_alone(tmp_path):
    save_tokenizer_folder(tmp_path / "t", **PARTS, report={"mse": 0.03})
    (tmp_path / "t" / "notes.txt").write_text("mine")
    save_tokenizer_folder(tmp_path / "t", **(PARTS | {"tokenizer": {"levels": 2}}))
    loaded = load_tokenizer_folder(tmp_path / "t")
    assert loaded.tokenizer == {"levels": 2}
    assert loaded.report is None
    assert (tmp_path / "t" / "notes.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


def test_what_a_killed_writer_left_in_the_folder_is_removed(tmp_path):
    save_tokenizer_folder(tmp_path / "t", **PARTS)
    for name in (".report.json.partial-host-1-ab", ".weights.safetensors.partial-host-1-cd", ".mine.partial-host-1-ef"):
        (tmp_path / "t" / name).write_text("half")
    save_tokenizer_folder(tmp_path / "t", **PARTS)
    hidden = {path.name for path in (tmp_path / "t").iterdir() if path.name.startswith(".")}
    assert hidden == {".mine.partial-host-1-ef"}


@pytest.mark.parametrize("writes", range(4))
def test_a_replacement_that_is_cut_short_is_recovered_or_never_was(tmp_path, monkeypatch, caplog, writes):
    save_tokenizer_folder(tmp_path / "t", **PARTS)
    left = [writes]

    def write_or_stop(path, data):
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        path.write_bytes(data)

    monkeypatch.setattr("spinlock.store.tokenizer_folder.write_bytes", write_or_stop)
    changed = PARTS | {"tensors": {"codebook": torch.zeros(3)}, "tokenizer": {"levels": 2}}
    with pytest.raises(KeyboardInterrupt):
        save_tokenizer_folder(tmp_path / "t", **changed)
    loaded = load_tokenizer_folder(tmp_path / "t")
    expected = PARTS if writes == 0 else changed
    assert loaded.tokenizer == expected["tokenizer"]
    assert_same_bits(expected["tensors"], loaded.tensors)
    assert ("was being replaced" in caplog.text) == (writes > 0)


def edit_manifest(folder, **changes):
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | changes))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: damage(f / "weights.safetensors"), "weights.safetensors does not have the checksum"),
        (lambda f: (f / "tokenizer.json").unlink(), "tokenizer.json is missing or no plain file"),
        (lambda f: (f / "manifest.json").unlink(), "has no manifest.json, so it is no tokenizer folder"),
        (lambda f: edit_manifest(f, sha256={"../../etc/passwd": "0"}), "'../../etc/passwd', which is not a plain file"),
        (lambda f: edit_manifest(f, format="spinlock checkpoint"), "is not the manifest of a tokenizer"),
        (
            lambda f: edit_manifest(f, format_version=1),
            "has format version 1; this spinlock reads version 3: make the tokenizer anew by `spinlock train-vqvae --config",
        ),
        (lambda f: (f / "manifest.json").write_text("["), "manifest.json is not JSON"),
        (lambda f: (f / "manifest.json").write_text("[" * 100_000), "is nested too deeply"),
        (lambda f: f.rename(f.with_name("gone")), "is not there; expected a tokenizer folder"),
    ],
)
def test_a_damaged_tokenizer_is_refused(tmp_path, spoil, message):
    folder = tmp_path / "t"
    save_tokenizer_folder(folder, **PARTS)
    spoil(folder)
    with pytest.raises(InputError, match=message) as caught:
        load_tokenizer_folder(folder)
    assert "\n" not in str(caught.value)


def test_a_link_in_a_tokenizer_folder_is_not_followed(tmp_path):
    save_tokenizer_folder(tmp_path / "t", **PARTS)
    target = tmp_path / "t" / "tokenizer.json"
    target.rename(tmp_path / "outside.json")
    target.symlink_to(tmp_path / "outside.json")
    with pytest.raises(InputError, match="is missing or no plain file"):
        load_tokenizer_folder(tmp_path / "t")


STATE = {
    "best": math.inf,
    "loss": 0.1 + 0.2,
    "nan": math.nan,
    "key": 2**127 + 1,
    "history": [[1, None], {"a": -math.inf}],
}


def test_checkpoint_comes_back_exactly_infinities_included(tmp_path):
    save_checkpoint(tmp_path, step=3, tensors=TENSORS, state=STATE)
    loaded = load_latest_checkpoint(tmp_path)
    assert loaded is not None
    assert loaded.step == 3
    assert_same_bits(TENSORS, loaded.tensors)
    assert math.isnan(loaded.state.pop("nan"))
    assert loaded.state == {key: value for key, value in STATE.items() if key != "nan"}


def test_the_newest_checkpoints_are_kept(tmp_path):
    for step in range(5):
        save_checkpoint(tmp_path, step=step, tensors={}, state={"step": step}, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["LATEST", "step-000000003", "step-000000004"]


def test_a_new_run_removes_the_checkpoints_of_one_that_was_given_up(tmp_path):
    save_checkpoint(tmp_path, step=90, tensors={}, state={"run": 1})
    save_checkpoint(tmp_path, step=1, tensors={}, state={"run": 2})
    loaded = load_latest_checkpoint(tmp_path)
    assert loaded is not None
    assert loaded.state == {"run": 2}


@pytest.mark.parametrize("name", ["tensors.safetensors", "state.json", "manifest.json"])
def test_a_damaged_checkpoint_is_passed_over_and_said_so(tmp_path, caplog, name):
    for step in (1, 2):
        save_checkpoint(tmp_path, step=step, tensors={"w": torch.ones(4)}, state={"step": step})
    damage(tmp_path / "step-000000002" / name) if name != "manifest.json" else (
        tmp_path / "step-000000002" / name
    ).unlink()
    with caplog.at_level(logging.INFO, logger="spinlock"):
        loaded = load_latest_checkpoint(tmp_path)
    assert loaded is not None
    assert loaded.state == {"step": 1}
    assert "checkpoint step-000000002 is passed over" in caplog.text
    assert "checkpoint of step 1 is read" in caplog.text


def test_without_a_checkpoint_there_is_none(tmp_path):
    assert load_latest_checkpoint(tmp_path) is None
    assert load_latest_checkpoint(tmp_path / "missing") is None


MAP = CategoryMap(group_indices={"b": (2, 0), "a": (1,)}, feature_names=("x", "y", "ü"), registry_version="2.0")


def test_category_map_comes_back_in_its_order(tmp_path):
    save_category_map(MAP, tmp_path / "map.json")
    loaded = load_category_map(tmp_path / "map.json", names=("x", "y", "ü"))
    assert loaded == MAP
    assert loaded.categories == ("b", "a")


def test_a_bare_map_is_read_beside_its_names(tmp_path):
    (tmp_path / "map.json").write_text('{"b": [2, 0], "a": [1]}')
    assert load_category_map(tmp_path / "map.json", names=("x", "y", "ü")).group_indices == MAP.group_indices


def test_a_map_for_other_columns_is_refused_by_name(tmp_path):
    save_category_map(MAP, tmp_path / "map.json")
    with pytest.raises(NamesDifferError, match=r"map\.json: the category map .* lacks z and has ü on top"):
        load_category_map(tmp_path / "map.json", names=("x", "y", "z"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff", "is not UTF-8 text: byte 0 is 0xff"),
        (b"", "is not JSON"),
        (b"{]", "is not JSON"),
        (b'{"a": [7]}', "a bare category map has no feature names"),
        (b"[" * 100_000, "is nested too deeply"),
    ],
)
def test_a_file_that_is_no_map_is_refused(tmp_path, content, message):
    (tmp_path / "map.json").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        load_category_map(tmp_path / "map.json")
    assert str(tmp_path / "map.json") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_json_is_strict(tmp_path):
    write_json(tmp_path / "x.json", {"loss": float("nan"), "words": ("é", 1)})
    assert (tmp_path / "x.json").read_text() == '{\n "loss": null,\n "words": [\n  "é",\n  1\n ]\n}\n'
    (tmp_path / "x.json").write_text('{"loss": NaN}')
    with pytest.raises(InputError, match="holds NaN, which JSON has no word for"):
        read_json(tmp_path / "x.json")


def tokenizer_folder(folder, **files):
    """A folder with right checksums and any contents."""
    folder.mkdir()
    files = {name.replace("_", ".", 1): content for name, content in files.items()}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    checksums = {name: sha256_of_bytes(content) for name, content in files.items()}
    write_json(folder / "manifest.json", {"format": "spinlock tokenizer", "format_version": 3, "sha256": checksums})
    return folder


def test_weights_of_any_size_are_refused_unread(tmp_path):
    folder = tokenizer_folder(tmp_path / "t", weights_safetensors=b"", tokenizer_json=b"{}")
    with open(folder / "weights.safetensors", "wb") as file:
        file.truncate(2**36)
    with pytest.raises(
        InputError, match=r"weights.safetensors holds 68\.7 GB; in a tokenizer such a file has at most 1\.1 GB"
    ):
        load_tokenizer_folder(folder)


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "../up", "", "."])
def test_a_manifest_names_plain_files_alone(tmp_path, name):
    folder = tokenizer_folder(tmp_path / "t")
    checksums = {name: "0" * 64}
    write_json(folder / "manifest.json", {"format": "spinlock tokenizer", "format_version": 3, "sha256": checksums})
    with pytest.raises(InputError, match="which is not a plain file name"):
        load_tokenizer_folder(folder)


@pytest.mark.parametrize(
    "training",
    ['{"splits": 5}', '{"splits": {"train": [1]}}', '{"curves": {"a": [[1]]}}', '{"comparison": [{}]}', '{"seed": "x"}',
     '{"software": []}', "[]", '{"a": "\\ud800"}'],
)  # fmt: skip
def test_a_training_record_of_wrong_contents_is_refused_in_one_sentence(tmp_path, training):
    weights = (2).to_bytes(8, "little") + b"{}"
    folder = tokenizer_folder(
        tmp_path / "t", weights_safetensors=weights, tokenizer_json=b"{}", training_json=training.encode()
    )
    with pytest.raises(InputError, match="training.json") as caught:
        load_tokenizer_folder(folder)
    assert "\n" not in str(caught.value)


def test_json_that_would_fill_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("spinlock.store.json_file.MAX_VALUES", 10)
    (tmp_path / "x.json").write_text("[[],[],[],[],[],[]]")
    with pytest.raises(InputError, match="holds 12 values; a file of spinlock has at most 10"):
        read_json(tmp_path / "x.json")
