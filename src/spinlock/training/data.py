"""What a fit sees: standardised rows to fit to and to choose by, and the neighbours that rows are mixed with."""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from spinlock.core.masked import masked_mse
from spinlock.core.seeds import torch_stream
from spinlock.training.spec import FitSpec
from spinlock.vqvae.category_metric import CategoryMetric
from spinlock.vqvae.coder import ROWS_AT_ONCE, Coder
from spinlock.vqvae.neighbor_mixing import mix_with_neighbors, nearest_neighbors
from spinlock.vqvae.packing import Batch, Packing, Rows
from spinlock.vqvae.residual_codebooks import ResidualFit
from spinlock.vqvae.word_tree import WordTree

POOL_NEIGHBORS = 15
"""Nearest of a row's neighbours that whole rows are mixed with."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingData:
    """Rows that codebooks and networks follow, and rows that choose among them.

    Attributes:
        train: rows to fit to.
        validation: rows that choose; the same ones where there are none of their own.
        packing: of the categories.
        spec: how rows are mixed.
        runs: single runs of the training draws, which codebooks follow too; none where codes keep columns.
        metric: of the codes; the columns themselves when there is none.
        words: the first level, where it is no codebook.
    """

    train: Rows
    validation: Rows
    packing: Packing
    spec: FitSpec
    runs: Rows | None = None
    metric: CategoryMetric | None = None
    words: WordTree | None = None

    @cached_property
    def batch(self) -> Batch:
        """The training rows, category by category."""
        return self.packing.batch(self.train)

    @cached_property
    def codebook_batch(self) -> Batch:
        """The rows that codebooks follow: training rows and single runs."""
        if self.runs is None:
            return self.batch
        return self.packing.batch(joined(self.train, self.runs))

    @cached_property
    def how(self) -> ResidualFit:
        """How codebooks are fitted to these rows."""
        spec = self.spec
        return ResidualFit(
            beam=spec.training_beam,
            num_neighbors=spec.num_neighbors,
            mixing_reach=spec.mixing_reach,
            pool_rows=spec.pool_rows,
            seed=spec.seed,
        )

    @cached_property
    def category_neighbors(self) -> Int[Tensor, "category row neighbor"] | None:
        """Nearest others of each row that codebooks follow, in every category, searched once; none where mixing is off.

        None below words, whose rows are mixed among themselves.
        """
        if self.words is not None:
            return None
        batch, metric = self.codebook_batch, self.metric
        values, present = batch.values, batch.present
        if metric is not None:
            values, present = metric(values).float(), metric.present(batch.mask)
        values = values.transpose(0, 1)
        if not self.spec.num_neighbors:
            return torch.zeros((*values.shape[:2], 0), dtype=torch.long, device=values.device)
        return nearest_neighbors(values, num_neighbors=self.spec.num_neighbors, present=present.T)

    @cached_property
    def row_neighbors(self) -> Int[Tensor, "1 row neighbor"] | None:
        """Each training row's nearest others over all columns, searched once; None where mixing is off."""
        x = self.train.x
        if not self.spec.is_mixing or len(x) < 2:
            return None
        everyone = torch.ones((1, len(x)), dtype=torch.bool, device=x.device)
        return nearest_neighbors(x[None], num_neighbors=self.spec.num_neighbors, present=everyone)

    def pool(self, num_rows: int) -> Rows:
        """Training rows moved towards neighbours, all categories of a row towards the same one; at least one copy of each.

        The codes of the training rows themselves fit them too well to say what codes of other rows leave over.

        Args:
            num_rows: to aim at.
        """
        if self.row_neighbors is None:
            return self.train
        x, neighbors = self.train.x[None], self.row_neighbors[:, :, :POOL_NEIGHBORS]
        generator, reach = torch_stream(self.spec.seed, "joint"), self.spec.mixing_reach
        copies = max(1, num_rows // len(self.train.x))
        mixed = [mix_with_neighbors(x, neighbors, reach=reach, generator=generator)[0] for _ in range(copies)]
        return Rows(torch.cat(mixed), self.train.mask.repeat(copies, 1))

    def together(self) -> "TrainingData":
        """Training and validation rows as rows to fit to, with nothing left to choose by."""
        rows = joined(self.train, self.validation)
        return replace(self, train=rows, validation=rows)


def joined(*parts: Rows) -> Rows:
    """Rows one part after the other."""
    return Rows(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))


def encoded(coder: Coder, rows: Rows, *, packing: Packing) -> Int[Tensor, "sample category level"]:
    """Codes of rows, block by block."""
    blocks = zip(rows.x.split(ROWS_AT_ONCE), rows.mask.split(ROWS_AT_ONCE), strict=True)
    return torch.cat([coder.encode(packing.batch(Rows(*block))) for block in blocks])


def decoded(coder: Coder, rows: Rows, *, packing: Packing) -> Float[Tensor, "sample column"]:
    """What rows are after a coder, in standardised units, block by block."""
    codes = encoded(coder, rows, packing=packing)
    return torch.cat([packing.unpack(coder.decode(part)) for part in codes.split(ROWS_AT_ONCE)])


def reconstruction_mse(coder: Coder, rows: Rows, *, packing: Packing) -> float:
    """Mean squared error of a coder in standardised units, over the entries that are present."""
    return masked_mse(rows.x, decoded(coder, rows, packing=packing), rows.mask)
