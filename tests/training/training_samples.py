"""A small correlated table and a fit that takes a fraction of a second."""

from dataclasses import replace

import torch

from spinlock.core.category_map import CategoryMap
from spinlock.core.feature_table import FeatureTable
from spinlock.core.tokens import Level, TokenizerConfig
from spinlock.training.fit import FitResult, fit_tokenizer
from spinlock.training.settings import TrainingSettings

CATEGORIES = ["wave"] * 4 + ["heat"] * 5
CONFIG = TokenizerConfig(
    levels=(Level(latent_dim=5, num_tokens=8), Level(latent_dim=2, num_tokens=4)),
    group_embedding_dim=5,
    group_hidden_dim=6,
    encoder_params={"hidden_dims": (8,), "output_dim": 6},
)
SETTINGS = TrainingSettings(num_epochs=12, batch_size=40, evaluate_every=3, checkpoint_every=5, learning_rate=3e-3)


def sample_values(*, rows: int = 150, seed: int = 0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(50)
    first, second = torch.randn(3, 10, generator=draw), torch.randn(10, 9, generator=draw)
    hidden = torch.randn(rows, 3, generator=torch.Generator().manual_seed(seed))
    return torch.tanh(hidden @ first) @ second + 0.05 * torch.randn(
        rows, 9, generator=torch.Generator().manual_seed(seed + 1)
    )


def sample_table(*, rows: int = 150, seed: int = 0) -> FeatureTable:
    return FeatureTable.from_array(sample_values(rows=rows, seed=seed), categories=CATEGORIES)


def quick_fit(
    *,
    train: FeatureTable | None = None,
    validation: FeatureTable | None = None,
    config: TokenizerConfig = CONFIG,
    settings: TrainingSettings = SETTINGS,
    **changes: object,
) -> FitResult:
    train = sample_table() if train is None else train
    return fit_tokenizer(
        train,
        sample_table(rows=60, seed=7) if validation is None else validation,
        category_map=CategoryMap.from_registry(train.registry),
        config=replace(config, **changes) if changes else config,
        settings=settings,
    )
