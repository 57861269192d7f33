"""The state of a training run, as plain tensors and plain values."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from spinlock.store.checkpoint_folder import load_latest_checkpoint, save_checkpoint


class SavedState(NamedTuple):
    """The state of a run.

    Attributes:
        tensors: weights, moments and generator states.
        state: counters, curves and settings.
    """

    tensors: Mapping[str, Tensor]
    state: Mapping[str, Any]


class Checkpoints(ABC):
    """Where the states of a run are kept."""

    @abstractmethod
    def save(self, *, step: int, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Keep a state."""

    @abstractmethod
    def load(self) -> SavedState | None:
        """The newest state, if there is one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointFolder(Checkpoints):
    """Checkpoints in a folder.

    Attributes:
        folder: of the checkpoints alone.
        keep: how many stay.
    """

    folder: Path
    keep: int = 2

    def save(self, *, step: int, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Write a checkpoint, whole or not at all."""
        save_checkpoint(self.folder, step=step, tensors=tensors, state=dict(state), keep=self.keep)

    def load(self) -> SavedState | None:
        """The newest checkpoint that verifies."""
        found = load_latest_checkpoint(self.folder)
        return None if found is None else SavedState(found.tensors, found.state)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The moments of an optimiser, by the number of their parameter and their name."""
    state = optimizer.state_dict()["state"]
    return {
        f"{number}.{name}": torch.as_tensor(value) for number, parts in state.items() for name, value in parts.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Set the moments that `optimizer_tensors` gave; the groups stay as they are."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, name = key.split(".", 1)
        state.setdefault(int(number), {})[name] = value.clone()
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies of `tensors` under longer names."""
    return {f"{prefix}.{name}": tensor.detach().clone().contiguous() for name, tensor in tensors.items()}


def part_of(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors of one prefix, without it."""
    start = f"{prefix}."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """Copies of all weights and buffers."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
