import math
from collections import Counter

import numpy as np
import pytest

from spinlock.core.errors import ConfigError
from spinlock.dynamics.noise import NOISE_PARAMETERS
from spinlock.dynamics.parameter_space import Parameter, narrow
from spinlock.dynamics.systems import SYSTEMS

CUBE = (np.arange(6000) + 0.5) / 6000


def parameter(**fields):
    return Parameter(name="p", description="A test's own.", **fields)


def test_integer_ends_are_drawn_as_often_as_the_rest():
    drawn = Counter(parameter(kind="integer", low=2, high=4).value(u) for u in CUBE)
    assert drawn == {2: 2000, 3: 2000, 4: 2000}


def test_choices_follow_their_weights():
    drawn = Counter(parameter(kind="choice", choices=("a", "b", "c"), weights=(1.0, 2.0, 3.0)).value(u) for u in CUBE)
    assert drawn == {"a": 1000, "b": 2000, "c": 3000}


def test_a_boolean_is_a_fair_coin():
    assert Counter(parameter(kind="boolean").value(u) for u in CUBE) == {False: 3000, True: 3000}


def test_logarithms_are_uniform():
    values = np.log([parameter(kind="log", low=1e-3, high=10.0).value(u) for u in CUBE])
    np.testing.assert_allclose(values, math.log(1e-3) + CUBE * math.log(1e4), rtol=1e-9)


@pytest.mark.parametrize(
    "fields",
    [
        {"low": 2.0, "high": 5.0},
        {"kind": "log", "low": 0.1, "high": 10.0},
        {"kind": "integer", "low": 2, "high": 4},
        {"kind": "boolean"},
        {"kind": "choice", "choices": ("a", "b", "c"), "weights": (1.0, 2.0, 3.0)},
    ],
)
def test_the_interval_of_a_value_holds_what_gave_it(fields):
    sampled = parameter(**fields)
    for u in CUBE[::100]:
        start, end = sampled.interval(sampled.value(u))
        assert start - 1e-9 <= u <= end + 1e-9
    ends = sorted({sampled.interval(sampled.value(u)) for u in CUBE})
    if len(ends) < 10:  # of a discrete one they fill the cube without overlap
        assert [end for _, end in ends[:-1]] == pytest.approx([start for start, _ in ends[1:]])
        assert (ends[0][0], ends[-1][1]) == (0, 1)


@pytest.mark.parametrize("kind", ["real", "log", "integer"])
def test_values_stay_in_the_range_at_both_ends_of_the_cube(kind):
    sampled = parameter(kind=kind, low=1, high=7)
    assert sampled.value(0.0) == 1
    assert sampled.value(float(np.nextafter(1, 0))) <= 7


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"low": 2.0, "high": 1.0}, "parameter 'p' needs low <= high; got 2 and 1"),
        ({"kind": "log", "low": 0.0, "high": 1.0}, "is sampled in its logarithm and needs low > 0; got 0"),
        ({"kind": "choice"}, "needs at least one choice"),
        (
            {"kind": "choice", "choices": ("a", "b"), "weights": (1.0, 0.0)},
            "needs one weight > 0 for each of its 2 choices",
        ),
    ],
)
def test_a_parameter_that_cannot_be_sampled_is_refused(fields, message):
    with pytest.raises(ConfigError, match=message):
        parameter(**fields)


def test_an_override_fixes_narrows_or_chooses():
    assert parameter(low=0.0, high=1.0).narrowed(0.25).value(0.9) == 0.25
    assert parameter(low=0.0, high=1.0).narrowed([0.5, 0.75]).value(0.5) == 0.625
    kept = parameter(kind="choice", choices=("a", "b", "c"), weights=(1.0, 2.0, 3.0)).narrowed(["a", "c"])
    assert Counter(kept.value(u) for u in CUBE[::3]) == {"a": 500, "c": 1500}
    assert parameter(low=0.0, high=1.0).narrowed(0.25).is_fixed
    assert parameter(kind="boolean").narrowed(True).value(0.1) is True


@pytest.mark.parametrize(
    ("fields", "choices"),
    [
        ({"kind": "choice", "choices": (8, 16, 32), "weights": (1.0, 1.0, 5.0)}, (16, 8)),
        ({"kind": "boolean"}, (True, False)),
    ],
)
def test_an_override_may_weigh_the_choices(fields, choices):
    weighed = parameter(**fields).narrowed({"choices": choices, "weights": (3, 1)})
    assert Counter(weighed.value(u) for u in CUBE) == {choices[0]: 4500, choices[1]: 1500}


@pytest.mark.parametrize(
    ("fields", "override", "message"),
    [
        (
            {},
            {"choices": (0.1, 0.2), "weights": (1, 2)},
            "parameter 'p' takes one number or .* it has no choices to weigh",
        ),
        (
            {"kind": "choice", "choices": ("a", "b")},
            {"choices": ("a", "b"), "weights": (1,)},
            "needs one weight > 0 for each of its 2 choices; got 1",
        ),
        (
            {"kind": "choice", "choices": ("a", "b")},
            {"choices": ("a", "b"), "weights": ("x", 2)},
            "the weights of parameter 'p' must be numbers; got x, 2",
        ),
        ({"kind": "choice", "choices": ("a", "b")}, ["a", "a"], "parameter 'p' names a choice twice; got a, a"),
        ({}, "fast", r"parameter 'p' takes one number or \[low, high\]; got 'fast'"),
        ({}, [1.0, 2.0, 3.0], r"takes one number or \[low, high\]"),
        ({"kind": "integer", "low": 1, "high": 9}, [1, 2.5], "parameter 'p' takes whole numbers"),
        ({"kind": "choice", "choices": ("tanh", "relu")}, "tahn", "has no choice 'tahn'. Did you mean 'tanh'"),
    ],
)
def test_an_override_that_does_not_fit_is_refused(fields, override, message):
    with pytest.raises(ConfigError, match=message):
        parameter(**fields).narrowed(override)


def test_an_override_of_an_unknown_parameter_is_named():
    system = SYSTEMS["gray_scott"]()
    with pytest.raises(ConfigError, match=r"system 'gray_scott' has no parameter 'fed'. Did you mean 'feed'\?"):
        narrow(system.parameters, {"fed": 0.1}, whose="gray_scott")


@pytest.mark.parametrize("name", list(SYSTEMS))
def test_every_system_names_units_and_ranges(name):
    system = SYSTEMS[name]()
    names = [p.name for p in system.parameters]
    assert len(set(names)) == len(names)
    assert any(name in NOISE_PARAMETERS for name in names)
    assert all(p.unit and p.description.endswith(".") and not p.is_fixed for p in system.parameters)
    assert system.name == name
