import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from spinlock.core.errors import InputError
from spinlock.core.plain import from_plain, to_plain


@dataclass(frozen=True)
class Row:
    name: str
    mse: float


@dataclass(frozen=True)
class Table:
    side: Literal["left", "right"]
    rows: tuple[Row, ...]
    by_number: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    count: int = 3


def test_a_result_becomes_plain_values():
    value = {"rows": (Row("a", 0.5), Row("b", float("nan"))), "path": Path("x"), "n": np.int64(3), "r": np.float32(0.5)}
    assert to_plain(value) == {
        "rows": [{"name": "a", "mse": 0.5}, {"name": "b", "mse": None}],
        "path": "x",
        "n": 3,
        "r": 0.5,
    }


def test_a_value_without_a_plain_form_is_refused():
    with pytest.raises(TypeError, match="a result of type object cannot be printed"):
        to_plain({"x": object()})


def test_plain_values_become_the_value_they_came_from():
    value = Table("left", (Row("a", 0.5), Row("b", 2.0)), {2: (1.0, 3.0)}, 5)
    assert from_plain(Table, to_plain(value)) == value


def test_null_is_nan_and_a_whole_number_may_stand_for_a_real_one():
    found = from_plain(Table, {"side": "left", "rows": [{"name": "a", "mse": None}, {"name": "b", "mse": 2}]})
    assert math.isnan(found.rows[0].mse)
    assert isinstance(found.rows[1].mse, float)


def test_missing_keys_take_their_defaults_and_unknown_ones_are_passed_over():
    assert from_plain(Table, {"side": "right", "rows": [], "from the future": 1}) == Table("right", ())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"side": "up"}, "side must be left or right; got 'up'"),
        ({"rows": [{"name": "a"}]}, r"rows\[0\].mse is missing"),
        ({"rows": [{"name": "a", "mse": "x"}]}, r"rows\[0\].mse must be a number; got 'x'"),
        ({"rows": [3]}, r"rows\[0\] must be a mapping; got '3'"),
        ({"rows": {}}, "rows must be a list"),
        ({"count": True}, "count must be a whole number; got 'True'"),
        ({"by_number": {"two": []}}, "by_number must have whole numbers as keys; got 'two'"),
    ],
)
def test_a_value_of_another_type_is_refused_with_its_place(change, words):
    with pytest.raises(InputError, match=words):
        from_plain(Table, {"side": "left", "rows": []} | change)
