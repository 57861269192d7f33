"""Search in an embedding gives what comparing all rows gives, a draw once."""

import pytest
import torch

from spinlock.core.errors import InputError
from spinlock.questions.search import BehaviourIndex


@pytest.fixture
def rows():
    """300 rows of 150 draws, two each and a fifth of the spread of all apart, far from the origin."""
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(150, 12, generator=generator)
    return (draws.repeat_interleave(2, 0) + 0.2 * torch.randn(300, 12, generator=generator)) * 5 + 200


@pytest.fixture
def groups():
    return tuple(f"draw {row // 2}" for row in range(300))


@pytest.fixture
def index(rows, groups):
    return BehaviourIndex(rows, groups)


def test_hits_are_those_of_comparing_all_rows_in_float64(rows):
    index = BehaviourIndex(rows)
    for query in rows[::37] + 0.3:
        exact = (rows.double() - query.double()).norm(dim=1)
        rows_found, distances = index.like(query, num_hits=15)
        assert rows_found.tolist() == exact.argsort(stable=True)[:15].tolist()
        torch.testing.assert_close(distances, exact.sort().values[:15].float())


def test_of_equal_rows_the_first_is_the_first_hit():
    rows = torch.tensor([[1.0, 0.1]] * 40 + [[0.0, 0.0]])
    assert BehaviourIndex(rows).like(rows[7], num_hits=3).rows.tolist() == [0, 1, 2]


def test_a_draw_is_a_hit_once_by_its_nearest_row(rows, groups, index):
    query = rows[40] + 0.1
    hits = index.like(query, num_hits=20)
    names = [groups[row] for row in hits.rows]
    assert len(set(names)) == 20
    best: dict[str, float] = {}
    for row in range(300):
        distance = float((rows[row].double() - query.double()).norm())
        best[groups[row]] = min(distance, best.get(groups[row], torch.inf))
    assert names == sorted(best, key=best.__getitem__)[:20]


def test_the_draw_of_the_query_is_left_out_where_it_is_named(rows, index):
    assert index.like(rows[40], num_hits=1).rows.tolist() == [40]
    assert not {40, 41} & set(index.like(rows[40], num_hits=149, but="draw 20").rows.tolist())


def test_replicates_are_hits_where_each_run_is_asked_for(rows, index):
    assert set(index.like(rows[40], num_hits=2, each_run=True).rows.tolist()) == {40, 41}


def test_only_allowed_rows_are_hits(rows, index):
    allowed = torch.arange(300) % 3 == 0
    hits = index.like(rows[40], num_hits=150, allowed=allowed)
    assert len(hits.rows) == 100
    assert allowed[hits.rows].all()


def test_rows_without_an_embedding_are_in_no_answer(rows, groups):
    rows = rows.clone()
    rows[:6] = torch.nan
    index = BehaviourIndex(rows, groups)
    assert len(index.like(rows[9], num_hits=300, each_run=True).rows) == 294
    assert len(index.unlike(num_hits=300, each_run=True).rows) == 294
    assert index.subset(147).rows.min() >= 6
    assert index.apartness()[:6].isnan().all()


def test_far_rows_do_not_change_which_are_near(rows):
    far = torch.cat([rows, torch.full((1, 12), 1e15)])
    query = rows[3] + 0.2
    assert torch.equal(BehaviourIndex(far).like(query).rows, BehaviourIndex(rows).like(query).rows)


def test_the_row_apart_from_all_others_is_most_unlike(rows, groups):
    rows = rows.clone()
    rows[100:102] += 60.0
    hits = BehaviourIndex(rows, groups).unlike(num_hits=3)
    assert hits.rows[0] in (100, 101)
    assert hits.values[0] > 2 * hits.values[1]


def test_apartness_does_not_depend_on_the_unit_and_is_about_1_within_a_cloud(rows, groups):
    values = BehaviourIndex(rows, groups).apartness()
    assert 0.9 < values.median() < 1.2
    torch.testing.assert_close(values, BehaviourIndex(rows * 7, groups).apartness(), rtol=1e-3, atol=1e-3)


def test_a_replicate_of_its_own_does_not_make_a_row_less_apart(rows):
    alone = torch.cat([rows[::2], rows[::2][:1] * 0])
    both = torch.cat([alone, alone[-1:]])
    groups = tuple(map(str, range(151)))
    one, two = BehaviourIndex(alone, groups), BehaviourIndex(both, (*groups, "150"))
    torch.testing.assert_close(one.apartness()[150], two.apartness()[150])


def test_a_subset_covers_every_cluster(groups):
    generator = torch.Generator().manual_seed(1)
    centers = 50 * torch.eye(5)
    rows = centers[torch.arange(300) // 60] + torch.randn(300, 5, generator=generator)
    for rare in (False, True):
        found = BehaviourIndex(rows, groups).subset(5, rare=rare)
        assert set((found.rows // 60).tolist()) == set(range(5))
        assert found.num_rows.tolist() == [60] * 5


def test_rare_members_are_in_a_rare_subset():
    generator = torch.Generator().manual_seed(1)
    rows = torch.randn(500, 4, generator=generator)
    rows[77] += 40.0
    index = BehaviourIndex(rows)
    assert 77 in index.subset(3, rare=True).rows
    counts = index.subset(20).num_rows
    assert counts.sum() == 500
    assert counts.tolist() == sorted(counts.tolist(), reverse=True)


@pytest.mark.parametrize("rare", [False, True])
def test_members_of_a_subset_are_of_different_draws(index, groups, rare):
    assert len({groups[row] for row in index.subset(150, rare=rare).rows}) == 150


def test_noise_is_the_median_distance_within_draws(rows, index):
    expected = (rows[::2] - rows[1::2]).double().norm(dim=1).median()
    assert index.noise() == pytest.approx(float(expected))
    assert BehaviourIndex(rows).noise() is None


def test_duplicates_are_the_nearest_pairs_of_different_draws(rows, groups):
    rows = rows.clone()
    rows[250], rows[11] = rows[30] + 0.01, rows[200]
    index = BehaviourIndex(rows, groups)
    found = index.duplicates()
    assert list(zip(found.first.tolist(), found.second.tolist(), strict=True))[:2] == [(11, 200), (30, 250)]
    assert found.distances[0] == 0
    apart = torch.cdist(rows.double(), rows.double(), compute_mode="donot_use_mm_for_euclid_dist")
    draws = torch.arange(300) // 2
    near = (apart < found.limit) & (draws[:, None] < draws)
    assert found.num_pairs == int(near.sum())
    assert found.limit == index.noise()


def test_two_draws_are_one_pair(rows, groups):
    rows = rows.clone()
    rows[20:22] = rows[0:2]
    found = BehaviourIndex(rows, groups).duplicates(nearer_than=1e-3)
    assert (len(found.first), found.num_pairs) == (1, 2)


def test_refused_questions(rows, index):
    with pytest.raises(InputError, match="`query` must be 12 numbers, an embedding by the same tokenizer; got"):
        index.like(rows[0, :5])
    with pytest.raises(InputError, match="got NaN"):
        index.like(rows[0] * torch.nan)
    with pytest.raises(InputError, match="`num_hits` must be at least 1; got 0"):
        index.like(rows[0], num_hits=0)
    with pytest.raises(InputError, match="a subset of 151 needs as many draws; there are 150"):
        index.subset(151)
    with pytest.raises(InputError, match="no draw has two rows, so nothing says what noise does"):
        BehaviourIndex(rows).duplicates()
    with pytest.raises(InputError, match="at least 3 draws that differ; got 1"):
        BehaviourIndex(torch.ones(5, 3)).unlike()
    with pytest.raises(InputError, match="none of the 2 rows has an embedding"):
        BehaviourIndex(torch.full((2, 3), torch.nan))
    with pytest.raises(InputError, match="one entry for each of the 300 rows; got 1"):
        BehaviourIndex(rows, ("a",))
