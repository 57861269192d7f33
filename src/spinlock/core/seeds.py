"""Random streams that are keyed by what they are for, not by when they are asked for.

`stream(seed, sample, realization, "noise")` is the same stream alone, in any batch, in any shard, on any number of
workers and after a resume. No global generator is used anywhere in spinlock.
"""

import hashlib

import numpy as np
import torch


def key_of(seed: int, *parts: int | str) -> int:
    """A 128-bit number that depends on `seed` and every part, in order, and on nothing else."""
    words = [f"{type(part).__name__}:{part}" for part in (seed, *parts)]
    digest = hashlib.blake2b("\x1f".join(words).encode(), digest_size=16)
    return int.from_bytes(digest.digest(), "little")


def stream(seed: int, *parts: int | str) -> np.random.Generator:
    """An independent numpy generator (Philox, 128-bit key) for `seed` and the parts that say what it is for."""
    return np.random.Generator(np.random.Philox(key=key_of(seed, *parts)))


def torch_stream(seed: int, *parts: int | str) -> torch.Generator:
    """An independent torch CPU generator, keyed like `stream`, where a torch function needs one.

    Torch keeps 32 bits of a CPU seed: use `stream` where many streams must stay distinct.
    """
    return torch.Generator().manual_seed(key_of(seed, *parts) % 2**32)
