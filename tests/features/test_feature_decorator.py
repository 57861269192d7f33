"""A feature is a documented function with a category, a unit and a source."""

import subprocess
import sys

import pytest
import torch

from spinlock.features.feature import feature
from spinlock.features.fields import Fields


@feature(category="temporal", unit="1/time", source="Someone 1999")
def half_of_dt(fields: Fields) -> torch.Tensor:
    """Half of the time step.

    dt / 2.
    """
    return torch.full((fields.u.shape[0],), fields.dt / 2)


def test_a_feature_carries_what_a_registry_says_about_it():
    assert half_of_dt.name == "half_of_dt"
    spec = half_of_dt.spec
    assert spec.definition == "Half of the time step."
    assert (spec.category, spec.unit, spec.source, spec.scope) == (
        "temporal",
        "1/time",
        "Someone 1999",
        "per_trajectory",
    )


def test_a_feature_is_called_like_its_function():
    fields = Fields(torch.zeros(2, 3, 1, 4, 4), dt=0.5)
    assert half_of_dt(fields).tolist() == [0.25, 0.25]


@pytest.mark.parametrize(
    ("category", "scope"),
    [("spatial", "per_timestep"), ("spectral", "per_timestep"), ("nonlinear", "per_trajectory")],
)
def test_the_category_says_the_scope(category, scope):
    def value(fields: Fields) -> torch.Tensor:
        """A value."""
        return fields.l1

    assert feature(category=category)(value).spec.scope == scope


def test_an_unknown_category_is_refused():
    with pytest.raises(ValueError, match="unknown feature category 'spacial'; known: spatial"):
        feature(category="spacial")


def test_without_docstrings_the_package_computes_the_same_features():
    """`python -OO` strips docstrings and assertions; of features only the definitions are gone."""
    program = (
        "import numpy, spinlock; states = numpy.random.default_rng(0).normal(size=(2, 20, 6, 6));"
        "table = spinlock.extract_features(states, axes='nthw', dt=0.5);"
        "print(__debug__, table.values.numpy().tobytes().hex())"
    )
    plain, stripped = (
        subprocess.run(
            [sys.executable, *flags, "-c", program], capture_output=True, text=True, check=True
        ).stdout.split()
        for flags in ([], ["-OO"])
    )
    assert (plain[0], stripped[0]) == ("True", "False")
    assert stripped[1] == plain[1]
