"""A change of the code that is meant to change no number changes no number.

The losses are those of configs/vqvae/tiny.yaml on a table of four hidden factors; vector widths of the processor change
them below the sixth digit. Whoever changes the model on purpose prints them anew and says so in docs/decisions.md.
"""

from pathlib import Path

import pytest

from spinlock.config import TrainConfig, load_config
from spinlock.core.category_map import CategoryMap
from spinlock.core.feature_table import FeatureTable
from spinlock.core.seeds import stream
from spinlock.core.threads import one_thread
from spinlock.pipeline.train import tokenizer_config, training_settings
from spinlock.training.fit import fit_tokenizer

TINY = Path(__file__).parents[2] / "configs/vqvae/tiny.yaml"
LOSSES = [0.353528, 0.347137, 0.344569, 0.364722, 0.359163, 0.403022, 0.355620, 0.336476, 0.338253, 0.372659]


def factors(rows: int, purpose: str) -> FeatureTable:
    generator = stream(0, purpose)
    hidden = generator.standard_normal((rows, 4)) @ stream(0, "mixing").standard_normal((4, 18))
    values = hidden + 0.3 * generator.standard_normal((rows, 18))
    return FeatureTable.from_array(values, categories=["one"] * 7 + ["two"] * 11)


@one_thread()
def test_the_first_ten_losses_of_the_tiny_configuration_stay_what_they_are():
    config = load_config(TINY, TrainConfig, overrides=("model.backend=vqvae",))
    train = factors(80, "train")
    result = fit_tokenizer(
        train,
        factors(30, "validation"),
        category_map=CategoryMap.from_registry(train.registry),
        config=tokenizer_config(config),
        settings=training_settings(config),
    )
    assert [loss for _, loss in result.history.curves["total"]] == pytest.approx(LOSSES, rel=1e-4)
