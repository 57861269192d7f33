"""The base class of all systems: parameters as data, the initial condition from a normalised field, a batched simulation."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from spinlock.core.errors import InputError, listed
from spinlock.core.rollout import StepOperator
from spinlock.dynamics.disturbances import Disturb, Disturbance
from spinlock.dynamics.noise import NOISE_PARAMETERS, ColoredNoise, White
from spinlock.dynamics.parameter_space import Columns, Parameter, Value
from spinlock.dynamics.simulation import Precision

ROW_CELLS = 128 * 128
"""Cells that the rows of one call have together at most: 8 rows at 32 x 32, 4 at 64 x 64, 1 at 128 x 128."""
MAX_ROWS = {1: 64, 2: 8}
"""Rows of one call at most, by the number of spatial dimensions."""
REFERENCE_GRID = 32
"""Cells along a side at which `domain_length` is stated."""


class System(ABC):
    """A family of dynamical systems on a periodic grid, batched over rows with parameters of their own.

    Args:
        precision: of the layers, where a system has any (`width`); all else is in the dtype of the states.

    Attributes:
        name: in the table `SYSTEMS`.
        channel_names: one a channel of the state.
        parameters: what is sampled.
        dt: time between saved states.
        dimensions: numbers of spatial dimensions that it runs in; a state in one dimension has height 1.
        domain_length: side of the domain at 32 x 32 cells; in one dimension, its length at 32 cells.
        grows_with_grid: whether a larger grid is a larger domain at the same resolution (systems with a length scale
            of their own) or the same domain at a finer resolution (systems without one).
        bound: |state| above which a run counts as exploded.
        amplitude: U, typical size of a state: multiplicative noise is σ (u/U) dW.
        conserves_mean: whether the noise leaves the spatial mean of every channel alone, as the equation does.
        noisy_channels: for each channel a factor of the noise, 0 where none acts; empty for 1 everywhere.
        shares_calls: whether rows of several samples run in one call.
        disturbance: noise of another form than an added coloured field; None for that.
        initial_conditions: kind of initial condition → weight with which it is drawn.
        width: choice of the number of channels of a neural operator's layers; empty where there are no layers.
        relative_cost: time of a sample on average, features included, over that of a typical equation.
        cost_powers: parameter → power with which the time of a step grows; empty where all samples take the same.
    """

    name: ClassVar[str]
    channel_names: ClassVar[tuple[str, ...]]
    parameters: ClassVar[tuple[Parameter, ...]]
    dt: ClassVar[float]
    domain_length: ClassVar[float]
    grows_with_grid: ClassVar[bool]
    bound: ClassVar[float]
    dimensions: ClassVar[tuple[int, ...]] = (2,)
    amplitude: ClassVar[float] = 1.0
    conserves_mean: ClassVar[bool] = False
    noisy_channels: ClassVar[tuple[float, ...]] = ()
    shares_calls: ClassVar[bool]
    disturbance: ClassVar[Disturbance | None] = None
    initial_conditions: ClassVar[Mapping[str, float]]
    width: ClassVar[str] = ""
    relative_cost: ClassVar[float] = 1.0
    cost_powers: ClassVar[Mapping[str, float]] = {}

    def __init__(self, *, precision: Precision = "float32") -> None:
        self.precision: Precision = precision

    def length(self, grid_size: int) -> float:
        """Side of the domain on a grid of `grid_size` cells, in the system's unit of length."""
        return self.domain_length * (grid_size / REFERENCE_GRID if self.grows_with_grid else 1.0)

    @abstractmethod
    def initial_condition(
        self, fields: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """The initial condition in the system's units, from fields with mean 0 and variance 1."""

    @abstractmethod
    def flow(self, parameters: Columns, like: Float[Tensor, "batch channel height width"]) -> StepOperator:
        """The map of states by one saved step without noise.

        Args:
            parameters: one value a row, by name; a single row serves states of any batch size.
            like: states of the grid, dtype and device that the map is for.
        """

    def simulate(
        self,
        initial: Float[Tensor, "batch channel height width"],
        parameters: Columns,
        *,
        num_timesteps: int,
        white: White | None = None,
    ) -> Float[Tensor, "batch time channel height width"]:
        """Every saved state, the initial one first: flow, then one increment of the noise at that state, again and again.

        Args:
            initial: condition, in the system's units.
            parameters: one value a row, by name.
            num_timesteps: number of saved states, at least 1.
            white: source of the noise; None runs without.

        Raises:
            InputError: for channels, parameters or spatial dimensions that are not this system's.
        """
        self._check(initial, parameters, is_noisy=white is not None)
        advance = self.flow(parameters, initial)
        disturbed = None if white is None else self._disturbed(parameters, white, initial)
        states = initial.new_empty(len(initial), num_timesteps, *initial.shape[1:])
        states[:, 0] = state = initial
        for time in range(1, num_timesteps):
            state = advance(state)
            if disturbed is not None:
                state = disturbed(state)
            states[:, time] = state
        return states

    def step_operator(self, parameters: Mapping[str, Value]) -> StepOperator:
        """The map of states, (batch, channel, height, width), by one saved step without noise, for one sample.

        What depends on the grid alone is made at the first call and kept. The map is differentiable.
        """
        columns = {name: (value,) for name, value in parameters.items()}
        flows: dict[tuple[object, ...], StepOperator] = {}

        def step(states: Tensor) -> Tensor:
            key = (*states.shape[-2:], states.dtype, states.device)
            if key not in flows:
                flows[key] = self.flow(columns, states.detach())
            return flows[key](states)

        return step

    def dimension_mistake(self, spatial_dimensions: int) -> str:
        """The sentence that refuses to run it in so many dimensions; "" if it runs."""
        if spatial_dimensions in self.dimensions:
            return ""
        allowed = " or ".join(str(number) for number in self.dimensions)
        return f"system '{self.name}' runs in {allowed} spatial dimensions only; got {spatial_dimensions}"

    def rows_per_call(self, grid_size: int, num_realizations: int, *, spatial_dimensions: int = 2) -> int:
        """Rows that are simulated in one call: always that many, so that bits never depend on company.

        Rows run together in numbers that stay in the cache: those of as many whole samples as fit, or an even part of one
        sample's, so that few calls are filled up with copies. Where not `shares_calls`, rows of one sample only.
        """
        if not self.shares_calls:
            return num_realizations if grid_size <= REFERENCE_GRID else 1
        most = max(1, min(MAX_ROWS[spatial_dimensions], ROW_CELLS // grid_size**spatial_dimensions))
        if num_realizations <= most:
            return most // num_realizations * num_realizations
        return -(-num_realizations // -(-num_realizations // most))

    def _disturbed(self, parameters: Columns, white: White, like: Tensor) -> Disturb:
        """The map of a state to the same with the next increment of the noise."""
        make = self.disturbance
        if make is not None:
            return make(parameters, white, dt=self.dt, like=like)
        noise = ColoredNoise(
            parameters,
            white,
            dt=self.dt,
            like=like,
            amplitude=self.amplitude,
            conserves_mean=self.conserves_mean,
            channels=self.noisy_channels,
        )
        return lambda state: state + noise.increment(state)

    def _check(self, initial: Tensor, parameters: Columns, *, is_noisy: bool) -> None:
        """Refuse a batch whose channels, parameters or dimensions are not this system's."""
        rows, channels = initial.shape[:2]
        if channels != len(self.channel_names):
            raise InputError(
                f"system '{self.name}' has {len(self.channel_names)} channels; got states with {channels}."
            )
        if mistake := self.dimension_mistake(1 if initial.shape[-2] == 1 else 2):
            raise InputError(f"{mistake}.")
        needed = [p.name for p in self.parameters if is_noisy or p.name not in NOISE_PARAMETERS]
        lacking = [name for name in needed if name not in parameters]
        if lacking:
            raise InputError(f"system '{self.name}' needs the parameters {listed(lacking)}.")
        uneven = [name for name, values in parameters.items() if len(values) != rows]
        if uneven:
            raise InputError(f"every parameter needs one value for each of the {rows} rows; {listed(uneven)} has not.")
