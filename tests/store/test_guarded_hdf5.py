import os

import h5py
import numpy as np
import pytest

from spinlock.core.errors import InputError
from spinlock.store.guard import trusting
from spinlock.store.guarded_hdf5 import open_guarded
from spinlock.store.hdf5_image import hdf5_image


def read_numbers(path, name="/x"):
    with open_guarded(path, expected="a data set") as file:
        return file.numbers(name).read()


def hostile(path, fill):
    with h5py.File(path, "w") as file:
        fill(file)
    return path


def outside_text(file):
    secret = file.filename + ".secret"
    with open(secret, "wb") as other:
        other.write(b"secret!!" * 4)
    file.create_dataset("x", shape=(4,), dtype="<f8", external=[(secret, 0, 32)])


def virtual(file):
    layout = h5py.VirtualLayout(shape=(4,), dtype="<f8")
    layout[:] = h5py.VirtualSource("other.h5", "data", shape=(4,))
    file.create_virtual_dataset("x", layout)


def soft_link(file):
    file["real"] = np.arange(3.0)
    file["x"] = h5py.SoftLink("/real")


def link_out(file):
    file["x"] = h5py.ExternalLink("other.h5", "/data")


def link_out_on_the_way(file):
    file.create_group("real")["x"] = np.arange(3.0)
    file["group"] = h5py.SoftLink("/real")


def terabytes(file):
    file.create_dataset("x", shape=(10**12,), dtype="<f4", chunks=(1024,))


def bomb(file):
    file.create_dataset("x", shape=(10**9,), dtype="<f4", chunks=(10**8,), compression="gzip")
    file["x"][:4] = 1.0


def contiguous_claim(file):
    file.create_dataset("x", shape=(10**11,), dtype="<f4")


def varying(file):
    file.create_dataset("x", shape=(2,), dtype=h5py.vlen_dtype(np.float32))


def references(file):
    file["y"] = 1.0
    file.create_dataset("x", data=np.array([file["y"].ref], dtype=h5py.ref_dtype))


def compound(file):
    file["x"] = np.zeros(3, dtype=[("a", "<f4"), ("b", "<i4")])


def words(file):
    file["x"] = ["not", "numbers"]


def named_type(file):
    file["x"] = np.dtype("<f8")


def null(file):
    file["x"] = h5py.Empty("f4")


@pytest.mark.parametrize(
    ("fill", "message"),
    [
        (outside_text, "/x is stored outside its file"),
        (virtual, "/x is a virtual data set, made of other files"),
        (soft_link, "/x is a soft or external link; spinlock follows hard links only"),
        (link_out, "/x is a soft or external link"),
        (terabytes, r"/x claims 4\.0 TB in the shape \(1000000000000,\), of which the file of .* holds 0 B"),
        (contiguous_claim, r"claims 400\.0 GB"),
        (bomb, r"claims 4\.0 GB"),
        (varying, "/x must hold numbers; it holds varying length"),
        (references, "/x must hold numbers; it holds references"),
        (compound, "/x must hold numbers; it holds compound"),
        (words, "/x must hold numbers; it holds words"),
        (named_type, "/x is neither a group nor a data set"),
        (null, "/x is empty"),
        (lambda file: file.create_group("x"), "the data set /x is a group"),
        (lambda file: file.create_group("y"), "the data set /x is not there; / holds y"),
    ],
)
def test_a_hostile_file_is_refused_in_one_sentence(tmp_path, fill, message):
    path = hostile(tmp_path / "x.h5", fill)
    with pytest.raises(InputError, match=message) as caught:
        read_numbers(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_link_is_followed_on_the_way(tmp_path):
    with pytest.raises(InputError, match="/group is a soft or external link"):
        read_numbers(hostile(tmp_path / "x.h5", link_out_on_the_way), "/group/x")


def test_a_soft_link_back_to_its_own_group_ends(tmp_path):
    def loop(file):
        file["x"] = h5py.SoftLink("/x")

    with pytest.raises(InputError, match="soft or external link"):
        read_numbers(hostile(tmp_path / "x.h5", loop), "/x/x/x")


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda _: None, "does not exist; expected a data set"),
        (lambda path: path.mkdir(), "is a folder; expected a data set"),
        (lambda path: path.write_bytes(b""), r"is empty \(0 bytes\); expected a data set"),
        (lambda path: path.write_bytes(bytes(4096)), r"is not an HDF5 file \(it begins with b'.x00"),
        (lambda path: path.write_text("id,group\n1,2\n"), "is not an HDF5 file .it begins with b'id,group'"),
        (lambda path: os.mkfifo(path), "is not a plain file; expected a data set"),
        (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n"), "cannot be read; it is damaged or was cut short"),
        pytest.param(
            lambda path: path.symlink_to("nowhere"), "does not exist; expected a data set", id="a dangling link"
        ),
    ],
)
def test_what_is_no_hdf5_file_is_named(tmp_path, write, message):
    path = tmp_path / "x.h5"
    write(path)
    with pytest.raises(InputError, match=message) as caught:
        read_numbers(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def numbers_file():
    def fill(file):
        file.create_dataset("x", data=np.arange(4096.0), chunks=(512,), fletcher32=True)

    return hdf5_image(fill)


def test_a_file_that_was_cut_short_is_named(tmp_path):
    path = tmp_path / "x.h5"
    image = numbers_file()
    path.write_bytes(image[: len(image) // 2])
    with pytest.raises(InputError, match="is damaged or was cut short") as caught:
        read_numbers(path)
    assert "\n" not in str(caught.value)


def test_a_flipped_bit_in_the_numbers_is_found_by_its_checksum(tmp_path):
    image = bytearray(numbers_file())
    place = image.find(np.arange(100.0, 200.0).tobytes())
    image[place + 3] ^= 4
    (tmp_path / "x.h5").write_bytes(image)
    with pytest.raises(InputError, match="is damaged or was cut short"):
        read_numbers(tmp_path / "x.h5")


@pytest.mark.slow
def test_a_damaged_file_gives_its_numbers_or_an_input_error_and_nothing_else(tmp_path):
    image, chance, outcomes = numbers_file(), np.random.default_rng(0), []
    for _ in range(300):
        mutant = bytearray(image)
        for place in chance.integers(0, 2048, size=4):
            mutant[place] = chance.integers(256)
        (tmp_path / "x.h5").write_bytes(mutant)
        try:
            outcomes.append(read_numbers(tmp_path / "x.h5").shape)
        except InputError as error:
            outcomes.append(str(error))
    refused = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert refused
    assert not any("\n" in outcome for outcome in refused)


def test_too_much_at_once_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("spinlock.store.guarded_array.MAX_READ", 1000)
    (tmp_path / "x.h5").write_bytes(numbers_file())
    with open_guarded(tmp_path / "x.h5") as file:
        np.testing.assert_array_equal(file.numbers("/x").read(slice(5, 10)), np.arange(5.0, 10.0))
        with pytest.raises(InputError, match=r"would take 32\.8 kB in one read"):
            file.numbers("/x").read()


def test_big_endian_numbers_booleans_and_lzf_are_read(tmp_path):
    def fill(file):
        file["big"] = np.arange(5, dtype=">f8")
        file["flags"] = np.array([True, False])
        file.create_dataset("packed", data=np.arange(5.0), compression="lzf")

    path = hostile(tmp_path / "x.h5", fill)
    np.testing.assert_array_equal(read_numbers(path, "big"), np.arange(5.0))
    assert read_numbers(path, "big").dtype.isnative
    np.testing.assert_array_equal(read_numbers(path, "flags"), [True, False])
    np.testing.assert_array_equal(read_numbers(path, "packed"), np.arange(5.0))


def test_a_soft_link_to_a_file_of_the_disk_is_followed_as_every_program_does(tmp_path):
    (tmp_path / "x.h5").write_bytes(numbers_file())
    (tmp_path / "link.h5").symlink_to("x.h5")
    assert read_numbers(tmp_path / "link.h5").shape == (4096,)


def test_an_attribute_of_another_kind_is_refused(tmp_path):
    def fill(file):
        file.attrs["numbers"] = [1.0, 2.0]
        file.attrs["texts"] = ["a", "b"]
        file.attrs.create("bytes", data=b"\xff\xfe", dtype="S2")

    with open_guarded(hostile(tmp_path / "x.h5", fill)) as file:
        assert file.attribute_words("/", "texts") == ("a", "b")
        assert file.text("/", "nothing") is None
        with pytest.raises(InputError, match="'numbers' of .* must hold words"):
            file.text("/", "numbers")
        with pytest.raises(InputError, match="must be one text; got 2"):
            file.text("/", "texts")
        with pytest.raises(InputError, match="not UTF-8"):
            file.text("/", "bytes")


def test_filters_that_every_hdf5_has_are_run_and_others_are_named(tmp_path):
    values = np.arange(100)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", data=values, scaleoffset=7)
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_chunk((100,))
        plan.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, ())
        h5py.h5d.create(file.id, b"y", h5py.h5t.py_create(np.dtype("i4")), h5py.h5s.create_simple((100,)), plan)
    with trusting(), open_guarded(tmp_path / "x.h5") as file:
        np.testing.assert_array_equal(file.numbers("/x").read(), values)
    with open_guarded(tmp_path / "x.h5") as file:
        with pytest.raises(InputError, match="filter scale-offset, which .* unless the file is trusted"):
            file.numbers("/x")
        with pytest.raises(InputError, match="through the HDF5 filter zstd, .* write it anew, h5repack -f GZIP=4"):
            file.numbers("/y")


def test_a_maze_of_hard_links_is_walked_once(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        rooms = [file.create_group(f"room{number}") for number in range(4)]
        for room in rooms:
            for number in range(300):
                for there in rooms:
                    room[f"door{number}to{there.name[1:]}"] = there
        rooms[3]["u"] = np.zeros(3)
    with open_guarded(tmp_path / "x.h5") as file:
        paths = file.array_paths()
        assert [path.rpartition("/")[2] for path in paths] == ["u"]
        with pytest.raises(InputError, match="holds more than 1000 names"):
            file.array_paths(most=1000)


def test_a_word_that_all_others_point_at_costs_no_memory(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("w", data=["x" * 2**20] * 600, dtype=h5py.string_dtype())
    with open_guarded(tmp_path / "x.h5") as file, pytest.raises(InputError, match="x.h5"):
        file.words("w")


def test_words_that_are_not_utf8_are_refused_where_they_are_read(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.attrs.create("word", b"a\xff", dtype=h5py.string_dtype())
    with open_guarded(tmp_path / "x.h5") as file, pytest.raises(InputError, match="words that are not UTF-8"):
        file.text("/", "word")
