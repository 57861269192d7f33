"""Rollouts of the user's own system, given as a function from one state to the next."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.errors import InputError
from spinlock.core.rollout import Rollout, StepOperator

UserStep = Callable[[Any], Any]
"""Maps one state (channel, height, width) to the next of the same shape: numpy arrays to arrays, or tensors to tensors."""


def simulate_step(  # noqa: PLR0913 - each names one fact of the rollouts
    step: UserStep,
    initial: np.ndarray | Tensor,
    *,
    num_timesteps: int,
    num_realizations: int = 1,
    is_stochastic: bool = False,
    dt: float = 1.0,
    dx: float = 1.0,
    periodic: bool = True,
    name: str = "",
) -> Iterator[Rollout]:
    """One rollout for every initial state, simulated by the user's own function when it is asked for.

    Args:
        step: maps one state (channel, height, width) to the next; it is given what `initial` is made of, arrays or tensors,
            in a copy that is its own. A step that torch can differentiate gives exact gains.
        initial: states (sample, channel, height, width), finite; 1-D systems have height 1.
        num_timesteps: saved states, the initial one included, at least 2.
        num_realizations: runs from every initial state; more than one says something only of a stochastic step.
        is_stochastic: whether two calls on one state differ. Sensitivity needs the same noise in both, so it is then
            missing; a deterministic step is kept as the rollout's step operator.
        dt: time of a step, > 0.
        dx: grid spacing, > 0.
        periodic: whether the domain wraps around.
        name: of the system; the function's own where it is empty.

    Raises:
        InputError: for initial states of another shape, or a step that raises, or returns another shape, another type or
            complex numbers: its name, the sample and the time are told. A run that is not finite is marked from that time.

    Examples:
        >>> import numpy as np
        >>> shift = lambda state: np.roll(state, 1, axis=-1)
        >>> rollouts = simulate_step(shift, np.random.rand(2, 1, 8, 8), num_timesteps=5)
        >>> [tuple(rollout.states.shape) for rollout in rollouts]
        [(1, 5, 1, 8, 8), (1, 5, 1, 8, 8)]
    """
    name = name or getattr(step, "__name__", type(step).__name__)
    if initial.ndim != 4 or 0 in initial.shape:
        raise InputError(
            f"`initial` must have the axes (sample, channel, height, width), none empty; got the shape {tuple(initial.shape)}."
        )
    if num_timesteps < 2 or num_realizations < 1:
        raise InputError(
            "`num_timesteps` must be at least 2 and `num_realizations` at least 1; "
            f"got {num_timesteps} and {num_realizations}."
        )
    checked = CheckedStep(step=step, name=name, as_array=isinstance(initial, np.ndarray))
    channels = tuple(f"channel_{channel}" for channel in range(initial.shape[1]))
    states = torch.as_tensor(initial)
    if states.is_complex() or not torch.isfinite(states).all():
        raise InputError("`initial` must be finite real numbers; split a complex field into two channels.")
    states = states if states.dtype == torch.float64 else states.float()

    def rollouts() -> Iterator[Rollout]:
        for sample, start in enumerate(states):
            runs, diverged_at = [], []
            for _ in range(num_realizations):
                run, time = checked.run(start, num_timesteps=num_timesteps, sample=sample)
                runs.append(run)
                diverged_at.append(time)
            yield Rollout(
                states=torch.stack(runs),
                system=name,
                dt=dt,
                dx=dx,
                periodic=periodic,
                channel_names=channels,
                group=sample,
                diverged_at=tuple(diverged_at),
                step=None if is_stochastic else checked.operator(sample),
            )

    return rollouts()


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedStep:
    """The user's function with what it returns checked.

    Attributes:
        step: the function.
        name: for messages.
        as_array: whether it takes numpy arrays.
    """

    step: UserStep
    name: str
    as_array: bool

    def run(
        self, start: Float[Tensor, "channel height width"], *, num_timesteps: int, sample: int
    ) -> tuple[Float[Tensor, "time channel height width"], int]:
        """The states of one run, NaN from where it is not finite, and that time; -1 where there is none."""
        states = [start]
        for time in range(1, num_timesteps):
            state = self(states[-1], where=f"sample {sample} at time {time}").detach()
            if not torch.isfinite(state).all():
                missing = torch.full_like(start, torch.nan)
                return torch.stack([*states, *[missing] * (num_timesteps - time)]), time
            states.append(state)
        return torch.stack(states), -1

    def operator(self, sample: int) -> StepOperator:
        """The function as a map of states (batch, channel, height, width), row by row."""

        def step(states: Tensor) -> Tensor:
            return torch.stack([self(state, where=f"a perturbed state of sample {sample}") for state in states])

        return step

    def __call__(
        self, state: Float[Tensor, "channel height width"], *, where: str, **parameters: float | int | str | bool
    ) -> Float[Tensor, "channel height width"]:
        """The next state; `where` tells in messages which state it was, `parameters` go to the function.

        Raises:
            InputError: if the function raises, or returns another shape, another type or complex numbers.
        """
        given = state.detach().cpu().numpy().copy() if self.as_array else state.clone()  # a step may work in place
        try:
            after = self.step(given, **parameters)
        except Exception as error:
            raise InputError(f"step '{self.name}' failed on {where}: {one_line(error)}") from error
        if not isinstance(after, np.ndarray | Tensor):
            raise InputError(
                f"step '{self.name}' must return an array or a tensor; on {where} it returned {type(after).__name__}."
            )
        after = torch.as_tensor(after)
        if tuple(after.shape) != tuple(state.shape) or after.is_complex():
            raise InputError(
                f"step '{self.name}' must return real numbers of the shape {tuple(state.shape)} (channel, height, width); "
                f"on {where} it returned {after.dtype} of the shape {tuple(after.shape)}."
            )
        return after.to(state)


def one_line(error: BaseException) -> str:
    """The type of an error of the user's code and the first line of what it says."""
    first = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {first or 'no message'}"
