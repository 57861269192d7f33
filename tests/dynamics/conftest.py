"""Draws of parameters that several tests of the dynamics use."""

import pytest


@pytest.fixture
def middle_draw():
    """The parameters in the middle of a system's ranges."""

    def draw(system):
        return {parameter.name: parameter.value(0.5) for parameter in system.parameters}

    return draw
