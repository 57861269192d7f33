"""Files on servers give the rollouts that the same files give here, by ranges; what a server cannot do is one sentence."""

import copy
import functools
import http.server
import re
import threading
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest

from spinlock.cli import main
from spinlock.core.errors import InputError, ResourceError
from spinlock.importers import open_rollouts, remote_npy
from spinlock.importers.fingerprint import state_of
from spinlock.importers.remote_npy import _Ranges
from spinlock.store import remote
from spinlock.store.dataset import open_dataset
from spinlock.store.remote import BLOCK, RangeFile, RemotePath, look_again, path_of
from spinlock.store.remote_zarr import remote_zarr

pytest.importorskip("aiohttp")
STATES = np.random.default_rng(0).normal(size=(6, 24, 1, 64, 64)).cumsum(1).astype(np.float32)
AXES = {"axes": "ntchw", "dt": 0.1}


class Server(http.server.ThreadingHTTPServer):
    """Serves the files of a folder on loopback, by ranges unless it is told otherwise.

    Attributes:
        folder: of the files.
        fetched: bytes that were sent.
        kind: "ranges", "whole", "forbidden" or "gone".
        drops: requests that are left without an answer.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
        self.folder, self.fetched, self.kind, self.drops = folder, 0, "ranges", 0

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"

    def handle_error(self, *_):  # clients that hang up are part of it
        pass


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if server.drops > 0 or server.kind == "gone":
            server.drops -= 1
            self.close_connection = True
            self.connection.close()
        elif server.kind == "forbidden":
            self.send_error(403)
        elif server.kind == "whole" or asked is None:
            super().do_GET()
        else:
            data = Path(self.translate_path(self.path)).read_bytes()
            first, last = int(asked[1]), min(int(asked[2]), len(data) - 1)
            server.fetched += last + 1 - first
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
            self.send_header("Content-Length", str(last + 1 - first))
            self.end_headers()
            self.wfile.write(data[first : last + 1])

    def do_HEAD(self):
        if self.server.kind == "forbidden":
            self.send_error(403)
        else:
            super().do_HEAD()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("served")
    np.save(found / "runs.npy", STATES)
    np.save(found / "columns_first.npy", np.asfortranarray(STATES))
    np.savez(found / "runs.npz", STATES)
    np.save(found / "objects.npy", np.array([{}, {}], dtype=object))
    (found / "short.npy").write_bytes((found / "runs.npy").read_bytes()[:-8])
    with h5py.File(found / "runs.h5", "w") as file:
        file.create_dataset("u", data=STATES, chunks=(1, 24, 1, 64, 64), compression="gzip", fletcher32=True)
    with h5py.File(found / "small.h5", "w") as file:
        file["u"] = STATES[:2, :8, :, :8, :8]
    with h5py.File(found / "elsewhere.h5", "w") as file:
        file["u"] = h5py.ExternalLink("/etc/hostname", "/u")
    return found


@pytest.fixture
def server(folder, monkeypatch):
    monkeypatch.setattr(remote, "PAUSES", (0.0, 0.0))
    look_again()
    with Server(folder) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.05,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def sample_of(source, number):
    with open_rollouts(source, **AXES).opened() as read:
        return read(number)


@pytest.mark.parametrize("name", ["runs.npy", "columns_first.npy", "runs.h5"])
def test_a_file_on_a_server_gives_the_rollouts_of_the_same_file_here(server, folder, name):
    there, here = open_rollouts(server.url(name), **AXES), open_rollouts(folder / name, **AXES)
    assert (len(there), there.format, there.stated) == (len(here), here.format, here.stated)
    with there.opened() as read_there, here.opened() as read_here:
        for sample in (4, 0):
            assert read_there(sample).states.equal(read_here(sample).states)
            assert read_there(sample).name == read_here(sample).name


@pytest.mark.parametrize("name", ["runs.npy", "runs.h5"])
def test_one_sample_costs_about_its_bytes(server, folder, name):
    sample_of(server.url(name), 3)
    one = (folder / name).stat().st_size / len(STATES)
    assert one / 2 < server.fetched < one + 3 * BLOCK < (folder / name).stat().st_size


@pytest.mark.parametrize("near", [0, 50, BLOCK])
def test_ranges_of_an_array_are_the_slices_that_numpy_takes(near, monkeypatch):
    numbers = np.arange(2 * 3 * 4 * 5, dtype=np.int16).reshape(2, 3, 4, 5)
    data = b"head" + numbers.tobytes()
    array = _Ranges(RangeFile(len(data), lambda start, stop: data[start:stop]), 4, numbers.shape, numbers.dtype)
    rng = np.random.default_rng(0)
    monkeypatch.setattr(remote_npy, "BLOCK", near)
    for _ in range(200):
        ends = [sorted(rng.integers(0, length + 1, 2).tolist()) for length in numbers.shape]
        chosen = tuple(slice(first, last, int(rng.integers(1, 3))) for first, last in ends)
        whole = tuple(part if rng.random() < 0.5 else slice(None) for part in chosen)
        np.testing.assert_array_equal(array[whole], numbers[whole])


def test_features_of_a_file_on_a_server_are_those_of_the_file(server, folder, tmp_path, capsys):
    line = ["extract-features", "--axes", "ntchw", "--dt", "0.1", "--workers", "1"]
    contents = []
    for name, source in (("there", server.url("small.h5?signature=secret")), ("here", str(folder / "small.h5"))):
        assert main([*line, "--input", source, "--output", str(tmp_path / f"{name}.h5")]) == 0
        with open_dataset(tmp_path / f"{name}.h5") as dataset:
            contents.append(dataset.metadata["content_sha256"])
            sources = dataset.metadata["configuration"]["source"]["path"]
            assert sources == [server.url("small.h5") if name == "there" else source]
    assert contents[0] == contents[1]
    assert "secret" not in "".join(capsys.readouterr())


def test_a_file_that_changes_on_its_server_is_noticed(server, folder):
    path = folder / "changing.npy"
    np.save(path, STATES[:1])
    before = state_of(path_of(server.url("changing.npy")))
    look_again()
    assert state_of(path_of(server.url("changing.npy"))) == before
    np.save(path, STATES[:1] + 1)
    look_again()
    assert state_of(path_of(server.url("changing.npy"))) != before


def test_a_pattern_stands_for_the_files_that_the_server_lists(server, folder):
    pair = folder / "pair"
    pair.mkdir(exist_ok=True)
    for number in (2, 10):
        np.save(pair / f"u_{number}.npy", STATES[:1] + number)
    found = open_rollouts(server.url("pair/u_*.npy"), **AXES)
    with found.opened() as read:
        assert [float(read(number).states[0, 0, 0, 0, 0]) for number in (0, 1)] == [
            pytest.approx(STATES[0, 0, 0, 0, 0] + number, rel=1e-6) for number in (2, 10)
        ]


@pytest.mark.parametrize("drops", [1, 2])
def test_a_range_that_is_lost_once_or_twice_is_asked_for_again(server, drops):
    with open_rollouts(server.url("runs.npy"), **AXES).opened() as read:
        server.drops = drops
        assert read(5).states.numpy()[0].tobytes() == STATES[5].tobytes()
    assert server.drops <= 0


@pytest.mark.parametrize("name", ["runs.npy", "runs.h5"])
def test_a_connection_that_is_lost_for_good_is_one_sentence(server, name):
    with open_rollouts(server.url(name), **AXES).opened() as read:
        read(0)
        server.kind = "gone"
        with pytest.raises(
            ResourceError, match=r"^the connection for http://.*/runs.* was lost \(.*run again when its server"
        ):
            read(5)
        server.kind = "ranges"
        assert read(5).states.numpy()[0].tobytes() == STATES[5].tobytes()


@pytest.mark.parametrize(
    ("kind", "name", "error", "words"),
    [
        ("whole", "runs.npy", InputError, "lies on a server that does not serve ranges of a file.*download it first"),
        ("whole", "runs.h5", InputError, "lies on a server that does not serve ranges of a file.*download it first"),
        ("forbidden", "runs.h5", InputError, "may not be read .*; give credentials as the package of its scheme takes them"),
        ("ranges", "absent.h5", InputError, "absent.h5 does not exist; expected rollouts in HDF5"),
        ("ranges", "runs.npz", InputError, "is an archive of arrays, of which no ranges are read: download it first"),
        ("ranges", "objects.npy", InputError, "holds Python objects, which are never unpickled"),
        ("ranges", "short.npy", InputError, "there are 2359288: it was cut short or is damaged"),
        ("ranges", "elsewhere.h5", InputError, "elsewhere.h5"),
        ("ranges", "absent*.npy", InputError, "no file fits the pattern"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_sentence(server, kind, name, error, words):
    server.kind = kind
    with pytest.raises(error, match=words) as told:
        sample_of(server.url(name), 5)
    assert "\n" not in str(told.value)


def test_a_server_that_is_not_there_is_one_sentence(monkeypatch):
    monkeypatch.setattr(remote, "PAUSES", ())
    with pytest.raises(ResourceError, match=r"the connection for http://127.0.0.1:9/runs.npy was lost"):
        open_rollouts("http://127.0.0.1:9/runs.npy", **AXES)


def test_an_address_is_a_path_that_does_not_say_what_is_secret():
    path = path_of("https://me:word@host.org/runs/u_1.nc?signature=abc")
    assert str(path) == "https://host.org/runs/u_1.nc"
    assert (path.name, path.stem, path.suffix, path.parent.name) == ("u_1.nc", "u_1", ".nc", "runs")
    assert path.url == "https://me:word@host.org/runs/u_1.nc?signature=abc"
    again = copy.deepcopy(path)  # as workers get it
    assert again == path == path.absolute() == path_of(path)
    assert again.url == path.url
    assert path != path_of("https://me:word@host.org/runs/u_1.nc?signature=abd")
    assert (path.parent / "v.nc").url == "https://me:word@host.org/runs/v.nc"
    assert path_of("s3://bucket/a//b.npy").url == "s3://bucket/a/b.npy"
    assert not isinstance(path_of("data/http/runs.nc"), RemotePath)
    assert not isinstance(path_of("file:///etc/hostname"), RemotePath)


@pytest.fixture(scope="module")
def stores(folder):
    """Zarr stores of the same states: of both formats, sharded, of one array, without a consolidated description."""
    zarr = pytest.importorskip("zarr")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # consolidated descriptions are no part of the third format's specification
        for name, version, more in (
            ("two", 2, {}),
            ("three", 3, {}),
            ("sharded", 3, {"shards": (2, 24, 1, 64, 64)}),
            ("loose", 3, {}),
        ):
            group = zarr.open_group(folder / f"{name}.zarr", mode="w", zarr_format=version)
            group.create_array("u", data=STATES, chunks=(1, 24, 1, 64, 32), **more)
            group.create_array("other", data=np.arange(3.0))
            if name != "loose":
                zarr.consolidate_metadata(folder / f"{name}.zarr")
        zarr.create_array(folder / "alone.zarr", data=STATES, chunks=(1, 24, 1, 64, 64))
    return folder


@pytest.mark.parametrize("name", ["two", "three", "sharded", "alone"])
def test_a_zarr_store_on_a_server_gives_the_rollouts_of_the_same_store_here(server, stores, name):
    key = {} if name == "alone" else {"dataset_key": "u"}
    there, here = server.url(f"{name}.zarr"), stores / f"{name}.zarr"
    with open_rollouts(there, **AXES, **key).opened() as far, open_rollouts(here, **AXES, **key).opened() as near:
        server.fetched = 0
        assert far(5).states.equal(near(5).states)
        assert 0 < server.fetched < STATES.nbytes / 2
    with open_rollouts(there, **AXES, **key, trusted=True).opened() as far:
        assert far(1).states.numpy()[0].tobytes() == STATES[1].tobytes()


def test_a_store_without_a_consolidated_description_names_the_remedy(server, stores):  # noqa: ARG001
    with pytest.raises(InputError, match=r"loose.zarr has no consolidated description.*zarr.consolidate_metadata"):
        open_rollouts(server.url("loose.zarr"), **AXES, dataset_key="u")


def test_the_child_gets_the_descriptions_that_were_checked_and_no_key_outside_of_the_store(server, stores):
    look_again()
    store = remote_zarr(path_of(server.url("two.zarr")))
    (stores / "two.zarr" / "u" / ".zarray").write_text('{"filters": [{"id": "pickle"}]}')
    assert b"pickle" not in store.bytes_of("u/.zarray", None, None)
    assert store.bytes_of("u/99.0.0.0.0", None, None) is None
    for key in ("../runs.npy", "u/../../runs.npy", "/etc/hostname", "u?x", "u//0"):
        with pytest.raises(InputError, match="is no name below it"):
            store.bytes_of(key, None, None)
