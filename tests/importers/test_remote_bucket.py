"""A bucket of S3, served on loopback: the same rollouts by ranges, patterns, and what is not there."""

import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

from spinlock.core.errors import InputError
from spinlock.importers import open_rollouts
from spinlock.store.remote import look_again, path_of

fsspec = pytest.importorskip("fsspec")
pytest.importorskip("s3fs")
pytest.importorskip("moto.server")
STATES = np.random.default_rng(0).normal(size=(4, 12, 1, 16, 16)).cumsum(1).astype(np.float32)
AXES = {"axes": "ntchw", "dt": 0.1}
SERVE = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(*server.get_host_and_port(), flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    """A bucket with files, on a server in a process of its own."""
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SERVE],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, **keys},
    )  # fmt: skip
    host, port = process.stdout.readline().split()
    endpoint = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in keys.items():
            patch.setenv(name, value)
        patch.setitem(
            fsspec.config.conf, "s3", {"endpoint_url": endpoint}
        )  # as FSSPEC_S3_ENDPOINT_URL does when a process starts
        system = fsspec.filesystem("s3")
        system.mkdir("runs")
        files = tmp_path_factory.mktemp("bucket")
        for number in (2, 10):
            np.save(files / f"u_{number}.npy", STATES + number)
        with h5py.File(files / "u.h5", "w") as file:
            file["u"] = STATES
        for path in files.iterdir():
            system.put_file(str(path), f"runs/{path.name}")
        look_again()
        yield "s3://runs"
        look_again()
    process.communicate(timeout=60)


@pytest.mark.parametrize("name", ["u_2.npy", "u.h5"])
def test_a_file_in_a_bucket_gives_its_rollouts(bucket, name):
    source = open_rollouts(f"{bucket}/{name}", **AXES)
    assert len(source) == len(STATES)
    assert str(source.path) == f"{bucket}/{name}"
    with source.opened() as read:
        expected = STATES[3] + (2 if name == "u_2.npy" else 0)
        assert read(3).states.numpy()[0].tobytes() == expected.astype(np.float32).tobytes()


def test_a_pattern_takes_files_of_a_bucket_in_the_order_of_their_numbers(bucket):
    with open_rollouts(f"{bucket}/u_*.npy", **AXES).opened() as read:
        first = [float(read(sample).states[0, 0, 0, 0, 0] - STATES[0, 0, 0, 0, 0]) for sample in (0, len(STATES))]
    assert first == pytest.approx([2, 10], abs=1e-4)


def test_what_is_not_in_the_bucket_is_said(bucket):
    with pytest.raises(InputError, match=r"s3://runs/absent.h5 does not exist; expected rollouts in HDF5"):
        open_rollouts(f"{bucket}/absent.h5")
    assert not path_of("s3://no-such-bucket/u.npy").exists()
