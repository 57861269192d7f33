import math

import pytest

from spinlock.core.errors import ConfigError
from spinlock.training.history import History
from spinlock.training.problem import learning_rate_at
from spinlock.training.spec import FitSpec


def rate(step, *, warmup=0.1, final_rate=0.0):
    return learning_rate_at(step, num_steps=100, peak=2.0, warmup=warmup, final_rate=final_rate)


def test_the_rate_rises_linearly_to_the_peak():
    assert [rate(step) for step in range(10)] == pytest.approx([2.0 * (step + 1) / 11 for step in range(10)])
    assert rate(10) == 2.0


def test_the_rate_falls_along_a_half_cosine():
    assert rate(55) == pytest.approx(1.0)
    assert rate(10 + 30) == pytest.approx(1 + math.cos(math.pi / 3))
    assert rate(100) == pytest.approx(0.0)


def test_the_rate_ends_at_its_final_share_and_stays_there():
    assert rate(100, final_rate=0.25) == pytest.approx(0.5)
    assert rate(500, final_rate=0.25) == pytest.approx(0.5)


def test_without_warm_up_the_first_step_has_the_peak_rate():
    assert rate(0, warmup=0.0) == 2.0


def test_curves_come_back_from_json():
    history = History()
    history.add(1, {"total": 0.5})
    history.add(2, {"total": 0.25, "validation_mse": 0.75})
    again = History.from_json(history.to_json())
    assert again == history
    assert again.curves["validation_mse"] == [(2, 0.75)]
    assert again.last("total") == 0.25
    assert math.isnan(again.last("unheard"))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("num_epochs", -1, "`num_epochs` must be at least 0; got -1"),
        ("batch_size", 0, "`batch_size` must be at least 1; got 0"),
        ("batch_size", 1.5, "`batch_size` must be a whole number; got 1.5"),
        ("learning_rate", 0.0, "`learning_rate` must be greater than 0; got 0.0"),
        ("learning_rate", math.nan, "`learning_rate` must be"),
        ("warmup", 1.5, "`warmup` must be at most 1; got 1.5"),
        ("mixing_reach", 2.0, "`mixing_reach` must be at most 1"),
        ("beam", 0, "`beam` must be at least 1"),
        ("weight_decay", -0.1, "`weight_decay` must be at least 0"),
        ("corpus_quantile", 0.0, "`corpus_quantile` must be greater than 0; got 0.0"),
        ("validation_fraction", 1.0, "`validation_fraction` must be less than 1; got 1.0"),
        ("device", "gpu", "`device` must be cpu, cuda or cuda:<number>; got 'gpu'"),
        (
            "column_warp",
            "log",
            "`column_warp` must be one of 'auto', 'linear', 'signed_log' or 'rank_gauss'; got 'log'",
        ),
        ("num_epoch", 3, "unknown setting 'num_epoch'. Did you mean 'num_epochs'"),
    ],
)
def test_settings_out_of_range_are_refused(name, value, message):
    with pytest.raises(ConfigError, match=message):
        FitSpec(**{name: value})
