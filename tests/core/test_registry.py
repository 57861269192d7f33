import pytest

from spinlock.core.errors import ConfigError, SpinlockError
from spinlock.core.registry import Registry


def disc(radius: float, filled: bool = True) -> tuple:
    return radius, filled


SHAPES = Registry("shape", {"disc": disc, "point": tuple})


def test_an_entry_is_built_from_its_parameters():
    assert SHAPES.build("disc", radius=2.0) == (2.0, True)


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("disk", {}, "unknown shape 'disk'. Did you mean 'disc'\\? Known: disc, point."),
        ("disc", {"radios": 1.0}, "shape 'disc' has no parameter 'radios'. Did you mean 'radius'\\?"),
        ("disc", {"filled": False}, "shape 'disc' needs the parameter 'radius'"),
    ],
)
def test_a_wrong_name_or_parameter_is_refused_with_a_hint(name, parameters, words):
    with pytest.raises(ConfigError, match=words):
        SHAPES.build(name, **parameters)


def test_every_error_of_a_user_has_an_exit_code():
    def tree(kind: type[SpinlockError]) -> list[type[SpinlockError]]:
        return [kind] + [deeper for child in kind.__subclasses__() for deeper in tree(child)]

    assert {kind.exit_code for kind in tree(SpinlockError)} <= {2, 3, 4, 5}
