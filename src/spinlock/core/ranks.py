"""Several processes that train one network: who this one is, which rows of a batch are its own, and what all of them add up to.

The law: with any number of processes, every sum over rows is the sum over the rows of all of them, forwards and backwards. One
process alone, which is the ordinary case, holds all rows, and everything here leaves values as they are.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

from spinlock.core.errors import ConfigError, ResourceError

PATIENCE = timedelta(minutes=30)
"""How long a process waits for the others, which may be slower before the first step, or gone."""
STARTED_BY = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""What torchrun tells a process of the others."""

_joined: ContextVar[bool] = ContextVar("joined", default=False)
_rows: ContextVar[int | None] = ContextVar("rows", default=None)


@contextmanager
def joined(device: str = "cpu") -> Iterator[None]:
    """Training inside is shared with the other processes that torchrun started; a process alone goes on alone.

    Args:
        device: where networks are trained: the processes talk by gloo for cpu, by nccl for cuda, each with a GPU of its own.

    Raises:
        ConfigError: if `device` is one GPU for all processes, or there are fewer than processes.
        ResourceError: if the others do not come.
    """
    if any(name not in os.environ for name in STARTED_BY) or int(os.environ["WORLD_SIZE"]) == 1:
        yield
        return
    if device != "cpu":
        _take_gpu(device)
    with _waiting():
        dist.init_process_group("gloo" if device == "cpu" else "nccl", timeout=PATIENCE)
    mark = _joined.set(True)
    try:
        yield
    finally:
        _joined.reset(mark)
        dist.destroy_process_group()


def _take_gpu(device: str) -> None:
    """Make the GPU of this process's number on its machine the one that `cuda` means."""
    number, there = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if device != "cuda":
        raise ConfigError(f"device: '{device}' is one GPU, and every process needs its own; use cuda.")
    if number >= there:
        raise ConfigError(
            f"device: cuda needs a GPU for every process, and this machine has {there}; give torchrun --nproc-per-node {there}, or "
            "use cpu."
        )
    torch.cuda.set_device(number)


def world() -> int:
    """Number of processes."""
    return dist.get_world_size() if _joined.get() else 1


def rank() -> int:
    """Number of this process, from 0."""
    return dist.get_rank() if _joined.get() else 0


def is_first() -> bool:
    """Whether this is the process that writes files and says what happens."""
    return rank() == 0


def own(rows: Tensor) -> Tensor:
    """This process's part of rows that all of them know, which lie along the first axis."""
    return rows.tensor_split(world())[rank()]


@contextmanager
def part_of(num_rows: int) -> Iterator[None]:
    """Rows inside are this process's part of `num_rows`; outside, every process has all rows, and sums are its own."""
    mark = _rows.set(num_rows)
    try:
        yield
    finally:
        _rows.reset(mark)


def _is_shared() -> bool:
    return _rows.get() is not None and world() > 1


def num_rows(here: int) -> int:
    """Rows of all processes, of which `here` are this one's."""
    everyone = _rows.get()
    return here if everyone is None or not _is_shared() else everyone


def summed(*parts: Tensor) -> tuple[Tensor, ...]:
    """Sums over the rows of all processes, from sums over the rows of each; differentiable, as one message.

    With G = Σ_ranks loss the gradient of a part is Σ_ranks ∂loss/∂sum, so that where every process has the same loss of all rows,
    `average_gradients` makes the gradients of that loss.
    """
    if not _is_shared():
        return parts
    kind = parts[0].dtype
    for part in parts[1:]:
        kind = torch.promote_types(kind, part.dtype)
    message = _Summed.apply(torch.cat([part.flatten().to(kind) for part in parts]))
    assert isinstance(message, Tensor)
    sizes = [part.numel() for part in parts]
    return tuple(one.view(part.shape) for one, part in zip(message.split(sizes), parts, strict=True))


class _Summed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:  # noqa: ARG004
        return _added(part.clone())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ARG004 # pyright: ignore[reportIncompatibleMethodOverride]
        return _added(gradients[0].clone(memory_format=torch.contiguous_format))


def _added(values: Tensor) -> Tensor:
    with _waiting():
        dist.all_reduce(values)
    return values


def row_mean(values: Tensor, dim: int, *, keepdim: bool = False) -> Tensor:
    """Mean over the rows of all processes, which lie along `dim`."""
    if not _is_shared():
        return values.mean(dim=dim, keepdim=keepdim)
    (total,) = summed(values.sum(dim=dim, keepdim=keepdim))
    return total / num_rows(values.shape[dim])


def gathered(rows: Tensor, dim: int) -> Tensor:
    """The rows of all processes, which lie along `dim`, in their order."""
    if not _is_shared():
        return rows
    everyone, place = num_rows(rows.shape[dim]), rank()
    sizes = [len(part) for part in torch.arange(everyone).tensor_split(world())]
    full = rows.new_zeros((*rows.shape[:dim], everyone, *rows.shape[dim + 1 :]))
    full.narrow(dim, sum(sizes[:place]), sizes[place]).copy_(rows)
    return _added(full)


def average_gradients(parameters: Iterable[Tensor]) -> None:
    """Make every gradient the mean of what the processes found."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if world() == 1 or not gradients:
        return
    mean = _added(torch.cat([gradient.flatten() for gradient in gradients])) / world()
    for gradient, new in zip(gradients, mean.split([one.numel() for one in gradients]), strict=True):
        gradient.copy_(new.view_as(gradient))


def told(data: bytes) -> bytes:
    """What the first process has, in every process."""
    if world() == 1:
        return data
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    size = torch.tensor([len(data)], device=device)
    with _waiting():
        dist.broadcast(size, src=0)
        message = torch.empty(int(size), dtype=torch.uint8)
        if is_first():
            message = torch.frombuffer(bytearray(data), dtype=torch.uint8)
        message = message.to(device)
        dist.broadcast(message, src=0)
    return message.cpu().numpy().tobytes()


@contextmanager
def _waiting() -> Iterator[None]:
    """Says in one sentence that others do not answer.

    Raises:
        ResourceError: instead of what torch says.
    """
    try:
        yield
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200].rstrip(".")
        number, everyone = os.environ["RANK"], os.environ["WORLD_SIZE"]
        raise ResourceError(
            f"process {int(number) + 1} of {everyone} has lost another one of this training, whose own message says why ({reason}); "
            "start all again with --resume to go on from the last checkpoint."
        ) from error
