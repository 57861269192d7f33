"""What is in memory already, as an `ArrayPlace`: arrays of numpy and torch, lists of them, and objects of xarray.

xarray is known by its objects' attributes and never imported.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from spinlock.core.errors import InputError
from spinlock.importers.labelled import ArrayPlace, Attributes, LabelledArray, labelled


def is_xarray(value: object) -> bool:
    """Whether something is a DataArray or a Dataset of xarray."""
    return type(value).__module__.partition(".")[0] == "xarray" and hasattr(value, "dims") and hasattr(value, "coords")


def place_of(states: Any, axes: str | None) -> ArrayPlace:
    """The arrays of an object in memory.

    Args:
        states: an array of numpy or torch or of their manners (dask, zarr, h5py), a DataArray or Dataset of xarray, or a list of
            arrays, each a sample of its own, whose lengths may differ.
        axes: a letter for each axis, where it was given.

    Raises:
        InputError: if it is nothing of this.
    """
    if is_xarray(states):
        return XarrayPlace(states)
    if isinstance(states, Tensor):
        return MemoryPlace({"": _Lazy(states)})
    if isinstance(states, np.ndarray) or (
        hasattr(states, "shape") and hasattr(states, "dtype") and hasattr(states, "__getitem__")
    ):
        return MemoryPlace({"": states})
    if isinstance(states, list | tuple) and states:
        return _of_list(states, axes)
    raise InputError(
        f"`states` must be an array, a list of arrays, rollouts or an object of xarray; got {_called(states)}. A file is opened by "
        "spinlock.open_rollouts('runs.nc')."
    )


def _called(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"an empty {type(value).__name__}"
    if isinstance(value, Mapping):
        return "a mapping; take one of its values"
    return f"a {type(value).__name__}" + ("; make it a list" if isinstance(value, Iterator) else "")


def _of_list(states: Sequence[Any], axes: str | None) -> ArrayPlace:
    """A list of arrays: samples, and the axis n is the list; nested lists of numbers are one array."""
    if all(is_xarray(entry) for entry in states):
        raise InputError(
            "a list of xarray objects: join them by xarray.concat(…, dim='run'), or describe them one by one."
        )
    if not all(hasattr(entry, "shape") and hasattr(entry, "dtype") for entry in states):
        try:
            return MemoryPlace({"": np.asarray(states)})
        except ValueError as error:
            raise InputError(f"`states` must be one array, or a list of arrays: {error}.") from error
    ranks = {len(entry.shape) for entry in states}
    same = len({tuple(entry.shape) for entry in states}) == 1
    if same and axes is not None and ranks == {len(axes) - 1}:
        first = states[0]
        stacked = [entry.detach().cpu().numpy() if isinstance(entry, Tensor) else entry for entry in states]
        kind = np.ma.stack if any(isinstance(entry, np.ma.MaskedArray) for entry in states) else np.stack
        return MemoryPlace({"": kind(stacked)}) if first.shape else MemoryPlace({"": np.asarray(stacked)})
    return MemoryPlace(
        {str(n): _Lazy(e) if isinstance(e, Tensor) else e for n, e in enumerate(states)}, are_samples=True
    )


class _Lazy:
    """A tensor with numpy's manners; only what is asked for leaves its device."""

    def __init__(self, tensor: Tensor) -> None:
        if tensor.is_complex():
            raise InputError("`states` must be real numbers; give real and imaginary part as two channels.")
        self._tensor = tensor.detach()
        self.shape = tuple(tensor.shape)
        self._is_half = str(tensor.dtype) == "torch.bfloat16"
        self.dtype = np.dtype("f4") if self._is_half else np.dtype(str(tensor.dtype).removeprefix("torch."))

    def __getitem__(self, selection: Any) -> np.ndarray:
        part = self._tensor[selection].cpu()
        return (part.float() if self._is_half else part).numpy()


class MemoryPlace(ArrayPlace):
    """Arrays by name; one has no name."""

    is_labelled = False

    def __init__(self, arrays: Mapping[str, Any], *, are_samples: bool = False) -> None:
        self.name = "the array" if len(arrays) == 1 else "the list"
        self.are_samples = are_samples
        self._arrays = arrays

    def names(self) -> Sequence[str]:
        """Their names."""
        return tuple(self._arrays)

    def array(self, name: str) -> LabelledArray:
        """One of them."""
        return labelled(self._arrays[name], f"array {name}" if name else "`states`", key=name)


class XarrayPlace(ArrayPlace):
    """A DataArray, or a Dataset whose variables of one shape are channels; loaded a piece at a time."""

    are_channels = True

    def __init__(self, value: Any) -> None:
        self._is_array = not hasattr(value, "data_vars")
        self._value = value
        self.name = "the Dataset"
        if self._is_array:
            self.name = f"DataArray {value.name}" if value.name else "the DataArray"

    @property
    def _own(self) -> str:
        return str(self._value.name or "")

    def names(self) -> Sequence[str]:
        """Names of the variables and of the coordinates."""
        variables = [self._own] if self._is_array else [str(name) for name in self._value.data_vars]
        return (*variables, *(str(name) for name in self._value.coords if str(name) not in variables))

    def array(self, name: str) -> LabelledArray:
        """A variable or coordinate."""
        found = self._value if self._is_array and name == self._own else self._value[name]
        attributes = dict(found.attrs)
        if found.dtype.kind in "mMO" or "calendar" in found.encoding:
            return _times_of(found, name, attributes)
        lazy = found.values if found.dtype.kind in "SU" else _Selected(found)
        label = self.name if self._is_array and name == self._own else f"{self.name}: {name}"
        return labelled(lazy, label, key=name, dims=found.dims, attributes=attributes)

    def attributes(self, group: str = "") -> Attributes:  # noqa: ARG002  there are no groups
        """Those of the object."""
        return {
            str(name): value for name, value in self._value.attrs.items() if not self._is_array or name in ("dt", "dx")
        }


class _Selected:
    """A variable of xarray with numpy's manners; what is asked for is loaded."""

    def __init__(self, variable: Any) -> None:
        self._variable = variable
        self.shape, self.dtype = variable.shape, variable.dtype

    def __getitem__(self, selection: tuple[slice, ...]) -> np.ndarray:
        return np.asarray(self._variable.isel(dict(zip(self._variable.dims, selection, strict=True))).values)


_SECONDS = {"second": 1, "s": 1, "minute": 60, "min": 60, "hour": 3600, "h": 3600, "day": 86400, "d": 86400}


def _times_of(found: Any, name: str, attributes: dict[str, Any]) -> LabelledArray:
    """Dates and durations as numbers in the unit of the file that they came from, else in seconds."""
    unit = str(found.encoding.get("units", "")).partition(" since ")[0].strip().lower()
    seconds = _SECONDS.get(unit.removesuffix("s") or unit)
    if seconds is None:
        unit, seconds = "seconds", 1
    values = found.values.reshape(-1)
    if values.dtype.kind in "mM":
        steps = (values - values[:1]) / np.timedelta64(1, "s")
    elif values.size and hasattr(values[0], "year"):
        steps = np.array([(value - values[0]).total_seconds() for value in values], dtype=np.float64)
    else:
        words = np.array([str(value) for value in values], dtype=object).reshape(found.shape)
        return LabelledArray(
            name=name, key=name, shape=words.shape, read_piece=lambda piece: words[piece], is_text=True
        )
    numbers = (steps / seconds).reshape(found.shape)
    return LabelledArray(
        name=name,
        key=name,
        shape=numbers.shape,
        dims=tuple(map(str, found.dims)),
        attributes={**attributes, "units": f"{unit} since the first"},
        read_piece=lambda piece: numbers[piece],
    )
