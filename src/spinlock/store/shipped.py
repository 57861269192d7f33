"""What comes with the package beside its code: configurations, and vocabularies that are ready for use."""

from pathlib import Path

from spinlock.core.errors import UsageError

_PACKAGE = Path(__file__).parents[1]
VOCABULARIES = ("behaviour-1",)
"""Names of the tokenizers that come with the package."""


def shipped(folder: str, name: str) -> Path:
    """The path of something that comes with the package, for example "generate/demo.yaml" in "configs".

    In a checkout these folders are beside `src/`; an installed package carries them along.

    Raises:
        UsageError: if it is in neither place.
    """
    for place in (_PACKAGE / folder, _PACKAGE.parents[1] / folder):
        if (place / name).exists():
            return place / name
    raise UsageError(f"{folder}/{name} is missing from this installation; install spinlock again.")


def vocabulary(name: str | Path) -> Path:
    """The folder of a tokenizer: a path or, where nothing is there, the name of one that comes with the package."""
    if str(name) in VOCABULARIES and not Path(name).exists():
        return shipped("vocabularies", str(name))
    return Path(name)


def configuration(path: str | Path) -> Path:
    """A configuration file: a path or, where nothing is there, the one of that name that comes with the package, "configs/…"."""
    path = Path(path)
    if path.exists() or path.parts[:1] != ("configs",):
        return path
    try:
        return shipped("configs", str(Path(*path.parts[1:])))
    except UsageError:
        return path
