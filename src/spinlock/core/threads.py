"""One thread for numbers that must not depend on the machine."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one thread inside: the same bits on any number of cores, and no waiting for busy neighbours.

    Matrices of a tokenizer are small: a second thread gains little on an idle machine and loses tenfold on a busy one.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
