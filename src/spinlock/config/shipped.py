"""The configurations that come with spinlock."""

from pathlib import Path

from spinlock.core.errors import UsageError

_PACKAGE = Path(__file__).parents[1]


def shipped_config(name: str) -> Path:
    """The path of a shipped configuration, for example "generate/demo.yaml".

    In a checkout they are in `configs/` beside `src/`; an installed package carries them along.

    Raises:
        UsageError: if it is in neither place.
    """
    for folder in (_PACKAGE / "configs", _PACKAGE.parents[1] / "configs"):
        if (folder / name).is_file():
            return folder / name
    raise UsageError(f"the shipped configuration {name} is missing from this installation; install spinlock again.")
