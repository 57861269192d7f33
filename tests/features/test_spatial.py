"""Spatial features against closed forms, scipy and laws."""

import math

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats
import torch
from feature_samples import noise, smooth, still, wave
from hypothesis import given, settings
from hypothesis import strategies as st

from spinlock.features import spatial
from spinlock.features.fields import Fields
from spinlock.features.spatial import SPATIAL

IN_UNITS_OF_U = {"spatial_mean", "spatial_std", "gradient_magnitude"}
TURNS_WITH_THE_FIELD = {"gradient_axis", "gradient_diagonal", "correlation_length_x", "correlation_length_y"}


def value(feature, fields) -> float:
    return feature(fields)[0, 0].item()


def test_there_are_27_features_with_a_definition_each():
    assert len({feature.name for feature in SPATIAL}) == 27
    assert all(
        feature.spec.category == "spatial" and feature.spec.definition.endswith((".", "…")) for feature in SPATIAL
    )


def test_moments_agree_with_scipy():
    frame = noise(24, 24).exp()
    fields, values = still(frame), frame.flatten().numpy()
    assert value(spatial.spatial_mean, fields) == pytest.approx(values.mean())
    assert value(spatial.spatial_std, fields) == pytest.approx(values.std())
    assert value(spatial.spatial_skewness, fields) == pytest.approx(scipy.stats.skew(values))
    assert value(spatial.spatial_kurtosis, fields) == pytest.approx(scipy.stats.kurtosis(values))
    assert value(spatial.trough_depth, fields) == pytest.approx((values.mean() - values.min()) / values.std())
    assert value(spatial.peak_height, fields) == pytest.approx((values.max() - values.mean()) / values.std())


def test_quantile_features_agree_with_numpy():
    frame = noise(24, 24).exp()
    fields, values = still(frame), frame.flatten().numpy()
    q10, q25, q50, q75, q90 = np.quantile(values, (0.1, 0.25, 0.5, 0.75, 0.9))
    assert value(spatial.median_offset, fields) == pytest.approx((values.mean() - q50) / values.std())
    assert value(spatial.quantile_skewness, fields) == pytest.approx((q90 + q10 - 2 * q50) / (q90 - q10))
    assert value(spatial.iqr_ratio, fields) == pytest.approx((q75 - q25) / values.std() / 1.3489795)
    assert value(spatial.mad_ratio, fields) == pytest.approx(np.abs(values - values.mean()).mean() / values.std())


def test_value_entropy_agrees_with_a_histogram_and_is_1_for_equal_frequencies():
    frame = noise(20, 20)
    counts, _ = np.histogram(frame.numpy(), bins=32)
    assert value(spatial.value_entropy, still(frame)) == pytest.approx(
        scipy.stats.entropy(counts) / math.log(32), abs=1e-3
    )
    assert value(spatial.value_entropy, still(torch.arange(1024.0).view(32, 32))) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 1.0), (0.25, 1.0)]
)  # a distribution of two values reaches the bound whatever their shares
def test_bimodality_of_two_values_is_1(share, expected):
    frame = (torch.arange(256).view(16, 16) < 256 * share).double()
    assert value(spatial.spatial_bimodality, still(frame)) == pytest.approx(expected)
    assert value(spatial.spatial_kurtosis, still(frame)) >= -2


def test_bimodality_of_gaussian_values_is_a_third():
    quantiles = torch.from_numpy(scipy.stats.norm.ppf((np.arange(4096) + 0.5) / 4096)).view(64, 64)
    assert value(spatial.spatial_bimodality, still(quantiles)) == pytest.approx(1 / 3, abs=0.01)
    assert value(spatial.iqr_ratio, still(quantiles)) == pytest.approx(1, abs=0.01)
    assert value(spatial.mad_ratio, still(quantiles)) == pytest.approx(math.sqrt(2 / math.pi), abs=0.01)


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("amplitude", [0.1, 20.0])
def test_slope_and_scales_of_a_plane_wave(k, amplitude):
    dx = 0.5
    fields = still(wave(0, k, amplitude=amplitude, size=64)[0, 0, 0], dx=dx)
    slope = 2 * math.sin(math.pi * k / 64) / dx  # of neighbouring pixels; 2π k / (64 dx) for k << 64
    assert value(spatial.gradient_magnitude, fields) == pytest.approx(amplitude * slope / math.sqrt(2))
    assert value(spatial.gradient_microscale, fields) == pytest.approx(1 / slope)
    assert value(spatial.curvature_wavenumber, fields) == pytest.approx(slope)
    assert value(spatial.gradient_sparsity, fields) == pytest.approx(8 / math.pi**2, abs=0.01)
    assert value(spatial.gradient_kurtosis, fields) == pytest.approx(math.log(1.5), abs=0.02)


@pytest.mark.parametrize(("ky", "kx", "axis", "diagonal"), [(0, 3, 1, 0), (4, 0, -1, 0), (2, 2, 0, 1), (-2, 2, 0, -1)])
def test_structure_tensor_of_stripes_gives_their_direction(ky, kx, axis, diagonal):
    fields = still(wave(ky, kx, size=64)[0, 0, 0])
    assert value(spatial.gradient_axis, fields) == pytest.approx(axis, abs=1e-9)
    assert value(spatial.gradient_diagonal, fields) == pytest.approx(diagonal, abs=0.02)
    assert value(spatial.gradient_anisotropy, fields) == pytest.approx(1, abs=0.02)


def test_an_isotropic_field_has_no_direction():
    fields = Fields(smooth(1, 40, 1, 64, 64, length=0.03), dt=1.0)
    assert spatial.gradient_anisotropy(fields).mean().item() < 0.1
    assert abs(spatial.gradient_axis(fields).mean().item()) < 0.05


def test_gradient_statistics_of_gaussian_fields_are_those_of_the_theory():
    fields = Fields(smooth(1, 40, 1, 64, 64, length=0.05), dt=1.0)
    # |∇u|² of an isotropic Gaussian field is exponential: kurtosis 2, (mean |∇u|)²/mean |∇u|² = π/4.
    assert spatial.gradient_kurtosis(fields).mean().item() == pytest.approx(math.log(2), abs=0.06)
    assert spatial.gradient_sparsity(fields).mean().item() == pytest.approx(math.pi / 4, abs=0.02)
    assert spatial.occupied_fraction(fields).mean().item() == pytest.approx(0.5, abs=0.02)


def test_sharp_peaks_have_a_negative_curvature_skewness():
    axis = torch.arange(64, dtype=torch.float64) - 32
    spot = torch.exp(-(axis[:, None] ** 2 + axis**2) / 18)
    assert value(spatial.curvature_skewness, still(spot)) < -1
    assert value(spatial.curvature_skewness, still(-spot)) > 1


def disc(size: int, outer: float, inner: float = 0.0, *, at: float = 0.5) -> torch.Tensor:
    axis = torch.arange(size, dtype=torch.float64) + 0.5 - size * at
    radius = (axis[:, None] ** 2 + axis**2).sqrt()
    return ((radius < outer) & (radius >= inner)).double()


@pytest.mark.parametrize("periodic", [True, False])
def test_euler_number_of_discs_and_rings(periodic):
    assert value(spatial.euler_number, still(disc(32, 8), periodic=periodic)) == 1
    assert value(spatial.euler_number, still(disc(32, 10, 5), periodic=periodic)) == 0
    assert value(spatial.euler_number, still(-disc(32, 8) + disc(32, 3, at=0.25), periodic=periodic)) == (
        -1 if periodic else 0
    )  # a plane with a hole; closed to a torus it has the torus' two loops on top
    two = disc(32, 4, at=0.25) + disc(32, 4, at=0.75)
    assert value(spatial.euler_number, still(two, periodic=periodic)) == 2


@pytest.mark.parametrize("seed", range(4))
def test_euler_number_agrees_with_labelled_components_and_holes(seed):
    frame = smooth(30, 30, length=0.05, seed=seed)
    inside = (frame > frame.mean()).numpy()
    components = scipy.ndimage.label(inside)[1]
    outside = scipy.ndimage.label(np.pad(~inside, 1, constant_values=True), structure=np.ones((3, 3)))[1]
    assert value(spatial.euler_number, still(frame, periodic=False)) == components - (outside - 1)


def test_euler_number_and_interface_of_one_dimension_count_the_runs():
    line = torch.tensor([[1.0, 1, 0, 0, 1, 0, 0, 0, 1, 1]])
    assert value(spatial.euler_number, still(line, dx=0.5)) == 2  # the first and last run meet
    assert value(spatial.euler_number, still(line, periodic=False)) == 3
    assert value(spatial.interface_length, still(line, dx=0.5)) == pytest.approx(4 / (10 * 0.5))


def test_interface_length_of_stripes_and_of_a_checkerboard():
    dx = 0.25
    stripes = wave(0, 4)[0, 0, 0]
    assert value(spatial.interface_length, still(stripes, dx=dx)) == pytest.approx(8 / (32 * dx))
    board = (torch.arange(32)[:, None] + torch.arange(32)).remainder(2).double()
    assert value(spatial.interface_length, still(board, dx=dx)) == pytest.approx(2 / dx)


@pytest.mark.parametrize("length", [0.05, 0.1])
def test_correlation_length_of_a_gaussian_spectrum(length):
    # Power exp(-(2π length k)²/2) has the autocorrelation exp(-r²/(2 length²)): 1/e at r = √2 length.
    u = smooth(1, 60, 1, 64, 64, length=length)
    fields = Fields(u, dt=1.0, dx=1 / 64)
    for feature in (spatial.correlation_length_x, spatial.correlation_length_y):
        assert feature(fields).mean().item() == pytest.approx(math.sqrt(2) * length, rel=0.12)


def test_correlation_length_of_a_cosine_and_its_limit():
    fields = still(wave(0, 2, size=64)[0, 0, 0], dx=0.5)
    assert value(spatial.correlation_length_x, fields) == pytest.approx(
        32 * math.acos(1 / math.e) / (2 * math.pi) * 0.5, rel=1e-3
    )
    assert value(spatial.correlation_length_y, fields) == 16.0  # uniform along y: half the height


def test_effective_rank_is_the_participation_of_singular_values():
    frame = noise(12, 20)
    singular = torch.linalg.svdvals(frame - frame.mean())
    expected = singular.square().sum() ** 2 / singular.pow(4).sum()
    assert value(spatial.effective_rank, still(frame)) == pytest.approx(expected.item())
    assert value(spatial.effective_rank, still(wave(0, 3)[0, 0, 0])) == pytest.approx(1)


def test_channels_count_equally_whatever_their_scale():
    a, b = smooth(24, 24, seed=1), noise(24, 24, seed=2)
    together = still(torch.stack((a, 1000 * b + 50)))
    for feature in SPATIAL:
        if feature.name not in IN_UNITS_OF_U:
            mean = (value(feature, still(a)) + value(feature, still(b))) / 2
            if not feature.name.startswith("correlation_length"):  # from the summed spectrum
                assert value(feature, together) == pytest.approx(mean, rel=1e-6), feature.name


@settings(max_examples=15)
@given(
    factor=st.floats(0.01, 100),
    offset=st.floats(-10, 10),
    shift=st.tuples(st.integers(0, 31), st.integers(0, 31)),
    seed=st.integers(0, 1000),
)
def test_shape_features_ignore_scale_offset_and_translation(factor, offset, shift, seed):
    u = smooth(1, 1, 1, 32, 32, seed=seed)
    moved = Fields(u.roll(shift, (-2, -1)) * factor + offset, dt=1.0)
    original = Fields(u, dt=1.0)
    for feature in SPATIAL:
        if feature.name not in IN_UNITS_OF_U:
            torch.testing.assert_close(feature(moved), feature(original), rtol=1e-6, atol=1e-6, msg=feature.name)


@pytest.mark.parametrize("periodic", [True, False])
def test_features_turn_with_the_field(periodic):
    u = smooth(1, 3, 1, 32, 32)
    fields, turned = (Fields(v, dt=1.0, periodic=periodic) for v in (u, u.rot90(dims=(-2, -1))))
    for feature in SPATIAL:
        if feature.name not in TURNS_WITH_THE_FIELD:
            torch.testing.assert_close(feature(turned), feature(fields), msg=feature.name)
    torch.testing.assert_close(spatial.gradient_axis(turned), -spatial.gradient_axis(fields))
    torch.testing.assert_close(spatial.gradient_diagonal(turned), -spatial.gradient_diagonal(fields))
    torch.testing.assert_close(spatial.correlation_length_x(turned), spatial.correlation_length_y(fields))


def test_features_scale_with_the_grid_spacing_as_their_units_say():
    u = smooth(1, 2, 1, 24, 24)
    one, half = Fields(u, dt=1.0, dx=1.0), Fields(u, dt=1.0, dx=0.5)
    power = {"length": 0.5, "1/length": 2.0, "frame-0 std/length": 2.0}
    for feature in SPATIAL:
        torch.testing.assert_close(feature(half), feature(one) * power.get(feature.spec.unit, 1.0), msg=feature.name)


@pytest.mark.parametrize("value_of", [0.0, 0.1, -3e4])
def test_a_constant_frame_has_no_shape(value_of):
    fields = Fields(torch.full((1, 2, 2, 9, 9), value_of), dt=1.0)
    for feature in SPATIAL:
        values = feature(fields)
        if feature.name in IN_UNITS_OF_U:
            assert torch.isfinite(values).all(), feature.name
        else:
            assert values.isnan().all(), feature.name


def test_a_constant_channel_does_not_count():
    varied = smooth(16, 16)
    alone, beside = still(varied), still(torch.stack((varied, torch.full_like(varied, 3.0))))
    for feature in SPATIAL:
        if feature.name not in IN_UNITS_OF_U:
            torch.testing.assert_close(feature(beside), feature(alone), msg=feature.name)


@pytest.mark.parametrize("strength", [1e-10, 1e12])
def test_a_field_of_any_strength_keeps_its_shape_in_float32(strength):
    u = smooth(1, 1, 1, 16, 16, dtype=torch.float32)
    for feature in SPATIAL:
        if feature.name not in IN_UNITS_OF_U:
            torch.testing.assert_close(
                feature(Fields(u * strength, dt=1.0)),
                feature(Fields(u, dt=1.0)),
                rtol=1e-3,
                atol=1e-3,
                msg=feature.name,
            )
