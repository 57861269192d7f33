"""Where a run lies among behaviours: joint coordinates in which what changes from run to run of one draw counts little."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from spinlock.core.feature_table import FeatureTable
from spinlock.core.views import numbered
from spinlock.vqvae.column_transform import ColumnTransform
from spinlock.vqvae.imputation import covariance_of_present, fill_absent
from spinlock.vqvae.part import Part

SHRINKAGE = 0.01
"""Share of all rows' variance in the noise that distances are divided by: what no replicate ever changed is not infinitely telling."""
NUM_AXES = 48
CLIP = 3.0
"""Normal scores beyond which a column does not count as any farther."""


@dataclass(kw_only=True, eq=False, repr=False)
class BehaviourEmbedding(Part):
    """Columns as normal scores, divided by what noise does to them, in the axes where rows then differ most.

    With S the covariance of all rows and S_w that within a draw, noise is M = (1 - λ) S_w + λ diag(S). The axes v solve
    S v = μ M v with vᵀ M v = 1, largest μ first (a discriminant analysis with one class a draw), so one unit is what noise
    does. Missing columns are at their conditional mean given the present ones. Columns that describe the spread over realizations
    are not looked at: a single run has none.

    Attributes:
        columns: of the table, those that are looked at.
        transform: these columns → normal scores.
        covariance: of the scores; fills in what is missing.
        axes: scores → coordinates.
        has_noise: whether draws with several rows told noise from behaviour; else M = diag(S), and these are principal axes.
    """

    columns: Int[Tensor, " used"]
    transform: ColumnTransform
    covariance: Float[Tensor, "used used"]
    axes: Float[Tensor, "used axis"]
    has_noise: bool

    @classmethod
    def fit(
        cls, table: FeatureTable, *, shrinkage: float = SHRINKAGE, num_axes: int = NUM_AXES
    ) -> "BehaviourEmbedding":
        """Scores, noise and axes of rows; those of one group are replicates of one draw.

        Args:
            table: training rows, single runs where there are any.
            shrinkage: λ, in (0, 1].
            num_axes: at most; as many as there are columns where these are fewer.

        Raises:
            InputError: if there is no value at all.
        """
        columns = torch.tensor([spec.is_of_a_run for spec in table.registry.specs]).nonzero().flatten()
        if not table.mask[:, columns].any():
            columns = torch.arange(len(table.registry))
        values, present = table.values[:, columns], table.mask[:, columns]
        transform = ColumnTransform.fit(values, present, warp="rank_gauss")
        z, mask = (part.double() for part in transform(values, present))
        z = z.clamp(-CLIP, CLIP)
        covariance = covariance_of_present(z, mask)
        within = within_covariance(z, mask, numbered(table.groups))
        axes = discriminant_axes(covariance, within, shrinkage=shrinkage)[:, :num_axes]
        return cls(
            columns=columns,
            transform=transform,
            covariance=covariance,
            axes=axes,
            has_noise=within is not None,
        )

    def forward(self, table: FeatureTable) -> Float[Tensor, "sample axis"]:
        """Coordinates of rows, float32; NaN where a row has no column that is looked at."""
        device = self.axes.device
        z, mask = self.transform(*(part.to(device)[:, self.columns] for part in (table.values, table.mask)))
        found = fill_absent(z.double().clamp(-CLIP, CLIP), mask, self.covariance) @ self.axes
        return torch.where(mask.any(1, keepdim=True), found, torch.nan).float()


def discriminant_axes(
    covariance: Float[Tensor, "column column"], within: Float[Tensor, "column column"] | None, *, shrinkage: float
) -> Float[Tensor, "column axis"]:
    """Axes v with S v = μ M v and vᵀ M v = 1, largest μ first, as many as columns; M = (1 - λ) S_w + λ diag(S), diag(S) without S_w.

    Args:
        covariance: S, of all rows.
        within: S_w, of rows of the same draw.
        shrinkage: λ.

    Source: Fisher's discriminants, Rao 1948, J. R. Stat. Soc. B 10; shrinkage, Friedman 1989, J. Am. Stat. Assoc. 84.
    """
    spread = covariance.diagonal().clamp(min=1e-6)
    noise = torch.diag(spread) if within is None else (1 - shrinkage) * within + shrinkage * torch.diag(spread)
    # By the Cholesky factor of M = L Lᵀ: v = L⁻ᵀ u, with u the eigenvectors of L⁻¹ S L⁻ᵀ.
    factor = torch.linalg.cholesky(noise)
    half = torch.linalg.solve_triangular(factor, covariance, upper=False)
    whole = torch.linalg.solve_triangular(factor, half.mT.contiguous(), upper=False)
    vectors = torch.linalg.eigh((whole + whole.mT) / 2).eigenvectors.flip(1)
    axes = torch.linalg.solve_triangular(factor.mT.contiguous(), vectors, upper=True)
    largest = axes.gather(0, axes.abs().argmax(0, keepdim=True))
    return axes * largest.sign()  # an eigenvector's sign is arbitrary


def within_covariance(
    z: Float[Tensor, "row column"], mask: Float[Tensor, "row column"], groups: Int[Tensor, " row"]
) -> Float[Tensor, "column column"] | None:
    """Covariance within groups, over pairs of columns that are present; None where no group has two rows."""
    count = int(groups.max()) + 1
    sums, present = (z.new_zeros((count, z.shape[1])).index_add_(0, groups, part) for part in (z, mask))
    if not (present > 1).any():
        return None
    away = torch.where(mask > 0, z - (sums / present.clamp(min=1))[groups], 0.0)
    # A group of n rows has n - 1 of them to spare: what is left of the number of rows after one mean a group.
    spare = mask * ((present - 1).clamp(min=0) / present.clamp(min=1))[groups]
    return covariance_of_present(away, spare.sqrt())
