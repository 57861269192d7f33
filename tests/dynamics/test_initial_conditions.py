import math

import numpy as np
import pytest
from scipy.signal import convolve2d

from spinlock.core.errors import ConfigError
from spinlock.core.seeds import stream
from spinlock.dynamics.initial_conditions import INITIAL_CONDITIONS, draw_fields, initial_parameters
from spinlock.dynamics.initial_conditions.discrete import PATTERNS, pattern
from spinlock.dynamics.initial_conditions.kind import LEVEL, Canvas
from spinlock.dynamics.sampling import plan_samples
from spinlock.dynamics.systems import SYSTEMS

KINDS = tuple(INITIAL_CONDITIONS)
WITH_LENGTH = tuple(kind for kind in KINDS if INITIAL_CONDITIONS[kind]().length is not None)
WITH_DETAIL = tuple(kind for kind in KINDS if INITIAL_CONDITIONS[kind]().detail is not None)
TWO_VALUED = ("soup", "mirrored_soup", "soup_patch", "blocks", "life_seeds")


def draw(kind, number, *, size=128, height=None, num_channels=1, u=0.5, **given):
    parameters = INITIAL_CONDITIONS[kind]().values(u, u) | given
    return draw_fields(
        kind,
        rng=stream(number, kind),
        num_channels=num_channels,
        height=size if height is None else height,
        width=size,
        parameters=parameters,
    )


def test_there_are_many_kinds():
    assert len(KINDS) >= 24
    assert all(INITIAL_CONDITIONS[kind]().description for kind in KINDS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("height", "size"), [(16, 16), (48, 48), (1, 16), (1, 96)])
def test_every_field_has_mean_zero_and_variance_one(kind, height, size):
    for number in range(3):
        fields = draw(kind, number, height=height, size=size, num_channels=2, u=0.03 + 0.3 * number)
        assert fields.shape == (2, height, size)
        np.testing.assert_allclose(fields.mean((1, 2)), 0, atol=1e-12)
        np.testing.assert_allclose(fields.var((1, 2)), 1, rtol=1e-12)


def measured_length(fields):
    """Distance at which the autocorrelation, averaged over directions and fields, falls to e^{-1/2}."""
    height, size = fields.shape[-2:]
    correlation = np.fft.ifft2(np.abs(np.fft.fft2(fields)) ** 2).real.mean(0)
    correlation /= correlation[0, 0]
    rows = np.fft.fftfreq(height) if height > 1 else np.zeros(1)
    distance = np.hypot(rows[:, None], np.fft.fftfreq(size)[None, :]).ravel()
    edges = np.arange(0, 0.5, 0.5 / size)
    which = np.digitize(distance, edges)
    radial = np.array([correlation.ravel()[which == i].mean() for i in range(1, len(edges)) if (which == i).any()])
    centres = np.array([distance[which == i].mean() for i in range(1, len(edges)) if (which == i).any()])
    below = int(np.argmax(radial < LEVEL))
    return np.interp(LEVEL, radial[[below, below - 1]], centres[[below, below - 1]])


@pytest.mark.parametrize("kind", WITH_LENGTH)
@pytest.mark.parametrize("u", [0.25, 0.85])
def test_the_correlation_length_is_the_one_claimed(kind, u):
    fields = np.concatenate([draw(kind, number, u=u) for number in range(24)])
    claimed = INITIAL_CONDITIONS[kind]().values(u, u)["initial_length"]
    assert measured_length(fields) == pytest.approx(claimed, rel=0.12)


ON_A_LINE = ("gaussian_field", "power_law", "heavy_tailed", "intermittent", "two_scales", "stripes", "wave_packet")


@pytest.mark.parametrize("kind", [*ON_A_LINE, "band_limited", "blobs"])
def test_the_correlation_length_is_the_one_claimed_on_a_line_too(kind):
    fields = np.concatenate([draw(kind, number, height=1, size=512, u=0.1) for number in range(150)])
    claimed = INITIAL_CONDITIONS[kind]().values(0.1, 0.1)["initial_length"]
    assert measured_length(fields) == pytest.approx(claimed, rel=0.2)


def test_noise_is_white():
    fields = np.concatenate([draw("noise", number) for number in range(8)])
    neighbours = np.roll(fields, 1, axis=2)
    assert abs((fields * neighbours).mean()) < 0.01


def spectrum(kind, *, size=64, number=120, **given):
    return np.mean([np.abs(np.fft.fft2(draw(kind, n, size=size, **given)[0])) ** 2 for n in range(number)], 0)


def test_a_gaussian_field_has_the_gaussian_spectrum():
    length = 0.06
    power = spectrum("gaussian_field", initial_length=length)
    k = np.fft.fftfreq(64, 1 / 64)
    expected = np.exp(-2 * (math.pi * length) ** 2 * (k[:, None] ** 2 + k[None, :] ** 2))
    ratio = power[0, 1:8] / expected[0, 1:8]
    np.testing.assert_allclose(ratio / ratio.mean(), 1, atol=0.3)


@pytest.mark.parametrize("exponent", [1.0, 3.0])
def test_a_scale_free_field_has_the_power_it_claims(exponent):
    power = spectrum("scale_free", initial_exponent=exponent)
    k = np.arange(1, 25)
    along = (power[0, 1:25] + power[1:25, 0]) / 2
    slope = np.polyfit(np.log(k), np.log(along), 1)[0]
    assert slope == pytest.approx(-exponent, abs=0.1)


@pytest.mark.parametrize("kind", ["heavy_tailed", "intermittent"])
def test_tails_grow_heavier_with_the_parameter_and_are_heavier_than_gaussian(kind):
    def kurtosis(tail):
        return np.mean(
            [np.mean(draw(kind, n, size=64, initial_length=0.04, initial_tail=tail) ** 4) for n in range(30)]
        )

    detail = INITIAL_CONDITIONS[kind]().detail
    assert 3.5 < kurtosis(detail.low) < kurtosis(detail.high)


def test_an_anisotropic_field_has_its_ratio_of_lengths():
    ratios = []
    for number in range(40):
        field = draw("anisotropic_field", number, size=96, initial_length=0.04, initial_ratio=3.0)[0]
        dy, dx = (np.roll(field, -1, axis) - np.roll(field, 1, axis) for axis in (0, 1))
        tensor = np.array([[np.mean(dy * dy), np.mean(dy * dx)], [np.mean(dy * dx), np.mean(dx * dx)]])
        ratios.append(np.sqrt(np.divide(*np.linalg.eigvalsh(tensor)[::-1])))
    # The gradient's variance along an axis is 1/length² of that axis; a few correlation cells make the estimate noisy.
    assert np.median(ratios) == pytest.approx(3.0, rel=0.15)


@pytest.mark.parametrize("arms", [1, 2, 3, 4])
def test_a_spiral_has_its_number_of_arms(arms):
    canvas = Canvas(
        rng=np.random.Generator(np.random.PCG64(arms)), height=256, width=256, length=0.05, detail=float(arms)
    )
    field = INITIAL_CONDITIONS["spiral"]().draw(canvas)
    # The centre is what the stream gave first.
    row, column = np.random.Generator(np.random.PCG64(arms)).random(2) * 256
    angles = np.arange(64) * 2 * math.pi / 64
    rows, columns = (np.rint(row + 40 * np.sin(angles)), np.rint(column + 40 * np.cos(angles)))
    circle = field[rows.astype(int) % 256, columns.astype(int) % 256]
    assert np.argmax(np.abs(np.fft.rfft(circle))) == arms


@pytest.mark.parametrize("kind", TWO_VALUED)
def test_a_discrete_kind_has_two_values_of_opposite_sign(kind):
    values = np.unique(draw(kind, 0, size=32))
    assert len(values) == 2
    assert values[0] < 0 < values[1]


@pytest.mark.parametrize("density", [0.1, 0.5])
def test_a_soup_has_its_density(density):
    assert (draw("soup", 0, initial_density=density) > 0).mean() == pytest.approx(density, abs=0.02)


def test_a_mirrored_soup_is_its_own_mirror_image_around_its_middle():
    alive = draw("mirrored_soup", 0, size=32)[0] > 0
    rows, columns = (np.nonzero(alive.any(axis))[0] for axis in (1, 0))
    found = [
        np.array_equal(moved, moved[::-1]) and np.array_equal(moved, moved[:, ::-1])
        for shift in np.ndindex(32, 32)
        if (moved := np.roll(alive, shift, (0, 1))).any()
    ]
    assert any(found)
    assert len(rows)
    assert len(columns)


def test_patterns_of_life_keep_their_cells_when_they_are_placed():
    alive = (draw("life_seeds", 3, size=64, initial_count=1)[0] > 0).astype(int)
    sizes = {int(pattern(name).sum()) for name in PATTERNS}
    assert alive.sum() in sizes
    neighbours = convolve2d(alive, np.ones((3, 3)), mode="same", boundary="wrap")
    assert neighbours.max() >= 3


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_stream_draws_the_same_field_and_another_stream_another(kind):
    np.testing.assert_array_equal(draw(kind, 1, size=32), draw(kind, 1, size=32))
    assert not np.array_equal(draw(kind, 1, size=32), draw(kind, 2, size=32))


@pytest.mark.parametrize("kind", KINDS)
def test_every_sampled_parameter_changes_the_field(kind):
    for parameter in INITIAL_CONDITIONS[kind]().parameters:
        low, high = (draw(kind, 1, **{parameter.name: parameter.value(u)}) for u in (0.0, 0.99))
        assert not np.allclose(low, high), parameter.name


def test_the_parameters_of_frame_zero_are_stored_with_the_plan():
    weights = dict.fromkeys(KINDS, 1.0)
    plans = plan_samples(num_samples=64, seed=1, systems=["cnn"], initial_conditions=weights).plans
    assert {plan.initial_condition for plan in plans} == set(KINDS)
    for plan in plans:
        stored = {name for name in plan.parameters if name.startswith("initial_")}
        assert stored == {parameter.name for parameter in initial_parameters([plan.initial_condition])}


@pytest.mark.parametrize("name", list(SYSTEMS))
def test_every_system_draws_from_kinds_that_exist_with_positive_weights(name):
    weights = SYSTEMS[name]().initial_conditions
    assert set(weights) <= set(KINDS)
    assert min(weights.values()) > 0


def test_an_unknown_kind_is_named_with_the_nearest_one():
    with pytest.raises(
        ConfigError, match=r"unknown initial condition 'gausian_field'\. Did you mean 'gaussian_field'\?"
    ):
        draw_fields("gausian_field", rng=stream(0), num_channels=1, height=8, width=8)


@pytest.mark.parametrize("length", [0.0, -0.1, 0.5, float("nan")])
def test_a_length_outside_the_range_of_its_kind_is_refused(length):
    with pytest.raises(ConfigError, match=r"'blobs' needs 'initial_length' from 0.05 to 0.1 \(domain\); got "):
        draw("blobs", 0, initial_length=length)


def test_a_parameter_that_is_missing_is_named():
    with pytest.raises(ConfigError, match=r"'soup' needs 'initial_density' from 0.08 to 0.6 \(1\); got None"):
        draw_fields("soup", rng=stream(0), num_channels=1, height=8, width=8)
