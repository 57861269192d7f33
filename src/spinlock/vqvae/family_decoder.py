"""Columns of every family from the tokens of all families of a run."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from spinlock.vqvae.imputation import fill_absent
from spinlock.vqvae.joint_decoder import JointDecoder
from spinlock.vqvae.part import Part

MOST_AXES = 64
"""Coordinates that a family is told to the others by: the principal ones of what its tokens decode to."""


@dataclass(kw_only=True, eq=False, repr=False)
class FamilyDecoder(Part):
    """y = e + u A + k(u) B for the columns of each family, with coordinates u of what the tokens of all families decode to.

    Attributes:
        families: whose tokens are looked at, in the order of their coordinates.
        corrected: whose columns are decoded from them.
        num_levels: of the family with most.
        axes: of each family, what its tokens decode to → coordinates, together of variance 1 a coordinate.
        means: of each family, what its tokens decode to, over training rows.
        covariance: of the coordinates over training rows; stands in for a family that a row does not have.
        decoders: of each corrected family, one after the other, from the first level of all families, their first two, …, all.
    """

    families: tuple[str, ...]
    corrected: tuple[str, ...]
    num_levels: int
    axes: tuple[Tensor, ...]
    means: tuple[Tensor, ...]
    covariance: Float[Tensor, "input input"]
    decoders: tuple[JointDecoder, ...]

    def __post_init__(self) -> None:
        counts = len(self.families), len(self.axes), len(self.means)
        if len(set(counts)) > 1 or not set(self.corrected) <= set(self.families):
            raise ValueError(
                f"needs axes and a mean for each of its families and corrects some of them; got {counts}, correcting {self.corrected}"
            )
        size = sum(axes.shape[1] for axes in self.axes)
        shapes = {tuple(decoder.linear.shape) for decoder in self.decoders}
        wanted = {(size, len(self.means[self.families.index(name)])) for name in self.corrected}
        if len(self.decoders) != len(self.corrected) * self.num_levels or shapes != wanted:
            raise ValueError(
                f"needs a decoder of {size} coordinates for each corrected family and number of levels; got {len(self.decoders)} for "
                f"{len(self.corrected)} families of {self.num_levels} levels"
            )

    def coordinates(self, decoded: Mapping[str, Float[Tensor, "sample column"]]) -> Float[Tensor, "sample input"]:
        """Rows as all families tell them; a family that is not given, or NaN throughout a row, by what the others let expect.

        Args:
            decoded: what tokens decode to, by family.
        """
        count = len(next(iter(decoded.values())))
        parts, there = [], []
        for name, axes, mean in zip(self.families, self.axes, self.means, strict=True):
            own = decoded.get(name)
            own = mean.new_full((count, len(mean)), torch.nan) if own is None else own
            known = torch.where(own.isnan(), 0.0, own.double() - mean.double()) @ axes.double()
            parts.append(known.to(mean.dtype))
            there.append((~own.isnan().all(dim=1))[:, None].expand(-1, axes.shape[1]))
        return fill_absent(torch.cat(parts, dim=1), torch.cat(there, dim=1), self.covariance)

    def forward(
        self, name: str, e: Float[Tensor, "sample column"], inputs: Float[Tensor, "sample input"], *, num_levels: int
    ) -> Float[Tensor, "sample column"]:
        """The columns of one family in standardised units, finite.

        Args:
            name: of the family; the columns of one that is not corrected stay.
            e: what its own tokens decode to.
            inputs: as `coordinates` gives them.
            num_levels: that `e` and `inputs` are of.
        """
        known = torch.nan_to_num(e)
        if name not in self.corrected:
            return known
        place = self.corrected.index(name) * self.num_levels + min(num_levels, self.num_levels) - 1
        return self.decoders[place](known, inputs)


def principal_coordinates(
    decoded: Float[Tensor, "sample column"],
) -> tuple[Float[Tensor, "column axis"], Float[Tensor, " column"]]:
    """Axes and mean of what tokens decode to: the principal axes, together scaled to a variance of 1 a coordinate.

    Args:
        decoded: NaN where there is no token.
    """
    rows = decoded[~decoded.isnan().all(dim=1)].double()
    mean = torch.nan_to_num(rows.nanmean(dim=0))
    centred = torch.nan_to_num(rows - mean)
    values, vectors = torch.linalg.eigh(centred.mT @ centred / max(1, len(rows)))
    kept = values > values[-1].clamp(min=torch.finfo(decoded.dtype).tiny) * 1e-9
    values, vectors = values[kept][-MOST_AXES:], vectors[:, kept][:, -MOST_AXES:]
    scale = values.mean().sqrt() if len(values) else values.new_ones(())
    return (vectors / scale).to(decoded.dtype), mean.to(decoded.dtype)
