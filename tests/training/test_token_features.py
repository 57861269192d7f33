import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from training_samples import QUICK, sample_table, sample_values

from spinlock.core.errors import ConfigError, InputError, NotFittedError
from spinlock.core.feature_table import FeatureTable
from spinlock.training.estimator import Tokenizer
from spinlock.training.token_features import TokenFeatures


def unfitted():
    return Tokenizer(levels=[(5, 8), (2, 4)], backend="classical", **QUICK)


@pytest.fixture(scope="module")
def tokenizer():
    return unfitted().fit(sample_table())


def features(tokenizer, **changes):
    return TokenFeatures(tokenizer, prefit=True, **changes).fit(sample_table())


def test_one_hot_columns_are_those_of_scikit_learn(tokenizer):
    table = sample_table(seed=3)
    step = features(tokenizer)
    codes = tokenizer.encode(table).codes.flatten(1).numpy()
    encoder = OneHotEncoder(categories=[range(8), range(4)] * 2).fit(codes)
    np.testing.assert_array_equal(step.transform(table).toarray(), encoder.transform(codes).toarray())
    names = step.get_feature_names_out()
    assert names[[0, 8, 12]].tolist() == ["wave__level0__token0", "wave__level1__token0", "heat__level0__token0"]
    assert len(names) == 24
    assert features(tokenizer, num_levels=1).transform(table).shape == (150, 16)
    assert isinstance(features(tokenizer, sparse_output=False).transform(table), np.ndarray)


@pytest.mark.parametrize("output", ["one_hot", "codes", "embedding", "decoded"])
def test_every_output_has_a_name_for_each_column(tokenizer, output):
    step = features(tokenizer, output=output)
    assert step.transform(sample_table()).shape == (150, len(step.get_feature_names_out()))


def test_an_absent_category_is_zero(tokenizer):
    values = sample_values(rows=3)
    values[1, :4] = torch.nan
    table = FeatureTable.from_array(values, names=sample_table().names, categories=["wave"] * 4 + ["heat"] * 5)
    assert features(tokenizer, sparse_output=False).transform(table)[1, :12].sum() == 0
    assert features(tokenizer, output="codes").transform(table)[1].tolist()[:2] == [-1, -1]
    assert (features(tokenizer, output="decoded").transform(table)[1, :4] == 0).all()
    assert (features(tokenizer, output="embedding").transform(table)[1, :5] == 0).all()


def test_decoded_columns_are_those_of_the_tokenizer(tokenizer):
    table = sample_table(seed=4)
    expected = tokenizer.tokenizer_.decode_normalized(tokenizer.encode(table), num_levels=1)
    np.testing.assert_array_equal(features(tokenizer, output="decoded", num_levels=1).transform(table), expected)


def test_a_pipeline_learns_from_tokens_and_its_settings_are_searched():
    values = sample_values().numpy()
    labels = values[:, 0] > np.median(values[:, 0])
    pipeline = make_pipeline(TokenFeatures(unfitted()), LogisticRegression())
    search = GridSearchCV(pipeline, {"tokenfeatures__num_levels": [1, 2]}, cv=2).fit(values[:100], labels[:100])
    assert search.score(values[100:], labels[100:]) > 0.7
    assert "tokenfeatures__tokenizer__levels" in pipeline.get_params()


def test_a_clone_is_not_fitted_and_fitting_leaves_the_given_tokenizer_alone():
    given = unfitted()
    step = TokenFeatures(given).fit(sample_values())
    assert not given.__sklearn_is_fitted__()
    assert step.transform(sample_values()).shape[0] == 150
    with pytest.raises(NotFittedError, match="TokenFeatures is not fitted yet"):
        clone(step).transform(sample_values())


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"output": "onehot"}, ConfigError, "unknown output 'onehot'. Did you mean 'one_hot'"),
        ({"num_levels": 3}, InputError, "between 1 and 2"),
        ({"num_levels": 1, "output": "embedding"}, InputError, "is not for the output 'embedding'"),
    ],
)
def test_what_makes_no_sense_is_refused(tokenizer, changes, error, words):
    with pytest.raises(error, match=words):
        features(tokenizer, **changes)


def test_a_tokenizer_that_is_used_as_it_is_must_be_fitted():
    with pytest.raises(NotFittedError, match="`prefit` needs a fitted tokenizer"):
        TokenFeatures(unfitted(), prefit=True).fit(sample_table())


def test_cross_validation_uses_a_tokenizer_that_is_fitted_already_as_it_is(tokenizer):
    values, labels = sample_values(), np.arange(150) % 2
    pipeline = make_pipeline(TokenFeatures(tokenizer, prefit=True), LogisticRegression())
    copied = clone(pipeline)
    assert copied[0].tokenizer is tokenizer
    assert not copied[0].__sklearn_is_fitted__()
    assert cross_val_predict(pipeline, values, labels, cv=3).shape == (150,)
