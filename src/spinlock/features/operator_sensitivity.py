"""Operator sensitivity: how the step operator answers to changes of its input.

Everything is measured at one state of each run, the one in the middle, with the noise-free map F by one saved step and
with the same perturbations for all realizations. Amplitudes are in units of s, the larger of frame 0's and that state's
standard deviation.

About 34 steps and 3 gradients a realization in 10 batched calls: less than simulating 64 states.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.needs import Needs
from spinlock.core.seeds import stream
from spinlock.features.feature import CHANNELS, GRID, RUN, feature
from spinlock.features.fields import Fields, once
from spinlock.features.jacobian import (
    LeadingGain,
    leading_gain,
    leading_gain_among,
)
from spinlock.features.kernels_fields import resolution_of
from spinlock.features.perturbations import (
    band_directions,
    distance_from,
    pattern_size,
    radius_of_gyration,
    root_mean_square,
    scale_free_direction,
    step_all,
    translated,
    white_direction,
)

UNANSWERED = "where frame 0 and the state are both constant, or a stepped state is not finite"
"""States without a value, in words."""

operator_sensitivity = partial(
    feature, category="operator_sensitivity", needs=Needs(operator=True), undefined=UNANSWERED
)

TINY, SMALL, MEDIUM, LARGE = 0.002, 0.01, 0.15, 0.4
"""Root mean squares of perturbations, in units of s."""
TWIN_STEPS = 6
"""Steps that twin trajectories are followed for."""
TRANSIENT_STEPS = 2
"""First steps of the twins that the Lyapunov exponent leaves out, while the perturbation turns."""


class Setting(NamedTuple):
    """What all measurements share: the states in physical units, their size s, and the directions."""

    state: Float[Tensor, "batch channel height width"]
    size: Float[Tensor, "batch 1 1 1"]
    white: Float[Tensor, "1 channel height width"]
    smooth: Float[Tensor, "1 channel height width"]


class Answers(NamedTuple):
    """Images of the state, of perturbed and of transformed states; one step of F."""

    plain: Float[Tensor, "batch channel height width"]
    noisy: Float[Tensor, "batch channel height width"]
    small: Float[Tensor, "batch channel height width"]
    medium: Float[Tensor, "batch channel height width"]
    large: Float[Tensor, "batch channel height width"]
    offset: Float[Tensor, "batch channel height width"]
    pixel: Float[Tensor, "batch channel height width"]
    moved: Float[Tensor, "batch channel height width"]
    middle: Float[Tensor, "batch channel height width"]
    turned: Float[Tensor, "batch channel height width"]


class Twins(NamedTuple):
    """log growth of a small perturbation in each step, and the reach of a one-cell perturbation at the end."""

    log_growth: Float[Tensor, "batch step"]
    radius: Float[Tensor, " batch"]


@once
def setting(fields: Fields) -> Setting:
    """The state in the middle of the run, in physical units."""
    scale = fields.scale[:, None, None, None]
    start, state = fields.u[:, 0] * scale, fields.u[:, (fields.u.shape[1] - 1) // 2] * scale
    size = torch.maximum(_resolved_size(start), _resolved_size(state))
    white = white_direction(state[:1], stream(fields.seed, "operator_sensitivity"))
    return Setting(state, size[:, None, None, None], white, scale_free_direction(white))


@once
def answers(fields: Fields) -> Answers:
    """One batched step of all perturbed and transformed states."""
    state, size, white, smooth = setting(fields)
    moved = _shift(fields, state)
    inputs = [
        state,
        state + SMALL * size * white,
        state + SMALL * size * smooth,
        state + MEDIUM * size * smooth,
        state + LARGE * size * smooth,
        state + SMALL * size,
        state + size * _pixel(state),
        moved,
        (state + moved) / 2,
        state.rot90(1, (-2, -1)) if state.shape[-2] == state.shape[-1] else state,
    ]
    return Answers(*step_all(_step(fields), inputs))


@once
def gain(fields: Fields) -> LeadingGain:
    """The largest singular value of F's Jacobian at the state."""
    state, size, white, smooth = setting(fields)
    step, small = _step(fields), TINY * size.flatten()
    found = leading_gain(step, state, smooth + 0.1, small)
    return leading_gain_among(step, state, band_directions(white), small) if found is None else found


@once
def twins(fields: Fields) -> Twins:
    """A state, the state with a small perturbation that is renormalised every step, and with one cell changed."""
    state, size, _, smooth = setting(fields)
    step = _step(fields)
    plain, near, pixel = answers(fields).plain, answers(fields).small, answers(fields).pixel
    growths = []
    for number in range(TWIN_STEPS):
        difference = near - plain
        length = root_mean_square(difference)[:, None, None, None]
        parted = length > 0
        growths.append(torch.where(parted, (length / (SMALL * size)).log(), torch.nan).flatten())
        if number + 1 < TWIN_STEPS:
            # Twins that met stay together: NaN must not reach a step operator, which may index a table with it.
            near = plain + difference * (SMALL * size / torch.where(parted, length, 1))
            plain, near, pixel = step_all(step, [plain, near, pixel])
    return Twins(torch.stack(growths, -1), radius_of_gyration(pixel - plain, _distance(fields)) * fields.dx)


@operator_sensitivity(
    source="Golub & Kahan 1965, section 4",
)
def local_gain(fields: Fields) -> Float[Tensor, " batch"]:
    """Largest factor by which one saved step stretches a small perturbation of any shape.

    The largest singular value of the Jacobian of F, from 4 steps of Lanczos bidiagonalisation, which stays 1 to 15 %
    below it on simulated systems. Where torch cannot differentiate F: the largest gain in the span of a uniform offset
    and three bands of noise (below 2, 2 to 4, above 4 cycles per domain) by central differences of 0.002 s, a lower
    bound.

    Returns:
        A pure number, >= 0, per saved step.
    """
    return _measured(fields, lambda: gain(fields).gain)


@operator_sensitivity(unit="cycles per domain", undefined=f"{UNANSWERED}, or `local_gain` is 0")
def amplified_wavenumber(fields: Fields) -> Float[Tensor, " batch"]:
    """Wavenumber of the perturbation that one step stretches most.

    The mean of |k| over the power spectrum of the leading right singular vector of the Jacobian (`local_gain`), k in
    cycles per longer side of the domain, the uniform part counting as 0.

    Returns:
        Cycles per domain, >= 0.
    """

    def value() -> Tensor:
        vector = gain(fields).perturbation
        height, width = vector.shape[-2:]
        longer = max(height, width)
        ky = torch.fft.fftfreq(height, 1 / longer, dtype=vector.dtype)
        kx = torch.fft.fftfreq(width, 1 / longer, dtype=vector.dtype)
        power = torch.fft.fft2(vector).abs().square().sum(1)
        return (power * (ky[:, None] ** 2 + kx**2).sqrt()).sum((1, 2)) / power.sum((1, 2))

    return _measured(fields, value)


@operator_sensitivity(undefined=f"{UNANSWERED}, or `local_gain` is 0", scale=GRID + CHANNELS)
def amplified_extent(fields: Fields) -> Float[Tensor, " batch"]:
    """Share of the domain that the perturbation that one step stretches most covers.

    exp(H)/N, H the entropy of the leading right singular vector's energy over the N cells (`local_gain`).

    Returns:
        In (0, 1]: small where the sensitive spot is small.
    """

    def value() -> Tensor:
        energy = gain(fields).perturbation.square().sum(1).flatten(1)
        share = energy / energy.sum(-1, keepdim=True)
        return torch.exp(-torch.special.xlogy(share, share).sum(-1)) / share.shape[1]

    return _measured(fields, value)


@operator_sensitivity(
    unit="1/time",
    source="Benettin et al. 1980; Pikovsky & Politi 2016, chapter 3",
    undefined=f"{UNANSWERED}, or twins meet exactly",
    scale=GRID,
)
def twin_growth_rate(fields: Fields) -> Float[Tensor, " batch"]:
    """Finite-time Lyapunov exponent from twin trajectories.

    The mean of log(|δ(t+dt)|/|δ(t)|)/dt over steps 3 to 6 after the state, δ the difference to a twin that started
    0.01 s away, without a mean, with equal energy in every octave, and is brought back to 0.01 s every step. So few steps
    do not average out a difference that swings between channels, as that of two waves does.

    Returns:
        1/time, of either sign: positive for chaos, negative where twins meet.
    """
    return _measured(fields, lambda: twins(fields).log_growth[:, TRANSIENT_STEPS:].mean(-1) / fields.dt)


@operator_sensitivity(undefined=f"{UNANSWERED}, or twins meet exactly")
def growth_unsteadiness(fields: Fields) -> Float[Tensor, " batch"]:
    """Spread of the twins' growth from step to step.

    The standard deviation over the first 6 steps of log(|δ(t+dt)|/|δ(t)|), as in `twin_growth_rate`: transient growth
    and changes of the local rate.

    Returns:
        A pure number, >= 0.
    """
    return _measured(fields, lambda: twins(fields).log_growth.std(-1, correction=0))


@operator_sensitivity(scale=GRID)
def noise_gain(fields: Fields) -> Float[Tensor, " batch"]:
    """Factor by which one step changes the size of weak white noise.

    |F(u + δ) - F(u)|/|δ| for white noise δ of 0.01 s: about ‖Jacobian‖_F/√n. Near 1 where small scales pass, small
    where they are smoothed away.

    Returns:
        A pure number, >= 0.
    """
    return _measured(fields, lambda: _response(fields, answers(fields).noisy, SMALL))


@operator_sensitivity()
def offset_gain(fields: Fields) -> Float[Tensor, " batch"]:
    """Factor by which one step changes a weak uniform offset.

    |F(u + c) - F(u)|/|c| for c = 0.01 s in all channels: 1 where the mean is conserved and nothing else depends on it.

    Returns:
        A pure number, >= 0.
    """
    return _measured(fields, lambda: _response(fields, answers(fields).offset, SMALL))


@operator_sensitivity(undefined=f"{UNANSWERED}, or perturbations vanish", scale=RUN + GRID + CHANNELS)
def medium_gain_change(fields: Fields) -> Float[Tensor, " batch"]:
    """How the gain changes when a perturbation grows from 0.01 to 0.15 of the state's size.

    (g(0.15 s) - g(0.01 s))/(g(0.15 s) + g(0.01 s)), g(a) = |F(u + δ) - F(u)|/|δ| for a smooth δ of size a (equal energy
    in every octave, no mean): 0 for a linear map, negative where larger perturbations saturate.

    Returns:
        In [-1, 1].
    """

    def value() -> Tensor:
        images = answers(fields)
        return _contrast(_response(fields, images.small, SMALL), _response(fields, images.medium, MEDIUM))

    return _measured(fields, value)


@operator_sensitivity(undefined=f"{UNANSWERED}, or perturbations vanish", scale=RUN + GRID + CHANNELS)
def large_gain_change(fields: Fields) -> Float[Tensor, " batch"]:
    """How the gain changes when a perturbation grows from 0.15 to 0.4 of the state's size.

    (g(0.4 s) - g(0.15 s))/(g(0.4 s) + g(0.15 s)), with g as in `medium_gain_change`. Larger ones take some systems out
    of the range in which their scheme is stable.

    Returns:
        In [-1, 1].
    """

    def value() -> Tensor:
        images = answers(fields)
        return _contrast(_response(fields, images.medium, MEDIUM), _response(fields, images.large, LARGE))

    return _measured(fields, value)


@operator_sensitivity(
    needs=Needs(operator=True, longer_side=2), undefined=f"{UNANSWERED}, or both states have the same image"
)
def superposition_error(fields: Fields) -> Float[Tensor, " batch"]:
    """How far the map is from taking the average of two states to the average of their images.

    |F((a + b)/2) - (F(a) + F(b))/2| / |(F(a) - F(b))/2| for the state a and b, the same state moved by a quarter of the
    height and a third of the width (and half a cell): both have the size that the system makes itself.

    Returns:
        >= 0, 0 for an affine map.
    """

    def value() -> Tensor:
        images = answers(fields)
        error = root_mean_square(images.middle - (images.plain + images.moved) / 2)
        return error / root_mean_square((images.plain - images.moved) / 2)

    return _measured(fields, value)


@operator_sensitivity(
    needs=Needs(operator=True, longer_side=2, wraps=True),
    undefined=f"{UNANSWERED}, or the image is constant in space",
    scale=RUN + GRID,
)
def translation_error(fields: Fields) -> Float[Tensor, " batch"]:
    """How far moving the state and stepping it are from being interchangeable.

    |F(S u) - S F(u)| over the larger of |S F(u) - mean| and |F(S u) - mean|, S the shift by a quarter of the height and
    a third of the width and half a cell, interpolated by Fourier series. It sees places that are not alike and, by the
    half cell, what the grid cannot resolve.

    Returns:
        >= 0, about 10⁻⁶ (rounding) for a homogeneous and resolved system.
    """

    def value() -> Tensor:
        images = answers(fields)
        expected = _shift(fields, images.plain)
        return _difference(images.moved, expected)

    return _measured(fields, value, also=fields.periodic)


@operator_sensitivity(
    needs=Needs(operator=True, longer_side=2, square=True),
    undefined=f"{UNANSWERED}, or the image is constant in space",
    scale=RUN,
)
def rotation_error(fields: Fields) -> Float[Tensor, " batch"]:
    """How far turning the state by 90° and stepping it are from being interchangeable.

    |F(R u) - R F(u)| over the larger of |F(u) - mean| and |F(R u) - mean|, R the turn.

    Returns:
        >= 0, about 10⁻⁶ (rounding) for an isotropic system.
    """

    def value() -> Tensor:
        images = answers(fields)
        return _difference(images.turned, images.plain.rot90(1, (-2, -1)))

    return _measured(fields, value, also=fields.u.shape[-1] == fields.u.shape[-2])


@operator_sensitivity(
    unit="length", needs=Needs(operator=True, longer_side=2), undefined=f"{UNANSWERED}, or the change dies out"
)
def influence_radius(fields: Fields) -> Float[Tensor, " batch"]:
    """Distance to which one changed cell is felt after one step.

    √(Σ r² δ²/Σ δ²), δ the change of the image when the middle cell is raised by s in all channels, r the distance to
    it, around the edge where that is shorter.

    Returns:
        Length, >= 0, in units of `dx`.
    """

    def value() -> Tensor:
        images = answers(fields)
        return radius_of_gyration(images.pixel - images.plain, _distance(fields)) * fields.dx

    return _measured(fields, value, also=fields.u[0, 0, 0].numel() > 1)


@operator_sensitivity(
    needs=Needs(operator=True, longer_side=2),
    undefined=f"{UNANSWERED}, or `influence_radius` is 0 or the change dies out",
    scale=RUN + GRID,
)
def influence_growth(fields: Fields) -> Float[Tensor, " batch"]:
    """How the reach of one changed cell grows from one step to six.

    log₂ of the ratio of its radius (`influence_radius`) after six steps to that after one, over log₂ 6: 0 where
    influence stays, 1/2 where it diffuses, 1 where it travels.

    Returns:
        Any real number.
    """

    def value() -> Tensor:
        images = answers(fields)
        first = radius_of_gyration(images.pixel - images.plain, _distance(fields)) * fields.dx
        ratio = twins(fields).radius / torch.where(first > 0, first, torch.nan)
        return ratio.log2() / torch.tensor(float(TWIN_STEPS)).log2()

    return _measured(fields, value, also=fields.u[0, 0, 0].numel() > 1)


def _measured(fields: Fields, value: Callable[[], Tensor], *, also: bool = True) -> Float[Tensor, " batch"]:
    """`value()` where there is a step operator and a pattern to perturb and all images are finite, else NaN."""
    if fields.step is None or not also:
        return fields.u.new_full((len(fields.u),), torch.nan)
    with torch.no_grad():
        values = value()
    present = (setting(fields).size.flatten() > 0) & values.isfinite()
    return torch.where(present, values, torch.nan).to(fields.u.dtype)


def _step(fields: Fields) -> Callable[[Tensor], Tensor]:
    """The step operator, of fields that are known to have one."""
    if fields.step is None:
        raise ValueError("`fields` have no step operator.")
    return fields.step


def _response(fields: Fields, image: Tensor, amplitude: float) -> Float[Tensor, " batch"]:
    """Root mean square of the change of the image over that of the perturbation."""
    return root_mean_square(image - answers(fields).plain) / (amplitude * setting(fields).size.flatten())


def _contrast(first: Float[Tensor, " batch"], second: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """Difference over sum: how much larger the second is, in [-1, 1]."""
    return (second - first) / (second + first)


def _resolved_size(state: Tensor) -> Float[Tensor, " batch"]:
    """Standard deviation over channel, height and width; 0 where it is rounding."""
    values = state.flatten(1)
    largest = values.abs().amax(-1)
    unit = values / torch.where(largest > 0, largest, 1)[:, None]
    spread = unit.std(-1, correction=0) if values.shape[1] > 1 else torch.zeros_like(largest)
    return torch.where(spread > resolution_of(state.dtype), spread * largest, torch.zeros_like(spread))


def _difference(image: Tensor, expected: Tensor) -> Float[Tensor, " batch"]:
    """Distance of two images in units of the stronger pattern; NaN where both are constant but for rounding."""
    pattern = torch.maximum(pattern_size(image), pattern_size(expected))
    is_resolved = pattern > resolution_of(image.dtype) * torch.maximum(
        root_mean_square(image), root_mean_square(expected)
    )
    return root_mean_square(image - expected) / torch.where(is_resolved, pattern, torch.nan)


def _shift(fields: Fields, state: Tensor) -> Tensor:
    """The state moved by a quarter of the height and a third of the width, and half a cell."""
    height, width = fields.u.shape[-2:]
    return translated(state, rows=height // 4 + 0.5 * (height > 1), columns=width // 3 + 0.5 * (width > 1))


def _pixel(state: Tensor) -> Float[Tensor, "1 channel height width"]:
    """1 in the middle cell of every channel, else 0."""
    pixel = torch.zeros_like(state[:1])
    pixel[..., state.shape[-2] // 2, state.shape[-1] // 2] = 1
    return pixel


def _distance(fields: Fields) -> Float[Tensor, "height width"]:
    """Squared distance to the middle cell, in cells."""
    height, width = fields.u.shape[-2:]
    return distance_from(height // 2, width // 2, height=height, width=width, periodic=fields.periodic, like=fields.u)


OPERATOR_SENSITIVITY = (
    local_gain,
    amplified_wavenumber,
    amplified_extent,
    twin_growth_rate,
    growth_unsteadiness,
    noise_gain,
    offset_gain,
    medium_gain_change,
    large_gain_change,
    superposition_error,
    translation_error,
    rotation_error,
    influence_radius,
    influence_growth,
)
"""The features of this category, in column order."""
