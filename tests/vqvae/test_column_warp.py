import numpy as np
import pytest
import scipy.stats
import torch

from spinlock.vqvae.column_warp import WARPS, ColumnWarp, excess_kurtosis


def columns(rows=2000, seed=0):
    """Normal, log-normal on both sides of 5, a power law times 1e-4, many zeros, constant."""
    generator = np.random.default_rng(seed)
    normal = generator.standard_normal((rows, 4))
    mostly_zero = np.where(normal[:, 3] > 1.7, normal[:, 3], 0)
    wide = [normal[:, 0], 5 + np.sinh(3 * normal[:, 1]), 1e-4 * np.exp(2 * normal[:, 2]), mostly_zero, np.full(rows, 7)]
    return torch.tensor(np.stack(wide, 1))


@pytest.mark.parametrize("choice", ["auto", *WARPS])
def test_every_map_ascends_and_its_inverse_brings_values_back(choice):
    values = columns()
    warp = ColumnWarp.fit(values, choice=choice)
    warped = warp(values)
    torch.testing.assert_close(warp.invert(warped), values, rtol=1e-6, atol=1e-9)
    ordered = warp(values.sort(0).values)
    assert (ordered.diff(dim=0) >= -1e-12).all()


def test_a_signed_logarithm_is_the_formula():
    values = columns()[:, 1:2]
    x = values.numpy()
    middle = np.sort(x, 0)[(len(x) - 1) // 2]
    unit = 3 * np.sort(abs(x - middle), 0)[(len(x) - 1) // 2]
    expected = np.sign(x - middle) * np.log(1 + abs(x - middle) / unit)
    torch.testing.assert_close(ColumnWarp.fit(values, choice="signed_log")(values), torch.tensor(expected))


def test_ranks_become_normal_scores():
    values = columns()[:, 1:3]
    warped = ColumnWarp.fit(values, choice="rank_gauss")(values).numpy()
    expected = scipy.stats.norm.ppf(scipy.stats.rankdata(values.numpy(), axis=0) / (len(values) + 1))
    inner = abs(expected) < 2
    np.testing.assert_allclose(warped[inner], expected[inner], atol=0.03)


def test_equal_values_share_the_mean_of_their_scores():
    values = columns()[:, 3:4]
    zero = (values == 0).double().mean()
    warp = ColumnWarp.fit(values, choice="rank_gauss")
    share = torch.linspace(0, float(zero), 4001, dtype=torch.float64)[1:-1]
    expected = torch.special.ndtri(share).mean()
    torch.testing.assert_close(warp(torch.zeros(1, 1).double())[0, 0], expected, atol=0.03, rtol=0)


def test_auto_takes_the_mildest_map_that_leaves_light_tails():
    values = columns()
    warp = ColumnWarp.fit(values, choice="auto")
    assert [WARPS[kind] for kind in warp.kind] == ["linear", "signed_log", "signed_log", "rank_gauss", "linear"]
    assert (excess_kurtosis(warp(values))[:3] < 15).all()
    assert warp.names(("a", "b", "c", "d", "e")) == {"signed_log": ["b", "c"], "rank_gauss": ["d"]}


def test_excess_kurtosis_is_scipys_and_0_for_a_constant():
    values = columns()
    expected = scipy.stats.kurtosis(values[:, :4].numpy(), axis=0)
    np.testing.assert_allclose(excess_kurtosis(values)[:4], expected, rtol=1e-9)
    assert excess_kurtosis(values)[4] == 0


@pytest.mark.parametrize("choice", WARPS)
def test_a_column_in_other_units_becomes_the_same(choice):
    values = columns()[:, :3]
    warped, other = (ColumnWarp.fit(x, choice=choice)(x) for x in (values, 1e3 * values))
    torch.testing.assert_close(other, 1e3 * warped if choice == "linear" else warped)


@pytest.mark.parametrize("choice", ["auto", *WARPS])
def test_missing_values_stay_missing_and_change_nothing(choice):
    values = columns()
    gaps = torch.cat([values, torch.full((50, 5), torch.nan)])
    warp, with_gaps = (ColumnWarp.fit(x, choice=choice) for x in (values, gaps))
    torch.testing.assert_close(warp.state_dict(), with_gaps.state_dict())
    assert warp(gaps)[len(values) :].isnan().all()
    assert not warp(gaps)[: len(values)].isnan().any()


def test_state_and_settings_bring_the_maps_back():
    values = columns()
    warp = ColumnWarp.fit(values, choice="auto")
    again = ColumnWarp.restored(warp.state_dict(), warp.settings())
    assert torch.equal(again(values), warp(values))
