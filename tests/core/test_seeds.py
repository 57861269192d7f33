import numpy as np
import torch

from spinlock.core.seeds import key_of, stream, torch_stream


def test_a_stream_depends_on_its_key_alone():
    first = stream(7, 3, 1, "noise")
    stream(7, 4, 1, "noise").standard_normal(100)
    assert np.array_equal(first.standard_normal(5), stream(7, 3, 1, "noise").standard_normal(5))


def test_every_part_of_the_key_matters():
    keys = [(0,), (1,), (0, 0), (0, 1), (0, 0, 0), (0, "0"), (0, "a"), (0, "ab"), (0, "a", "b"), (0, 11), (0, 1, 1)]
    assert len({key_of(*key) for key in keys}) == len(keys)


def test_ten_thousand_streams_are_distinct():
    assert len({key_of(0, sample, realization) for sample in range(100) for realization in range(100)}) == 10_000


def test_a_torch_stream_repeats():
    assert torch.equal(torch.randn(4, generator=torch_stream(1, "a")), torch.randn(4, generator=torch_stream(1, "a")))
