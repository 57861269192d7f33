import pytest
import torch

from spinlock.features.families import (
    CHANGES,
    FAMILIES,
    LAGS,
    NUM_KNOTS,
    NUM_SPANS,
    NUM_WAVES,
    RATED,
    SERIES,
    course,
    num_states,
    parts,
    trajectory,
)


def series(*, samples: int = 3, times: int = 64, seed: int = 0) -> torch.Tensor:
    return torch.randn(samples, times, len(SERIES), generator=torch.Generator().manual_seed(seed)).cumsum(1)


def described(family: str, values: torch.Tensor, name: str) -> torch.Tensor:
    """One column of a family, by its name."""
    own = FAMILIES[family]
    return own.describe(values)[:, own.registry.names.index(name)]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_has_a_column_for_each_name_and_a_run_has_a_value_in_all(name):
    columns = FAMILIES[name].describe(series(times=128))
    assert columns.shape == (3, len(FAMILIES[name].registry))
    assert torch.isfinite(columns).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_a_run_is_described_alike_alone_among_others_and_before_padding(name):
    values = series(times=80)
    together = FAMILIES[name].describe(values)
    padded = torch.nn.functional.pad(values[1:2], (0, 0, 0, 37), value=torch.nan)
    torch.testing.assert_close(FAMILIES[name].describe(padded), together[1:2], equal_nan=True)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_run_of_two_states_and_a_run_without_features_have_no_error(name):
    values = series(times=2)
    values[1] = torch.nan
    columns = FAMILIES[name].describe(values)
    assert columns[1].isnan().all()
    assert not torch.isinf(columns).any()


def test_the_states_of_a_run_end_with_its_last_feature():
    values = series(times=10)
    values[0, 7:] = torch.nan
    values[1, :, 3] = torch.nan  # a series without values ends no run
    values[2, 4] = torch.nan  # nor does a gap
    assert num_states(values).tolist() == [7, 10, 10]


def test_parts_are_means_of_equal_shares_of_the_run():
    values = series(times=64)
    expected = values.double().unflatten(1, (16, 4)).mean(dim=2)
    torch.testing.assert_close(parts(values, 16), expected)


def test_a_run_of_fewer_states_than_parts_repeats_them():
    values = series(times=2)
    assert torch.equal(parts(values, 4), values.double()[:, [0, 0, 1, 1]])


def test_a_course_of_slow_cosines_comes_back_from_level_and_waves():
    middles = (torch.arange(64, dtype=torch.float64) + 0.5) / 64
    slow = torch.stack([torch.cos(torch.pi * wave * middles) for wave in range(NUM_WAVES + 1)], dim=1)
    weights = torch.randn(NUM_WAVES + 1, len(SERIES), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    values = (slow @ weights)[None]
    columns = trajectory(values).double()
    torch.testing.assert_close(course(columns), parts(values, NUM_KNOTS), atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(course(columns, 64), values, atol=0.1, rtol=0.01)  # parts are means of two states


def test_level_and_waves_hold_the_mean_square_of_what_is_slow():
    columns = trajectory(series()).double()
    level, waves = columns[:, : len(SERIES)], columns[:, len(SERIES) :].unflatten(1, (len(SERIES), NUM_WAVES))
    torch.testing.assert_close(level.square() + waves.square().sum(2), course(columns).square().mean(1))


def test_a_wave_is_positive_where_the_run_begins_high_and_a_part_without_value_is_at_the_level():
    falling = -torch.arange(64.0)[None, :, None].expand(1, -1, len(SERIES))
    assert (described("trajectory", falling, f"{SERIES.names[0]}__wave_1") > 0).all()
    gap = torch.ones(1, 64, len(SERIES))
    gap[:, 10:30, 0] = torch.nan
    columns = trajectory(gap)
    assert columns[0, 0] == 1
    assert columns[:, len(SERIES) :].abs().max() < 1e-6


def test_the_initial_family_is_the_first_state():
    values = series()
    assert torch.equal(FAMILIES["initial"].describe(values), values[:, 0])


def test_changes_of_a_straight_line_are_its_slope_and_nothing_else():
    line = 0.25 * torch.arange(64.0)[None, :, None].expand(1, -1, len(SERIES))
    for lag in LAGS[:3]:
        assert described("time_series", line, f"{RATED[0]}__mean_{lag}").item() == pytest.approx(0.25 * lag)
        assert described("time_series", line, f"{RATED[0]}__spread_{lag}").item() == pytest.approx(0.0, abs=1e-6)
        assert described("time_series", line, f"{RATED[0]}__bend_{lag}").item() == pytest.approx(0.0, abs=1e-6)


def test_a_series_that_goes_up_and_down_turns_at_every_state():
    saw = torch.tensor([0.0, 1.0]).repeat(32)[None, :, None].expand(1, -1, len(SERIES))
    assert described("time_series", saw, f"{RATED[2]}__turns_1").item() == 1.0
    assert described("time_series", saw, f"{RATED[2]}__mean_4").item() == 0.0


def test_pace_is_told_part_by_part():
    steps = torch.cat([torch.full((16,), 10.0**-part) for part in range(NUM_SPANS)])
    values = steps.cumsum(0)[None, :, None].expand(1, -1, len(SERIES))
    paces = [described("time_series", values, f"{RATED[1]}__pace_in_span_{part}").item() for part in range(NUM_SPANS)]
    assert paces == pytest.approx([0, -1, -2, -3], abs=0.1)


def test_lags_beyond_a_run_have_no_value():
    values = series(times=12)
    assert described("time_series", values, f"{RATED[0]}__spread_16").isnan().all()
    assert not described("time_series", values, f"{RATED[0]}__spread_4").isnan().any()


def test_rates_have_a_column_for_every_series_lag_and_moment():
    assert len(FAMILIES["time_series"].registry) == len(RATED) * (len(LAGS) * len(CHANGES) + 2 * NUM_SPANS)
