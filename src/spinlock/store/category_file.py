"""A category map as a JSON file."""

from collections.abc import Sequence

from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import InputError, NamesDifferError
from spinlock.store.atomic import AnyPath, write_text
from spinlock.store.json_file import read_text


def save_category_map(category_map: CategoryMap, path: AnyPath) -> None:
    """Writes a map with the names that it was made for."""
    write_text(path, category_map.to_json() + "\n")


def load_category_map(path: AnyPath, names: Sequence[str] | None = None) -> CategoryMap:
    """Reads a map; where `names` are given, it must be made for them.

    Args:
        path: JSON in spinlock's form, or a bare `{category: [column, …]}`.
        names: the columns of the table at hand; a bare map needs them.

    Raises:
        InputError: if the file is no such map, or the map breaks a rule.
        NamesDifferError: naming the columns that differ.
    """
    text = read_text(path)
    try:
        category_map = CategoryMap.from_json(text, names=names)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except RecursionError:
        raise InputError(f"{path} is nested too deeply to be a category map.") from None
    if names is not None:
        try:
            category_map.check_names(names)
        except NamesDifferError as error:
            raise NamesDifferError(f"{path}: {error}") from error
    return category_map
