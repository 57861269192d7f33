import json

import pytest

from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import InputError, NamesDifferError

NAMES = ("a", "b", "c")


def test_map_survives_its_json():
    made = CategoryMap(group_indices={"x": (0, 2), "y": (1,)}, feature_names=NAMES, registry_version="2.0")
    assert CategoryMap.from_json(made.to_json()) == made


def test_bare_form_is_read_beside_the_names_of_a_data_set():
    read = CategoryMap.from_json('{"x": [0, 2], "y": [1]}', names=NAMES)
    assert read.group_indices == {"x": (0, 2), "y": (1,)}
    assert read.feature_names == NAMES


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ({}, "at least one category"),
        ({"x": [0, 1, 2], "y": []}, "at least one column; y has none"),
        ({"x": [0, 1], "y": [1, 2]}, r"column 1 \('b'\) is in two categories: 'x' and 'y'"),
        ({"x": [0, 0, 1, 2]}, r"column 0 \('a'\) is twice in category 'x'"),
        ({"x": [0, 1, 3]}, "names column 3; columns go from 0 to 2"),
        ({"x": [0, 1, -1]}, "names column -1"),
        ({"x": [0, 1, 2.0]}, "names column 2.0"),
        ({"x": [0, 1, True]}, "names column True"),
        ({"x": [0]}, "2 of 3 features are in no category: b, c"),
    ],
)
def test_a_map_that_breaks_a_rule_is_refused(groups, words):
    with pytest.raises(InputError, match=words):
        CategoryMap.from_json(json.dumps({"group_indices": groups, "feature_names": NAMES}))


@pytest.mark.parametrize("text", ["", "3", "[]", '{"group_indices": [1]}', '{"x": 3}'])
def test_what_is_no_map_is_refused(text):
    with pytest.raises(InputError, match="category map"):
        CategoryMap.from_json(text, names=NAMES)


def test_a_bare_map_without_a_data_set_is_refused():
    with pytest.raises(InputError, match="only be read beside a data set"):
        CategoryMap.from_json('{"x": [0, 1, 2]}')


def test_a_map_made_for_other_columns_is_refused_with_the_names():
    made = CategoryMap(group_indices={"x": (0, 1, 2)}, feature_names=NAMES)
    with pytest.raises(NamesDifferError, match="lacks d and has c on top"):
        made.check_names(["a", "b", "d"])
