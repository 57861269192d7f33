"""The names that users import from spinlock."""

import pytest

import spinlock


@pytest.mark.parametrize("name", [name for name in spinlock.__all__ if name != "__version__"])
def test_a_public_name_is_there_and_is_called_so(name):
    assert getattr(spinlock, name).__name__.removeprefix("spinlock.") == name


def test_public_names_are_listed():
    assert set(dir(spinlock)) == set(spinlock.__all__)


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="module 'spinlock' has no attribute 'tokenizer_'"):
        _ = spinlock.tokenizer_
