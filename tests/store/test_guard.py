import io
import os
import signal
import subprocess
import sys
import threading
import time
import zlib

import h5py
import numpy as np
import pytest
from guard_samples import Misbehaving
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from spinlock.core.errors import InputError, NamesDifferError
from spinlock.store.guard import guarded, trusting
from spinlock.store.guard_wire import receive, send
from spinlock.store.guarded_hdf5 import open_guarded

plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
arrays = arrays_of.arrays(st.sampled_from([np.dtype(t) for t in ("<f4", ">i8", "|u1", "|b1", "|S5")]), (2, 3))
values = st.recursive(plain | arrays, lambda inner: st.lists(inner).map(tuple) | st.dictionaries(plain, inner))


def sent(value):
    pipe = io.BytesIO()
    send(pipe.write, value)
    pipe.seek(0)
    return receive(lambda buffer: pipe.readinto(buffer) and None)


def same(a, b):
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.tobytes() == b.tobytes()
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return a == b and type(a) is type(b)


@pytest.fixture
def path(tmp_path):
    (tmp_path / "x").touch()
    return tmp_path / "x"


@settings(max_examples=50)
@given(values)
def test_values_cross_to_another_process_and_stay_the_same(value):
    assert same(value, sent(value))


def test_what_could_run_code_does_not_cross():
    with pytest.raises(TypeError, match="cannot be sent"):
        send(io.BytesIO().write, np.array([print], dtype=object))


def test_a_file_is_open_in_one_other_process_for_all_files(path):
    with guarded(Misbehaving, path) as first:
        before = first.process()
    with guarded(Misbehaving, path) as second:
        assert second.process() == before != os.getpid()


def test_a_relative_path_is_where_this_process_is_now(path, tmp_path, monkeypatch):
    with guarded(Misbehaving, path) as file:
        assert file.process() != os.getpid()
    with h5py.File(tmp_path / "data.h5", "w") as made:
        made["x"] = np.arange(3)
    monkeypatch.chdir(tmp_path)  # as a notebook does, after a file was read
    with open_guarded("data.h5") as file:
        assert file.numbers("/x").read().tolist() == [0, 1, 2]


def test_a_trusted_file_is_open_in_this_process(path):
    with trusting(), guarded(Misbehaving, path) as file:
        assert file.process() == os.getpid()


def test_what_is_inside_a_file_is_read_there(path):
    with guarded(Misbehaving, path) as file:
        found = file.inner("u")
        assert (found.name, found.dtype, found.shape) == ("u", np.dtype("<f4"), (2, 3))
        np.testing.assert_array_equal(found._read(slice(1, 2)), [[3.0, 4.0, 5.0]])


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("spin", "more than 2 seconds of processor time"),
        ("crash", "the library that reads its format crashed over it .SIGSEGV."),
        ("grow", "it takes more memory than what it says it holds; .* --trusted"),
        ("stumble", "it is damaged or was cut short .IndexError: list index out of range."),
    ],
)
def test_a_file_that_misbehaves_is_one_sentence_and_the_next_file_is_read(path, method, message):
    with guarded(Misbehaving, path) as file, pytest.raises(InputError, match=message) as caught:
        getattr(file, method)()
    assert str(path) in str(caught.value)
    with guarded(Misbehaving, path) as file:
        assert file.echo("still there") == "still there"


def test_a_file_whose_reader_died_stays_closed(path):
    with guarded(Misbehaving, path) as file:
        with pytest.raises(InputError, match="crashed"):
            file.crash()
        with pytest.raises(InputError, match="is no longer open"):
            file.process()


def test_errors_of_spinlock_keep_their_kind_and_words(path, tmp_path):
    with guarded(Misbehaving, path) as file, pytest.raises(NamesDifferError, match="^other columns$"):
        file.differ()
    with pytest.raises(InputError, match="nothing does not exist"), guarded(Misbehaving, tmp_path / "nothing"):
        pass


def test_an_interrupt_ends_the_reader_and_not_the_next_file(path):
    with guarded(Misbehaving, path) as file:
        child = file.process()
        threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()
        with pytest.raises(KeyboardInterrupt):
            file.wait()
    assert not os.path.exists(f"/proc/{child}")
    with guarded(Misbehaving, path) as file:
        assert file.echo(1) == 1


def test_a_forked_process_has_a_reader_of_its_own(path):
    with guarded(Misbehaving, path) as file:
        mine = file.process()
        child = os.fork()
        if not child:
            with guarded(Misbehaving, path) as again:
                os._exit(again.process() == mine)
        assert os.waitpid(child, 0)[1] == 0
        assert file.process() == mine


def test_no_reader_outlives_a_process_that_was_killed(path):
    code = f"""
import sys, time
sys.path[:0] = {[os.path.dirname(__file__)]!r}
from pathlib import Path
from guard_samples import Misbehaving
from spinlock.store.guard import guarded
with guarded(Misbehaving, Path({str(path)!r})) as file:
    print(file.process(), flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        child = int(process.stdout.readline())
        process.kill()
    for _ in range(100):
        if not os.path.exists(f"/proc/{child}"):
            return
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the reader went on")


def test_a_chunk_that_unpacks_to_more_than_it_is_costs_no_memory(tmp_path):
    squeeze = zlib.compressobj(9)
    head = squeeze.compress(bytes(2**20)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    stream = head + (squeeze.compress(bytes(2**20)) + squeeze.flush(zlib.Z_FULL_FLUSH)) * 16_000  # 16 GB
    with h5py.File(tmp_path / "x.h5", "w") as file:
        array = file.create_dataset("u", shape=(64, 64), dtype="f4", chunks=(64, 64), compression="gzip")
        array.id.write_direct_chunk((0, 0), stream)
    with open_guarded(tmp_path / "x.h5") as file, pytest.raises(InputError, match="u cannot be read; it is damaged"):
        file.numbers("u").read()
