import csv
import sys
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import spinlock
from spinlock.core.errors import InputError, UsageError
from spinlock.core.tokens import TokenTable
from spinlock.store.token_file import load_tokens, save_tokens

ENDINGS = ("h5", "hdf5", "csv", "parquet")
words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


def some_at_a_time(monkeypatch, rows):
    for module in ("rows", "hdf5", "csv", "parquet"):
        monkeypatch.setattr(f"spinlock.store.token_{module}.ROWS_AT_ONCE", rows)


def table(rows=4, *, ids=(), groups=(), names=("spatial", "time, space")) -> TokenTable:
    sizes = torch.tensor([[64, 32, 16], [8, 4, 2]][: len(names)])
    chance = np.random.default_rng(rows)
    codes = torch.from_numpy(chance.integers(0, sizes.numpy(), size=(rows, *sizes.shape)))
    codes[rows // 2 :, 0] = -1
    return TokenTable(codes=codes, category_names=names, codebook_sizes=sizes, ids=ids, groups=groups)


def assert_same(one: TokenTable, other: TokenTable) -> None:
    assert torch.equal(one.codes, other.codes)
    assert torch.equal(one.codebook_sizes, other.codebook_sizes)
    assert (one.category_names, one.ids, one.groups) == (other.category_names, other.ids, other.groups)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("rows", [0, 1, 5])
def test_tokens_come_back_as_they_were(tmp_path, ending, rows):
    tokens = table(
        rows, ids=tuple(f"run {i}" for i in range(rows)), groups=tuple(f"draw {i // 2}" for i in range(rows))
    )
    save_tokens(tokens, tmp_path / f"tokens.{ending}")
    assert_same(load_tokens(tmp_path / f"tokens.{ending}"), tokens)


@pytest.mark.parametrize("ending", ENDINGS)
def test_distances_and_flags_come_back_as_they_were(tmp_path, ending):
    measured = replace(
        table(3), distances=torch.tensor([0.1, 1 / 3, 7e-9]), out_of_corpus=torch.tensor([False, True, False])
    )
    save_tokens(measured, tmp_path / f"tokens.{ending}")
    found = load_tokens(tmp_path / f"tokens.{ending}")
    assert_same(found, measured)
    assert torch.equal(found.distances, measured.distances)
    assert torch.equal(found.out_of_corpus, measured.out_of_corpus)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("rows", [0, 1, 5])
@pytest.mark.parametrize("is_measured", [False, True])
def test_an_embedding_comes_back_to_the_last_bit(tmp_path, ending, rows, is_measured):
    chance = torch.Generator().manual_seed(rows)
    embedding = torch.randn((rows, 12), generator=chance) * 10.0 ** torch.arange(-6, 6)
    embedding[rows // 2 :, 3] = torch.nan
    tokens = replace(table(rows), embedding=embedding)
    if is_measured:
        tokens = replace(tokens, distances=torch.rand(rows), out_of_corpus=torch.rand(rows) > 0.5)
    save_tokens(tokens, tmp_path / f"tokens.{ending}")
    found = load_tokens(tmp_path / f"tokens.{ending}")
    assert_same(found, tokens)
    torch.testing.assert_close(found.embedding, embedding, rtol=0, atol=0, equal_nan=True)
    assert (found.distances is None) != is_measured
    assert list(found.to_pandas().columns[-12 - 2 * is_measured :][:12]) == [f"behaviour{axis}" for axis in range(12)]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("rows", [0, 10, 12])
def test_rows_are_written_and_read_some_at_a_time(tmp_path, monkeypatch, ending, rows):
    some_at_a_time(monkeypatch, 4)
    measured = replace(table(rows), distances=torch.rand(rows), out_of_corpus=torch.arange(rows) % 3 == 1)
    save_tokens(measured, tmp_path / f"tokens.{ending}")
    found = load_tokens(tmp_path / f"tokens.{ending}")
    assert_same(found, measured)
    assert torch.equal(found.distances, measured.distances)
    assert torch.equal(found.out_of_corpus, measured.out_of_corpus)


@pytest.mark.parametrize("ending", ENDINGS)
def test_beside_the_tokens_memory_holds_some_rows_only(tmp_path, monkeypatch, ending):
    some_at_a_time(monkeypatch, 500)
    tokens = table(20_000)
    tracemalloc.start()
    save_tokens(tokens, tmp_path / f"tokens.{ending}")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000 * 6 * 8  # the codes alone


@pytest.mark.parametrize("ending", ["h5", "csv", "parquet"])
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=words, group=words, category=words)
def test_any_words_come_back_as_they_were(tmp_path, ending, name, group, category):
    tokens = table(2, ids=("plain", name), groups=(group, "plain"), names=("spatial", f"{category}~"))
    save_tokens(tokens, tmp_path / f"tokens.{ending}")
    assert_same(load_tokens(tmp_path / f"tokens.{ending}"), tokens)


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_same_tokens_are_the_same_bytes(tmp_path, ending):
    for name in ("one", "two"):
        save_tokens(table(), tmp_path / f"{name}.{ending}")
    assert (tmp_path / f"one.{ending}").read_bytes() == (tmp_path / f"two.{ending}").read_bytes()


def test_csv_is_readable_by_others(tmp_path):
    tokens = table()
    save_tokens(tokens, tmp_path / "tokens.csv")
    lines = (tmp_path / "tokens.csv").read_text().splitlines()
    assert lines[1] == '# codebook_sizes: {"spatial": [64, 32, 16], "time, space": [8, 4, 2]}'
    header, *rows = csv.reader(line for line in lines if not line.startswith("#"))
    assert header == ["id", "group", *tokens.column_names]
    assert [[int(code) for code in row[2:]] for row in rows] == tokens.to_columns().tolist()


@pytest.mark.parametrize("name", ["tokens.txt", "tokens", "tokens.h5.gz"])
def test_another_ending_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match=r"tokens are kept as \.h5, \.hdf5, \.csv, \.parquet; got 'tokens"):
        save_tokens(table(), tmp_path / name)


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"pip install 'spinlock\[parquet\]'"):
        save_tokens(table(), tmp_path / "tokens.parquet")


def test_words_that_no_file_can_hold_are_refused(tmp_path):
    with pytest.raises(InputError, match="holds characters that a token file cannot keep"):
        save_tokens(table(2, ids=("a\0b", "c")), tmp_path / "tokens.h5")


TITLE = "# spinlock tokens, format 1\n"
SIZES = '# codebook_sizes: {"a": [4, 2]}\n'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,group,a__level0\nx,y,1\n", "is no token file: it must begin with"),
        (TITLE + "# codebook_sizes: nothing\nid,group\n", "codebook_sizes is not JSON"),
        (TITLE + '# codebook_sizes: {"a": 4}\nid,group\n', "must be {category: .size of each level.}"),
        (TITLE + SIZES + "id,group,a__level0\nx,y,1\n", "has 1 token columns; 1 x 2 are in"),
        (TITLE + SIZES + "id,group,a__level0,a__level1\nx,y,1\n", "in every row"),
        (TITLE + SIZES + "id,group,a__level0,a__level1\nx,y,1,one\n", "is no token file: invalid literal"),
        (
            TITLE + SIZES + "id,group,a__level0,a__level1\nx,y,1,5\n",
            "token 5 of row 0, category 'a', level 1 is outside",
        ),
        (TITLE + SIZES + f"id,group,a__level0,a__level1\nx,y,1,{10**30}\n", "is no token file"),
        (TITLE + SIZES, "is no token file"),
        ("", "is no token file"),
    ],
)
def test_a_csv_file_that_is_no_token_file_is_refused(tmp_path, content, message):
    path = tmp_path / "tokens.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        load_tokens(path)
    assert str(path) in str(caught.value)


def test_a_csv_file_of_one_endless_line_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("spinlock.store.json_file.MAX_LINE", 1000)
    (tmp_path / "tokens.csv").write_text(TITLE + SIZES + "id,group,a__level0,a__level1\n" + "x" * 1001)
    with pytest.raises(InputError, match=r"tokens\.csv has a line of more than 1000 characters"):
        load_tokens(tmp_path / "tokens.csv")


def test_a_csv_file_that_is_not_utf8_is_refused(tmp_path):
    (tmp_path / "tokens.csv").write_bytes((TITLE + SIZES + "id,group,a__level0,a__level1\n").encode() + b"\xff,y,1,1\n")
    with pytest.raises(InputError, match=r"tokens\.csv is not UTF-8 text: it holds the byte 0xff"):
        load_tokens(tmp_path / "tokens.csv")


def test_the_reader_is_a_public_name(tmp_path):
    save_tokens(table(), tmp_path / "tokens.csv")
    assert_same(spinlock.load_tokens(tmp_path / "tokens.csv"), table())


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("content", [None, b"", bytes(100), b"PAR1 nothing PAR1"])
def test_damaged_and_missing_token_files_are_refused(tmp_path, ending, content):
    path = tmp_path / f"tokens.{ending}"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load_tokens(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


MEASURED = replace(
    table(4, ids=("007", "NA", "", "1e5"), groups=("", "NA", "08", "x")),
    distances=torch.tensor([0.1, 0.2, 0.3, 7e-9]),
    out_of_corpus=torch.tensor([False, True, False, True]),
)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_tokens_follow_id_and_group_and_figures_come_last(tmp_path, ending):
    pandas = pytest.importorskip("pandas")
    save_tokens(MEASURED, tmp_path / f"t.{ending}")
    found = (
        pandas.read_csv(tmp_path / "t.csv", comment="#")
        if ending == "csv"
        else pandas.read_parquet(tmp_path / "t.parquet")
    )
    assert list(found.columns) == ["id", "group", *MEASURED.column_names, "distance", "out_of_corpus"]
    np.testing.assert_array_equal(found.iloc[:, 2:-2].to_numpy(), MEASURED.to_columns())


def as_a_spreadsheet(text):
    """With a byte-order mark, CR LF, and the comment lines cut into cells, as one saves it again."""
    lines = [
        ",".join('"' + cell.replace('"', '""') + '"' for cell in line.split(",")) + ",,,"
        for line in text.split("\n")[:2]
    ]
    return "\ufeff" + "\r\n".join([*lines, *text.split("\n")[2:]])


@pytest.mark.parametrize(
    "change", [as_a_spreadsheet, lambda text: "\ufeff" + text.replace("\n", "\r\n")], ids=["cells", "line ends"]
)
def test_a_csv_file_comes_back_from_a_spreadsheet(tmp_path, change):
    save_tokens(MEASURED, tmp_path / "t.csv")
    path = tmp_path / "again.csv"
    path.write_bytes(change((tmp_path / "t.csv").read_text(encoding="utf-8")).encode())
    found = load_tokens(path)
    assert_same(found, MEASURED)
    assert torch.equal(found.out_of_corpus, MEASURED.out_of_corpus)


def test_a_csv_file_comes_back_from_pandas_with_its_codebook_sizes(tmp_path):
    pandas = pytest.importorskip("pandas")
    save_tokens(MEASURED, tmp_path / "t.csv")
    words = {"dtype": {"id": str, "group": str}, "keep_default_na": False}
    pandas.read_csv(tmp_path / "t.csv", comment="#", **words).to_csv(tmp_path / "again.csv", index=False)
    with pytest.raises(InputError, match=r"no token file: .* load_tokens\(path, codebook_sizes="):
        load_tokens(tmp_path / "again.csv")
    sizes = dict(zip(MEASURED.category_names, MEASURED.codebook_sizes.tolist(), strict=True))
    assert_same(load_tokens(tmp_path / "again.csv", codebook_sizes=sizes), MEASURED)
    with pytest.raises(InputError, match="names of its columns are not those of its `codebook_sizes`"):
        load_tokens(tmp_path / "again.csv", codebook_sizes={"one": [64, 32, 16], "two": [8, 4, 2]})
    save_tokens(MEASURED, tmp_path / "t.parquet")
    with pytest.raises(UsageError, match="`codebook_sizes` are for CSV files that lost theirs"):
        load_tokens(tmp_path / "t.parquet", codebook_sizes=sizes)


def test_files_from_before_with_the_figures_in_front_are_read(tmp_path):
    save_tokens(MEASURED, tmp_path / "t.csv")
    head, rows = (tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()[:2], []
    for row in csv.reader((tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()[2:]):
        rows.append([*row[:2], *row[-2:], *row[2:-2]])
    with (tmp_path / "old.csv").open("w", encoding="utf-8", newline="") as file:
        file.write("\n".join(head) + "\n")
        csv.writer(file, lineterminator="\n").writerows(rows)
    found = load_tokens(tmp_path / "old.csv")
    assert_same(found, MEASURED)
    assert torch.equal(found.distances, MEASURED.distances)


LIVE = ('=HYPERLINK("http://evil")', "@SUM(1)", "+1", "-2+3", "\tx", "'=a", "'quoted", "-7", "-", "=", "\uff1da")


def test_no_cell_of_a_csv_is_a_formula_and_every_word_comes_back(tmp_path):
    tokens = TokenTable(
        codes=torch.zeros(len(LIVE), 2, 1, dtype=torch.int64),
        category_names=("=cmd|'/C calc'!A0", "a,=1+1,b"),
        codebook_sizes=torch.tensor([[2], [2]]),
        ids=LIVE,
        groups=LIVE[::-1],
    )
    save_tokens(tokens, tmp_path / "t.csv")
    found = load_tokens(tmp_path / "t.csv")
    assert (found.ids, found.groups, found.category_names) == (tokens.ids, tokens.groups, tokens.category_names)
    with open(tmp_path / "t.csv", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    live = [cell for cell in cells if cell[:1] in tuple("=+@\t") or (cell[:1] == "-" and not cell[1:].isdigit())]
    assert not live


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("rows", [0, 5])
def test_where_windows_begin_and_end_comes_back_as_it_was(tmp_path, ending, rows):
    times = (0.1, 1 / 3, float("nan"), 7e9, -2.5)[:rows]
    facts = {
        "first_state": tuple(range(rows)),
        "last_state": tuple(range(3, rows + 3)),
        "first_time": times,
        "last_time": times,
    }
    tokens = replace(table(rows), facts=facts, embedding=torch.rand(rows, 3))
    save_tokens(tokens, tmp_path / f"tokens.{ending}")
    found = load_tokens(tmp_path / f"tokens.{ending}")
    assert_same(found, tokens)
    assert set(found.facts) == set(facts)
    for name, entries in found.facts.items():
        assert all(
            one == other or one != one and other != other for one, other in zip(entries, facts[name], strict=True)
        )
    assert all(isinstance(state, int) for state in found.facts.get("first_state", ()))


def test_windows_that_end_before_they_begin_are_refused(tmp_path):
    facts = {"first_state": (4,), "last_state": (2,), "first_time": (0.0,), "last_time": (1.0,)}
    save_tokens(replace(table(1), facts=facts), tmp_path / "tokens.csv")
    with pytest.raises(InputError, match="first_state and last_state must be whole numbers in every row"):
        load_tokens(tmp_path / "tokens.csv")
