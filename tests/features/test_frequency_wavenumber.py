"""The ω-k spectrum of waves."""

import math

import pytest
import torch
from feature_samples import noise

from spinlock.features.fields import Fields
from spinlock.features.frequency_wavenumber import frequency_wavenumber, one_way_share, ridge_share


def spectrum_of(u: torch.Tensor, *, height=1.0, width=1.0):
    fields = Fields(u, dt=1.0)
    return frequency_wavenumber(
        fields.low_modes, fields.low_ky, fields.low_kx, height=height, width=width, resolution=fields.resolution
    )


def running(*, kx: int, ky: int, cycles: float, time=64) -> torch.Tensor:
    """cos(2π(kx x + ky y - cycles t/T)), float64."""
    along = torch.arange(24, dtype=torch.float64) / 24
    t = torch.arange(time, dtype=torch.float64)[:, None, None] / time
    return torch.cos(2 * math.pi * (kx * along + ky * along[:, None] - cycles * t))[None, :, None]


@pytest.mark.parametrize(("kx", "ky", "cycles"), [(3, 0, 8), (3, 2, -8), (1, -5, 12), (0, 4, 6)])
def test_a_running_wave_is_one_peak_at_its_wavenumber_and_signed_frequency(kx, ky, cycles):
    found = spectrum_of(running(kx=kx, ky=ky, cycles=cycles), height=2.0, width=0.5)
    place = found.power[0].argmax()
    frequency, mode = divmod(int(place), found.power.shape[2])
    assert found.frequency[frequency].item() == pytest.approx(cycles / 64)
    assert found.wavenumber[mode].item() == pytest.approx(math.hypot(ky / 2.0, kx / 0.5))
    assert one_way_share(found.power, found.frequency).item() == pytest.approx(1, abs=1e-6)
    assert ridge_share(found.power, reach=1).item() == pytest.approx(1, abs=1e-3)


def test_a_standing_wave_runs_both_ways():
    u = running(kx=3, ky=1, cycles=8) + running(kx=3, ky=1, cycles=-8)
    found = spectrum_of(u)
    assert one_way_share(found.power, found.frequency).item() == pytest.approx(0, abs=1e-9)


def test_both_halves_of_the_plane_are_counted_once():
    # by Parseval the power is the variance of the windowed fluctuation, for waves that the low modes hold
    u = running(kx=3, ky=2, cycles=8) + 0.5 * running(kx=0, ky=5, cycles=20)
    window = torch.hann_window(66, periodic=False, dtype=torch.float64)[1:-1]
    expected = ((u - u.mean(1, keepdim=True)) * window[:, None, None, None]).square().mean()
    assert spectrum_of(u).power.sum().item() == pytest.approx(expected.item())


def test_white_noise_has_no_ridge():
    found = spectrum_of(noise(1, 256, 1, 24, 24))
    assert ridge_share(found.power, reach=1).item() < 0.1
    assert one_way_share(found.power, found.frequency).item() < 0.2


def test_a_frozen_pattern_has_no_spectrum():
    assert spectrum_of(noise(1, 1, 1, 24, 24).expand(1, 20, 1, 24, 24).float().contiguous()).power.isnan().all()
