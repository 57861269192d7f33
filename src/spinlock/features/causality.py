"""Causality: what moves where, and what foretells what.

Velocities are in units of length over time, (`dx` over `dt`). "Blocks" are the 4 x 4 equal blocks that tile the domain;
their averages are taken of the field below 8 cycles per domain. South is the direction of growing row number, east that
of growing column number.
"""

import math
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.core.needs import Needs
from spinlock.features.feature import CHANNELS, GRID, RUN, feature
from spinlock.features.fields import Fields, once
from spinlock.features.influence import (
    FEWEST_STEPS,
    Pairs,
    channel_pairs,
    granger,
    lagged_correlation,
    lattice_pairs,
    standardize,
    transfer_entropy,
)
from spinlock.features.kernels_arithmetic import squared_magnitude
from spinlock.features.low_pass import block_means
from spinlock.features.transport import displacements, half_cover, swept_area

UNCHANGING = "where no block changes"
FLAT = "where frames are constant in space"
"""States without a value, in words."""

causality = partial(feature, category="causality")

MOST_PAIRS = 32
"""Pairs of successive frames, evenly spread over the run, that transport is measured on."""
MOST_FRAMES = 64
"""Frames, evenly spread over the run, that the swept area is measured on."""
MOST_CHANNELS = 4
"""Channels whose blocks are looked at; later ones are left out."""
LATTICE = 4
"""Blocks along each axis."""


class Motion(NamedTuple):
    """Velocity (y, x) between frames, and the share of the change that it explains."""

    velocity: Float[Tensor, "batch pair axis"]
    explained: Float[Tensor, " batch"]


class Influence(NamedTuple):
    """Statistics of directed pairs of blocks, both ways along both axes and between channels."""

    granger_along: Float[Tensor, "batch axis way"]
    transfer_entropy: Float[Tensor, " batch"]
    transfer_entropy_gap: Float[Tensor, " batch"]
    peak: Float[Tensor, " batch"]
    lag: Float[Tensor, " batch"]


class ChannelInfluence(NamedTuple):
    """The same between channels: from earlier to later ones and back."""

    granger: Float[Tensor, "batch way"]
    transfer_entropy: Float[Tensor, "batch way"]
    lag: Float[Tensor, " batch"]


@once
def motion(fields: Fields) -> Motion:
    """Displacement of up to 32 pairs of successive frames over dt."""
    batch, time = fields.u.shape[:2]
    first = torch.linspace(0, max(time - 2, 0), min(MOST_PAIRS, max(time - 1, 0))).round().long()
    if len(first) == 0:
        nothing = fields.u.new_full((batch,), torch.nan)
        return Motion(nothing[:, None, None].expand(batch, 1, 2), nothing)
    modes = fields.low_modes
    before, after = modes[:, first], modes[:, first + 1]
    moved = displacements(before, after, fields.low_ky, fields.low_kx, resolution=fields.resolution)
    height, width = fields.u.shape[-2:]
    lengths = moved.shift.new_tensor([height * fields.dx, width * fields.dx])
    change, left_over = moved.change.sum(1), moved.left_over.sum(1)
    largest = squared_magnitude(modes).sum((-3, -2, -1)).amax(1)
    explained = torch.where(change > fields.resolution**2 * largest, 1 - left_over / change, torch.nan)
    return Motion(moved.shift * lengths / fields.dt, explained)


@once
def block_series(fields: Fields) -> Float[Tensor, "batch series time"]:
    """Standardised averages over 4 x 4 blocks of up to 4 channels, channel by channel, row by row."""
    rows, columns = lattice(fields)
    modes = fields.low_modes[:, :, :MOST_CHANNELS]
    height, width = fields.u.shape[-2:]
    means = block_means(modes, fields.low_ky, fields.low_kx, rows=rows, columns=columns, height=height, width=width)
    return standardize(means.flatten(2).mT, resolution=fields.resolution)


def lattice(fields: Fields) -> tuple[int, int]:
    """Rows and columns of blocks: 4 along an axis, fewer where there are fewer cells."""
    return min(LATTICE, fields.u.shape[-2]), min(LATTICE, fields.u.shape[-1])


@once
def neighbour_influence(fields: Fields) -> Influence:
    """Influence between neighbouring blocks; NaN with fewer than 16 steps or without neighbours."""
    series = block_series(fields)
    rows, columns = lattice(fields)
    channels = series.shape[1] // (rows * columns)
    along = [
        lattice_pairs(channels=channels, rows=rows, columns=columns, axis=axis, periodic=fields.periodic)
        for axis in (0, 1)
    ]
    everything = Pairs(torch.cat([p.source for p in along]), torch.cat([p.target for p in along]))
    if series.shape[-1] < FEWEST_STEPS or len(everything.source) == 0:
        nothing = series.new_full((series.shape[0],), torch.nan)
        return Influence(nothing[:, None, None].expand(-1, 2, 2), nothing, nothing, nothing, nothing)
    both = everything.both_ways
    sizes = [len(p.source) for p in along]
    ways = torch.stack([g.nanmean(-1) for g in granger(series, both).split(sizes * 2, 1)], -1)
    entropies = transfer_entropy(series, both).chunk(2, 1)
    peak, lag = lagged_correlation(series, everything, most=series.shape[-1] // 4)
    return Influence(
        granger_along=ways.unflatten(-1, (2, 2)).mT,
        transfer_entropy=((entropies[0] + entropies[1]) / 2).nanmean(-1),
        transfer_entropy_gap=(entropies[0] - entropies[1]).abs().nanmean(-1),
        peak=peak.nanmean(-1),
        lag=lag.abs().nanmean(-1) * fields.dt,
    )


@once
def channel_influence(fields: Fields) -> ChannelInfluence:
    """Influence between channels in the same block; NaN with one channel or fewer than 16 steps."""
    series = block_series(fields)
    rows, columns = lattice(fields)
    channels = series.shape[1] // (rows * columns)
    if series.shape[-1] < FEWEST_STEPS or channels < 2:
        nothing = series.new_full((series.shape[0],), torch.nan)
        return ChannelInfluence(nothing[:, None].expand(-1, 2), nothing[:, None].expand(-1, 2), nothing)
    pairs = channel_pairs(channels=channels, blocks=rows * columns)
    ways = (pairs, pairs.reversed)
    _, lag = lagged_correlation(series, pairs, most=series.shape[-1] // 4)
    return ChannelInfluence(
        granger=torch.stack([granger(series, way).nanmean(-1) for way in ways], -1),
        transfer_entropy=torch.stack([transfer_entropy(series, way).nanmean(-1) for way in ways], -1),
        lag=lag.nanmean(-1) * fields.dt,
    )


@causality(
    unit="length/time",
    source="Kuglin & Hines 1975, phase correlation",
    needs=Needs(steps=2, width=2, longer_side=3),
    undefined=FLAT,
    scale=RUN,
)
def transport_x(fields: Fields) -> Float[Tensor, " batch"]:
    """Velocity along x with which the pattern moves.

    The median over up to 32 pairs of successive frames, evenly spread, of d_x/dt, where d maximises the half-whitened
    correlation of the two frames' Fourier modes up to 8 cycles per domain (`transport.displacements`; sub-pixel). Of
    either sign: positive towards growing column numbers. A pattern that repeats itself is known to have moved only
    modulo its period: |d_x| is at most half the domain.

    Returns:
        Length over time; A domain that does not wrap around shows resting edges, which pull the value towards 0.
    """
    return _or_nan(motion(fields).velocity[..., 1].nanmedian(-1).values, fields.u.shape[-1] > 1)


@causality(
    unit="length/time",
    source="Kuglin & Hines 1975, phase correlation",
    needs=Needs(steps=2, height=2, longer_side=3),
    undefined=FLAT,
    scale=RUN,
)
def transport_y(fields: Fields) -> Float[Tensor, " batch"]:
    """Velocity along y with which the pattern moves.

    d_y/dt as `transport_x` takes d_x/dt; of either sign, positive towards growing row numbers.

    Returns:
        Length over time.
    """
    return _or_nan(motion(fields).velocity[..., 0].nanmedian(-1).values, fields.u.shape[-2] > 1)


@causality(
    unit="length/time",
    source="Kuglin & Hines 1975, phase correlation",
    needs=Needs(steps=2, longer_side=3),
    undefined=FLAT,
)
def transport_speed(fields: Fields) -> Float[Tensor, " batch"]:
    """Speed with which the pattern moves, whatever the direction.

    The median over pairs of frames of |d|/dt. It is the length of (`transport_x`, `transport_y`) where the motion is
    steady, and larger where its direction changes.

    Returns:
        Length over time, >= 0.
    """
    return _or_nan(motion(fields).velocity.norm(dim=-1).nanmedian(-1).values, fields.u[0, 0, 0].numel() > 1)


@causality(needs=Needs(steps=3, longer_side=3), undefined=FLAT)
def transport_spread(fields: Fields) -> Float[Tensor, " batch"]:
    """Unsteadiness of the pattern's velocity, relative to its speed.

    ⟨|v - v̄|⟩ / (⟨|v|⟩ + c/10) over pairs of frames, v̄ the mean velocity, c = dx/dt one cell a step: the tenth of a
    cell keeps a resting pattern, whose velocity is rounding, at 0.

    Returns:
        A pure number in [0, 2): 0 for uniform advection, about 1 where the direction is random.
    """
    velocity = motion(fields).velocity
    spread = (velocity - velocity.nanmean(1, keepdim=True)).norm(dim=-1).nanmean(-1)
    relative = spread / (velocity.norm(dim=-1).nanmean(-1) + 0.1 * fields.dx / fields.dt)
    return _or_nan(relative, fields.u.shape[1] > 2 and fields.u[0, 0, 0].numel() > 1)


@causality(needs=Needs(steps=2, longer_side=3), undefined="where nothing changes")
def transport_share(fields: Fields) -> Float[Tensor, " batch"]:
    """Share of the change from frame to frame that moving the pattern explains.

    1 - Σ‖u(t+dt) - S_d u(t)‖² / Σ‖u(t+dt) - u(t)‖² over pairs of frames, S_d the shift by the displacement found,
    both in modes up to 8 cycles per domain without the mean. 1 for pure transport, near 0 where the pattern changes
    in place.

    Returns:
        <= 1, a little below 0 at worst.
    """
    return motion(fields).explained


@causality(unit="length/time", needs=Needs(steps=2, longer_side=2))
def spreading_speed(fields: Fields) -> Float[Tensor, " batch"]:
    """Speed at which the region that left its initial state grew.

    R(t½)/t½, where A(t) is the area in which some channel differs from frame 0 by more than frame 0's standard
    deviation, R = √(A/π) is the radius of a disc of that area (A/2 in 1-D), and t½ the first time at which A reaches
    half of its maximum, linearly between frames. For a disc that grows at speed c it is c. At most 64 frames, evenly
    spread, are looked at.

    Returns:
        Length over time, >= 0, 0 where no region leaves.
    """
    height, width = fields.u.shape[-2:]
    time = fields.u.shape[1]
    if time < 2 or height * width == 1:
        return fields.u.new_full((fields.u.shape[0],), torch.nan)
    stride = -(-time // MOST_FRAMES)
    area = swept_area(fields.u[:, ::stride], fields.u[:, :1])
    reached, half = half_cover(area)
    cells = half * height * width
    radius = cells / 2 if min(height, width) == 1 else (cells / math.pi).sqrt()
    speed = radius * fields.dx / (reached * stride * fields.dt)
    return torch.where(half > 0, speed, torch.zeros_like(speed))


@causality(
    unit="nats",
    source="Granger 1969; Geweke 1982, section 2",
    needs=Needs(steps=16, longer_side=2),
    undefined=UNCHANGING,
    scale=RUN,
)
def granger_neighbours(fields: Fields) -> Float[Tensor, " batch"]:
    """Granger causality between neighbouring blocks.

    log(σ²_own/σ²_both) - p/(N - 2p - 1): by how much the neighbour's last p = 2 steps lower the error of predicting a
    block's next average beyond its own last 2 steps, corrected for its mean without influence, averaged over all
    neighbours in both directions. Series are standardised without their trend and see noise of 10⁻⁶ of their
    variance.

    Returns:
        Nats, any real number, about 0 where blocks do not influence each other.
    """
    return neighbour_influence(fields).granger_along.nanmean((-2, -1)).to(fields.u.dtype)


@causality(
    unit="nats",
    source="Granger 1969; Geweke 1982, section 2",
    needs=Needs(steps=16, width=2),
    undefined=UNCHANGING,
    scale=RUN + GRID,
)
def granger_eastward(fields: Fields) -> Float[Tensor, " batch"]:
    """Granger causality towards the eastern neighbour less that towards the western one.

    G(a → b) - G(b → a), b the eastern neighbour of a, averaged over pairs, G as in `granger_neighbours`. Positive where
    influence travels towards growing column numbers.

    Returns:
        Nats, of either sign.
    """
    along = neighbour_influence(fields).granger_along
    return (along[:, 1, 0] - along[:, 1, 1]).to(fields.u.dtype)


@causality(
    unit="nats",
    source="Granger 1969; Geweke 1982, section 2",
    needs=Needs(steps=16, height=2),
    undefined=UNCHANGING,
    scale=RUN,
)
def granger_southward(fields: Fields) -> Float[Tensor, " batch"]:
    """Granger causality towards the southern neighbour less that towards the northern one.

    G(a → b) - G(b → a) as in `granger_eastward`, b the southern neighbour of a; positive where influence travels
    towards growing row numbers.

    Returns:
        Nats, of either sign.
    """
    along = neighbour_influence(fields).granger_along
    return (along[:, 0, 0] - along[:, 0, 1]).to(fields.u.dtype)


@causality(
    unit="nats",
    source="Schreiber 2000, eq. 4; Miller 1955",
    needs=Needs(steps=16, longer_side=2),
    undefined=UNCHANGING,
    scale=RUN,
)
def transfer_entropy_neighbours(fields: Fields) -> Float[Tensor, " batch"]:
    """Transfer entropy between neighbouring blocks.

    H(y',y) + H(y,x) - H(y) - H(y',y,x) over terciles of the blocks' averages, y' one step after y and x, with the
    Miller-Madow correction; averaged over all neighbours in both directions. Unlike Granger causality it sees
    influence that is not linear.

    Returns:
        Nats, any real number, log 3 at most and about 0 without influence.
    """
    return neighbour_influence(fields).transfer_entropy.to(fields.u.dtype)


@causality(
    unit="nats",
    source="definition; Schreiber 2000, eq. 4",
    needs=Needs(steps=16, longer_side=2),
    undefined=UNCHANGING,
    scale=RUN,
)
def transfer_entropy_gap(fields: Fields) -> Float[Tensor, " batch"]:
    """How one-sided the transfer entropy between neighbouring blocks is.

    The mean over neighbouring blocks a, b of |TE(a → b) - TE(b → a)|, large where influence has a direction anywhere,
    also one that changes from place to place.

    Returns:
        Nats, >= 0.
    """
    return neighbour_influence(fields).transfer_entropy_gap.to(fields.u.dtype)


@causality(needs=Needs(steps=16, longer_side=2), undefined=UNCHANGING, scale=RUN)
def neighbour_correlation(fields: Fields) -> Float[Tensor, " batch"]:
    """Largest lagged correlation of neighbouring blocks.

    max over |τ| <= T/4 of |Σ_t a(t) b(t+τ)|/T for standardised averages a and b, averaged over neighbours.

    Returns:
        In [0, 1].
    """
    return neighbour_influence(fields).peak.to(fields.u.dtype)


@causality(unit="time", needs=Needs(steps=16, longer_side=2), undefined=UNCHANGING, scale=RUN)
def neighbour_lag(fields: Fields) -> Float[Tensor, " batch"]:
    """Time that a signal takes to the neighbouring block.

    The mean over neighbours of |τ| at the largest lagged correlation (`neighbour_correlation`).

    Returns:
        Time, in [0, T dt/4], 0 where neighbours move together.
    """
    return neighbour_influence(fields).lag.to(fields.u.dtype)


@causality(
    unit="nats",
    source="Granger 1969; Geweke 1982, section 2",
    needs=Needs(steps=16, channels=2),
    undefined=UNCHANGING,
    scale=RUN + CHANNELS,
)
def granger_channels(fields: Fields) -> Float[Tensor, " batch"]:
    """Granger causality between channels.

    (G(a → b) + G(b → a))/2 as in `granger_neighbours`, of the channels' averages a, b over the same block.

    Returns:
        Nats, any real number, about 0 where channels do not influence each other.
    """
    return channel_influence(fields).granger.mean(-1).to(fields.u.dtype)


@causality(
    unit="nats",
    source="Granger 1969; Geweke 1982, section 2",
    needs=Needs(steps=16, channels=2),
    undefined=UNCHANGING,
    scale=RUN + CHANNELS,
)
def granger_channel_direction(fields: Fields) -> Float[Tensor, " batch"]:
    """Granger causality from earlier to later channels less that from later to earlier ones.

    G(a → b) - G(b → a) of the averages over the same block of an earlier channel a and a later one b, G as in
    `granger_neighbours`. Positive where the first channel drives, negative where it follows.

    Returns:
        Nats, of either sign.
    """
    ways = channel_influence(fields).granger
    return (ways[:, 0] - ways[:, 1]).to(fields.u.dtype)


@causality(
    unit="nats",
    source="Schreiber 2000, eq. 4; Miller 1955",
    needs=Needs(steps=16, channels=2),
    undefined=UNCHANGING,
    scale=RUN + CHANNELS,
)
def transfer_entropy_channels(fields: Fields) -> Float[Tensor, " batch"]:
    """Transfer entropy between channels.

    (TE(a → b) + TE(b → a))/2 as in `transfer_entropy_neighbours`, of the channels' averages over the same block.

    Returns:
        Nats, any real number, log 3 at most and about 0 without influence.
    """
    return channel_influence(fields).transfer_entropy.mean(-1).to(fields.u.dtype)


@causality(unit="time", needs=Needs(steps=16, channels=2), undefined=UNCHANGING, scale=RUN + CHANNELS)
def channel_lag(fields: Fields) -> Float[Tensor, " batch"]:
    """Time by which later channels follow earlier ones.

    The lag τ, |τ| <= T/4, of the largest |correlation| of an earlier channel at t and a later one at t + τ in the same
    block, averaged over blocks and pairs of channels. Negative where the later channel leads.

    Returns:
        Time, of either sign.
    """
    return channel_influence(fields).lag.to(fields.u.dtype)


@causality(source="Ramsey & Rothman 1996, section 2", needs=Needs(steps=3), undefined=UNCHANGING, scale=RUN)
def time_irreversibility(fields: Fields) -> Float[Tensor, " batch"]:
    """Asymmetry of rises and falls in time.

    The skewness of increments, ⟨Δ³⟩/⟨Δ²⟩^(3/2) with Δ = a(t+dt) - a(t), of the blocks' averages, averaged over blocks
    and channels. Reversing time changes its sign: positive for fast rises and slow falls, 0 for a process that looks
    the same in both directions.

    Returns:
        A pure number of either sign.
    """
    increments = block_series(fields).diff(dim=-1)
    power = increments.square().mean(-1)
    skewness = increments.pow(3).mean(-1) / torch.where(power > 1e-12, power, torch.nan).pow(1.5)
    return _or_nan(skewness.nanmean(-1), fields.u.shape[1] > 2).to(fields.u.dtype)


def _or_nan(values: Float[Tensor, " batch"], defined: bool) -> Float[Tensor, " batch"]:
    """`values` where the feature is defined at all, else NaN."""
    return values if defined else torch.full_like(values, torch.nan)


CAUSALITY = (
    transport_x,
    transport_y,
    transport_speed,
    transport_spread,
    transport_share,
    spreading_speed,
    granger_neighbours,
    granger_eastward,
    granger_southward,
    transfer_entropy_neighbours,
    transfer_entropy_gap,
    neighbour_correlation,
    neighbour_lag,
    granger_channels,
    granger_channel_direction,
    transfer_entropy_channels,
    channel_lag,
    time_irreversibility,
)
"""The features of this category, in column order."""
