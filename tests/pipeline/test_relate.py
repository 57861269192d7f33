"""`spinlock relate`: which columns go together, given the system, from files."""

import json

import numpy as np
import pytest

import spinlock
from spinlock.cli.app import run
from spinlock.core.errors import InputError, UsageError
from spinlock.pipeline.question_runs import load_runs
from spinlock.pipeline.relate_columns import parameter_columns, start_columns
from spinlock.pipeline.tokenize_table import tokenize_table

FEW = {"shuffles": 10}


@pytest.fixture(scope="module")
def runs(dataset, few_tokens):
    return load_runs(dataset, few_tokens)


def test_parameters_are_cells_in_their_own_system_and_nothing_elsewhere(runs):
    columns = parameter_columns(runs)
    feed = columns["gray_scott.feed"]
    own = np.array([system == "gray_scott" for system in runs.systems])
    assert (feed.labels[~own] == -1).all()
    assert sorted(set(feed.labels[own].tolist())) == [0, 1, 2, 3]
    values = np.array([values["feed"] if is_own else 0 for values, is_own in zip(runs.values, own, strict=True)])
    order = feed.labels[own][np.argsort(values[own])]
    assert (np.diff(order) >= 0).all()
    assert columns["cnn.activation"].words == tuple(sorted({v["activation"] for v in runs.values if "activation" in v}))
    starts = start_columns(runs)
    words = starts["initial_condition"].words
    assert tuple(words[label] for label in starts["initial_condition"].labels) == runs.starts


def test_other_tokens_and_own_columns_that_repeat_a_category_are_found(dataset, few_tokens, runs, tmp_path, capsys):
    """The same tokens again as a file, and as a column of numbers: nothing says more of a category than itself."""
    tokenize_table(few_tokens, dataset, tmp_path / "tokens.csv")
    name = runs.tokens.category_names[1]
    lines = [f"{row},{code}" for row, code in zip(runs.tokens.ids, runs.coarse[:, 1].tolist(), strict=True)]
    (tmp_path / "own.csv").write_text("\n".join(["id,again", *reversed(lines)]) + "\n")
    line = [
        "relate",
        str(dataset),
        "--tokenizer",
        str(few_tokens),
        "--between",
        name,
        "other,columns",
        "--shuffles",
        "20",
    ]
    files = ["--tokens", str(tmp_path / "tokens.csv"), "--columns", str(tmp_path / "own.csv")]
    assert run([*line, *files, "--table", name, "again", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    best = {relation["second"]: relation for relation in told["relations"]}
    for twin in (f"other.{name}", "again"):
        assert best[twin]["bits"] > 0
        assert best[twin]["raw"] == pytest.approx(max(relation["raw"] for relation in told["relations"]))
        assert best[twin]["raw"] == pytest.approx(best[twin]["bits"] + best[twin]["chance"])
    counts = {(cell["first"], cell["second"]): cell["rows"] for cell in told["cells"] if cell["rows"]}
    expected = np.bincount(runs.coarse[:, 1], minlength=3)
    assert counts == {(str(code), str(code)): count for code, count in enumerate(expected.tolist()) if count}
    assert run([*line, *files]) == 0
    assert "pairs" in capsys.readouterr().out


def test_every_category_is_looked_at_with_every_parameter_and_start(dataset, few_tokens, runs):
    found = spinlock.relate(dataset, few_tokens, **FEW)
    assert found.runs == len(runs.tokens)
    assert found.systems == 4
    assert {relation.first for relation in found.relations} <= set(runs.tokens.category_names)
    assert "initial_condition" in {relation.second for relation in found.relations}
    assert [relation.z for relation in found.relations] == sorted((r.z for r in found.relations), reverse=True)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"first": "tokns"}, "no column or set of columns is called 'tokns'. Did you mean 'tokens'"),
        ({"second": "other"}, "no column or set of columns is called 'other'"),
        ({"second": ""}, "name at least one set of columns or column on each side"),
        ({"table": ("tokens", "initial_condition")}, "a table is of two columns, not of whole sets"),
    ],
)
def test_names_of_nothing_are_refused(dataset, few_tokens, asked, message):
    with pytest.raises(UsageError, match=message):
        spinlock.relate(dataset, few_tokens, **{"second": "initial"} | FEW | asked)


def test_a_table_that_lacks_a_sample_is_refused(dataset, few_tokens, tmp_path):
    (tmp_path / "own.csv").write_text("id,x\n0,1.5\n")
    with pytest.raises(InputError, match="has no row of 23 samples, the first '1'"):
        spinlock.relate(dataset, few_tokens, second="columns", columns=tmp_path / "own.csv", **FEW)
