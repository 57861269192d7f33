import json
from dataclasses import replace
from math import log2

import numpy as np
import pytest
import torch
from parameter_runs import COLUMNS, column, made

from spinlock.core.errors import ConfigError, InputError, NamesDifferError, NotFittedError
from spinlock.core.tokens import side_by_side
from spinlock.store.dataset import ParameterTable
from spinlock.store.dataset_layout import ParameterColumn
from spinlock.training.families import FamilyTokenizer
from spinlock.training.parameter_cells import Divisible, codes_of, divisible, fit_slot, spread_bits, values_of
from spinlock.training.parameters import ParameterTokenizer, RunParameters
from spinlock.training.regimes import regime_of

FREE = Divisible()


@pytest.fixture(scope="module")
def runs():
    return made()


@pytest.fixture(scope="module")
def behaviour(runs):
    """Two axes that differ where waves are fast, and where heat starts as a disc."""
    speed, kind = column(runs, "wave.speed"), np.array(runs.initial_conditions)
    return np.stack([np.nan_to_num(speed) > 2.0, np.isnan(speed) & (kind == "disc")], axis=1).astype(float)


@pytest.fixture(scope="module")
def tokenizer(runs, behaviour):
    return ParameterTokenizer(bits=12).fit(runs, behaviour=behaviour)


def test_bits_are_shared_evenly_among_equals_and_hardly_any_is_left():
    assert spread_bits([FREE] * 4, 8.0) == [4, 4, 4, 4]
    for bits in (0.0, 1.0, 5.3, 12.0, 24.0):
        cells = spread_bits([FREE] * 3, bits)
        spent = sum(map(log2, cells))
        assert spent <= bits + 1e-9
        assert spent + log2((min(cells) + 1) / min(cells)) > bits - 1e-9 or bits == 0.0


def test_more_bits_than_there_is_to_tell_are_not_spent():
    assert spread_bits([FREE], 100.0) == [256]
    assert spread_bits([Divisible(num_values=3), Divisible(num_values=5, is_choice=True)], 100.0) == [3, 5]
    assert spread_bits([], 10.0) == []


def test_a_choice_is_told_whole_or_not_at_all():
    many, few = Divisible(num_values=200, is_choice=True), Divisible(num_values=2, is_choice=True)
    assert spread_bits([many, few], 5.0) == [1, 2]
    assert spread_bits([many, few], 9.0) == [200, 2]


def test_cells_of_a_number_hold_equally_many_runs_and_stand_for_their_middle():
    values = np.random.default_rng(1).lognormal(sigma=2.0, size=960)
    slot = fit_slot(COLUMNS[4], values, cells=12, parameter=FREE)
    codes = codes_of(slot, COLUMNS[4], values)
    assert np.bincount(codes).tolist() == [80] * 12
    back = values_of(slot, codes)
    for cell in range(12):
        inside = values[codes == cell]
        assert np.mean(inside < back[codes == cell][0]) == pytest.approx(0.5, abs=0.02)


def test_more_cells_than_runs_divide_what_lies_between_them():
    few = np.linspace(0.0, 1.0, 11)[1:-1] ** 2
    slot = fit_slot(ParameterColumn(name="a.x", low=0.0, high=1.0), few, cells=200, parameter=FREE)
    dense = np.linspace(0.0, 1.0, 4001)
    back = values_of(slot, codes_of(slot, COLUMNS[4], dense))
    assert np.abs(back - dense).max() < 0.01


def test_values_that_recur_are_cells_of_their_own_and_come_back_exactly():
    values = np.repeat([1.0, 2.5, 7.0], 20)
    parameter = divisible(COLUMNS[1], values, num_draws=60)
    assert parameter.num_values == 3
    slot = fit_slot(COLUMNS[1], values, cells=3, parameter=parameter)
    assert values_of(slot, codes_of(slot, COLUMNS[1], values)).tolist() == values.tolist()
    coarse = fit_slot(COLUMNS[1], values, cells=2, parameter=parameter)
    assert len(coarse.values) == 2


def test_decoding_is_the_inverse_up_to_a_cell_and_exact_in_the_system(runs, tokenizer):
    tokens = tokenizer.encode(runs)
    back = tokenizer.decode(tokens)
    assert back.systems == runs.systems
    assert (back.ids, back.groups) == (runs.ids, runs.groups)
    cells = [place for place, name in enumerate(tokens.category_names) if name != "regime"]
    assert torch.equal(tokenizer.encode(back).codes[:, cells], tokens.codes[:, cells])
    kind, told = column(runs, "wave.kind"), column(back, "wave.kind")
    assert np.array_equal(kind, told, equal_nan=True)
    assert np.array_equal(column(runs, "wave.layers"), column(back, "wave.layers"), equal_nan=True)
    coarse, fine = (ParameterTokenizer(bits).fit(runs) for bits in (6, 24))
    errors = [
        np.nanmean(np.square(np.log(column(one.decode(one.encode(runs)), "wave.speed") / column(runs, "wave.speed"))))
        for one in (coarse, fine)
    ]
    assert errors[1] < errors[0] / 10


@pytest.mark.parametrize("bits", [3.0, 8.0, 16.0])
def test_the_budget_holds_for_every_system(runs, bits):
    fitted = ParameterTokenizer(bits).fit(runs)
    for name in fitted.systems:
        assert fitted.bits_of(name) <= bits + 1e-9
    assert fitted.bits_of("wave") > bits - 0.6  # a step of the smallest parameter


def test_the_sizes_of_a_slot_are_those_of_the_system_with_most_cells_there(runs, tokenizer):
    tokens = tokenizer.encode(runs)
    assert tokens.column_names[:3] == ("system__level0", "regime__level0", "slot_0__level0")
    most = [max(int(row.max()), 0) for row in tokens.codes[:, :, 0].T]
    assert all(size > code for size, code in zip(tokens.codebook_sizes[:, 0].tolist(), most, strict=True))
    systems = tokenizer.cells_.systems
    for place, name in enumerate(name for name in tokenizer.categories if name.startswith("slot_")):
        own = [len(one.slots[place].values) for one in systems.values() if place < len(one.slots)]
        assert int(tokens.codebook_sizes[tokenizer.categories.index(name), 0]) == max(own)


def test_regimes_are_where_behaviour_changes_and_their_rules_say_so(runs, tokenizer):
    wave = tokenizer.rules["wave"]
    assert any(rule.startswith("speed above") for rule in wave)
    assert any("initial condition" in rule for rule in tokenizer.rules["heat"])
    regime = tokenizer.encode(runs).codes[:, 1, 0].numpy()
    speed = column(runs, "wave.speed")
    fast = set(regime[np.nan_to_num(speed) > 2.0].tolist())
    slow = set(regime[speed <= 2.0].tolist())
    assert not fast & slow


def test_rules_evaluated_from_what_is_stored_are_the_tokens(runs, tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    stored = json.loads((tmp_path / "parameters.json").read_text())["systems"]
    regimes = tokenizer.encode(runs).codes[:, 1, 0].tolist()
    for row, (system, kind) in enumerate(zip(runs.systems, runs.initial_conditions, strict=True)):
        nodes, values = stored[system]["regimes"]["nodes"], runs.table.of_sample(row)
        node = nodes[0]
        while node["about"] != "leaf":
            value = kind if node["about"] == "initial condition" else values[node["name"]]
            yes = value == node["equals"] if node["at_most"] is None else value <= node["at_most"]
            node = nodes[node["yes"] if yes else node["no"]]
        assert node["word"] == regimes[row]
        assert len(stored[system]["rules"]) == sum(one["about"] == "leaf" for one in nodes)


def test_without_behaviour_there_is_no_regime(runs):
    fitted = ParameterTokenizer().fit(runs)
    assert fitted.categories[:2] == ("system", "slot_0")
    assert fitted.rules == {"heat": (), "wave": ()}


def test_runs_too_few_to_tell_apart_are_one_regime(runs, behaviour):
    few = ParameterTokenizer().fit(runs.rows(range(30)), behaviour=behaviour[:30])
    assert few.rules == {"heat": ("always",), "wave": ("always",)}


def test_what_is_missing_has_no_token(runs, tokenizer):
    values = runs.table.values.copy()
    values[::2, 0] = np.nan  # of every wave the speed, which its regimes ask for
    without = replace(runs, table=runs.table._replace(values=values))
    codes, before = (tokenizer.encode(one).codes[::2, :, 0] for one in (without, runs))
    slot = tokenizer.categories.index("slot_0")
    assert (codes[:, [1, slot]] == -1).all()
    rest = [place for place in range(codes.shape[1]) if place not in (1, slot)]
    assert torch.equal(codes[:, rest], before[:, rest])
    back = tokenizer.decode(tokenizer.encode(without))
    assert np.isnan(column(back, "wave.speed")).all()


def test_a_column_that_is_not_there_is_missing(runs, tokenizer):
    less = replace(runs, table=ParameterTable(COLUMNS[1:], runs.table.values[:, 1:]))
    slot = tokenizer.categories.index("slot_0")
    assert (tokenizer.encode(less).codes[::2, slot, 0] == -1).all()


def test_a_system_never_seen_has_no_tokens_and_all_of_them_are_refused(runs, tokenizer):
    odd = replace(runs, systems=("burgers", *runs.systems[1:]))
    tokens = tokenizer.encode(odd)
    assert (tokens.codes[0] == -1).all()
    assert torch.equal(tokens.codes[1:], tokenizer.encode(runs).codes[1:])
    assert tokenizer.decode(tokens).systems[0] == ""
    with pytest.raises(InputError, match=r"none of the 120 runs is of a system .* \(heat, wave\); they are of burgers"):
        tokenizer.encode(replace(runs, systems=("burgers",) * len(runs)))


def test_a_choice_is_known_by_its_word(runs, tokenizer):
    turned = ParameterColumn(name="wave.kind", choices=("comet", "burst", "plain", "ring"))
    values = runs.table.values.copy()
    values[:, 2] = np.where(np.isnan(values[:, 2]), np.nan, (values[:, 2] + 1) % 3 + 1)
    columns = (*COLUMNS[:2], turned, *COLUMNS[3:])
    words = [runs.table.of_sample(row).get("kind") for row in range(len(runs))]
    other = replace(runs, table=ParameterTable(columns, values))
    assert [other.table.of_sample(row).get("kind") for row in range(len(runs))] == words
    assert torch.equal(tokenizer.encode(other).codes, tokenizer.encode(runs).codes)
    values[0, 2] = 0  # a comet
    assert tokenizer.encode(other).codes[0, tokenizer.categories.index("slot_2"), 0] == -1
    number = replace(
        runs, table=ParameterTable((*COLUMNS[:2], ParameterColumn(name="wave.kind"), *COLUMNS[3:]), values)
    )
    with pytest.raises(InputError, match=r"'wave.kind' is a number here; its tokens were fitted to a choice"):
        tokenizer.encode(number)


def test_parameters_of_the_initial_condition_are_none_of_the_system(tokenizer):
    assert [slot.name for slot in tokenizer.cells_.systems["wave"].slots] == ["speed", "layers", "kind", "Re"]
    assert [slot.name for slot in tokenizer.cells_.systems["heat"].slots] == ["diffusivity", "Re"]


def test_restored_it_gives_the_same_tokens_and_the_same_files(runs, tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path / "one")
    again = ParameterTokenizer.from_pretrained(tmp_path / "one")
    assert torch.equal(again.encode(runs).codes, tokenizer.encode(runs).codes)
    assert again.rules == tokenizer.rules
    again.save_pretrained(tmp_path / "two")
    for file in sorted((tmp_path / "one").iterdir()):
        assert (tmp_path / "two" / file.name).read_bytes() == file.read_bytes()


def test_a_damaged_folder_is_refused(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    file = tmp_path / "parameters.json"
    file.write_text(file.read_text().replace("speed", "spead"))
    with pytest.raises(InputError, match="does not have the checksum"):
        ParameterTokenizer.from_pretrained(tmp_path)


def test_it_stands_among_families(runs, tokenizer, tmp_path):
    FamilyTokenizer({"parameters": tokenizer}).save_pretrained(tmp_path)
    families = FamilyTokenizer.from_pretrained(tmp_path)
    tokens = families.encode({"parameters": runs})
    assert tokens.column_names[0] == "parameters__system__level0"
    assert torch.equal(tokens.codes, side_by_side({"parameters": tokenizer.encode(runs)}).codes)
    back = families.decode(tokens)["parameters"]
    assert isinstance(back, RunParameters)
    assert np.array_equal(back.table.values, tokenizer.decode(tokenizer.encode(runs)).table.values, equal_nan=True)


def test_what_is_refused_says_what_it_is(runs, tokenizer):
    with pytest.raises(ConfigError, match="must be a number above 0; got 0"):
        ParameterTokenizer(0)
    with pytest.raises(ConfigError, match=r"at least 1\.0 to tell 2 systems apart; got 0\.5"):
        ParameterTokenizer(0.5).fit(runs)
    with pytest.raises(InputError, match="at least one run"):
        ParameterTokenizer().fit(runs.rows([]))
    with pytest.raises(InputError, match="`behaviour` must have finite numbers for each of the 120 runs"):
        ParameterTokenizer().fit(runs, behaviour=np.zeros((3, 2)))
    with pytest.raises(NotFittedError, match="call `fit` before `encode`"):
        ParameterTokenizer().encode(runs)
    with pytest.raises(NamesDifferError, match="these parameter tokens are system, regime"):
        tokenizer.decode(ParameterTokenizer().fit(runs).encode(runs))
    with pytest.raises(InputError, match="`systems` must have one entry for each of the 120 runs; got 1"):
        replace(runs, systems=("wave",))
    values = runs.table.values.copy()
    values[0, 2] = 9
    with pytest.raises(InputError, match="has 3 choices, so its values must be their places from 0; got 9"):
        replace(runs, table=ParameterTable(COLUMNS, values))


def test_a_regime_of_a_word_that_is_missing_is_unknown(tokenizer):
    heat = tokenizer.cells_.systems["heat"].regimes
    assert heat is not None
    facts = {"diffusivity": np.ones(2), "Re": np.zeros(2)}
    assert regime_of(heat, facts, ("", "disc")).tolist()[0] == -1
