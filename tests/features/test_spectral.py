"""Spectral features against closed forms and laws."""

import math

import numpy as np
import pytest
import torch
from feature_samples import noise, smooth, still, wave
from hypothesis import given, settings
from hypothesis import strategies as st

from spinlock.features import spectral
from spinlock.features.fields import Fields
from spinlock.features.spectral import SPECTRAL

CROSS_CHANNEL = {"coherence_low", "coherence_high", "channel_correlation"}


def value(feature, fields) -> float:
    return feature(fields)[0, 0].item()


def test_there_are_27_features_with_a_definition_each():
    assert len({feature.name for feature in SPECTRAL}) == 27
    assert all(
        feature.spec.category == "spectral" and feature.spec.definition.endswith((".", "…")) for feature in SPECTRAL
    )


@pytest.mark.parametrize(("ky", "kx"), [(0, 1), (3, 0), (3, 4), (-6, 8)])
def test_a_plane_wave_is_found_with_its_wavenumber_and_direction(ky, kx):
    fields = still(wave(ky, kx)[0, 0, 0])
    size = math.hypot(ky, kx)
    assert value(spectral.dominant_wavenumber, fields) == pytest.approx(size)
    assert value(spectral.spectral_centroid, fields) == pytest.approx(round(size))
    assert value(spectral.spectral_spread, fields) == pytest.approx(0, abs=1e-6)
    assert value(spectral.dominant_axis, fields) == pytest.approx((kx**2 - ky**2) / size**2)
    assert value(spectral.dominant_diagonal, fields) == pytest.approx(2 * kx * ky / size**2)
    for order in (spectral.spectral_anisotropy, spectral.fourfold_order, spectral.sixfold_order):
        assert value(order, fields) == pytest.approx(1)
    assert value(spectral.peak_concentration, fields) == pytest.approx(1)
    assert value(spectral.dominant_share, fields) == pytest.approx(1)
    assert value(spectral.active_modes, fields) == pytest.approx(math.log10(2), abs=1e-9)


@pytest.mark.parametrize(
    ("k", "band"),
    [
        (1, spectral.band_power_1),
        (2, spectral.band_power_2_3),
        (3, spectral.band_power_2_3),
        (4, spectral.band_power_4_7),
        (7, spectral.band_power_4_7),
        (8, spectral.band_power_8_15),
        (15, spectral.band_power_8_15),
    ],
)
def test_bands_are_stated_in_cycles_per_domain(k, band):
    fields = still(wave(0, k, size=64)[0, 0, 0])
    bands = SPECTRAL[:4]
    assert [value(feature, fields) for feature in bands] == pytest.approx([float(feature is band) for feature in bands])
    assert value(spectral.band_power_16_up, fields) == -12


def test_a_wave_of_16_cycles_is_fine_only_on_a_coarse_grid():
    assert value(spectral.band_power_16_up, still(wave(0, 20, size=64)[0, 0, 0])) == pytest.approx(0)
    assert value(spectral.fine_scale_power, still(wave(0, 20, size=64)[0, 0, 0])) == pytest.approx(0)
    assert value(spectral.fine_scale_power, still(wave(0, 20, size=128)[0, 0, 0])) == -12


@pytest.mark.parametrize("exponent", [-3.0, -1.0, 0.0])
def test_slope_of_a_power_law_is_its_exponent_and_its_curvature_is_0(exponent):
    size = 64
    ky = torch.fft.fftfreq(size, 1 / size, dtype=torch.float64)[:, None]
    kx = torch.fft.rfftfreq(size, 1 / size, dtype=torch.float64)
    shell = (ky**2 + kx**2).sqrt().round()
    weight = torch.where((kx == 0) | (kx == size / 2), 1.0, 2.0).to(kx).expand_as(shell)
    modes = torch.zeros(int(shell.max()) + 1, dtype=torch.float64).index_add_(
        0, shell.long().flatten(), weight.flatten()
    )
    amplitude = (shell.clamp_min(1) ** exponent / modes[shell.long()]).sqrt() * (shell > 0)
    # Symmetric in ky, so that the real field has exactly this power.
    frame = torch.fft.irfft2(amplitude.to(torch.complex128), s=(size, size), norm="forward")
    fields = still(frame)
    assert value(spectral.spectral_slope, fields) == pytest.approx(exponent, abs=1e-6)
    assert value(spectral.spectral_curvature, fields) == pytest.approx(0, abs=1e-6)
    if exponent == 0:
        assert value(spectral.spectral_flatness, fields) == pytest.approx(0, abs=1e-9)
        assert value(spectral.spectral_entropy, fields) == pytest.approx(1, abs=1e-9)


def test_white_noise_has_the_slope_of_its_shells_sizes():
    fields = Fields(noise(1, 30, 1, 64, 64), dt=1.0)
    assert spectral.spectral_slope(fields).mean().item() == pytest.approx(1, abs=0.1)


def test_centroid_spread_entropy_and_rolloff_of_two_waves():
    frame = (wave(0, 2) + 0.5 * wave(0, 6))[0, 0, 0]  # shares 0.8 and 0.2
    fields = still(frame)
    assert value(spectral.spectral_centroid, fields) == pytest.approx(2.8)
    assert value(spectral.spectral_spread, fields) == pytest.approx(4 * math.sqrt(0.8 * 0.2))
    entropy = -(0.8 * math.log(0.8) + 0.2 * math.log(0.2)) / math.log(23)
    assert value(spectral.spectral_entropy, fields) == pytest.approx(entropy)
    assert value(spectral.spectral_rolloff, fields) == pytest.approx(6.0)
    assert value(spectral.dominant_share, fields) == pytest.approx(0.8)
    assert value(spectral.active_modes, fields) == pytest.approx(-math.log10(2 * (0.4**2 + 0.1**2)))


def test_harmonics_of_a_square_wave():
    # Of period 32 on 128 pixels: odd harmonics with 1/9 of the power (aliases shift it slightly), even ones with none.
    square = torch.sign(torch.sin((torch.arange(128, dtype=torch.float64) + 0.5) * 2 * math.pi / 32)).expand(128, 128)
    fields = still(square)
    assert value(spectral.dominant_wavenumber, fields) == 4
    assert value(spectral.third_harmonic, fields) == pytest.approx(-math.log10(9), abs=0.03)
    assert value(spectral.second_harmonic, fields) == -12


def test_a_harmonic_beyond_nyquist_is_missing():
    fields = still(wave(0, 6)[0, 0, 0])
    assert not math.isnan(value(spectral.second_harmonic, fields))
    assert math.isnan(value(spectral.third_harmonic, fields))  # 18 of 16


def lattice(angles) -> torch.Tensor:
    """Waves of about 12 cycles at the given angles, on the nearest grid modes."""
    modes = [(round(12 * math.sin(angle)), round(12 * math.cos(angle))) for angle in angles]
    return sum(wave(ky, kx, size=64, phase=index) for index, (ky, kx) in enumerate(modes))[0, 0, 0]


def test_squares_and_hexagons_are_told_apart():
    squares, hexagons = still(lattice((0, math.pi / 2))), still(lattice((0, math.pi / 3, -math.pi / 3)))
    assert value(spectral.fourfold_order, squares) == pytest.approx(1, abs=0.02)
    assert value(spectral.sixfold_order, hexagons) > 0.95
    assert value(spectral.sixfold_order, squares) < 0.05
    assert value(spectral.fourfold_order, hexagons) < 0.2
    assert value(spectral.spectral_anisotropy, squares) < 0.05


def test_a_channel_and_its_multiple_are_coherent():
    frame = smooth(32, 32)
    fields = still(torch.stack((frame, -3 * frame)))
    assert value(spectral.coherence_low, fields) == pytest.approx(6)
    assert value(spectral.channel_correlation, fields) == pytest.approx(-1)


def test_unrelated_channels_are_not_coherent():
    fields = Fields(noise(1, 40, 2, 64, 64), dt=1.0)
    for feature in (spectral.coherence_low, spectral.coherence_high):  # γ² of 9 averaged modes is 1/9
        assert feature(fields).mean().item() == pytest.approx(-math.log10(1 - 1 / 9), abs=0.02)
    assert abs(spectral.channel_correlation(fields).mean().item()) < 0.01


def test_coherence_of_a_noisy_copy_is_the_shared_power():
    shared, own = noise(1, 60, 1, 64, 64, seed=1), noise(1, 60, 1, 64, 64, seed=2)
    fields = Fields(torch.cat((shared, shared + 0.2 * own), 2), dt=1.0)
    assert spectral.coherence_high(fields).mean().item() == pytest.approx(-math.log10(1 - 1 / 1.04), abs=0.1)


def test_a_channel_that_lags_in_space_is_coherent_but_not_correlated():
    u = smooth(1, 1, 1, 64, 64, length=0.03)
    fields = Fields(torch.cat((u, u.roll(6, -1)), 2), dt=1.0)
    assert value(spectral.coherence_low, fields) > 0.5
    assert abs(value(spectral.channel_correlation, fields)) < 0.2


def test_channel_correlation_is_that_of_the_pixels():
    u = noise(3, 24, 20).cumsum(-1)
    r = np.corrcoef(u.flatten(1).numpy())
    expected = (r[0, 1] + r[0, 2] + r[1, 2]) / 3
    assert value(spectral.channel_correlation, still(u)) == pytest.approx(expected)


def test_one_channel_has_no_cross_channel_features():
    fields = still(smooth(16, 16))
    missing = {feature.name for feature in SPECTRAL if math.isnan(value(feature, fields))}
    assert missing - {"second_harmonic", "third_harmonic"} == CROSS_CHANNEL


@settings(max_examples=15)
@given(
    factor=st.floats(0.01, 100),
    offset=st.floats(-10, 10),
    shift=st.tuples(st.integers(0, 31), st.integers(0, 31)),
    seed=st.integers(0, 1000),
)
def test_no_feature_sees_scale_offset_or_translation(factor, offset, shift, seed):
    u = smooth(1, 1, 2, 32, 32, seed=seed, length=0.02)
    moved, original = Fields(u.roll(shift, (-2, -1)) * factor + offset, dt=1.0), Fields(u, dt=1.0)
    for feature in SPECTRAL:
        torch.testing.assert_close(
            feature(moved), feature(original), rtol=1e-6, atol=1e-6, equal_nan=True, msg=feature.name
        )


def test_turning_the_field_turns_only_the_directions():
    u = smooth(1, 3, 2, 33, 33, length=0.03)  # odd: no Nyquist mode with only one direction
    fields, turned = Fields(u, dt=1.0), Fields(u.rot90(dims=(-2, -1)), dt=1.0)
    for feature in SPECTRAL:
        sign = -1 if feature in (spectral.dominant_axis, spectral.dominant_diagonal) else 1
        torch.testing.assert_close(feature(turned) * sign, feature(fields), equal_nan=True, msg=feature.name)


def test_a_domain_that_does_not_wrap_has_no_leakage_from_its_edges():
    ramp = torch.linspace(-1, 1, 64, dtype=torch.float64).expand(64, 64)
    assert (
        value(spectral.fine_scale_power, still(ramp, periodic=False))
        < value(spectral.fine_scale_power, still(ramp)) - 2
    )


@pytest.mark.parametrize("value_of", [0.0, 0.1, -3e4])
def test_a_constant_frame_has_no_spectrum(value_of):
    fields = Fields(torch.full((1, 2, 2, 9, 9), value_of), dt=1.0)
    for feature in SPECTRAL:
        assert feature(fields).isnan().all(), feature.name
