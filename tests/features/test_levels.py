"""Constants beneath what varies, as a pressure or an absolute temperature has them: float64 keeps what varies, and features see it."""

import pytest
import torch
from feature_samples import smooth

from spinlock.core.rollout import Rollout
from spinlock.features.extract import extract_rollout
from spinlock.features.fields import Fields
from spinlock.features.sdf import PER_TIMESTEP, PER_TRAJECTORY

OF_THE_LEVEL = {f.name for f in PER_TIMESTEP + PER_TRAJECTORY if "level of the field" in f.spec.scale}
SHAPES = [(1, 12, 16), (2, 12, 12), (2, 1, 32), (3, 1, 1)]


def described(states):
    """Feature → its values."""
    names = tuple("abc"[: states.shape[2]])
    found = extract_rollout(Rollout(states=states, system="x", dt=0.1, channel_names=names))
    values = {f.name: found.per_timestep[:, place] for place, f in enumerate(PER_TIMESTEP)}
    return values | {f.name: found.per_trajectory[:, place] for place, f in enumerate(PER_TRAJECTORY)}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_constant_of_a_million_spreads_changes_no_feature_but_those_of_the_level(shape):
    states = smooth(1, 50, *shape, dtype=torch.float64).cumsum(1)
    below, above = described(states), described(states + 1e6)
    for name in below.keys() - OF_THE_LEVEL:
        expected = below[name]
        tolerance = 1e-4 * float(expected.abs().nan_to_num().max()) + 1e-6
        torch.testing.assert_close(above[name], expected, rtol=1e-3, atol=tolerance, equal_nan=True, msg=name)


def test_features_of_the_level_follow_it():
    states = smooth(1, 50, 1, 12, 16, dtype=torch.float64).cumsum(1)
    below, above = described(states), described(states + 3)
    for name in OF_THE_LEVEL:
        assert not torch.allclose(above[name], below[name], rtol=1e-3, equal_nan=True), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_series_that_moves_by_less_than_rounding_has_no_feature(dtype):
    still = torch.full((1, 40, 1, 8, 8), 1e6, dtype=dtype)
    still += (
        1e6 * torch.finfo(dtype).eps * torch.randn(still.shape, generator=torch.Generator().manual_seed(0), dtype=dtype)
    )
    fields = Fields(still, dt=1.0)
    for name in ("dominant_frequency", "autocorrelation_time", "lyapunov_exponent", "dynamic_mode_growth"):
        (feature,) = (f for f in PER_TRAJECTORY if f.name == name)
        assert bool(feature(fields).isnan().all()), name
