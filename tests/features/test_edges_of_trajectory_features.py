"""Odd shapes and degenerate fields: causality, drift, integrated and sensitivity features stay finite or are NaN."""

import pytest
import torch
from feature_samples import noise, smooth
from torch import Tensor

from spinlock.core.rollout import Rollout
from spinlock.features.causality import CAUSALITY
from spinlock.features.fields import Fields
from spinlock.features.integrated import INTEGRATED
from spinlock.features.invariant_drift import INVARIANT_DRIFT
from spinlock.features.operator_sensitivity import OPERATOR_SENSITIVITY

WITHOUT_STEP = CAUSALITY + INVARIANT_DRIFT + INTEGRATED
ONLY_CHANNELS = {
    "granger_channels",
    "granger_channel_direction",
    "transfer_entropy_channels",
    "channel_lag",
    "channel_phase_locking",
}
"""What one channel does not have."""


def fields_of(states: Tensor, *, periodic: bool = True, step=None) -> Fields:
    names = tuple(f"channel_{channel}" for channel in range(states.shape[2]))
    rollout = Rollout(states=states, system="any", dt=0.1, dx=0.5, periodic=periodic, channel_names=names, step=step)
    return Fields.from_rollout(rollout)


def halve_and_move(u: Tensor) -> Tensor:
    return 0.5 * u + 0.2 * u.roll(1, -1)


def missing(features, fields: Fields) -> set[str]:
    """Names of the features that are NaN for some realization, after checking that none is infinite."""
    names = set()
    for feature in features:
        value = feature(fields)
        assert value.shape == (len(fields.u),), feature.name
        assert value.dtype == fields.u.dtype, feature.name
        assert not value.isinf().any(), feature.name
        names |= {feature.name} if value.isnan().any() else set()
    return names


SHAPES = [
    (1, 1, 8, 8),
    (2, 1, 8, 8),
    (3, 2, 8, 8),
    (20, 1, 1, 32),
    (20, 2, 32, 1),
    (20, 3, 1, 1),
    (20, 5, 6, 7),
    (20, 1, 2, 2),
]


def kinds(shape: tuple[int, ...]) -> dict[str, Tensor]:
    u = noise(2, *shape).float()
    fade = torch.logspace(0, -30, shape[0])[:, None, None, None]
    return {
        "noise": u,
        "constant": torch.full((2, *shape), 3.7),
        "zero": torch.zeros(2, *shape),
        "frozen": u[:, :1].expand(2, *shape).clone(),
        "uniform": u[..., :1, :1].expand(2, *shape).clone(),
        "dying": u * fade,
        "growing": u * fade.pow(-14 / 30),
        "two values": (u > 0).float(),
    }


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("periodic", [True, False])
def test_nothing_is_infinite_whatever_the_shape_and_the_field(shape, periodic):
    for states in kinds(shape).values():
        missing(WITHOUT_STEP, fields_of(states, periodic=periodic))
        missing(OPERATOR_SENSITIVITY, fields_of(states, periodic=periodic, step=halve_and_move))
        missing(OPERATOR_SENSITIVITY, fields_of(states, periodic=periodic, step=torch.square))


def test_only_what_needs_channels_is_missing_in_a_plain_run_of_one_channel():
    states = smooth(2, 30, 1, 16, 16).cumsum(1).float()
    assert missing(WITHOUT_STEP, fields_of(states)) == ONLY_CHANNELS
    assert missing(OPERATOR_SENSITIVITY, fields_of(states, step=halve_and_move)) == set()


def test_nothing_is_missing_in_a_plain_run_of_two_channels():
    assert missing(WITHOUT_STEP, fields_of(smooth(2, 30, 2, 16, 16).cumsum(1).float())) == set()


def test_one_dimensional_data_lacks_only_what_needs_the_other_axis():
    states = smooth(2, 30, 1, 1, 64).cumsum(1).float()
    assert missing(WITHOUT_STEP, fields_of(states)) == ONLY_CHANNELS | {"transport_y", "granger_southward"}
    assert missing(OPERATOR_SENSITIVITY, fields_of(states, step=halve_and_move)) == {"rotation_error"}


def test_a_series_without_space_keeps_its_drifts_and_modes():
    states = noise(2, 40, 2, 1, 1).cumsum(1).float() + 20
    present = {f.name for f in WITHOUT_STEP} - missing(WITHOUT_STEP, fields_of(states))
    assert {"mass_drift", "l2_drift_rate", "entropy_drift", "orthogonal_rank", "dynamic_mode_growth"} <= present
    assert {"granger_channels", "channel_lag", "time_irreversibility", "coverage"} <= present
    assert not present & {"transport_x", "spreading_speed", "omega_centroid", "variation_drift", "cascade_direction"}


@pytest.mark.parametrize("amplitude", [1e-20, 1e20])
def test_the_unit_of_the_states_does_not_matter(amplitude):
    states = smooth(2, 24, 2, 16, 16).cumsum(1).float()
    plain, scaled = fields_of(states), fields_of(states * amplitude)
    for feature in WITHOUT_STEP:
        torch.testing.assert_close(feature(scaled), feature(plain), rtol=2e-3, atol=2e-4, msg=feature.name)


def test_float32_agrees_with_float64():
    states = smooth(2, 40, 2, 16, 16).cumsum(1) + 3
    single, double = fields_of(states.float()), fields_of(states)
    for feature in WITHOUT_STEP:
        torch.testing.assert_close(feature(single).double(), feature(double), rtol=2e-3, atol=2e-4, msg=feature.name)


def test_moving_a_periodic_field_by_whole_blocks_changes_nothing():
    states = smooth(1, 40, 2, 16, 16).cumsum(1)
    still, moved = fields_of(states), fields_of(states.roll((4, -8), (-2, -1)))
    for feature in WITHOUT_STEP:
        torch.testing.assert_close(feature(moved), feature(still), rtol=1e-4, atol=1e-7, msg=feature.name)


def test_turning_the_field_exchanges_the_axes():
    states = smooth(1, 40, 1, 16, 16).cumsum(1)
    still, turned = fields_of(states), fields_of(states.transpose(-2, -1).contiguous())
    partner = {"transport_x": "transport_y", "granger_eastward": "granger_southward"}
    partner |= {second: first for first, second in partner.items()}
    by_name = {feature.name: feature for feature in WITHOUT_STEP}
    for name, feature in by_name.items():
        other = by_name[partner.get(name, name)]
        torch.testing.assert_close(feature(turned), other(still), rtol=1e-4, atol=1e-7, equal_nan=True, msg=name)
