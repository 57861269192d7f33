"""Distributions of tokens, and what they are worth."""

import numpy as np
import pytest
from sklearn.metrics import log_loss as log_loss_of_scikit_learn

from spinlock.questions.prediction import (
    Frequencies,
    Rows,
    accuracy,
    agreement,
    calibration_error,
    fit_token_forest,
    log_loss,
)


def test_bits_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    p, labels = rng.dirichlet(np.ones(5), 200), rng.integers(0, 5, (200, 1))
    expected = log_loss_of_scikit_learn(labels[:, 0], p, labels=range(5)) / np.log(2)
    assert log_loss([p], labels)[0] == pytest.approx(expected)


def test_a_certain_mistake_costs_infinitely_many_bits():
    assert log_loss([np.array([[1.0, 0.0]])], np.array([[1]]))[0] == np.inf


def test_calibration_error_is_the_gap_between_how_sure_and_how_often_right():
    """90 % sure of label 0 and right in 6 of 10; then 70 % sure and right in 7 of 10: (10 x .3 + 10 x 0) / 20."""
    p = np.array([[0.9, 0.1]] * 10 + [[0.7, 0.3]] * 10)
    labels = np.array([0] * 6 + [1] * 4 + [0] * 7 + [1] * 3)[:, None]
    assert calibration_error([p], labels)[0] == pytest.approx(0.15)
    assert accuracy([p], labels)[0] == pytest.approx(13 / 20)


def test_labels_drawn_from_the_distribution_are_calibrated():
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.ones(4), 20_000)
    labels = (p.cumsum(1) < rng.random((20_000, 1))).sum(1)[:, None]
    assert calibration_error([p], labels)[0] < 0.01


def test_agreement_counts_pairs_of_samples_of_one_draw():
    labels = np.array([[0, 1], [0, 2], [0, 1], [3, 3], [4, 3], [5, 5]])
    pairs, same = agreement(labels, ["a", "a", "a", "b", "b", "c"])
    assert pairs == 4
    np.testing.assert_allclose(same, [3 / 4, 2 / 4])
    assert agreement(labels[:2], ["a", "b"])[0] == 0
    assert np.isnan(agreement(labels[:2], ["a", "b"])[1]).all()


def test_who_knows_the_distribution_is_right_between_the_agreement_and_its_root():
    rng = np.random.default_rng(2)
    p = rng.dirichlet(np.full(6, 0.5), 3000)
    labels = np.concatenate([(p.cumsum(1) < rng.random((3000, 1))).sum(1) for _ in range(2)])[:, None]
    _, same = agreement(labels, [str(draw) for draw in range(3000)] * 2)
    best = accuracy([np.tile(p, (2, 1))], labels)[0]
    assert same[0] == pytest.approx(np.square(p).sum(1).mean(), abs=0.03)
    assert same[0] < best < np.sqrt(same[0])


def test_frequencies_are_those_of_the_system_drawn_to_all():
    labels, systems = np.array([[0], [0], [1], [1], [1], [1]]), np.array([0, 0, 0, 1, 1, 1])
    found = Frequencies.of(labels, systems, sizes=(3,), num_systems=3)
    overall = np.array([2.5, 4.5, 0.5]) / 7.5
    np.testing.assert_allclose(found.overall[0], overall)
    np.testing.assert_allclose(found.of_system[0][0], (np.array([2, 1, 0]) + 4 * overall) / 7)
    np.testing.assert_allclose(found.of_system[0][2], overall)
    np.testing.assert_allclose(found.by_system(np.array([2, -1]))[0], [overall, overall])


def test_a_forest_predicts_what_the_system_alone_does_not():
    """The token is the cell of the parameter, at its own bounds in each system, and wrong in a tenth of rows."""
    rng = np.random.default_rng(3)

    def rows(count):
        systems, u = rng.integers(0, 2, count), rng.random(count)
        token = (u > np.where(systems == 0, 0.3, 0.7)).astype(int)
        wrong = rng.random(count) < 0.1
        labels = np.stack([np.where(wrong, 2, token), rng.integers(0, 2, count)], 1)
        return Rows(np.stack([u, systems == 0, systems == 1], 1).astype(float), systems, labels)

    test = rows(400)
    forest = fit_token_forest(rows(400), rows(150), sizes=(3, 2), num_systems=2, seed=0)
    given = forest(test.inputs, test.systems)
    bits, system_bits = log_loss(given, test.labels), log_loss(forest.frequencies.by_system(test.systems), test.labels)
    noise = -0.9 * np.log2(0.9) - 0.1 * np.log2(0.1)
    assert noise < bits[0] < noise + 0.25
    assert system_bits[0] > bits[0] + 0.5
    assert 0.98 < bits[1] < 1.1  # a fair coin: what is learnt of it is wrong, and costs little
    assert all((p > 0).all() for p in given)
