"""Features of plain arrays and of rollouts, and what is refused."""

import numpy as np
import pytest
import torch
from feature_samples import smooth

from spinlock.core.errors import InputError, SpinlockError, UsageError
from spinlock.core.rollout import Rollout
from spinlock.features.aggregate import aggregate
from spinlock.features.extract import compute, extract_rollout, within_range
from spinlock.features.families import FAMILIES
from spinlock.features.feature import feature
from spinlock.features.fields import Fields
from spinlock.features.sdf import SDF
from spinlock.importers.describe import extract_families, extract_features

NAMES = SDF.aggregated().names


def states(*shape: int) -> np.ndarray:
    """(n, m, t, c, h, w) of drifting fields."""
    n, m, t, c, h, w = shape
    frames = smooth(n * m, t, c, h, w, dtype=torch.float32).cumsum(1)
    return frames.reshape(shape).numpy()


def test_a_table_is_the_aggregated_features_of_every_sample():
    array = states(2, 3, 30, 1, 12, 12)
    table = extract_features(array, axes="nmtchw", dt=0.5, dx=0.25)
    assert table.names == NAMES
    sample = Rollout(states=torch.from_numpy(array[1]), system="x", dt=0.5, dx=0.25, channel_names=("u",))
    torch.testing.assert_close(table.values[1], aggregate(extract_rollout(sample).per_trajectory), equal_nan=True)


def test_families_of_states_are_what_the_features_of_their_saved_times_say():
    runs = [states(1, 1, times, 1, 8, 8)[0, 0] for times in (12, 20)]
    tables = extract_families(runs, ("initial", "trajectory", "summary"), axes="tchw", groups=("a", "b"))
    assert list(tables) == ["initial", "trajectory", "summary"]
    expected = extract_features(runs, axes="tchw").values
    torch.testing.assert_close(tables["summary"].values, expected, equal_nan=True)
    for name in ("initial", "trajectory"):
        assert tables[name].groups == ("a", "b")
        for row, run in enumerate(runs):  # runs of different lengths stand in one table
            sample = Rollout(states=torch.from_numpy(run)[None], system="x", dt=1.0, channel_names=("u",))
            series = extract_rollout(sample).per_timestep[None]
            torch.testing.assert_close(tables[name].values[row], FAMILIES[name].describe(series)[0], equal_nan=True)
    with pytest.raises(UsageError, match="unknown family 'start'"):
        extract_families(runs, ("start",), axes="tchw")
    with pytest.raises(UsageError, match="no family is named. Known: summary, trajectory"):
        extract_families(runs, (), axes="tchw")


@pytest.mark.parametrize("axes", ["nmtchw", "wthcmn", "tnmwhc"])
def test_axes_may_come_in_any_order(axes):
    array = states(2, 2, 24, 1, 8, 12)
    expected = extract_features(array, axes="nmtchw")
    turned = array.transpose(["nmtchw".index(axis) for axis in axes])
    torch.testing.assert_close(extract_features(turned, axes=axes).values, expected.values, equal_nan=True)
    torch.testing.assert_close(
        extract_features(torch.from_numpy(turned.copy()), axes=axes).values, expected.values, equal_nan=True
    )


@pytest.mark.parametrize(
    ("axes", "index"),
    [
        ("t", (0, 0, slice(None), 0, 0, 0)),
        ("tw", (0, 0, slice(None), 0, 0)),
        ("nthw", (slice(None), 0, slice(None), 0)),
    ],
)
def test_axes_that_are_missing_stand_for_one(axes, index):
    array = states(2, 1, 40, 1, 8, 8)[index]
    full = array.reshape([array.shape[axes.index(axis)] if axis in axes else 1 for axis in "nmtchw"])
    table = extract_features(array, axes=axes)
    torch.testing.assert_close(table.values, extract_features(full, axes="nmtchw").values, equal_nan=True)
    assert table.mask.any()


def test_one_realization_masks_std_and_cv_and_no_operator_masks_its_category():
    table = extract_features(states(1, 1, 40, 1, 16, 16)[:, 0], axes="ntchw")
    registry = SDF.aggregated()
    for spec, present in zip(registry.specs, table.mask[0].tolist(), strict=True):
        if spec.aggregation != "mean" or spec.category == "operator_sensitivity":
            assert not present, spec.name
    assert table.mask[0, 0::3].float().mean() > 0.6


def test_a_step_operator_fills_its_category():
    def halve(frame: torch.Tensor) -> torch.Tensor:
        return 0.5 * frame

    start = smooth(1, 1, 1, 16, 16, dtype=torch.float32)
    array = (start * 0.5 ** torch.arange(12)[:, None, None, None]).numpy()
    table = extract_features(array, axes="ntchw", step=halve)
    columns = [
        i
        for i, s in enumerate(table.registry.specs)
        if s.category == "operator_sensitivity" and s.aggregation == "mean"
    ]
    assert table.mask[0, columns].float().mean() > 0.8


def test_float64_stays_exact_where_float32_would_not():
    array = states(1, 1, 40, 1, 8, 8)
    low, high = (extract_features(array.astype(np.float64) + offset, axes="nmtchw") for offset in (0.0, 1e7))
    name = "peak_variance_growth_rate__mean"
    assert high.values[0, NAMES.index(name)] == pytest.approx(low.values[0, NAMES.index(name)].item(), rel=1e-3)


@pytest.mark.parametrize("dtype", [np.int16, np.float16, bool])
def test_other_numbers_become_float32(dtype):
    array = (states(1, 1, 20, 1, 8, 8) * 3).astype(dtype)
    torch.testing.assert_close(
        extract_features(array, axes="nmtchw").values,
        extract_features(array.astype(np.float32), axes="nmtchw").values,
        equal_nan=True,
    )


def test_ids_and_groups_come_along():
    table = extract_features(states(2, 1, 10, 1, 4, 4), axes="nmtchw", ids=["a", "b"], groups=[7, 7])
    assert (table.ids, table.groups) == (("a", "b"), ("7", "7"))


def test_features_of_a_sample_do_not_depend_on_its_batch():
    array = states(3, 1, 30, 1, 8, 8)
    together = extract_features(array, axes="nmtchw").values
    assert torch.equal(together[1].nan_to_num(), extract_features(array[1:2], axes="nmtchw").values[0].nan_to_num())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_states_on_another_device_have_the_features_that_they_have_on_the_cpu():
    there = torch.device("cuda")
    factor = torch.tensor(0.5, device=there)
    array = torch.from_numpy(states(1, 1, 30, 1, 8, 8))
    moved = extract_features(array.to(there), axes="nmtchw", step=lambda u: u.roll(1, -1) * factor)
    kept = extract_features(array, axes="nmtchw", step=lambda u: u.roll(1, -1) * factor.cpu())
    torch.testing.assert_close(moved.values, kept.values, equal_nan=True)


FINE = np.zeros((2, 5, 1, 4, 4), dtype=np.float32)
HOLED = FINE.copy()
HOLED[1, 3, 0, 2, 1] = np.nan


@pytest.mark.parametrize(
    ("array", "settings", "message"),
    [
        (FINE, {"axes": "ntcxy"}, r"each axis by another one of the letters n sample, .*; got 'ntcxy'\."),
        (FINE, {"axes": "nttch"}, r"each axis by another one of the letters .*; got 'nttch'\."),
        (FINE, {"axes": "nmchw"}, r"`axes` must name the time, t; got 'nmchw'\."),
        (FINE, {"axes": "tchw"}, r"names 4 axes; `states` has the shape \(2, 5, 1, 4, 4\)\."),
        (FINE[:0], {}, r"is empty: it has the shape \(0, 5, 1, 4, 4\)"),
        (FINE, {"dt": 0.0}, r"`dt` must be finite and greater than 0; got 0.0\."),
        (FINE, {"dt": float("nan")}, r"`dt` must be finite and greater than 0; got nan"),
        (FINE, {"dx": -1.0}, r"`dx` must be finite and greater than 0; got -1.0\."),
        (FINE, {"dt": float("inf")}, r"finite"),
        (HOLED, {}, r"the array, sample 1: 6.2% of the cells lose their value later, from time 3 on"),
        (FINE.astype(object), {}, r"must hold real numbers of at most 8 bytes; it holds object\."),
        (FINE.astype(complex), {}, r"complex128; give real and imaginary part as two channels\."),
        (torch.zeros(2, 5, 1, 4, 4, dtype=torch.complex64), {}, r"give real and imaginary part as two channels"),
        (np.full((2, 5), "a"), {"axes": "nt"}, r"must hold numbers; it holds words"),
        ([[1.0, 2.0], [1.0]], {"axes": "nt"}, r"`states` must be one array, or a list of arrays"),
        (FINE, {"ids": ["a"]}, r"`ids` must have one entry for each of the 2 samples; got 1\."),
        (FINE, {"ids": ["a", "a"]}, r"`ids` must be unique"),
        (FINE, {"groups": [1, 2, 3]}, r"`groups` must have one entry for each of the 2 samples; got 3\."),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_sentence(array, settings, message):
    with pytest.raises(SpinlockError, match=message) as caught:
        extract_features(array, **settings)
    assert "\n" not in str(caught.value)


def test_growth_beyond_the_range_of_float32_has_diverged_and_is_said():
    array = smooth(1, 1, 1, 8, 8).numpy() * np.array([1.0, 1e17])[:, None, None, None]
    with pytest.warns(UserWarning, match=r"1 sample \(0\) with saved times that become infinite, explode"):
        table = extract_features(array)
    assert not table.mask.any()
    with pytest.raises(InputError, match=r"reaches .* beyond 1e\+15; cut the run before it explodes"):
        extract_rollout(Rollout(states=torch.from_numpy(array), system="x", dt=1.0, channel_names=("u",)))


@feature(category="temporal")
def of_another_shape(fields: Fields) -> torch.Tensor:
    """A value a time step.

    It should be one a trajectory.
    """
    return fields.l1


@feature(category="temporal")
def a_count(fields: Fields) -> torch.Tensor:
    """A whole number.

    It should be real.
    """
    return torch.ones(fields.u.shape[0], dtype=torch.int64)


@feature(category="temporal")
def endless(fields: Fields) -> torch.Tensor:
    """An infinite number.

    It should be NaN.
    """
    return fields.scale / 0


@feature(category="temporal")
def broken(fields: Fields) -> torch.Tensor:
    """A sum of what does not fit.

    Raises.
    """
    return fields.u + torch.zeros(3, 7)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            of_another_shape,
            r"'of_another_shape' must return real numbers of the shape \(1,\); on sample 7 it returned .* \(1, 4\)",
        ),
        (a_count, r"'a_count' must return real numbers .* it returned torch.int64"),
        (endless, r"'endless' is infinite on sample 7; where it is undefined it must be NaN"),
        (broken, r"feature 'broken' failed on sample 7: The size of tensor"),
    ],
)
def test_a_feature_that_fails_is_named_with_its_sample(wrong, message):
    fields = Fields(smooth(1, 4, 1, 8, 8), dt=1.0)
    with pytest.raises(InputError, match=message):
        compute(wrong, fields, sample="sample 7")


def test_rollouts_have_the_features_of_their_states():
    states = torch.randn((2, 3, 24, 1, 12, 12), generator=torch.Generator().manual_seed(0)).cumsum(2)
    rollouts = [
        Rollout(states=sample, system="test", dt=0.1, dx=0.5, channel_names=("u",), group=7) for sample in states
    ]
    from_rollouts = extract_features(rollouts)
    from_array = extract_features(states, axes="nmtchw", dt=0.1, dx=0.5)
    torch.testing.assert_close(from_rollouts.values, from_array.values, equal_nan=True, rtol=0, atol=0)
    assert from_rollouts.groups == ("7", "7")


def at_rest(height: int, width: int) -> np.ndarray:
    """(n, m, t, c, h, w): from a constant frame 0 on, a walk with waves in it."""
    fields = states(2, 2, 32, 1, height, width).astype(np.float64)
    walk = np.random.default_rng(0).normal(size=(2, 2, 32, 1, 1, 1)).cumsum(axis=2)
    moved = fields - fields[:, :, :1] + (walk - walk[:, :, :1])
    return 0.7 + moved


@pytest.mark.parametrize(("height", "width"), [(1, 1), (12, 12)])
@pytest.mark.parametrize("factor", [2.0**-30, 2.0**30])  # exact in floating point: nothing is rounded otherwise
def test_the_unit_of_the_states_does_not_matter_where_frame_0_is_constant(height, width, factor):
    array = at_rest(height, width)
    as_it_is, scaled = (extract_features(a, axes="nmtchw").values for a in (array, factor * array))
    torch.testing.assert_close(scaled, as_it_is, equal_nan=True, rtol=1e-4, atol=1e-5)


def test_a_realization_that_leaves_the_range_of_float32_has_diverged_there():
    array = smooth(3, 6, 1, 8, 8, dtype=torch.float32)
    array[1, 4:] *= 1e18
    marked = within_range(
        Rollout(states=array, system="test", dt=1.0, channel_names=("u",), frozen_at=(2, 2, -1), dead_at=(-1, 5, -1))
    )
    assert (marked.diverged_at, marked.frozen_at, marked.dead_at) == ((-1, 4, -1), (2, -1, -1), (-1, -1, -1))
    assert marked.states[1, 4:].isnan().all()
    assert torch.isfinite(array).all()
    torch.testing.assert_close(marked.states[:, :4], array[:, :4], rtol=0, atol=0)
    assert within_range(marked) is marked
    assert bool(extract_rollout(marked, per_timestep=()).per_trajectory[1].isnan().all())


def test_a_step_operator_is_not_sent_to_other_processes():
    with pytest.raises(UsageError, match="step operator cannot be sent to other processes; leave `n_jobs` out"):
        extract_features(states(1, 1, 8, 1, 4, 4), axes="nmtchw", step=lambda u: u, n_jobs=2)
