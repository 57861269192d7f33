"""What may be written where: never over an input, a device, a link or a file of another kind, and by one run at a time."""

import os
import subprocess
import sys

import pytest
import torch
from store_samples import DESCRIPTION, sample_block

from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import InputError, UsageError
from spinlock.core.tokens import TokenTable
from spinlock.store.atomic import write_bytes
from spinlock.store.category_file import CATEGORY_MAP, save_category_map
from spinlock.store.merge import DATASET, merge_shards
from spinlock.store.outputs import check_output, claim_output, locked
from spinlock.store.report_file import NUMBERS, PAGE, numbers_beside, save_report
from spinlock.store.shards import write_shard
from spinlock.store.token_file import TOKENS, save_tokens
from spinlock.store.tokenizer_folder import TOKENIZER, save_tokenizer_folder

MAP = CategoryMap(group_indices={"a": (0,), "b": (1, 2)}, feature_names=("x", "y", "z"))
TOKEN_TABLE = TokenTable(
    codes=torch.zeros(2, 1, 1, dtype=torch.int64), category_names=("a",), codebook_sizes=torch.tensor([[4]])
)
PAGE_TEXT = "<html><title>x · spinlock report</title></html>"


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path):
    (tmp_path / "real.csv").write_text("before")
    (tmp_path / "link.csv").symlink_to("real.csv")
    write_bytes(tmp_path / "link.csv", b"after")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_bytes() == b"after"


@pytest.mark.parametrize(("make", "word"), [(os.mkfifo, "a pipe"), (os.mkdir, "a folder")])
def test_what_is_no_plain_file_is_not_replaced(tmp_path, make, word):
    make(tmp_path / "x")
    (tmp_path / "link").symlink_to("x")
    for name in ("x", "link"):
        with pytest.raises(InputError, match=f"{name} is {word}, which no file takes the place of"):
            write_bytes(tmp_path / name, b"")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "x"]


def test_a_device_is_not_replaced():
    with pytest.raises(InputError, match="/dev/null is a device"):
        write_bytes("/dev/null", b"")


def write_older(path, kind):
    """A file as an earlier run wrote it."""
    if kind is TOKENS:
        save_tokens(TOKEN_TABLE, path)
    elif kind is CATEGORY_MAP:
        save_category_map(MAP, path)
    elif kind is PAGE:
        save_report(PAGE_TEXT, {"a": 1}, path)
    elif kind is NUMBERS:
        save_report(PAGE_TEXT, {"a": 1}, path.parent / "x.html")
        path = numbers_beside(path.parent / "x.html")
    else:
        save_tokenizer_folder(path, tensors={"w": torch.ones(1)}, tokenizer={}, training={})
    return path


def write_foreign(path, kind):
    """A file of somebody else, or a folder of whose files one would have to make way."""
    if kind is TOKENIZER:
        path.mkdir()
        (path / "report.json").write_text("{}")
    elif kind is CATEGORY_MAP:
        save_category_map(MAP, path)
        path.write_text(path.read_text().replace('"b"', '"mine"'))  # somebody's work
    else:
        path.write_text("a,b\n1,2\n")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *[(TOKENS, f"x.{ending}") for ending in ("csv", "h5", "parquet")],
        (CATEGORY_MAP, "x.json"),
        (PAGE, "x.html"),
        (NUMBERS, "x.report.json"),
        (TOKENIZER, "x"),
    ],
)
def test_an_older_output_is_replaced_and_what_is_of_another_kind_is_kept(tmp_path, kind, name):
    check_output(tmp_path / name, kind)  # nothing is there
    check_output(write_older(tmp_path / name, kind), kind)
    write_foreign(tmp_path / f"foreign_{name}", kind)
    with pytest.raises(InputError, match=f"foreign_{name} is there and is not .*, so it is kept"):
        check_output(tmp_path / f"foreign_{name}", kind)


def test_an_empty_file_is_nothing_to_be_kept(tmp_path):
    (tmp_path / "x.csv").touch()
    save_tokens(TOKEN_TABLE, tmp_path / "x.csv")
    assert (tmp_path / "x.csv").stat().st_size > 0


@pytest.mark.parametrize("kind", [TOKENS, CATEGORY_MAP, PAGE, DATASET])
def test_an_ending_of_another_format_is_refused(tmp_path, kind):
    with pytest.raises(UsageError, match=r"must end in \..*; got '.*x\.npy'"):
        check_output(tmp_path / "x.npy", kind)


def test_an_input_is_not_an_output_by_any_of_its_names(tmp_path):
    write_older(tmp_path / "x.csv", TOKENS)
    (tmp_path / "other.csv").symlink_to("x.csv")
    os.link(tmp_path / "x.csv", tmp_path / "third.csv")
    for name in ("x.csv", "other.csv", "third.csv"):
        with (
            pytest.raises(UsageError, match="is the input .*x.csv itself"),
            claim_output(tmp_path / name, TOKENS, inputs=[tmp_path / "x.csv"]),
        ):
            pass


def test_a_second_run_is_told_who_writes_and_a_third_one_goes_on(tmp_path):
    path = tmp_path / "x.csv"
    with claim_output(path, TOKENS):
        with (
            pytest.raises(InputError, match=rf"x\.csv is being written by another run \(process {os.getpid()} on "),
            claim_output(path, TOKENS),
        ):
            pass
        with claim_output(tmp_path / "y.csv", TOKENS):  # other outputs are free
            pass
    with claim_output(path, TOKENS):
        pass
    assert not list(tmp_path.iterdir())


def test_those_who_share_exclude_the_others_until_the_last_one_ends(tmp_path):
    with locked(tmp_path / "x", shared=True):
        with locked(tmp_path / "x", shared=True):
            pass
        with pytest.raises(InputError, match="another run"), locked(tmp_path / "x"):
            pass
    with locked(tmp_path / "x"), pytest.raises(InputError, match="another run"), locked(tmp_path / "x", shared=True):
        pass
    assert not list(tmp_path.iterdir())


def test_death_gives_the_lock_back_and_the_next_run_tidies_up(tmp_path):
    path = tmp_path / "x.csv"
    code = (
        "import sys, time\n"
        "from spinlock.store.outputs import locked\n"
        "from spinlock.store.atomic import temporary_name\n"
        "with locked(sys.argv[1]):\n"
        "    temporary_name(sys.argv[1]).touch()\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    other = subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True)  # noqa: S603
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with pytest.raises(InputError, match=f"process {other.pid} on "), claim_output(path, TOKENS):
        pass
    other.kill()
    other.wait()
    other.stdout.close()
    assert len(list(tmp_path.iterdir())) == 2
    with claim_output(path, TOKENS):
        assert [entry.name for entry in tmp_path.iterdir()] == [".x.csv.lock"]


def test_a_data_set_that_a_disk_gave_back_changed_is_not_put_in_place(tmp_path, monkeypatch):
    write_shard(tmp_path / "shards", sample_block(0, 4))
    written = []

    def changed(path):
        if not written:  # a bit of the first file that is forced to disk flips there
            written.append(path)
            data = bytearray(path.read_bytes())
            place = data.rindex(sample_block(0, 4).dt.tobytes())
            data[place] ^= 1
            path.write_bytes(data)
        return open_unchanged(path)

    from spinlock.store import merge  # noqa: PLC0415  its name is replaced

    open_unchanged = merge.open_dataset
    monkeypatch.setattr(merge, "open_dataset", changed)
    with pytest.raises(Exception, match="the disk does not give back what was written to it; nothing was replaced"):
        merge_shards(tmp_path / "shards", tmp_path / "x.h5", description=DESCRIPTION, num_samples=4)
    assert [path.name for path in tmp_path.iterdir()] == ["shards"]
