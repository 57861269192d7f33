"""What a notebook shows of values, and tables for other libraries."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from spinlock.core import exports
from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import InputError, UsageError
from spinlock.core.feature_table import FeatureRegistry, FeatureSpec, FeatureTable
from spinlock.core.rollout import Rollout
from spinlock.core.shown import in_short
from spinlock.core.tokens import TokenTable

VALUES = torch.tensor([[1.0, float("nan"), 2.0], [0.5, 3.0, -1.0]])
REGISTRY = FeatureRegistry(
    specs=tuple(FeatureSpec(name=n, category=c) for n, c in (("a", "x"), ("b", "y"), ("c", "x")))
)
IDS, FACTS = ("007", "NA"), {"system": ("heat", "wave"), "speed": (None, 2.5)}
TABLE = FeatureTable(values=VALUES, registry=REGISTRY, ids=IDS, groups=("g", "h"), facts=FACTS)
TOKENS = TokenTable(
    codes=torch.tensor([[[1, 0], [-1, -1]], [[3, 2], [0, 4]]]),
    category_names=("x", "y"),
    codebook_sizes=torch.tensor([[4, 4], [2, 5]]),
    ids=IDS,
    groups=("g", "h"),
    distances=torch.tensor([0.5, 1.5]),
    out_of_corpus=torch.tensor([False, True]),
    facts=FACTS,
)


def large_values():
    specs = tuple(FeatureSpec(name=f"<feature {n}>", category=f"category {n % 50}") for n in range(2000))
    registry = FeatureRegistry(specs=specs)
    table = FeatureTable(
        values=torch.zeros(500, 2000), registry=registry, ids=tuple("i" * 500 + str(i) for i in range(500))
    )
    sizes = torch.full((50, 3), 16)
    yield table
    yield registry
    yield TokenTable(
        codes=torch.zeros(500, 50, 3, dtype=torch.long), category_names=("n" * 300,) * 50, codebook_sizes=sizes
    )
    yield CategoryMap.from_registry(registry)
    yield Rollout(
        states=torch.zeros(1, 9, 40, 8, 8), system="s", dt=1.0, channel_names=tuple("c" * 100 for _ in range(40))
    )


@pytest.mark.parametrize("value", list(large_values()), ids=lambda value: type(value).__name__)
def test_the_words_of_a_value_are_few_however_large_it_is(value):
    assert repr(value).startswith(type(value).__name__ + "(")
    assert len(repr(value)) < 1000
    html = value._repr_html_()
    assert len(html) < 20_000
    assert "<feature" not in html  # escaped


def test_what_is_shown_of_a_table_is_right():
    assert repr(TABLE) == (
        "FeatureTable(rows=2, columns=3, missing='16.7%', categories={x: 2, y: 1}, ids=('007', 'NA'), facts=('system', 'speed'))"
    )
    assert "<th>a</th><th>b</th>" in TABLE._repr_html_()
    assert in_short(list(range(9))) == "(0, 1, 2, … (9))"
    assert in_short(np.zeros((2, 3))) == "float64 (2, 3)"


def test_a_frame_of_features_has_names_groups_and_facts_beside_the_columns():
    pandas = pytest.importorskip("pandas")
    frame = TABLE.to_pandas()
    assert list(frame.columns) == ["group", "system", "speed", "a", "b", "c"]
    assert (frame.index.name, list(frame.index)) == ("id", list(IDS))
    np.testing.assert_array_equal(frame[["a", "b", "c"]].to_numpy(), VALUES.numpy())
    back = FeatureTable.from_array(frame[["a", "b", "c"]])
    assert (back.names, back.ids) == (TABLE.names, IDS)
    torch.testing.assert_close(back.values, VALUES, equal_nan=True)
    assert pandas.isna(frame.loc["007", "speed"])


def test_a_frame_of_tokens_has_the_columns_of_a_token_file():
    pytest.importorskip("pandas")
    frame = TOKENS.to_pandas()
    assert list(frame.columns) == ["group", "system", "speed", *TOKENS.column_names, "distance", "out_of_corpus"]
    np.testing.assert_array_equal(frame[list(TOKENS.column_names)].to_numpy(), TOKENS.to_columns())


def same(found, expected):
    """Whether two tables are equal in every attribute, dtypes and missing values included."""
    for name in expected.__dataclass_fields__:
        ours, theirs = getattr(expected, name), getattr(found, name)
        if isinstance(ours, torch.Tensor):
            assert ours.dtype == theirs.dtype
            torch.testing.assert_close(theirs, ours, rtol=0, atol=0, equal_nan=True)
        else:
            assert theirs == ours, name
    return True


ODD_FACTS = {
    "system": ("heat", None),
    "count": (None, 2**60 + 1),
    "speed": (0.1, None),
    "lives": (True, None),
    "seed": (3, 4),
    "gone": (None, None),
    "unit": ("=1", ""),
}
WIDE = FeatureTable(
    values=VALUES.double() / 3, registry=REGISTRY, ids=IDS, groups=("g", "h"), facts={**FACTS, **ODD_FACTS}
)
PLACED = replace(TOKENS, embedding=torch.tensor([[0.1, float("nan")], [2.0, 3.0]]), facts={**FACTS, **ODD_FACTS})
ROUTES = {
    "pandas": ("pandas", lambda table: table.to_pandas()),
    "arrow": ("pyarrow", lambda table: exports.library("pyarrow", what="").table(table)),
    "polars": ("polars", lambda table: exports.library("polars", what="").DataFrame(table)),
}


@pytest.mark.parametrize("table", [TABLE, WIDE, TOKENS, PLACED], ids=["features", "wide", "tokens", "placed"])
@pytest.mark.parametrize("route", ROUTES)
def test_a_table_comes_back_from_a_frame_exactly(table, route):
    library, there = ROUTES[route]
    pytest.importorskip("pyarrow")
    pytest.importorskip(library)
    said = {}  # polars drops what the columns do not say
    if route == "polars" and isinstance(table, FeatureTable):
        said = {"registry": table.registry}
        table = replace(table, values=table.values.float())
    elif route == "polars":
        said = {"codebook_sizes": table.sizes}
    assert same(type(table).from_frame(there(table), **said), table)


def test_a_frame_of_fewer_rows_and_more_columns_is_still_a_table():
    pytest.importorskip("pandas")
    frame = TOKENS.to_pandas().iloc[1:].assign(mine=2.5)
    back = TokenTable.from_frame(frame)
    assert (back.ids, back.facts["mine"], back.codes.tolist()) == (("NA",), (2.5,), TOKENS.codes[1:].tolist())


def test_missing_values_are_null_in_arrow():
    arrow = pytest.importorskip("pyarrow")
    assert arrow.table(TABLE).column("b").null_count == 1


def test_frames_that_cannot_become_a_table_are_refused():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(InputError, match="nothing says which columns of the frame are features: give `registry`"):
        FeatureTable.from_frame(pandas.DataFrame({"a": [1.0]}))
    with pytest.raises(InputError, match="nothing says how large the codebooks of the frame are"):
        TokenTable.from_frame(pandas.DataFrame({"x__level0": [1]}))
    with pytest.raises(InputError, match="the frame lacks 2 of 3 columns: b, c"):
        FeatureTable.from_frame(pandas.DataFrame({"a": [1.0]}), registry=REGISTRY)
    with pytest.raises(InputError, match="column 'x__level0' of the frame must hold a whole number in every row"):
        TokenTable.from_frame(pandas.DataFrame({"x__level0": [1, None]}), codebook_sizes={"x": [4]})
    with pytest.raises(InputError, match="a frame is a DataFrame of pandas or polars, or a table of pyarrow; got dict"):
        TokenTable.from_frame({"x__level0": [1]})
    mixed = FeatureTable(values=VALUES, registry=REGISTRY, facts={"rule": ("life", 30)})
    with pytest.raises(InputError, match="'rule' holds values of several types"):
        mixed.__arrow_c_stream__()


def test_a_loader_of_torch_hands_out_tables_and_facts():
    loader = DataLoader(replace(PLACED, facts={**FACTS, "kind": ("b", "a")}).to_torch("kind", "speed"), batch_size=2)
    codes, kinds, speeds = next(iter(loader))
    assert codes.tolist() == TOKENS.codes.tolist()
    assert kinds.tolist() == [1, 0]
    assert speeds.isnan().tolist() == [True, False]
    (values,) = next(iter(DataLoader(TABLE.to_torch(), batch_size=2)))
    torch.testing.assert_close(values, VALUES, equal_nan=True)
    with pytest.raises(InputError, match="the table has no fact sistem; it has system, speed"):
        TABLE.to_torch("sistem")


@pytest.mark.parametrize("table", [TABLE, TOKENS], ids=["features", "tokens"])
def test_arrow_reads_a_table_by_its_capsule(table):
    arrow = pytest.importorskip("pyarrow")
    read = arrow.table(table)
    assert read.column("id").to_pylist() == list(IDS)
    assert read.column("speed").to_pylist() == [None, 2.5]
    assert read.num_rows == 2


def test_xarray_has_named_axes():
    pytest.importorskip("xarray")
    features, tokens = TABLE.to_xarray(), TOKENS.to_xarray()
    assert (features.dims, tokens.dims) == (("sample", "feature"), ("sample", "category", "level"))
    assert list(features.coords["category"].values) == ["x", "y", "x"]
    assert int(tokens.sel(category="y")[1, 1]) == 4


def test_a_library_that_is_not_there_is_one_sentence(monkeypatch):
    def gone(name):
        raise ImportError(name)

    monkeypatch.setattr(exports, "import_module", gone)
    for export, name in (
        (TABLE.to_pandas, "pandas"),
        (TABLE.to_xarray, "xarray"),
        (TABLE.__arrow_c_stream__, "pyarrow"),
    ):
        with pytest.raises(UsageError, match=f"needs {name}: pip install {name}"):
            export()


def test_a_feature_that_is_called_like_a_fact_is_refused():
    table = FeatureTable(values=VALUES, registry=REGISTRY, facts={"b": (1, 2)})
    with pytest.raises(InputError, match="two columns of one name: b"):
        table.to_pandas()


def test_frames_bring_names_ids_and_missing_values():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.0, 2.0], "b": [3, 4]}, index=["r1", "r2"]).astype({"a": "Float64", "b": "Int64"})
    frame.iloc[0, 1] = pandas.NA
    table = FeatureTable.from_array(frame, categories={"a": "x", "b": "y"})
    assert (table.names, table.ids, table.mask.tolist()) == (("a", "b"), ("r1", "r2"), [[True, False], [True, True]])
    plain = FeatureTable.from_array(pandas.DataFrame(np.zeros((2, 3))))
    assert (plain.names, plain.ids) == (("feature_0", "feature_1", "feature_2"), ("0", "1"))


def test_frames_that_are_no_features_are_refused_by_name():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(InputError, match="column 'system' of the DataFrame must hold numbers"):
        FeatureTable.from_array(pandas.DataFrame({"a": [1.0], "system": ["heat"]}))
    with pytest.raises(InputError, match="index of the DataFrame must name each row once"):
        FeatureTable.from_array(pandas.DataFrame({"a": [1.0, 2.0]}, index=["r", "r"]))
    with pytest.raises(InputError, match="must have different names"):
        FeatureTable.from_array(pandas.DataFrame(np.zeros((2, 2)), columns=["a", "a"]))


def test_columns_are_chosen_by_name():
    chosen = TABLE.columns(["c", "a"])
    assert (chosen.names, chosen.facts) == (("c", "a"), TABLE.facts)
    torch.testing.assert_close(chosen.values, VALUES[:, [2, 0]])
    with pytest.raises(InputError, match="has no column d"):
        TABLE.columns(["a", "d"])
