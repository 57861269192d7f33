import numpy as np
import pytest

from spinlock.questions.phases import FEWEST_DRAWS, find_plane
from spinlock.questions.projection import MOST_NEIGHBOUR_ROWS, project

RANDOM = np.random.default_rng(0)


def test_the_plane_that_words_gather_in_is_found_whatever_the_units():
    parameters = RANDOM.random((60, 4))
    quadrant = (parameters[:, 1] > 0.5) * 2 + (parameters[:, 3] > 0.5)
    tokens = np.stack([RANDOM.integers(3, size=60), quadrant], axis=1)
    found = find_plane(parameters, tokens, seed=0)
    assert {found.across, found.up} == {1, 3}
    assert found.category == 1
    assert found.p == pytest.approx(1 / 200)
    assert found.same > 0.6 > 2 * found.chance
    stretched = find_plane(np.exp(9 * parameters) * [1, 1e-6, 1e6, 1], tokens, seed=0)
    assert stretched == found


def test_words_that_know_of_no_parameter_seldom_stand_out():
    found = [find_plane(RANDOM.random((30, 3)), RANDOM.integers(3, size=(30, 4)), seed=7).p for _ in range(60)]
    assert np.mean(np.array(found) <= 0.05) < 0.15
    assert np.mean(np.array(found) <= 0.5) > 0.3


def test_chance_is_how_often_two_draws_have_the_same_word():
    tokens = np.array([0] * 12 + [1] * 8)[:, None]
    found = find_plane(RANDOM.random((20, 2)), tokens, seed=0)
    assert found.chance == pytest.approx((12 * 11 + 8 * 7) / (20 * 19))


def test_the_parameter_that_says_more_alone_runs_across():
    parameters = RANDOM.random((80, 2))
    assert find_plane(parameters, (parameters[:, [1]] > 0.5).astype(int), seed=0).across == 1


@pytest.mark.parametrize(
    ("parameters", "tokens"),
    [
        (np.zeros((0, 2)), np.zeros((0, 1), dtype=int)),
        (RANDOM.random((FEWEST_DRAWS - 1, 2)), RANDOM.integers(2, size=(FEWEST_DRAWS - 1, 1))),
        (RANDOM.random((30, 1)), RANDOM.integers(2, size=(30, 1))),
        (RANDOM.random((30, 2)) * [1, 0], RANDOM.integers(2, size=(30, 1))),
        (RANDOM.random((30, 2)), np.zeros((30, 1), dtype=int)),
        (RANDOM.random((30, 2)), np.array([-1] + [0, 1] * 15)[:30, None]),
    ],
)
def test_where_there_is_nothing_to_tell_apart_there_is_no_plane(parameters, tokens):
    assert find_plane(parameters, tokens, seed=0) is None


def test_neighbours_in_the_embedding_are_neighbours_in_the_plane():
    centres = 20 * RANDOM.standard_normal((4, 12))
    group = np.arange(80) % 4
    rows = centres[group] + RANDOM.standard_normal((80, 12))
    found = project(rows)
    assert found.method.startswith("t-SNE")
    squares = np.square(found.places[:, None] - found.places[None]).sum(axis=2)
    np.fill_diagonal(squares, np.inf)
    assert np.mean(group[squares.argmin(axis=1)] == group) == 1
    assert np.array_equal(project(rows).places, found.places)


def test_many_or_few_rows_lie_along_their_principal_axes():
    rows = RANDOM.standard_normal((MOST_NEIGHBOUR_ROWS + 1, 3)) * [1, 9, 3]
    found = project(rows)
    assert "principal" in found.method
    assert abs(np.corrcoef(found.places[:, 0], rows[:, 1])[0, 1]) > 0.99
    assert abs(np.corrcoef(found.places[:, 1], rows[:, 2])[0, 1]) > 0.99
    assert "principal" in project(rows[:5]).method


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (3, 1), (20, 1)])
def test_the_plane_has_two_axes_whatever_comes_in(shape):
    found = project(np.ones(shape))
    assert found.places.shape == (shape[0], 2)
    assert np.isfinite(found.places).all()
