import numpy as np
import pytest
import torch

from spinlock.core.errors import InputError
from spinlock.vqvae.column_transform import ColumnTransform
from spinlock.vqvae.column_warp import WARPS

CHOICES = ["auto", *WARPS]


def heavy_tailed(rows=400, seed=0):
    generator = np.random.default_rng(seed)
    return torch.tensor(generator.standard_t(1.5, (rows, 5)) * [1e-4, 1, 10, 1e3, 1] + [0, 5, -2, 1e4, 0]).float()


def everywhere(values):
    return torch.ones(values.shape, dtype=torch.bool)


def test_quantiles_mean_and_spread_are_numpys():
    values = heavy_tailed()
    transform = ColumnTransform.fit(values, warp="linear")
    low, high = np.quantile(values.double().numpy(), [0.005, 0.995], axis=0)
    clipped = np.clip(values.double().numpy(), low, high)
    np.testing.assert_allclose(transform.low, low)
    np.testing.assert_allclose(transform.high, high)
    np.testing.assert_allclose(transform.center, clipped.mean(axis=0))
    np.testing.assert_allclose(transform.scale, clipped.std(axis=0))


@pytest.mark.parametrize("warp", CHOICES)
def test_training_rows_come_out_with_mean_0_and_variance_1(warp):
    values = heavy_tailed()
    z, _ = ColumnTransform.fit(values, warp=warp)(values, everywhere(values))
    torch.testing.assert_close(z.mean(dim=0), torch.zeros(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(z.square().mean(dim=0), torch.ones(5), atol=1e-4, rtol=0)


@pytest.mark.parametrize("warp", CHOICES)
def test_an_outlier_is_worth_no_more_than_the_quantile(warp):
    values = heavy_tailed()
    transform = ColumnTransform.fit(values, warp=warp)
    wild = torch.full((1, 5), 1e30)
    z, _ = transform(wild, everywhere(wild))
    at_quantile, _ = transform(transform.high[None].float(), everywhere(wild))
    torch.testing.assert_close(z, at_quantile)


@pytest.mark.parametrize("warp", CHOICES)
def test_inverting_gives_back_what_lies_between_the_quantiles(warp):
    values = heavy_tailed()
    transform = ColumnTransform.fit(values, warp=warp)
    z, _ = transform(values, everywhere(values))
    inside = (values > transform.low) & (values < transform.high)
    torch.testing.assert_close(transform.invert(z)[inside], values[inside], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("warp", CHOICES)
@pytest.mark.parametrize("z", [-1e3, 1e3])
def test_no_decoded_value_leaves_the_quantiles(warp, z):
    transform = ColumnTransform.fit(heavy_tailed(), warp=warp)
    edge = transform.low if z < 0 else transform.high
    torch.testing.assert_close(transform.invert(torch.full((1, 5), z))[0], edge.float())


@pytest.mark.parametrize("warp", CHOICES)
@pytest.mark.parametrize("constant", [0.0, 3.0, 1e8])
def test_a_constant_column_becomes_0_and_comes_back_as_itself(constant, warp):
    values = heavy_tailed()
    values[:, 2] = constant
    transform = ColumnTransform.fit(values, warp=warp)
    z, mask = transform(values + 1, everywhere(values))
    assert transform.is_constant.tolist() == [False, False, True, False, False]
    assert (z[:, 2] == 0).all()
    assert mask.all()
    assert (transform.invert(z)[:, 2] == constant).all()


@pytest.mark.parametrize("warp", CHOICES)
def test_a_column_that_training_never_saw_stays_masked_and_decodes_to_nan(warp):
    values = heavy_tailed()
    values[:, 1] = torch.nan
    transform = ColumnTransform.fit(values, warp=warp)
    fresh = heavy_tailed(seed=1)
    z, mask = transform(fresh, everywhere(fresh))
    assert not mask[:, 1].any()
    assert torch.isfinite(z).all()
    assert torch.isnan(transform.invert(z)).any(dim=0).tolist() == [False, True, False, False, False]


def test_missing_values_change_nothing_for_the_others():
    values = heavy_tailed()
    with_gaps = torch.cat([values, torch.full((50, 5), torch.nan)])
    torch.testing.assert_close(ColumnTransform.fit(with_gaps).state_dict(), ColumnTransform.fit(values).state_dict())


def test_a_table_without_a_value_is_refused():
    with pytest.raises(InputError, match="at least one value; got 3 rows"):
        ColumnTransform.fit(torch.full((3, 2), torch.nan))


def test_state_and_settings_bring_the_transform_back():
    transform = ColumnTransform.fit(heavy_tailed())
    again = ColumnTransform.restored(transform.state_dict(), transform.settings())
    z = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(again.invert(z), transform.invert(z))


@pytest.mark.parametrize("warp", WARPS)
def test_columns_that_are_measured_together_keep_the_ratio_of_their_spreads(warp):
    values = torch.randn(400, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    values = values * torch.tensor([3.0, 1.0, 0.5, 7.0])
    mask = torch.ones_like(values, dtype=torch.bool)
    transform = ColumnTransform.fit(values, mask, warp=warp, together=["a", "a", "a", ""])
    z, _ = transform(values, mask)
    spread, kept = z.var(dim=0, unbiased=False), transform._winsorised(values).var(dim=0, unbiased=False)
    torch.testing.assert_close(spread[:3] / spread[0], kept[:3] / kept[0])
    assert spread[:3].mean().item() == pytest.approx(1.0)
    assert spread[3].item() == pytest.approx(1.0)
    torch.testing.assert_close(transform.invert(z), transform._winsorised(values), atol=1e-4, rtol=1e-3)
