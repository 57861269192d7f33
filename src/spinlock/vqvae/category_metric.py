"""Coordinates of a category in units of what noise does to its columns, in which codes keep behaviour instead of columns."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.vqvae.behaviour import discriminant_axes, within_covariance
from spinlock.vqvae.imputation import covariance_of_present
from spinlock.vqvae.packing import Packing, Rows
from spinlock.vqvae.part import Part
from spinlock.vqvae.word_tree import rows_by_word

SHRINKAGE = 0.1
NUM_AXES = 16
LEAST_RATIO = 1e-8
"""Of an axis' share of a category's variance to the largest one's; axes below are directions in which no row differs."""


class Runs(NamedTuple):
    """Single realizations, and which of them are of the same draw.

    Attributes:
        rows: standardised.
        groups: number of each row's draw.
    """

    rows: Rows
    groups: Int[Tensor, " row"]


@dataclass(kw_only=True, eq=False, repr=False)
class CategoryMetric(Part):
    """Coordinates s = x A of each category's standardised columns x, whose squared distances codes keep, and the way back x̂ = s B.

    A holds the leading discriminant axes of the category's columns of single runs, with runs of one draw as a class: one
    unit of a coordinate is what noise does. B = (Aᵀ S A)⁺ Aᵀ S, with S the second moments of the training rows, is the regression of
    all columns of the category, those of spread included, on the coordinates; and B A is the identity, so what codes stand
    for has their coordinates exactly. A category without columns of single runs, or all where no draw has several, has its
    columns themselves as coordinates. Below words, each word has its own A and B, in which columns that it says are
    undefined count for nothing.

    Attributes:
        axes: A; 0 in padding.
        back: B.
        by_noise: which categories are measured in units of noise.
    """

    axes: Float[Tensor, "category *word width axis"]
    back: Float[Tensor, "category *word axis width"]
    by_noise: Bool[Tensor, " category"]

    @classmethod
    def fit(  # noqa: PLR0913 rows, what is known about them, and two numbers
        cls,
        rows: Rows,
        runs: Runs,
        *,
        packing: Packing,
        of_runs: Bool[Tensor, " column"],
        shrinkage: float = SHRINKAGE,
        num_axes: int = NUM_AXES,
    ) -> "CategoryMetric":
        """Every category in units of what noise does to it, where that is known.

        Args:
            rows: standardised training rows.
            runs: single realizations of the same draws.
            packing: of the categories.
            of_runs: columns that a single run has.
            shrinkage: λ in the noise (1 - λ) S_w + λ diag(S), in (0, 1].
            num_axes: coordinates of a category at most.
        """
        z, mask = torch.where(runs.rows.mask, runs.rows.x, 0.0).double(), runs.rows.mask.double()
        found = []
        for places in packing.columns:
            columns = places[(places >= 0) & of_runs[places]]
            x, m = z[:, columns], mask[:, columns]
            within = within_covariance(x, m, runs.groups) if m.any() else None
            if within is None:
                found.append(None)
                continue
            covariance = covariance_of_present(x, m)
            axes = discriminant_axes(covariance, within, shrinkage=shrinkage)[:, :num_axes]
            ratios = ((axes.mT @ covariance) * axes.mT).sum(1)
            axes = axes * (ratios > LEAST_RATIO * ratios.amax())
            everywhere = axes.new_zeros((packing.width, axes.shape[1]))
            everywhere[torch.isin(places, columns)] = axes
            found.append(everywhere)
        by_noise = torch.tensor([one is not None for one in found], device=z.device)
        plain = torch.diag_embed(packing.filled.double())
        most = max(packing.width if one is None else one.shape[1] for one in found)
        each = [plain[place] if one is None else one for place, one in enumerate(found)]
        axes = torch.stack([torch.nn.functional.pad(one, (0, most - one.shape[1])) for one in each])
        return cls(axes=axes, back=_regression(axes, _moments(rows, packing)), by_noise=by_noise)

    def below(
        self, undefined: Bool[Tensor, "category word width"], rows: Rows, *, packing: Packing
    ) -> "CategoryMetric":
        """The same for every word, without the columns that the word says are undefined.

        Args:
            undefined: True where a word says so.
            rows: standardised training rows.
            packing: of the categories.
        """
        axes = torch.where(undefined[..., None], 0.0, self.axes[:, None])
        moments = _moments(rows, packing)[:, None].expand(-1, undefined.shape[1], -1, -1)
        return CategoryMetric(axes=axes, back=_regression(axes, moments), by_noise=self.by_noise)

    @property
    def uses(self) -> Bool[Tensor, "category width"]:
        """Columns that coordinates depend on, below any word."""
        used = (self.axes != 0).any(dim=-1)
        return used if used.dim() == 2 else used.any(dim=1)

    def present(self, mask: Bool[Tensor, "sample category width"]) -> Bool[Tensor, "sample category"]:
        """Whether a row has a value in a column that its coordinates depend on."""
        return (mask & self.uses).any(dim=2)

    def forward(
        self, values: Float[Tensor, "sample category width"], words: Int[Tensor, "sample category"] | None = None
    ) -> Float[Tensor, "sample category axis"]:
        """Coordinates of rows, float64; of each row's word where words have their own."""
        return _product(values, self.axes, words)

    def columns(
        self, coordinates: Float[Tensor, "sample category axis"], words: Int[Tensor, "sample category"] | None = None
    ) -> Float[Tensor, "sample category width"]:
        """Columns that coordinates stand for, float64."""
        return _product(coordinates, self.back, words)

    def normals(
        self, away: Float[Tensor, "sample category axis"], words: Int[Tensor, "sample category"] | None = None
    ) -> Float[Tensor, "sample category width"]:
        """n with x·n = (x A)·away for every x: normals of half-spaces of coordinates, in columns."""
        return _product(away, self.axes.mT, words)


def _product(
    x: Float[Tensor, "sample category a"],
    maps: Float[Tensor, "category *word a b"],
    words: Int[Tensor, "sample category"] | None,
) -> Float[Tensor, "sample category b"]:
    if words is None:
        return torch.einsum("sca,cab->scb", x.double(), maps)
    out = x.new_zeros((*x.shape[:2], maps.shape[-1]), dtype=torch.float64)
    for category, word, rows in rows_by_word(words):
        out[rows, category] = x[rows, category].double() @ maps[category, word]
    return out


def _moments(rows: Rows, packing: Packing) -> Float[Tensor, "category width width"]:
    x = packing.pack(rows.x).double().transpose(0, 1)
    return x.mT @ x / max(1, x.shape[1])


def _regression(
    axes: Float[Tensor, "*maps width axis"], moments: Float[Tensor, "*maps width width"]
) -> Float[Tensor, "*maps axis width"]:
    """(Aᵀ S A)⁺ Aᵀ S, with axes in which no row differs left out."""
    across = axes.mT @ moments
    return torch.linalg.pinv(across @ axes, hermitian=True, rtol=1e-10) @ across
