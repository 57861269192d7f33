"""`spinlock info`: what a file is and what it holds, from its description alone."""

from pathlib import Path
from typing import Any

from spinlock.store.summary import summarize


def inspect_file(path: Path) -> dict[str, Any]:
    """The kind of a file or folder, and its facts; a configuration is checked.

    Raises:
        InputError: if it is nothing that spinlock makes or reads.
        ConfigError: if it is a configuration with mistakes.
    """
    if path.suffix.lower() in (".yaml", ".yml"):
        return _configuration(path)
    return summarize(path)


def _configuration(path: Path) -> dict[str, Any]:
    from spinlock.config.kinds import SECTIONS, kind_of  # noqa: PLC0415  it loads torch, which `summarize` does without
    from spinlock.config.load import load_config  # noqa: PLC0415

    kind = kind_of(path)
    config = load_config(path, SECTIONS[kind])
    return {"kind": f"configuration ({kind})", **config.model_dump(mode="json")}
