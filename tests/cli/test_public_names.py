"""The names that users write: Python names, commands and their options, keys of configuration files."""

import runpy
from pathlib import Path

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


@pytest.fixture(scope="module")
def frozen() -> tuple[set[str], set[str]]:
    """What tests/cli/public_names.txt holds, and what there is."""
    script = Path(__file__).parents[2] / "scripts" / "write_public_names.py"
    kept = Path(__file__).with_name("public_names.txt").read_text(encoding="utf-8").splitlines()
    return set(kept), set(runpy.run_path(str(script))["public_names"]())


def test_no_name_that_users_write_went_away(frozen):
    kept, found = frozen
    assert not kept - found, (
        f"scripts of users may write {', '.join(sorted(kept - found))}. Keep the name (an old one may stay beside a new one for a "
        "release, with a warning), or, where it shall go, run scripts/write_public_names.py and say so under 'Breaking' in CHANGELOG.md."
    )


def test_every_name_that_users_write_is_written_down(frozen):
    kept, found = frozen
    assert not found - kept, (
        f"{', '.join(sorted(found - kept))}: new, so public from the next release on. If you mean that, run "
        "scripts/write_public_names.py and commit tests/cli/public_names.txt; else make it private (a leading underscore)."
    )
