"""Things in files that misbehave; the child that reads them imports this module by name."""

import os
import signal
import time

import numpy as np

from spinlock.core.errors import InputError, NamesDifferError
from spinlock.store.guard import Guarded, asked


class Misbehaving(Guarded):
    """An open file of any content, whose reader does what the test asks for."""

    def __init__(self, path):
        self.path = path

    @classmethod
    def opened(cls, path):
        if not path.exists():
            raise InputError(f"{path} does not exist.")
        return cls(path)

    @asked
    def process(self):
        return os.getpid()

    @asked
    def echo(self, value):
        return value

    @asked
    def spin(self):
        while True:
            pass

    @asked
    def crash(self):
        os.kill(os.getpid(), signal.SIGSEGV)

    @asked
    def wait(self):
        time.sleep(60)

    @asked
    def grow(self):
        return len(np.ones(2**27))  # 1 GiB

    @asked
    def stumble(self):
        raise IndexError("list index out of range")

    @asked
    def differ(self):
        raise NamesDifferError("other columns")

    @asked
    def inner(self, name):
        return Inner(name)


class Inner(Guarded):
    """Something inside the file."""

    def __init__(self, name):
        self.name = name

    def facts(self):
        return {"name": self.name, "dtype": np.dtype("<f4"), "shape": (2, 3)}

    @asked
    def _read(self, *selection):
        return np.arange(6.0, dtype="<f4").reshape(2, 3)[selection]
