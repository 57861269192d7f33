"""The units of channels: what a shared one and own ones keep and change."""

import pytest
import torch
from feature_samples import smooth

from spinlock.core.errors import InputError
from spinlock.core.rollout import Rollout
from spinlock.features.channel_units import in_channel_units, uneven_channels
from spinlock.features.fields import Fields
from spinlock.features.kernels_fields import run_scale
from spinlock.importers.describe import extract_features

TWO = ("pressure", "velocity")


def rollout(states, **facts) -> Rollout:
    names = TWO[: states.shape[2]]
    return Rollout(states=states, system="test", dt=0.1, channel_names=names, **facts)


def uneven(*, factor: float = 1e5, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return smooth(2, 30, 2, 12, 12, dtype=dtype) * torch.tensor([factor, 1.0], dtype=dtype)[:, None, None]


def test_an_offset_of_one_channel_does_not_change_the_shared_unit():
    states = smooth(2, 4, 2, 12, 12)
    moved = states + torch.tensor([300.0, 0.0])[:, None, None]
    torch.testing.assert_close(run_scale(moved), run_scale(states))
    rms = states[:, 0].var((-2, -1), correction=0).mean(-1).sqrt()
    torch.testing.assert_close(run_scale(states), rms)


def test_values_without_space_are_in_units_of_their_change_however_many_they_are():
    series = torch.tensor([[1.0, 7.0, 30.0], [1.5, 7.0, 28.0], [0.0, 6.0, 31.0]])[None, :, :, None, None]
    change = (series - series[:, :1]).square().mean((1, 2, 3, 4)).sqrt()
    torch.testing.assert_close(run_scale(series), change)


@pytest.mark.parametrize("factors", [(1e-3, 1.0), (1.0, 1e6), (30.0, 1 / 7)])
def test_with_own_units_no_feature_depends_on_what_a_channel_is_measured_in(factors):
    states = smooth(2, 40, 2, 12, 12)
    other = states * torch.tensor(factors, dtype=states.dtype)[:, None, None]
    tables = [extract_features(each[None], axes="nmtchw", channel_units="own").values for each in (states, other)]
    torch.testing.assert_close(tables[0], tables[1], equal_nan=True, rtol=1e-4, atol=1e-5)
    shared = [extract_features(each[None], axes="nmtchw").values for each in (states, other)]
    both = ~(shared[0].isnan() | shared[1].isnan())
    assert ((shared[0] - shared[1]).abs() > 1e-3)[both].sum() > 20


def test_with_own_units_each_channel_begins_with_spread_1_and_realizations_keep_their_ratio():
    states = uneven()
    states[1] *= 3
    described = in_channel_units(rollout(states), "own").states
    spread = described[:, 0].var((-2, -1), correction=0)
    torch.testing.assert_close(spread.mean(0), torch.ones(2, dtype=torch.float64))
    torch.testing.assert_close(described[1] / described[0], states[1] / states[0])


def test_one_channel_is_described_the_same_in_either_unit():
    states = smooth(2, 30, 1, 12, 12)
    tables = [extract_features(states[None], axes="nmtchw", channel_units=units).values for units in ("shared", "own")]
    torch.testing.assert_close(tables[0], tables[1], equal_nan=True, rtol=0, atol=0)


def test_the_step_operator_still_acts_on_physical_states():
    def step(states):
        return torch.stack([states[:, 0] + 1e5 * states[:, 1], states[:, 1]], 1)

    given = rollout(uneven(), step=step)
    described = in_channel_units(given, "own")
    assert described.step is not None
    expected = in_channel_units(rollout(step(given.states.flatten(0, 1)).unflatten(0, (2, 30))), "shared").states
    unit = given.states[0, 0, :, 0, 0] / described.states[0, 0, :, 0, 0]
    got = described.step(described.states.flatten(0, 1)).unflatten(0, (2, 30)) * unit[:, None, None]
    torch.testing.assert_close(got, expected)


def test_a_realization_that_diverged_gives_no_unit_and_stays_marked():
    states = uneven()
    states[1, 4:] = torch.nan
    described = in_channel_units(rollout(states, diverged_at=(-1, 4)), "own")
    spread = Fields.from_rollout(described).std[:, 0]
    torch.testing.assert_close(spread, torch.ones(1, 2, dtype=torch.float64))
    assert described.diverged_at == (-1, 4)


@pytest.mark.parametrize(("factor", "said"), [(1e5, "times"), (1e3, "times"), (3.0, ""), (1.0, "")])
def test_channels_of_very_different_size_are_named(factor, said):
    found = uneven_channels(rollout(uneven(factor=factor)))
    assert said in found
    assert bool(found) == bool(said)
    if found:
        assert found.startswith("channel 'pressure' varies ")
        assert found.endswith(" times as much as 'velocity'")


def test_a_channel_that_never_changes_is_not_compared():
    states = uneven(factor=1.0)
    states[:, :, 0] = 1e7
    assert uneven_channels(rollout(states)) == ""
    assert uneven_channels(rollout(states[:, :, :1])) == ""


def test_another_word_for_the_units_is_refused():
    with pytest.raises(InputError, match="`channel_units` must be 'shared' or 'own'; got 'each'"):
        in_channel_units(rollout(uneven()), "each")
