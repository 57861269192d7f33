"""Named tensors as safetensors bytes."""

from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from spinlock.core.errors import InputError, reading_errors


def tensor_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """Named tensors as safetensors, from any device; the bytes depend on names and values alone."""
    plain = {name: tensors[name].detach().to("cpu", copy=True).contiguous() for name in sorted(tensors)}
    return safetensors.torch.save(plain)


def tensors_from_bytes(data: bytes, *, path: Path) -> dict[str, Tensor]:
    """Named tensors from safetensors.

    Raises:
        InputError: if the bytes are none.
    """
    with reading_errors(path):
        return safetensors.torch.load(data)


def check_tensors(tensors: Mapping[str, Tensor]) -> None:
    """Refuses names or values that a safetensors file cannot hold."""
    for name, tensor in tensors.items():
        if not name or not isinstance(tensor, torch.Tensor) or tensor.is_sparse:
            raise InputError(f"tensor '{name}' must be a dense tensor with a name.")
