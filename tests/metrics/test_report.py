import json
import math
from dataclasses import replace

import pytest
import torch

from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import InputError
from spinlock.core.masked import masked_mse
from spinlock.core.report import Check, CoderFigures, Report
from spinlock.core.tokens import TokenTable
from spinlock.metrics import ModelFigures, judge_split
from spinlock.metrics.reconstruction import ErrorSums
from spinlock.metrics.usage import row_digests

TWO = CategoryMap(group_indices={"a": (0, 2), "b": (1,)}, feature_names=("x", "y", "constant"))
SIZES = torch.tensor([[2, 4], [2, 2]])


def figures(*, orthogonality=0.1, informativeness=0.2, noise=0.1):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, 3, generator=generator)
    x[:, 2] = 0.0
    mask = torch.rand(64, 3, generator=generator) < 0.9
    prefixes = [x + 0.5 * torch.randn(64, 3, generator=generator), x + noise]
    codes = torch.arange(64)[:, None, None] % SIZES
    tokens = TokenTable(codes=codes, category_names=("a", "b"), codebook_sizes=SIZES)
    judged = judge_split(
        ErrorSums.of(x, [torch.zeros_like(x), *prefixes], mask),
        digests=row_digests(x),
        tokens=tokens,
        train_tokens=tokens,
        category_map=TWO,
        model=ModelFigures(orthogonality=orthogonality),
    )
    return replace(judged, informativeness=informativeness), masked_mse(x, prefixes[-1], mask)


def report(**changes):
    judged, _ = figures(**changes)
    return Report(
        splits={"train": judged, "test": judged},
        category_names=("a", "b"),
        codebook_sizes=((2, 4), (2, 2)),
        bits=5.0,
        baselines=(CoderFigures(name="column mean", bits=0.0, mse={"train": 1.0, "test": math.nan}),),
        backend="classical",
        backend_mse={"classical": 0.1, "vqvae": 0.2},
        provenance={"seed": "0"},
    )


def test_figures_of_a_split_agree_with_each_other():
    judged, mse = figures()
    assert judged.mse == judged.mse_by_level[-1] == pytest.approx(mse)
    assert len(judged.level_gains) == 2
    assert judged.level_gains[1] == pytest.approx(1 - judged.mse_by_level[2] / judged.mse_by_level[1])
    assert {name: len(errors) for name, errors in judged.category_mse.items()} == {"a": 3, "b": 3}
    assert judged.collisions == 1.0
    assert judged.entropy_bits == pytest.approx(5.0)
    assert math.isnan(judged.column_r2["constant"])
    assert judged.median_column_r2 == pytest.approx((judged.column_r2["x"] + judged.column_r2["y"]) / 2)


def test_good_figures_pass_every_threshold():
    assert [check.passed for check in report().checks("test")] == [True] * 5
    assert report().passed("test")


@pytest.mark.parametrize(
    ("change", "failing"),
    [
        ({"noise": 0.4}, "reconstruction MSE"),
        ({"orthogonality": 0.16}, "orthogonality"),
        ({"informativeness": 0.51}, "informativeness"),
        ({"orthogonality": math.nan}, "orthogonality"),
    ],
)
def test_bad_figure_fails_its_threshold_alone(change, failing):
    checks = report(**change).checks("test")
    assert [check.name for check in checks if not check.passed] == [failing]
    assert not report(**change).passed("test")


def test_figure_that_was_not_measured_says_so():
    assert report(informativeness=math.nan).checks()[-1].note == "not measured"


def test_dead_codes_fail_even_where_the_corrected_use_is_perfect():
    judged, _ = figures()
    half_dead = replace(judged.usage[1], used_train=0.5, dead_codes=2, corrected=1.0)
    changed = replace(report(), splits={"test": replace(judged, usage=(judged.usage[0], half_dead, *judged.usage[2:]))})
    failing = [check for check in changed.checks("test") if not check.passed]
    assert [check.value for check in failing] == [0.5]
    assert "3 of 4 codebooks pass; lowest: a level 1" in failing[0].note


def test_category_that_training_never_saw_is_left_out_of_the_use_and_named():
    judged, _ = figures()
    unseen = {"rows_per_code": 0.0, "used_train": 0.0, "corrected": math.nan}
    usage = tuple(replace(u, **unseen) if u.category == "b" else u for u in judged.usage)
    checks = replace(report(), splits={"test": replace(judged, usage=usage)}).checks()
    use = [check for check in checks if check.name.startswith("utilization")]
    assert all(check.passed and "2 left out" in check.note for check in use)


def test_held_out_use_is_not_checked_on_training_rows():
    assert len(report().checks("train")) == len(report().checks("test")) - 1


def test_threshold_is_met_strictly():
    assert not Check(name="x", value=0.1, threshold=0.1, must_be="below").passed
    assert not Check(name="x", value=0.8, threshold=0.8, must_be="above").passed


def test_report_comes_back_from_json():
    text = report(orthogonality=math.nan).to_json()
    again = Report.from_json(text)
    assert again.to_json() == text
    assert again.splits["test"].usage == report().splits["test"].usage
    assert math.isnan(again.splits["test"].orthogonality)


def test_json_has_null_where_a_figure_is_undefined():
    data = json.loads(report().to_json(), parse_constant=pytest.fail)
    assert data["splits"]["test"]["column_r2"]["constant"] is None


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"splits": {"test": {}}}'])
def test_text_that_is_no_report_is_refused(text):
    with pytest.raises(InputError, match="the report is not readable"):
        Report.from_json(text)


def test_unknown_split_is_named():
    with pytest.raises(InputError, match="no split 'tests'. Did you mean 'test'"):
        report().checks("tests")
