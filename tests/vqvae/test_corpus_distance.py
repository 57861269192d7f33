"""The boundary of the corpus: ratios of distances known in closed form, their laws, and the promise of the threshold."""

import json
import math

import numpy as np
import pytest
import torch
from scipy.spatial import KDTree

from spinlock.core.errors import InputError
from spinlock.core.seeds import torch_stream
from spinlock.vqvae.corpus_distance import CorpusBoundary

LINE = torch.arange(101.0)[:, None]
"""Rows at distance 1 from each other; the 5 nearest others of one inside are at 1, 1, 2, 2 and 3, on average 9 / 5."""


def normal(rows, seed, axes=4):
    return torch.randn((rows, axes), generator=torch_stream(seed, "rows"))


def boundary(train, validation=None, quantile=0.95):
    return CorpusBoundary.fit(train, train if validation is None else validation, quantile=quantile)


def test_on_a_line_the_ratio_is_that_of_the_mean_distances():
    found = boundary(LINE)
    assert found.spacing[10:90].tolist() == [pytest.approx(9 / 5)] * 80
    # Half-way between two rows: .5, .5, 1.5, 1.5, 2.5. On a row: 0, 1, 1, 2, 2.
    assert found(torch.tensor([[50.5], [50.0]])).tolist() == pytest.approx([1.3 / 1.8, 1.2 / 1.8])
    # 100 off the end: 100, 101, …, 104 over the spacings of the last five rows: 3, 11 / 5, 9 / 5, 9 / 5, 9 / 5.
    assert float(found(torch.tensor([[200.0]]))) == pytest.approx(102 / ((3 + 2.2 + 3 * 1.8) / 5))


def test_distances_are_those_of_a_search_by_a_tree():
    train, rows = normal(400, 0), 2 * normal(60, 1)
    tree = KDTree(train.double().numpy())
    spacing = tree.query(train.double().numpy(), 6)[0][:, 1:].mean(1)
    near, which = tree.query(rows.double().numpy(), 5)
    expected = near.mean(1) / spacing[which].mean(1)
    np.testing.assert_allclose(boundary(train)(rows).numpy(), expected, rtol=1e-6)


def test_neither_the_unit_nor_the_axes_of_the_embedding_count():
    train, rows = normal(200, 0).double(), 3 * normal(50, 1).double()
    turn = torch.linalg.qr(normal(4, 2).double()).Q
    moved = boundary(40 * train @ turn + 7)(40 * rows @ turn + 7)
    torch.testing.assert_close(moved, boundary(train)(rows), rtol=1e-5, atol=0)


def test_thin_and_crowded_parts_of_the_corpus_are_measured_by_their_own_spacing():
    """The same distance is much beside the crowd and nothing in the thin part."""
    train = torch.cat([normal(300, 0), 50 * normal(300, 1) + 1000])
    found = boundary(train)
    beside, within = found(torch.cat([normal(40, 2) + 20, 50 * normal(40, 3) + 1000])).split(40)
    assert float(beside.min()) > 5 * float(within.median())
    assert float(within.median()) == pytest.approx(1, abs=0.2)


def test_rows_far_away_are_outside_and_rows_of_the_corpus_are_not():
    found = boundary(normal(500, 0), normal(500, 1))
    assert found.is_outside(found(normal(300, 2))).double().mean() < 0.1
    assert found.is_outside(found(normal(300, 3) + torch.tensor([9.0, 0, 0, 0]))).all()


def test_rows_that_are_the_same_count_once():
    train, rows = normal(100, 0), normal(30, 1)
    once, often = boundary(train), boundary(torch.cat([train] + [train[:20]] * 9))
    assert torch.equal(often.reference, once.reference)
    assert torch.equal(often(rows), once(rows))


@pytest.mark.parametrize("count", [1, 2, 4])
def test_fewer_distinct_rows_than_neighbours_are_no_obstacle(count):
    train = torch.arange(float(count))[:, None].repeat(10, 1)
    found = boundary(train)
    distances = found(torch.tensor([[0.0], [1e6]]))
    assert distances.isfinite().all()
    assert found.is_outside(distances).tolist() == [False, True]


def test_a_row_has_the_same_distance_alone_among_others_and_in_another_order():
    found, rows = boundary(normal(500, 0)), torch.cat([normal(700, 1), normal(500, 0)[:30]])
    together = found(rows)
    for index in (*torch.arange(0, 730, 61).split(1), torch.arange(5, 400), torch.arange(729, -1, -3)):
        assert torch.equal(found(rows[index]), together[index])
    assert found(rows[:0]).shape == (0,)


def test_a_row_without_coordinates_has_no_distance_and_is_not_outside():
    train = normal(50, 0)
    with_gaps = train.clone()
    with_gaps[7] = torch.nan
    found = boundary(with_gaps, torch.cat([normal(20, 1), with_gaps[7:8]]))
    assert (len(found.reference), found.num_rows) == (49, 20)
    distances = found(torch.stack([with_gaps[7], 100 + train[0]]))
    assert distances.isnan().tolist() == [True, False]
    assert found.is_outside(distances).tolist() == [False, True]


@pytest.mark.parametrize("quantile", [0.5, 0.9])
def test_rows_of_the_same_corpus_are_flagged_no_more_often_than_promised(quantile):
    flagged = []
    for seed in range(300):
        rows = normal(160, seed, axes=2)
        found = boundary(rows[:100], rows[100:140], quantile)
        flagged.append(float(found.is_outside(found(rows[140:])).double().mean()))
    rank = math.ceil(41 * quantile)
    assert np.mean(flagged) == pytest.approx(1 - rank / 41, abs=0.02)  # exact for exchangeable rows
    assert 1 - rank / 41 <= 1 - quantile


def test_too_few_rows_give_the_largest_distance():
    rows = torch.tensor([[50.5], [200.0], [torch.nan]])
    found = boundary(LINE, rows, 0.99)
    assert (found.threshold, found.num_rows) == (float(found(rows)[1]), 2)


def test_tensors_and_settings_bring_the_boundary_back():
    found, rows = boundary(normal(80, 0)), normal(40, 1)
    again = CorpusBoundary.restored(found.state_dict(), json.loads(json.dumps(found.settings())))
    assert torch.equal(again(rows), found(rows))
    assert again.settings() == found.settings()
    assert (again.quantile, again.num_rows, again.threshold) == (0.95, 80, found.threshold)


@pytest.mark.parametrize("quantile", [0.0, 1.5])
def test_a_quantile_out_of_range_is_refused(quantile):
    with pytest.raises(InputError, match=f"above 0 and at most 1; got {quantile}"):
        boundary(LINE, quantile=quantile)


def test_a_corpus_without_a_value_is_refused():
    nothing = torch.full((2, 1), torch.nan)
    with pytest.raises(InputError, match="at least one validation row"):
        boundary(LINE, nothing)
    with pytest.raises(InputError, match="at least one training row"):
        boundary(nothing)
