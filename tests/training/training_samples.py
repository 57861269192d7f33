"""A small correlated table and a fit that takes a fraction of a second."""

from typing import TypeVar

import torch

from spinlock.core.category_map import CategoryMap
from spinlock.core.feature_table import FeatureTable
from spinlock.core.spec import Spec
from spinlock.training.fit import FitResult, fit_tokenizer
from spinlock.training.spec import FitSpec
from spinlock.vqvae.spec import EncoderSpec, ModelSpec

CATEGORIES = ["wave"] * 4 + ["heat"] * 5
MODEL = ModelSpec(
    levels=[(5, 8), (2, 4)], metric="columns", coarse="codebook", group_embedding_dim=5, group_hidden_dim=6
)
ENCODER = EncoderSpec(encoder_params={"hidden_dims": (8,), "output_dim": 6})
FIT = FitSpec(
    num_epochs=12, batch_size=40, evaluate_every=3, checkpoint_every=5, learning_rate=3e-3, num_centers=40, refit=False
)
QUICK = {name: value for name, value in FIT.model_dump().items() if name in FIT.model_fields_set} | {
    name: value
    for spec in (MODEL, ENCODER)
    for name, value in spec.model_dump().items()
    if name in spec.model_fields_set
}
"""The same settings as keywords of `Tokenizer`, without its levels."""
del QUICK["levels"]

S = TypeVar("S", bound=Spec)


def sample_values(*, rows: int = 150, seed: int = 0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(50)
    first, second = torch.randn(3, 10, generator=draw), torch.randn(10, 9, generator=draw)
    hidden = torch.randn(rows, 3, generator=torch.Generator().manual_seed(seed))
    return torch.tanh(hidden @ first) @ second + 0.05 * torch.randn(
        rows, 9, generator=torch.Generator().manual_seed(seed + 1)
    )


def sample_table(*, rows: int = 150, seed: int = 0) -> FeatureTable:
    return FeatureTable.from_array(sample_values(rows=rows, seed=seed), categories=CATEGORIES)


def changed(spec: S, **changes: object) -> S:
    """The spec with the changes that are its own."""
    own = {name: value for name, value in changes.items() if name in type(spec).model_fields}
    return type(spec)(**{**spec.model_dump(), **own})


def quick_fit(
    *, train: FeatureTable | None = None, validation: FeatureTable | None = None, fit: FitSpec = FIT, **changes: object
) -> FitResult:
    """A fit of the sample table with some settings changed, of whichever part they are."""
    train = sample_table() if train is None else train
    return fit_tokenizer(
        train,
        sample_table(rows=60, seed=7) if validation is None else validation,
        category_map=CategoryMap.from_registry(train.registry),
        model=changed(MODEL, **changes),
        encoder=changed(ENCODER, **changes),
        fit=changed(fit, **changes),
    )
