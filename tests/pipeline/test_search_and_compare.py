"""Search and comparison from files, by the command line."""

import json
import shutil

import h5py
import numpy as np
import pytest
import torch

import spinlock
from spinlock.cli.app import run
from spinlock.core.errors import UsageError
from spinlock.core.feature_table import FeatureTable
from spinlock.pipeline.conditions import Facts, chosen_rows, load_facts
from spinlock.store.dataset import open_dataset
from spinlock.store.dataset_layout import ParameterColumn

NUM_SAMPLES = 24


@pytest.fixture(scope="module")
def files(dataset, tmp_path_factory):
    """A data set of 24 draws of four systems, one with the same samples as two initial conditions of 12 draws, a tokenizer with
    words, and the tokens of the latter with an embedding."""
    folder = tmp_path_factory.mktemp("files")
    for name in ("data.h5", "pairs.h5"):
        shutil.copy(dataset, folder / name)
    with h5py.File(folder / "pairs.h5", "r+") as file:
        order = np.argsort(file["parameters/system"][()], kind="stable")
        groups = np.empty(NUM_SAMPLES, dtype=np.int64)
        groups[order] = np.arange(NUM_SAMPLES) // 2
        file["parameters/group"][...] = groups
    with open_dataset(folder / "pairs.h5") as opened:
        table = opened.feature_table()
        np.save(folder / "state.npy", opened.states(5)[0].numpy())
    settings = {"levels": [(4, 4)], "backend": "classical", "coarse": "words", "metric": "behaviour"}
    tokenizer = spinlock.Tokenizer(**settings, refit=False).fit(many(table))
    tokenizer.save_pretrained(folder / "tokenizer")
    words = ["tokenize", "--tokenizer", folder / "tokenizer", "--dataset", folder / "pairs.h5", "--embedding"]
    assert run([*map(str, words), "--output", str(folder / "tokens.h5")]) == 0
    return folder


def many(table):
    """Every row ten times, a little different each time: enough for words."""
    values = table.values.repeat_interleave(10, 0)
    values = values * (1 + 0.02 * torch.randn(values.shape, generator=torch.Generator().manual_seed(0)))
    groups = tuple(group for group in table.groups for _ in range(10))
    return FeatureTable(values=values, registry=table.registry, groups=groups)


@pytest.fixture(scope="module")
def ask(files):
    """Runs a command on the files, named without their folder, and gives what it prints as JSON."""

    def asked(capsys, *words):
        capsys.readouterr()
        assert run([*placed(files, words), "--json", "-q"]) == 0
        return json.loads(capsys.readouterr().out)

    return asked


def placed(folder, words):
    return [str(folder / word) if (folder / word).exists() else word for word in words]


PAIRS = ("search", "--tokenizer", "tokenizer", "--dataset", "pairs.h5")


def test_hits_are_the_nearest_other_draws(files, ask, capsys):
    found = ask(capsys, *PAIRS, "--like", "8", "--count", "5")
    assert (found["runs"], found["draws"]) == (NUM_SAMPLES, NUM_SAMPLES // 2)
    assert [hit["like"] for hit in found["hits"]] == ["8"] * 5
    assert len({hit["draw"] for hit in found["hits"]}) == 5
    distances = [hit["distance"] for hit in found["hits"]]
    assert distances == sorted(distances)
    table = spinlock.load_tokens(files / "tokens.h5")
    own = table.groups[8]
    assert own not in {hit["draw"] for hit in found["hits"]}
    assert table.embedding is not None
    exact = (table.embedding - table.embedding[8]).norm(dim=1)
    assert distances[0] == pytest.approx(
        float(exact[[row for row, group in enumerate(table.groups) if group != own]].min())
    )


def test_each_run_shows_the_run_itself_first(ask, capsys):
    (hit,) = ask(capsys, *PAIRS, "--like", "8", "--each-run", "--count", "1")["hits"]
    assert (hit["id"], hit["distance"]) == ("8", 0)


def test_a_token_file_answers_as_its_data_set_does(ask, capsys):
    for question in (
        ("--like", "8"),
        ("--unlike",),
        ("--subset", "4", "--rare"),
        ("--duplicates", "--nearer-than", "1e6"),
    ):
        ours, tokens = (
            ask(capsys, *words, *question)["hits"] for words in (PAIRS, ("search", "--dataset", "tokens.h5"))
        )
        assert [{k: v for k, v in hit.items() if k != "system"} for hit in ours] == tokens
    assert len(ours) > 0


def test_states_of_an_array_file_are_found_again(files, ask, capsys):
    """One of the two realizations of sample 5 alone: its sample is nearer than any other draw."""
    words = ("--like", "state.npy", "--axes", "tchw", "--count", "1")
    with open_dataset(files / "pairs.h5") as dataset:
        given = ("--dt", str(float(dataset.numbers("dt")[5])), "--dx", str(float(dataset.numbers("dx")[5])))
        own = str(dataset.groups[5])
    (hit,) = ask(capsys, *PAIRS, *words, *given)["hits"]
    assert hit["draw"] == own


def test_conditions_filter_and_are_all_met(files, ask, capsys):
    with open_dataset(files / "data.h5") as dataset:
        systems = dataset.systems
    found = ask(capsys, *PAIRS, "--like", "8", "--where", "system=gray_scott", "--where", "feed>0.03", "--count", "24")
    assert {hit["system"] for hit in found["hits"]} <= {"gray_scott"}
    assert found["where"][0]["runs"] == systems.count("gray_scott")
    assert found["runs_that_meet_all"] <= found["where"][1]["runs"]
    category = spinlock.load_tokens(files / "tokens.h5").category_names[0]
    found = ask(capsys, *PAIRS, "--where", f"{category}=1,2", "--count", "24")
    assert {hit[category] for hit in found["hits"]} <= {1, 2}
    assert len(found["hits"]) == found["runs_that_meet_all"]


def test_words_of_a_definition_choose_the_runs_that_carry_its_token(files, ask, capsys):
    tokenizer = spinlock.Tokenizer.from_pretrained(files / "tokenizer")
    definition = next(one for one in tokenizer.definitions() if one.conditions)
    found = ask(capsys, *PAIRS, "--where", str(definition.conditions[0]), "--count", "24")
    assert str(definition) in [one["word"] for one in found["words"]]
    tokens = spinlock.load_tokens(files / "tokens.h5")
    column = tokens.codes[:, tokens.category_names.index(definition.category), 0]
    assert {hit["id"] for hit in found["hits"]} >= {
        tokens.ids[row] for row in (column == definition.token).nonzero().squeeze(1).tolist()
    }


def test_a_data_set_is_searched_by_the_vocabulary_of_the_package_where_no_tokenizer_is_named(ask, capsys):
    found, named = (
        ask(capsys, "search", "--dataset", "data.h5", "--like", "3", *tokenizer)
        for tokenizer in ((), ("--tokenizer", "behaviour-1"))
    )
    assert found["tokenizer"] == "behaviour-1"
    assert found["hits"] == named["hits"]


def test_two_systems_are_told_apart_in_sentences(ask, capsys):
    words = ("compare", "data.h5", "--by", "system=gray_scott", "--tokenizer", "tokenizer", "--count", "3")
    found = ask(capsys, *words)
    assert found["verdict"].startswith("as a whole they lie in different places (p 0.00")
    assert [one["name"] for one in found["sets"]] == ["system=gray_scott", "not system=gray_scott"]
    assert [one["draws"] for one in found["sets"]] == [6, 18]
    assert len(found["differences"]) == len(found["columns"]) == len(found["tokens"]) == 3
    column = found["columns"][0]
    assert found["differences"][0]["difference"].startswith(f"{column['column']} (")
    assert abs(column["auc"] - 0.5) == max(abs(one["auc"] - 0.5) for one in found["columns"])


def test_two_files_of_the_same_runs_do_not_differ(ask, capsys):
    found = ask(capsys, "compare", "data.h5", "data.h5")
    assert found["columns_that_differ"] == 0
    assert found["energy_p"] > 0.9
    assert found["tokens"] == []


def test_a_parameter_is_split_at_its_median(ask, capsys):
    found = ask(capsys, "compare", "data.h5", "--by", "feed")
    assert [(one["name"], one["draws"]) for one in found["sets"]] == [("low feed", 3), ("high feed", 3)]


@pytest.mark.parametrize(
    ("words", "sentence", "code"),
    [
        ("search --dataset tokens.h5", "nothing is asked; give one of --like, --unlike, --subset, --duplicates", 2),
        ("search --dataset tokens.h5 --like 3 --unlike", "--like and --unlike are two questions; ask one", 2),
        ("search --dataset tokens.h5 --like 77", "--like 77 is neither the id of a row nor a file.", 2),
        ("search --dataset tokens.h5 --unlike --rare", "--rare belongs to --subset.", 2),
        ("search --dataset tokens.h5 --subset 13", "a subset of 13 needs as many draws; there are 12.", 4),
        ("search --dataset tokens.h5 --like state.npy", "state.npy lie; give --tokenizer.", 2),
        ("search --dataset tokens.h5 --where temporl=1", "nothing is called 'temporl'. Did you mean 'temporal'?", 2),
        ("search --dataset tokens.h5 --where temporal=40", "a coarse token of temporal is a number from 0 to ", 2),
        ("search --dataset tokens.h5 --where early", "'early' is neither name=value nor name<value", 2),
        ("compare data.h5", "one data set is compared with nothing; give a second one, or --by", 2),
        ("compare data.h5 data.h5 --by feed", "--by splits one data set; leave it or the second file out.", 2),
        ("compare data.h5 --by fed", "--by fed: no parameter is called so. Did you mean 'feed'?", 2),
        ("compare data.h5 --by noise_kind", "is one of additive, multiplicative; say which is compared", 2),
        ("compare data.h5 data.h5 --where feed>1", "each side of a comparison needs at least 3 draws; got 0 and 0.", 4),
    ],
)
def test_what_cannot_be_asked_is_said_in_a_sentence(files, words, sentence, code, capsys):
    assert run([*placed(files, words.split()), "-q"]) == code
    assert sentence in capsys.readouterr().err


def test_a_draw_on_both_sides_is_refused(files, capsys):
    with open_dataset(files / "pairs.h5") as dataset:
        kinds = {}
        for kind, group in zip(dataset.initial_conditions, dataset.groups.tolist(), strict=True):
            kinds.setdefault(group, []).append(kind)
    apart = next(one for one, other in kinds.values() if one != other)
    assert run(["compare", str(files / "pairs.h5"), "--by", f"initial_condition={apart}", "-q"]) == 4
    assert "draws have rows on both sides" in capsys.readouterr().err


@pytest.fixture
def facts():
    return Facts(
        words={"system": ("a", "a", "b", "b")},
        columns=(
            ParameterColumn(name="a.rate"),
            ParameterColumn(name="b.rate"),
            ParameterColumn(name="b.update", choices=("slow", "fast")),
        ),
        values=np.array([[1.0, np.nan, np.nan], [2.0, np.nan, np.nan], [np.nan, 1.5, 0.0], [np.nan, 3.0, 1.0]]),
    )


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("system=b", [2, 3]),
        ("system = a, b", [0, 1, 2, 3]),
        ("rate>1.5", [1, 3]),
        ("rate >= 1.5", [1, 2, 3]),
        ("b.rate<2", [2]),
        ("update=fast", [3]),
        ("rate=2", [1]),
    ],
)
def test_a_condition_holds_for_its_rows(condition, rows, facts):
    assert chosen_rows(condition, facts).rows.nonzero().squeeze(1).tolist() == rows


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("system=c", "no row has system 'c'."),
        ("system>a", "system is a word; write system=a."),
        ("rate>fast", "a.rate is a number; got 'fast'."),
        ("update=quick", "b.update is one of slow, fast, written b.update=slow."),
        ("speed>1", "nothing is called 'speed'. Known: system, rate, update."),
    ],
)
def test_a_condition_on_nothing_is_refused(condition, sentence, facts):
    with pytest.raises(UsageError, match=sentence):
        chosen_rows(condition, facts)


def test_facts_follow_the_order_of_the_rows(files):
    with open_dataset(files / "data.h5") as dataset:
        systems, ids = dataset.systems, dataset.view().ids
    facts = load_facts(files / "data.h5", ids[::-1])
    assert facts.words["system"] == systems[::-1]


def test_the_library_compares_tables_as_the_command_does(files):
    with open_dataset(files / "data.h5") as dataset:
        table, systems = dataset.feature_table(), dataset.systems
    is_first = torch.tensor([system == "gray_scott" for system in systems])
    found = spinlock.compare(table.rows(is_first), table.rows(~is_first))
    assert found.num_draws == (6, 18)
    assert found.energy is not None
    assert found.energy.p < 0.01
    assert found.tokens == ()
