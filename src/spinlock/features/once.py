"""Intermediates of one category, computed once a sample."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from spinlock.features.fields import Fields

T = TypeVar("T")


def once(function: Callable[[Fields], T]) -> Callable[[Fields], T]:
    """Remember what `function` returned for a `Fields`, for as long as that lives.

    What several features of one category need, and no other category does, is such a function rather than an attribute
    of `Fields`. The result must hold no reference to the fields themselves.
    """
    known: WeakKeyDictionary[Fields, T] = WeakKeyDictionary()

    @wraps(function)
    def remembered(fields: Fields) -> T:
        if fields not in known:
            known[fields] = function(fields)
        return known[fields]

    return remembered
