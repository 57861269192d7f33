"""What every fitted part of a tokenizer is: a torch module whose tensors are buffers and whose other values are settings."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from torch import Tensor, nn

P = TypeVar("P", bound="Part")


class Part(nn.Module):
    """A dataclass that is a module: `state_dict`, `load_state_dict`, `to` and `double` come with it.

    Of the values that a part is made of, tensors become buffers, parts become submodules, tuples of either keep their
    order, and the rest are settings, fit for JSON. Subclasses are `@dataclass(kw_only=True, eq=False, repr=False)`; a
    field that may hold a tensor or a part has no default, which would hide it.
    """

    def __new__(cls: type[P], *args: Any, **values: Any) -> P:
        """A module that is ready for the values of the dataclass."""
        del args, values
        part = nn.Module.__new__(cls)
        nn.Module.__init__(part)
        return part

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Tensor) and not isinstance(value, nn.Parameter):
            self.register_buffer(name, value)
        elif isinstance(value, tuple) and value and isinstance(value[0], nn.Module):
            super().__setattr__(name, nn.ModuleList(value))
        elif isinstance(value, tuple) and value and isinstance(value[0], Tensor):
            super().__setattr__(name, _Tensors(value))
        else:
            super().__setattr__(name, value)  # pyright: ignore[reportArgumentType] a setting may be anything

    def __getattr__(self, name: str) -> Any:
        value = super().__getattr__(name)
        return tuple(value) if isinstance(value, nn.ModuleList | _Tensors) else value

    def settings(self) -> dict[str, Any]:
        """What is no tensor, by name, fit for JSON: of parts below their settings, of a tuple of tensors its length."""
        found: dict[str, Any] = {"part": type(self).__name__}
        for field in fields(self):  # pyright: ignore[reportArgumentType] every subclass is a dataclass
            value = getattr(self, field.name)
            if isinstance(value, Part):
                found[field.name] = value.settings()
            elif isinstance(value, tuple) and value and isinstance(value[0], Part):
                found[field.name] = [part.settings() for part in value]
            elif isinstance(value, tuple) and value and isinstance(value[0], Tensor):
                found[field.name] = len(value)
            elif not isinstance(value, Tensor):
                found[field.name] = value
        return found

    @classmethod
    def restored(cls: type[P], state: Mapping[str, Tensor], settings: Mapping[str, Any]) -> P:
        """The part that `state_dict` and `settings` came from.

        Raises:
            KeyError: if a tensor or a setting is missing.
        """
        hints, values = get_type_hints(cls), {}
        for field in fields(cls):  # pyright: ignore[reportArgumentType]
            name = field.name
            if name in state:
                values[name] = state[name]
                continue
            kinds = {
                kind.__name__: kind
                for kind in (hints[name], *get_args(hints[name]))
                if isinstance(kind, type) and issubclass(kind, Part)
            }
            below = tensors_below(state, name)
            if kinds and type(None) in get_args(hints[name]) and name not in settings and not below:
                values[name] = None  # the folder is of a version that had no such part yet
                continue
            given = settings[name]
            if kinds and isinstance(given, list):
                values[name] = tuple(
                    kinds[one["part"]].restored(tensors_below(below, str(place)), one)
                    for place, one in enumerate(given)
                )
            elif kinds:
                values[name] = None if given is None else kinds[given["part"]].restored(below, given)
            elif hints[name] == tuple[Tensor, ...]:
                values[name] = tuple(below[str(place)] for place in range(given))
            elif get_origin(hints[name]) is tuple and isinstance(given, list):
                values[name] = tuple(given)
            else:
                values[name] = given
        return cls(**values)


class _Tensors(nn.Module):
    """Buffers in order, as `nn.ModuleList` keeps modules."""

    def __init__(self, tensors: tuple[Tensor, ...]) -> None:
        super().__init__()
        for place, tensor in enumerate(tensors):
            self.register_buffer(str(place), tensor)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self._buffers.values())  # pyright: ignore[reportReturnType] none was registered as None


def tensors_below(state: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The tensors of one part, without its name in front."""
    return {key.removeprefix(f"{name}."): tensor for key, tensor in state.items() if key.startswith(f"{name}.")}
