"""The table of all features and its registry."""

import re

import pytest
import torch
from feature_samples import noise, smooth

from spinlock.core.rollout import Rollout
from spinlock.features.extract import extract_rollout
from spinlock.features.sdf import PER_TIMESTEP, PER_TRAJECTORY, SDF, SDF_FEATURES

COUNTS = {
    "spatial": 27,
    "spectral": 27,
    "temporal": 30,
    "causality": 18,
    "invariant_drift": 24,
    "operator_sensitivity": 14,
    "nonlinear": 18,
    "integrated": 16,
}


def test_174_features_in_8_categories_become_360_columns():
    assert {category: len(columns) for category, columns in SDF.categories.items()} == COUNTS
    assert (len(SDF), len(SDF.aggregated()), SDF.version) == (174, 360, "2.0")


def test_scopes_follow_the_categories_and_columns_are_in_the_order_of_the_table():
    assert SDF.with_scope("per_timestep").names == tuple(feature.name for feature in PER_TIMESTEP)
    assert SDF.with_scope("per_trajectory").names == tuple(feature.name for feature in PER_TRAJECTORY)
    first = PER_TRAJECTORY[0].name
    assert SDF.aggregated().names[:3] == (f"{first}__mean", f"{first}__std", f"{first}__cv")


@pytest.mark.parametrize("feature", SDF_FEATURES, ids=lambda feature: feature.name)
def test_every_feature_is_documented(feature):
    assert re.fullmatch(r"[a-z][a-z0-9_]*", feature.name)
    spec = feature.spec
    assert len(spec.definition) > 10
    assert spec.definition.endswith((".", "…"))
    assert len(feature.function.__doc__.strip().splitlines()) > 2, "a docstring has the formula and the edge case too"
    assert spec.unit
    assert spec.source == "definition" or re.search(r"\d{4}|catch22", spec.source)


def rollout(shape: tuple[int, ...], *, dtype: torch.dtype = torch.float32, **settings) -> Rollout:
    """Drifting, slowly growing random fields."""
    realizations, times, channels, height, width = shape
    start = smooth(realizations, 1, channels, height, width)
    random = noise(realizations, times, channels, height, width, seed=1) * 0.05
    frames = [start[:, 0].roll(time % max(1, width), -1) * 1.01**time for time in range(times)]
    states = (torch.stack(frames, dim=1) + random).to(dtype)
    return Rollout(
        states=states, system="test", dt=0.1, channel_names=tuple(f"c{c}" for c in range(channels)), **settings
    )


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize(
    "shape",
    [
        (1, 1, 1, 1, 1),
        (1, 2, 1, 1, 1),
        (2, 40, 1, 1, 1),
        (1, 30, 2, 1, 16),
        (1, 1, 1, 16, 16),
        (1, 5, 3, 3, 5),
        (2, 24, 2, 8, 8),
    ],
)
def test_every_feature_takes_any_shape(shape, periodic):
    features = extract_rollout(rollout(shape, periodic=periodic))
    assert features.per_timestep.shape == (shape[1], 54)
    assert features.per_trajectory.shape == (shape[0], 120)
    assert not torch.isinf(features.per_trajectory).any()


@pytest.mark.parametrize("level", [0.0, 1.5])
def test_a_field_that_never_changes_is_refused_by_no_feature(level):
    states = torch.full((2, 40, 1, 8, 8), level)
    features = extract_rollout(Rollout(states=states, system="still", dt=0.1, channel_names=("u",)))
    assert not torch.isinf(features.per_trajectory).any()


def test_a_field_that_dies_out_or_explodes_breaks_no_feature():
    for rate in (0.2, 2.5):
        states = smooth(2, 1, 1, 16, 16, dtype=torch.float32) * rate ** torch.arange(36)[:, None, None, None]
        features = extract_rollout(Rollout(states=states, system="growing", dt=0.1, channel_names=("u",)))
        assert not torch.isinf(features.per_trajectory).any()


def test_no_feature_of_a_realization_depends_on_the_others():
    sample = rollout((3, 40, 1, 16, 16))
    together = extract_rollout(sample).per_trajectory
    for number in range(3):
        alone = extract_rollout(
            Rollout(states=sample.states[number : number + 1], system="test", dt=0.1, channel_names=("c0",))
        ).per_trajectory[0]
        torch.testing.assert_close(together[number], alone, rtol=1e-3, atol=1e-4, equal_nan=True)


def test_diverged_realizations_are_missing_and_change_nothing_else():
    sample = rollout((3, 40, 1, 16, 16))
    states = sample.states.clone()
    states[1, 7:] = torch.nan
    broken = Rollout(states=states, system="test", dt=0.1, channel_names=("c0",), diverged_at=(-1, 7, -1))
    kept = Rollout(states=sample.states[[0, 2]], system="test", dt=0.1, channel_names=("c0",))
    features, expected = extract_rollout(broken), extract_rollout(kept)
    assert features.per_trajectory[1].isnan().all()
    torch.testing.assert_close(features.per_trajectory[[0, 2]], expected.per_trajectory, equal_nan=True)
    torch.testing.assert_close(features.per_timestep, expected.per_timestep, equal_nan=True)


def test_a_sample_without_a_valid_realization_has_no_features():
    states = torch.full((2, 5, 1, 4, 4), torch.nan)
    features = extract_rollout(Rollout(states=states, system="test", dt=0.1, channel_names=("u",), diverged_at=(0, 0)))
    assert features.per_timestep.shape == (5, 54)
    assert features.per_timestep.isnan().all()
    assert features.per_trajectory.isnan().all()
