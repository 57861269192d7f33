"""Small steps around what was seen, and the best of them that differ."""

import numpy as np
import pytest

from spinlock.core.seeds import stream
from spinlock.questions.forest import fit_forest, probabilities
from spinlock.questions.proposals import APART, choose, jitters

ONE_DRAW = np.zeros(300, dtype=int)


def stepped(seen, is_kept, count=4000, widths=(0.03, 0.08)):
    return jitters(np.array(seen), np.array(is_kept), rng=stream(0, "test"), count=count, widths=widths)


def test_kept_axes_are_those_of_the_run_that_a_step_came_from():
    seen = [[0.2, 0.9], [0.7, 0.1]]
    found = stepped(seen, [False, True])
    np.testing.assert_array_equal(found.places[:, 1], np.array(seen)[found.origins, 1])
    assert len(np.unique(found.places[:, 0])) == 4000


def test_runs_and_widths_take_turns():
    found = stepped([[0.4], [0.5], [0.6]], [False], count=600, widths=(0.0, 0.08))
    assert np.bincount(found.origins).tolist() == [200, 200, 200]
    stays = found.places[:, 0] == np.array([0.4, 0.5, 0.6])[found.origins]
    assert [int(stays[found.origins == run].sum()) for run in range(3)] == [100, 100, 100]


@pytest.mark.parametrize("width", [0.03, 0.08])
def test_steps_are_normal_with_the_stated_width(width):
    steps = stepped([[0.5]], [False], count=20_000, widths=(width,)).places - 0.5
    assert steps.std() == pytest.approx(width, rel=0.03)
    assert abs(steps.mean()) < 0.03 * width


def test_a_step_over_an_end_is_folded_back():
    """Folding at 0 makes |step|, whose mean is σ √(2/π); clipping would heap half of them at 0."""
    places = stepped([[0.0], [1.0]], [False], count=20_000, widths=(0.05,))
    assert ((places.places >= 0) & (places.places <= 1)).all()
    inward = np.where(places.origins == 0, places.places[:, 0], 1 - places.places[:, 0])
    assert inward.mean() == pytest.approx(0.05 * np.sqrt(2 / np.pi), rel=0.03)
    assert (inward > 0).all()


def test_the_best_that_differ_are_chosen():
    scores = np.array([0.9, 0.8, 0.7, 0.6])
    places = np.array([[0.5], [0.5 + APART / 2], [0.5 - APART], [0.9]])
    assert choose(scores, places, np.array([False]), ONE_DRAW[:4], count=3) == [0, 2, 3]
    assert choose(scores, places, np.array([False]), ONE_DRAW[:4], count=2) == [0, 2]


def test_a_draw_has_at_most_twice_its_share():
    """Of six from three draws at most four come from one."""
    scores, places, draws = np.linspace(1, 0, 12), np.linspace(0, 1, 12)[:, None], np.array([0] * 7 + [1] * 3 + [2] * 2)
    assert choose(scores, places, np.array([False]), draws, count=6) == [0, 1, 2, 3, 7, 8]
    assert choose(scores, places, np.array([False]), ONE_DRAW[:12], count=6) == [0, 1, 2, 3, 4, 5]


def test_a_kept_axis_that_differs_makes_a_difference_however_near_its_places_are():
    scores, places = np.array([0.9, 0.8]), np.array([[0.5, 0.1], [0.5, 0.1001]])
    assert choose(scores, places, np.array([False, True]), ONE_DRAW[:2], count=2) == [0, 1]
    assert choose(scores, places, np.array([False, False]), ONE_DRAW[:2], count=2) == [0]


def test_no_two_chosen_are_almost_the_same():
    rng = np.random.default_rng(0)
    places = rng.random((300, 2)) * 0.2
    chosen = choose(rng.random(300), places, np.array([False, False]), ONE_DRAW, count=300)
    distances = np.sqrt(np.square(places[chosen][:, None] - places[chosen]).mean(-1))
    assert distances[~np.eye(len(chosen), dtype=bool)].min() >= APART
    left = [one for one in range(300) if one not in chosen]
    assert (np.sqrt(np.square(places[left][:, None] - places[chosen]).mean(-1)).min(1) < APART).all()


def test_a_forest_knows_where_a_regime_is():
    rng = np.random.default_rng(1)
    inputs = rng.random((400, 3))
    inside = (inputs[:, 0] < 0.3) & (inputs[:, 1] > 0.6)
    forest = fit_forest(inputs, inside[:, None].astype(int), seed=0)
    chance = probabilities(forest, np.array([[0.1, 0.8, 0.5], [0.8, 0.2, 0.5]]), (2,))[0]
    np.testing.assert_allclose(chance.sum(1), 1.0)
    assert chance[0, 1] > 0.5
    assert chance[1, 1] < 0.05


def test_labels_that_a_forest_never_saw_have_probability_zero():
    inputs = np.arange(6.0)[:, None]
    labels = np.array([[0, 3], [0, 3], [0, 3], [2, 1], [2, 1], [2, 1]])
    first, second = probabilities(fit_forest(inputs, labels, seed=0), inputs, (4, 5))
    assert first.shape == (6, 4)
    assert second.shape == (6, 5)
    np.testing.assert_array_equal(first.argmax(1), labels[:, 0])
    np.testing.assert_array_equal(second.argmax(1), labels[:, 1])
    assert first[:, [1, 3]].sum() == second[:, [0, 2, 4]].sum() == 0


def test_a_forest_is_the_same_for_the_same_seed():
    rng = np.random.default_rng(2)
    inputs, labels = rng.random((60, 2)), rng.integers(0, 2, (60, 1))
    first, again, other = (
        probabilities(fit_forest(inputs, labels, seed=seed, min_rows=4), inputs, (2,))[0] for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
