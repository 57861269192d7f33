"""A visible table of names that a configuration can ask for."""

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from spinlock.core.errors import ConfigError, did_you_mean

T = TypeVar("T")


class Registry(Mapping[str, Callable[..., T]], Generic[T]):
    """Names → classes or functions of one kind, for example `ENCODERS`.

    Args:
        kind: what the entries are, for messages: "encoder".
        entries: the table; it is written once, where the registry is made.
        takes_own: whether `module:name` stands for an entry of the user's own, in a module that is imported already: a name may
            come from a file, and no file is to say what is run.
    """

    def __init__(self, kind: str, entries: Mapping[str, Callable[..., T]], *, takes_own: bool = False) -> None:
        self.kind = kind
        self.takes_own = takes_own
        self._entries = dict(entries)

    def __getitem__(self, name: str) -> Callable[..., T]:
        if name in self._entries:
            return self._entries[name]
        if self.takes_own and ":" in name:
            return self._own(name)
        raise ConfigError(f"unknown {self.kind} '{name}'. {did_you_mean(name, self._entries)}")

    def _own(self, name: str) -> Callable[..., T]:
        """An entry of the user's own."""
        module, _, member = name.partition(":")
        if module not in sys.modules:
            raise ConfigError(
                f"{self.kind} '{name}' is in the module '{module}', which is not imported; import it first, because nothing is run "
                "that only a file names."
            )
        found = getattr(sys.modules[module], member, None)
        if not callable(found):
            raise ConfigError(f"the module '{module}' has no {self.kind} '{member}'.")
        return found  # pyright: ignore[reportReturnType] of what kind it is shows in its use

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def check_parameters(self, name: str, parameters: Mapping[str, Any], *, given_later: tuple[str, ...] = ()) -> None:
        """Refuse parameters that entry `name` does not take, or that it needs and that are missing.

        Args:
            name: an entry.
            parameters: keyword arguments as a configuration gives them.
            given_later: arguments that the program itself supplies; a configuration may not.

        Raises:
            ConfigError: naming the parameter and those that are known.
        """
        signature = inspect.signature(self[name]).parameters
        known = [parameter for parameter in signature if parameter not in given_later]
        for parameter in parameters:
            if parameter not in known:
                raise ConfigError(
                    f"{self.kind} '{name}' has no parameter '{parameter}'. {did_you_mean(parameter, known)}"
                )
        for parameter in known:
            if signature[parameter].default is inspect.Parameter.empty and parameter not in parameters:
                raise ConfigError(f"{self.kind} '{name}' needs the parameter '{parameter}'.")

    def build(self, name: str, **parameters: Any) -> T:
        """Make entry `name` from parameters that are checked against its signature."""
        self.check_parameters(name, parameters)
        return self[name](**parameters)
