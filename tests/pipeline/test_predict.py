"""`spinlock predict`: from parameters to the distribution of coarse tokens, from files."""

import json

import numpy as np
import pytest

import spinlock
from spinlock.cli.app import run
from spinlock.core.errors import InputError, UsageError
from spinlock.pipeline.prediction_inputs import PredictionInputs
from spinlock.pipeline.question_runs import load_runs


@pytest.fixture(scope="module")
def runs(dataset, few_tokens):
    return load_runs(dataset, few_tokens)


@pytest.fixture(scope="module")
def predictor(dataset, few_tokens):
    return spinlock.predict(dataset, few_tokens)


def test_the_command_says_what_the_function_does(dataset, few_tokens, predictor, runs, capsys):
    assert run(["predict", str(dataset), "--tokenizer", str(few_tokens), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    first = predictor.figures.categories[0]
    assert told["categories"][0]["bits"] == first.bits
    assert [entry["category"] for entry in told["categories"]] == ["all categories", *runs.tokens.category_names]
    for name in ("bits", "system_bits", "overall_bits"):
        assert told["categories"][0][name] == pytest.approx(sum(entry[name] for entry in told["categories"][1:]))
    assert 0 < told["held_out"] < len(runs.tokens)
    assert told["pairs"] == 0
    assert told["categories"][0]["agreement"] is None


def test_a_distribution_is_one_over_all_tokens_and_absence(predictor, runs):
    names = {name: str(value) if isinstance(value, str) else value for name, value in runs.values[0].items()}
    settings = {"system": runs.systems[0], "initial_condition": runs.starts[0]}
    found = predictor.distribution(parameters=names, **settings)
    assert list(found) == list(runs.tokens.category_names)
    for shares in found.values():
        assert len(shares) == 4
        assert shares.sum() == pytest.approx(1.0)
        assert (shares > 0).all()
    unknown = predictor.distribution(parameters={}, **settings)
    assert any(not np.array_equal(found[name], unknown[name]) for name in found)


def test_parameters_stand_in_slots_of_their_own_system(runs):
    inputs = PredictionInputs.of(runs)
    widest = max(map(len, inputs.axes.values()))
    row = inputs.row("gray_scott", runs.starts[0], {"feed": 0.04})
    slot = [axis.name for axis in inputs.axes["gray_scott"]].index("feed")
    assert row[slot] == pytest.approx((0.04 - 0.018) / (0.062 - 0.018))
    assert (np.delete(row[: widest + len(inputs.numbers)], slot) == -1).all()
    assert row[widest + len(inputs.numbers) :].sum() == 2


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"system": "grey_scott"}, UsageError, "no run was of 'grey_scott'. Did you mean 'gray_scott'"),
        ({"parameters": {"fed": 0.1}}, UsageError, "'gray_scott' has no parameter fed. Did you mean 'feed'"),
        ({"initial_condition": "nowhere"}, UsageError, "no run started from 'nowhere'"),
        (
            {"parameters": {"noise_kind": "red"}},
            InputError,
            "parameter 'noise_kind' is one of additive, multiplicative; got 'red'",
        ),
    ],
)
def test_what_no_run_had_is_refused(predictor, runs, asked, error, message):
    settings = {"system": "gray_scott", "parameters": {}, "initial_condition": runs.starts[0]} | asked
    with pytest.raises(error, match=message):
        predictor.distribution(**settings)
