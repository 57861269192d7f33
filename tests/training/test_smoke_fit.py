import torch

from spinlock.core.category_map import CategoryMap
from spinlock.core.feature_table import FeatureTable
from spinlock.core.tokens import Level, TokenizerConfig
from spinlock.training.fit import fit_tokenizer
from spinlock.training.settings import TrainingSettings


def test_fit_smoke():
    x = torch.randn(60, 9, generator=torch.Generator().manual_seed(0))
    t = FeatureTable.from_array(x, categories=["a"] * 4 + ["b"] * 5)
    r = fit_tokenizer(
        t.rows(range(40)),
        t.rows(range(40, 60)),
        category_map=CategoryMap.from_registry(t.registry),
        config=TokenizerConfig(levels=(Level(latent_dim=3, num_tokens=4),) * 2, group_embedding_dim=6),
        settings=TrainingSettings(num_epochs=20),
    )
    assert r.tokenizer.encode(t).codes.shape == (60, 2, 2)
