"""From a table in physical units to standardised rows of categories, and back."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from spinlock.core.category_map import CategoryMap
from spinlock.core.feature_table import FeatureTable
from spinlock.vqvae.column_transform import ColumnTransform
from spinlock.vqvae.imputation import CategoryImputer
from spinlock.vqvae.packing import Packing, Rows
from spinlock.vqvae.part import Part


@dataclass(kw_only=True, eq=False, repr=False)
class TableNormalizer(Part):
    """Columns are winsorised, warped and standardised; what is missing gets its conditional mean within the category.

    Attributes:
        transform: physical units → standardised columns.
        imputer: a likely value for what is missing.
    """

    transform: ColumnTransform
    imputer: CategoryImputer

    @classmethod
    def fit(
        cls, table: FeatureTable, *, category_map: CategoryMap, warp: str, device: str = "cpu"
    ) -> "TableNormalizer":
        """Quantiles, maps, moments and covariances of the training rows.

        Args:
            table: training rows.
            category_map: of their columns.
            warp: one map for all columns, or "auto"; see `ColumnWarp.fit`.
            device: where it is to work.
        """
        together = [spec.measured_with for spec in table.registry.specs]
        transform = ColumnTransform.fit(table.values.to(device), table.mask.to(device), warp=warp, together=together)
        packing = Packing.of(category_map).to(device)
        imputer = CategoryImputer.fit(*transform(table.values.to(device), table.mask.to(device)), packing=packing)
        return cls(transform=transform, imputer=imputer)

    @property
    def packing(self) -> Packing:
        """Where each category's columns stand."""
        return self.imputer.packing

    def forward(self, table: FeatureTable) -> Rows:
        """Standardised rows."""
        device = self.transform.low.device
        x, mask = self.transform(table.values.to(device), table.mask.to(device))
        return Rows(self.imputer(x, mask), mask)

    def inverse(self, values: Float[Tensor, "sample category width"]) -> Float[Tensor, "sample column"]:
        """Columns in their own units."""
        return self.transform.invert(self.packing.unpack(values))
