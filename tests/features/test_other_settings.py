"""One behaviour described in another setting: what must agree exactly, or but for rounding."""

from dataclasses import replace

import pytest
import torch
from feature_samples import smooth

from spinlock.core.rollout import Rollout
from spinlock.features.extract import SampleFeatures, extract_rollout
from spinlock.features.sdf import PER_TIMESTEP, PER_TRAJECTORY
from spinlock.importers.describe import extract_features

WITHOUT_OPERATOR = tuple(feature for feature in PER_TRAJECTORY if feature.spec.category != "operator_sensitivity")
FEATURES = (*PER_TIMESTEP, *WITHOUT_OPERATOR)
OF_A_COPY = {
    "coherence_low": 6.0,
    "coherence_high": 6.0,
    "channel_correlation": 1.0,
    "granger_channel_direction": 0.0,
    "transfer_entropy_channels": 0.0,
    "channel_lag": 0.0,
    "channel_phase_locking": 1.0,
}
"""Features that compare channels → what they say of a channel and its copy."""


@pytest.fixture(scope="module")
def rollout() -> Rollout:
    """A field that moves, is renewed and grows; float64, 64 saved times."""
    states = smooth(64, 32, 32, length=0.05)
    for time in range(1, len(states)):
        states[time] = 0.9 * states[time - 1].roll(1, -1) + 0.4 * states[time]
    growth = torch.linspace(1, 2, len(states), dtype=states.dtype)[:, None, None]
    return Rollout(
        states=((states + 0.3) * growth)[None, :, None], system="test", dt=0.5, dx=1 / 32, channel_names=("u",)
    )


@pytest.fixture(scope="module")
def alone(rollout) -> SampleFeatures:
    return extract_rollout(rollout, per_trajectory=WITHOUT_OPERATOR)


def by_name(found: SampleFeatures) -> dict[str, torch.Tensor]:
    frames = dict(zip((feature.name for feature in PER_TIMESTEP), found.per_timestep.T, strict=True))
    return frames | dict(zip((feature.name for feature in WITHOUT_OPERATOR), found.per_trajectory.T, strict=True))


@pytest.mark.parametrize("copies", [2, 3])
def test_a_channel_and_its_copies_are_described_as_the_channel_is(rollout, alone, copies):
    names = tuple(f"u{copy}" for copy in range(copies))
    several = replace(rollout, states=rollout.states.repeat(1, 1, copies, 1, 1), channel_names=names)
    before, after = by_name(alone), by_name(extract_rollout(several, per_trajectory=WITHOUT_OPERATOR))
    differing = [
        feature.name
        for feature in FEATURES
        if feature.spec.needs.channels == 1
        and not torch.allclose(after[feature.name], before[feature.name], rtol=1e-9, atol=1e-12, equal_nan=True)
    ]
    assert differing == []
    for name, value in OF_A_COPY.items():
        torch.testing.assert_close(after[name], torch.full_like(after[name], value), rtol=0, atol=1e-6)
    assert after["granger_channels"].item() <= 0  # nothing gained, less what two idle lags gain on average


def test_what_is_said_of_a_frame_does_not_depend_on_how_long_the_run_is(rollout, alone):
    short = extract_rollout(replace(rollout, states=rollout.states[:, :40]), per_trajectory=())
    torch.testing.assert_close(short.per_timestep, alone.per_timestep[:40], rtol=0, atol=0, equal_nan=True)


def test_realizations_that_are_copies_have_the_mean_of_one_and_no_spread(rollout):
    one, three = (
        extract_features(rollout.states.repeat(copies, 1, 1, 1, 1)[None], axes="nmtchw", dt=0.5, dx=1 / 32).values[0]
        for copies in (1, 3)
    )
    torch.testing.assert_close(three[0::3], one[0::3], rtol=1e-6, atol=1e-7, equal_nan=True)
    there = ~one[0::3].isnan()
    assert three[1::3][there].abs().max() <= 1e-6
    assert three[2::3][there].abs().max() <= 1e-6
    assert one[1::3].isnan().all()


def test_a_realization_is_described_as_it_is_alone(rollout, alone):
    states = torch.cat((rollout.states.flip(-1), rollout.states))
    other = replace(rollout, states=states, diverged_at=(), dead_at=(), frozen_at=())
    together = extract_rollout(other, per_timestep=(), per_trajectory=WITHOUT_OPERATOR).per_trajectory[1]
    torch.testing.assert_close(together, alone.per_trajectory[0], rtol=1e-9, atol=1e-12, equal_nan=True)
