import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from spinlock.core.errors import InputError
from spinlock.metrics.token_distance import (
    column_distances,
    level_weights,
    nearest,
    nearest_of_blocks,
    token_distances,
)


def codes(rows, seed, *, num_codes=3):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, num_codes, size=(rows, 4, 2)))


def test_equal_weights_that_are_not_nested_are_scipys_hamming_distance():
    first, second = codes(9, 0), codes(7, 1)
    found = token_distances(first, second, weights=(1.0, 1.0), nested=False)
    np.testing.assert_allclose(found, cdist(first.flatten(1), second.flatten(1), "hamming"))


def test_a_fine_token_below_another_coarse_one_is_another_token():
    first = torch.tensor([[[0, 5]]])
    second = torch.tensor([[[0, 5]], [[0, 6]], [[1, 5]], [[1, 6]]])
    assert token_distances(first, second, weights=(0.75, 0.25)).tolist() == [[0.0, 0.25, 1.0, 1.0]]
    assert token_distances(first, second, weights=(3.0, 1.0), nested=False).tolist() == [[0.0, 0.25, 0.75, 1.0]]


def test_the_nested_distance_is_an_ultrametric_within_a_category():
    one = codes(20, 2)[:, :1]
    d = token_distances(one, one, weights=(0.6, 0.4)).numpy()
    np.testing.assert_array_equal(d, d.T)
    assert (np.diag(d) == 0).all()
    assert (d[:, None, :] <= np.maximum(d[:, :, None], d[None, :, :]) + 1e-12).all()


def test_categories_that_one_of_two_samples_lacks_are_left_out():
    first, second = codes(1, 3).clone(), codes(1, 4).clone()
    whole = token_distances(first[:, 1:], second[:, 1:], weights=(1.0, 1.0))
    first[0, 0] = -1
    torch.testing.assert_close(token_distances(first, second, weights=(1.0, 1.0)), whole)
    first[0, 1:] = -1
    assert torch.isnan(token_distances(first, second, weights=(1.0, 1.0))).all()


def test_weights_that_are_not_one_a_level_are_refused():
    with pytest.raises(InputError, match="one entry for each of the 2 levels; got 1"):
        token_distances(codes(2, 0), codes(2, 0), weights=(1.0,))


def test_weights_are_the_shares_of_the_error_that_levels_take_off():
    assert level_weights([1.0, 0.4, 0.2]) == pytest.approx((0.75, 0.25))
    assert level_weights([1.0, 0.5, 0.6]) == (1.0, 0.0)
    assert level_weights([1.0, 1.2]) == (1.0,)


def test_column_distances_are_root_mean_squares_over_common_columns():
    draw = np.random.default_rng(0)
    first, second = torch.from_numpy(draw.standard_normal((4, 5))), torch.from_numpy(draw.standard_normal((3, 5)))
    np.testing.assert_allclose(column_distances(first, second), cdist(first, second) / 5**0.5)
    first[1, :3] = torch.nan
    second[2, 3:] = torch.nan
    found = column_distances(first, second)
    assert float(found[1, 0]) == pytest.approx(float((first[1, 3:] - second[0, 3:]).square().mean().sqrt()))
    assert torch.isnan(found[1, 2])


def test_the_nearest_are_those_at_the_smallest_distances_and_the_unknown_come_last():
    found = nearest(torch.tensor([[0.3, torch.nan, 0.1, 0.3]]), num_neighbors=4)
    assert found.rows.tolist() == [[2, 0, 3, 1]]
    assert found.distances[0, :3].tolist() == pytest.approx([0.1, 0.3, 0.3])
    with pytest.raises(InputError, match="between 1 and 4; got 5"):
        nearest(torch.zeros(1, 4), num_neighbors=5)


@pytest.mark.parametrize("num_neighbors", [1, 3, 40])
def test_the_nearest_are_those_of_a_stable_sort_of_all_distances(num_neighbors):
    d = torch.from_numpy(np.random.default_rng(0).integers(0, 5, size=(30, 40))).double()
    d[d == 4] = torch.nan
    order = torch.nan_to_num(d, nan=torch.inf).sort(dim=1, stable=True).indices[:, :num_neighbors]
    assert torch.equal(nearest(d, num_neighbors=num_neighbors).rows, order)


def test_blocks_of_queries_and_samples_have_the_nearest_of_all():
    first, second = codes(300, 5), codes(9000, 6)
    first[7], second[4000:4100] = -1, -1

    def distance(some, others):
        return token_distances(some, others, weights=(0.7, 0.3))

    whole = nearest(distance(first, second), num_neighbors=7)
    found = nearest_of_blocks(first, second, distance, num_neighbors=7)
    assert torch.equal(found.rows, whole.rows)
    torch.testing.assert_close(found.distances, whole.distances, rtol=0, atol=0, equal_nan=True)
    with pytest.raises(InputError, match="between 1 and 9000; got 9001"):
        nearest_of_blocks(first, second, distance, num_neighbors=9001)
