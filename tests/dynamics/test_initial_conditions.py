import math

import numpy as np
import pytest

from spinlock.core.errors import ConfigError
from spinlock.core.seeds import stream
from spinlock.dynamics import INITIAL_CONDITIONS
from spinlock.dynamics.initial_conditions import draw_fields

KINDS = tuple(INITIAL_CONDITIONS)
WITH_LENGTH = tuple(kind for kind in KINDS if INITIAL_CONDITIONS[kind]().length is not None)


def draw(kind, number, *, size=128, length=0.08, num_channels=1):
    return draw_fields(kind, rng=stream(number, kind), num_channels=num_channels, size=size, length=length)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [32, 48])
def test_every_field_has_mean_zero_and_variance_one(kind, size):
    fields = draw(kind, 3, size=size, num_channels=2)
    assert fields.shape == (2, size, size)
    np.testing.assert_allclose(fields.mean((1, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(fields.var((1, 2)), 1, rtol=1e-12)


def measured_length(fields):
    """Distance at which the autocorrelation, averaged over directions and fields, falls to e^{-1/2}."""
    size = fields.shape[-1]
    correlation = np.fft.ifft2(np.abs(np.fft.fft2(fields)) ** 2).real.mean(0)
    correlation /= correlation[0, 0]
    offset = np.fft.fftfreq(size)
    distance = np.hypot(offset[:, None], offset[None, :]).ravel()
    edges = np.arange(0, 0.5, 0.5 / size)
    which = np.digitize(distance, edges)
    radial = np.array([correlation.ravel()[which == i].mean() for i in range(1, len(edges)) if (which == i).any()])
    centres = np.array([distance[which == i].mean() for i in range(1, len(edges)) if (which == i).any()])
    below = int(np.argmax(radial < math.exp(-0.5)))
    return np.interp(math.exp(-0.5), radial[[below, below - 1]], centres[[below, below - 1]])


@pytest.mark.parametrize("kind", WITH_LENGTH)
@pytest.mark.parametrize("length", [0.05, 0.09])
def test_the_correlation_length_is_the_one_claimed(kind, length):
    fields = np.concatenate([draw(kind, number, length=length) for number in range(24)])
    assert measured_length(fields) == pytest.approx(length, rel=0.12)


def test_noise_is_white():
    fields = np.concatenate([draw("noise", number) for number in range(8)])
    neighbours = np.roll(fields, 1, axis=2)
    assert abs((fields * neighbours).mean()) < 0.01


def test_a_gaussian_field_has_the_gaussian_spectrum():
    size, length = 64, 0.06
    power = np.mean(
        [np.abs(np.fft.fft2(draw("gaussian_field", n, size=size, length=length)[0])) ** 2 for n in range(200)], 0
    )
    k = np.fft.fftfreq(size, 1 / size)
    expected = np.exp(-2 * (math.pi * length) ** 2 * (k[:, None] ** 2 + k[None, :] ** 2))
    ratio = power[0, 1:8] / expected[0, 1:8]
    np.testing.assert_allclose(ratio / ratio.mean(), 1, atol=0.3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_stream_draws_the_same_field_and_another_stream_another(kind):
    np.testing.assert_array_equal(draw(kind, 1), draw(kind, 1))
    assert not np.array_equal(draw(kind, 1), draw(kind, 2))


def test_an_unknown_kind_is_named_with_the_nearest_one():
    with pytest.raises(
        ConfigError, match=r"unknown initial condition 'gausian_field'\. Did you mean 'gaussian_field'\?"
    ):
        draw("gausian_field", 0)


@pytest.mark.parametrize("length", [0.0, -0.1, 0.5, float("nan")])
def test_a_length_outside_the_range_of_its_kind_is_refused(length):
    with pytest.raises(ConfigError, match="initial condition 'blobs' has correlation lengths from 0.05 to 0.1; got "):
        draw("blobs", 0, length=length)
