"""A visible table of names that a configuration can ask for."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from spinlock.core.errors import ConfigError, did_you_mean

T = TypeVar("T")


class Registry(Mapping[str, Callable[..., T]], Generic[T]):
    """Names → classes or functions of one kind, for example `ENCODERS`.

    Args:
        kind: what the entries are, for messages: "encoder".
        entries: the table; it is written once, where the registry is made.
    """

    def __init__(self, kind: str, entries: Mapping[str, Callable[..., T]]) -> None:
        self.kind = kind
        self._entries = dict(entries)

    def __getitem__(self, name: str) -> Callable[..., T]:
        if name not in self._entries:
            raise ConfigError(f"unknown {self.kind} '{name}'. {did_you_mean(name, self._entries)}")
        return self._entries[name]

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
