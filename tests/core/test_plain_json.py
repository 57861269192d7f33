"""What JSON has no word for becomes what it has one for, or is refused."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from spinlock.core.plain_json import plain_json


@dataclass(frozen=True)
class Row:
    name: str
    mse: float


def test_a_result_becomes_plain_values():
    value = {"rows": (Row("a", 0.5), Row("b", float("nan"))), "path": Path("x"), 3: frozenset({1})}
    assert plain_json(value) == {
        "rows": [{"name": "a", "mse": 0.5}, {"name": "b", "mse": None}],
        "path": "x",
        "3": [1],
    }


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.float64("inf"), None),
        (np.bool_(True), True),
        (np.array(2), 2),
        (torch.tensor(0.25), 0.25),
        (torch.tensor(float("nan")), None),
        (torch.tensor(True), True),
        (True, True),
        (2**70, 2**70),
        (-0.0, -0.0),
    ],
    ids=repr,
)
def test_a_number_of_any_library_is_a_number(value, plain):
    found = plain_json(value)
    assert (found, type(found)) == (plain, type(plain))
    assert json.loads(json.dumps(found, allow_nan=False)) == plain


@pytest.mark.parametrize(
    "value", [object(), 2j, np.zeros(2), torch.zeros(1), Row], ids=lambda value: type(value).__name__
)
def test_a_value_without_a_plain_form_is_refused(value):
    with pytest.raises(TypeError, match="has no form in JSON"):
        plain_json({"x": value})
