"""What the names and the coordinates of an array say of it: its axes, dt, dx; every one with the words for where it came from."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from spinlock.core.errors import InputError, UsageError, listed
from spinlock.importers.labelled import ArrayPlace, LabelledArray
from spinlock.importers.source import common_spacing, spacing

AXES = {"n": "sample", "m": "realization", "t": "time", "c": "channel", "d": "depth", "h": "height", "w": "width"}
NAMES: Mapping[str, frozenset[str]] = {
    "t": frozenset(["t", "time", "times", "timestep", "timesteps", "step", "steps", "frame", "frames", "snapshot", "snapshots", "nt", "iteration", "time_counter", "ocean_time"]),
    "x": frozenset(["x", "lon", "longitude", "nx", "nlon", "rlon", "width", "col", "cols", "column", "columns", "xdim", "xc", "xi", "x_c", "xh", "xq", "nav_lon", "w"]),
    "y": frozenset(["y", "lat", "latitude", "ny", "nlat", "rlat", "row", "rows", "ydim", "yc", "eta", "y_c", "yh", "yq", "nav_lat", "h"]),
    "z": frozenset(["z", "depth", "lev", "level", "levels", "plev", "altitude", "nz", "zc", "z_c", "sigma", "layer", "isobaric", "d"]),
    "c": frozenset(["c", "channel", "channels", "component", "components", "field", "fields", "var", "variable", "variables", "species", "ch", "vector"]),
    "m": frozenset(["m", "realization", "realizations", "realisation", "realisations", "member", "members", "ensemble", "ens", "replicate", "replicates"]),
    "n": frozenset(
        ["n", "sample", "samples", "run", "runs", "batch", "trajectory", "trajectories", "traj", "case", "cases", "simulation", "simulations", "sim", "sims", "seed", "seeds", "index", "example", "examples"]
    ),
}  # fmt: skip
"""Letter or direction → names of dimensions that mean it."""
_NO_NAME = re.compile(r"|(phony_)?dim_?\d*|axis_?\d*|d\d+|fakedim\d*", re.IGNORECASE)


def meaning(dim: str, about: Mapping[str, object]) -> str:
    """The letter of an axis, or the direction x, y or z, that a dimension's name and the attributes of its coordinates mean; "" for none.

    Args:
        dim: its name.
        about: attributes of its coordinates (`axis` and `units` by the CF conventions).
    """
    axis = str(about.get("axis", "")).lower()
    if axis in ("t", "x", "y", "z"):
        return axis
    if " since " in str(about.get("units", "")):
        return "t"
    plain = dim.lower()
    return next((letter for letter, names in NAMES.items() if plain in names), "")


def axes_of(array: LabelledArray, place: ArrayPlace, given: str | None, *, needs_time: bool = True) -> str:
    """A letter for each axis of an array: those that were given, if nothing contradicts them, else what its names mean.

    Directions of space keep the array's order: the last is the width, the one before it the height. Of three of them, z is
    the depth, or the first where no name says z. One dimension whose name means nothing is the sample.

    Args:
        array: whose axes they are.
        place: that holds it, and its coordinates.
        given: letters, if any.
        needs_time: False where states that were saved one by one are joined.

    Raises:
        InputError: if the names contradict what was given, or do not say what the axes are.
        UsageError: if there are neither names nor letters.
    """
    dims = () if all(_NO_NAME.fullmatch(dim) for dim in array.dims) else array.dims
    known = [meaning(dim, _about(dim, array, place)) for dim in dims]
    if given is not None:
        _check_against(given, array, dims, known)
        return given
    remedy = f"give `axes`, a letter each of {listed((f'{letter} {word}' for letter, word in AXES.items()), most=7)}"
    if not dims:
        raise UsageError(
            f"`axes` must name the axes of the array in {array.name}, of the shape {array.shape}, whose dimensions have no names: for "
            "example axes='ntchw' or 'nt', or 'hw' with join='time' (--axes hw --join time) for states that were saved one by one."
        )
    space = [axis for axis, letter in enumerate(known) if letter in ("x", "y", "z")]
    letters = list(known)
    unknown = [axis for axis, letter in enumerate(known) if not letter]
    if len(unknown) == 1 and "n" not in known:
        letters[unknown[0]] = "n"
    elif unknown:
        raise InputError(f"{array.name} has the dimensions {listed(dims)}; {remedy}.")
    if len(space) > 3:
        raise InputError(f"{array.name} has {len(space)} directions of space, {listed(dims)}; {remedy}.")
    if len(space) == 3:
        deep = next((axis for axis in space if known[axis] == "z"), space[0])
        letters[deep] = "d"
        space.remove(deep)
    for axis, letter in zip(reversed(space), "wh", strict=False):
        letters[axis] = letter
    axes = "".join(letters)
    lacks_time = needs_time and "t" not in axes
    if len(set(axes)) != len(axes) or lacks_time:
        problem = "no time" if lacks_time else "two dimensions of one meaning"
        raise InputError(f"{array.name} has the dimensions {listed(dims)}, {problem} among them; {remedy}.")
    return axes


def _about(dim: str, array: LabelledArray, place: ArrayPlace) -> Mapping[str, object]:
    coordinates = place.find(array, dim)
    return {} if coordinates is None else coordinates.attributes


def _check_against(axes: str, array: LabelledArray, dims: Sequence[str], known: Sequence[str]) -> None:
    """Refuses letters that a name contradicts: time, space and the rest are three different things."""
    if len(axes) != len(known):
        return  # what is wrong then is said where shapes are looked at
    for letter, dim, word in zip(axes, dims, known, strict=True):
        kinds = [
            "time" if mark == "t" else "space" if mark in "xyzdhw" else "other" for mark in (letter, word or letter)
        ]
        if kinds[0] != kinds[1]:
            raise InputError(
                f"`axes` = '{axes}' takes the dimension '{dim}' of {array.name} for {AXES.get(letter, letter)}; its dimensions are "
                f"{listed(dims)}. Leave `axes` away to go by their names, or rename the dimension."
            )


def coordinates_of(letter: str, axes: str, array: LabelledArray, place: ArrayPlace) -> LabelledArray | None:
    """The coordinates of an axis: those of its dimension, else a list beside the array that is called like the axis, along the same
    dimension where dimensions have names, and as long.

    Raises:
        InputError: if the coordinates of a named dimension are not as many as the axis is long.
    """
    number = axes.index(letter)
    length = array.shape[number]
    dim = array.dims[number] if array.dims and not _NO_NAME.fullmatch(array.dims[number]) else ""
    found = place.find(array, dim) if dim else None
    if found is not None and len(found.shape) == 1:
        if found.shape[0] != length:
            raise InputError(
                f"{array.name} has {length} entries along '{dim}', whose coordinates are {found.shape[0]}; they must agree."
            )
        return found
    if not place.is_labelled:
        return None
    wanted = {"t": "t", "w": "xyz", "h": "yxz", "d": "zxy"}.get(letter, "")
    for name in (name for direction in wanted for name in sorted(NAMES[direction])):
        found = place.find(array, name)
        fits = found is not None and found.shape == (length,) and length > 1 and not found.is_text
        if found is not None and fits and (not dim or found.dims in ((), (dim,))):
            return found
    return None


def time_step(times: np.ndarray, *, where: str) -> float:
    """The step of saved times; durations and dates count in seconds.

    Raises:
        InputError: if they do not rise in even steps.
    """
    if times.dtype.kind in "mM":
        times = (times - times[0]) / np.timedelta64(1, "s")
    elif times.dtype == object:
        times = np.array([(time - times[0]).total_seconds() for time in times])
    return spacing(times, where=where, remedy="Give `dt` to take them as even, or interpolate the run to even times.")


def grid_step(coordinates: Sequence[LabelledArray]) -> float:
    """One grid spacing for all directions, rising or falling.

    Raises:
        InputError: if the coordinates are not even, or their steps differ by more than 1 %.
    """
    steps = []
    for found in coordinates:
        values = found.read()
        falls = len(values) > 1 and values[0] > values[-1]
        steps.append(
            spacing(values[::-1] if falls else values, where=found.name, remedy="Give `dx` to take them as even.")
        )
    return common_spacing(steps, where=coordinates[0].name)
