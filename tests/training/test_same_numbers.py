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
from spinlock.training.fit import fit_tokenizer

TINY = Path(__file__).parents[2] / "configs/vqvae/tiny.yaml"
LOSSES = [0.424689, 0.424833, 0.428727, 0.460025, 0.448692, 0.495491, 0.449585, 0.427569, 0.421657, 0.461996]


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
        model=config.model,
        encoder=config.families["summary"],
        fit=config.training,
    )
    assert [loss for _, loss in result.history.curves["total"]] == pytest.approx(LOSSES, rel=1e-4)
