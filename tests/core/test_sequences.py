"""Tokens as sequences of integers: every word has one number, and the way back is exact."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spinlock.core.errors import InputError
from spinlock.core.sequences import BEGIN, END, PADDING, STEP, SequenceVocabulary
from spinlock.core.tokens import TokenTable

SIZES = torch.tensor([[4, 3], [2, 5]])


def tokens(num_runs, num_windows, *, seed=0, backwards=False):
    """Windows of runs, some categories absent, runs one after the other or in the wrong order."""
    generator = torch.Generator().manual_seed(seed)
    rows = num_runs * num_windows
    codes = (torch.rand(rows, 2, 2, generator=generator) * SIZES).long()
    codes[torch.rand(rows, 2, generator=generator) < 0.2] = -1
    states = [4 * window for _ in range(num_runs) for window in range(num_windows)]
    table = TokenTable(
        codes=codes,
        category_names=("shape", "course"),
        codebook_sizes=SIZES,
        ids=tuple(f"run {row // num_windows}@{state}" for row, state in enumerate(states)),
        facts=facts(states),
    )
    if not backwards:
        return table
    order = torch.arange(rows).flip(0)
    states = [states[row] for row in order.tolist()]
    return replace(table, codes=codes[order], ids=tuple(reversed(table.ids)), groups=(), facts=facts(states))


def facts(states):
    last = tuple(state + 7 for state in states)
    return {"first_state": tuple(states), "last_state": last, "first_time": tuple(states), "last_time": last}


@given(num_runs=st.integers(1, 4), num_windows=st.integers(1, 5), seed=st.integers(0, 99))
def test_sequences_become_the_same_codes_again(num_runs, num_windows, seed):
    table = tokens(num_runs, num_windows, seed=seed)
    vocabulary = SequenceVocabulary.of(table)
    back = vocabulary.decode(vocabulary.encode(table))
    assert torch.equal(back.codes, table.codes)
    assert back.groups == tuple(name.split("@")[0] for name in table.ids)
    again = vocabulary.encode(replace(back, facts=table.facts, ids=table.ids))
    assert all(
        torch.equal(one, other) for one, other in zip(again.values(), vocabulary.encode(table).values(), strict=True)
    )


def test_every_word_has_one_number_and_a_sequence_reads_as_it_should():
    table = replace(tokens(1, 2), codes=torch.tensor([[[3, 2], [1, 0]], [[0, 1], [-1, -1]]]))
    vocabulary = SequenceVocabulary.of(table)
    assert len(vocabulary.words) == len(set(vocabulary.words)) == len(vocabulary) == 5 + 4 + 3 + 2 + 5
    said = [vocabulary.words[number] for number in vocabulary.encode(table)["run 0"]]
    assert " ".join(said) == (
        "<begin> <step> shape/0/3 shape/1/2 course/0/1 course/1/0 <step> shape/0/0 shape/1/1 <absent> <absent> <end>"
    )


def test_windows_come_in_the_order_of_time_whatever_the_order_of_the_rows():
    vocabulary = SequenceVocabulary.of(tokens(2, 3))
    there, back = (vocabulary.encode(tokens(2, 3, backwards=backwards)) for backwards in (False, True))
    assert all(torch.equal(there[run], back[run]) for run in there)


def test_coarse_tokens_alone_are_a_smaller_vocabulary():
    table = tokens(2, 3)
    vocabulary = SequenceVocabulary.of(table, num_levels=1)
    assert len(vocabulary) == 5 + 4 + 2
    assert torch.equal(vocabulary.decode(vocabulary.encode(table)).codes, table.codes[:, :, :1])


def test_whole_runs_are_sequences_of_one_step():
    table = TokenTable(codes=torch.zeros(3, 2, 2).long(), category_names=("a", "b"), codebook_sizes=SIZES)
    vocabulary = SequenceVocabulary.of(table)
    back = vocabulary.decode(vocabulary.encode(table))
    assert back.ids == table.ids
    assert torch.equal(back.codes, table.codes)


def test_what_comes_behind_the_end_is_not_looked_at():
    table = tokens(1, 2)
    vocabulary = SequenceVocabulary.of(table)
    sequence = vocabulary.encode(table)["run 0"]
    padded = torch.nn.functional.pad(sequence, (0, 5), value=PADDING)
    assert torch.equal(vocabulary.decode({"run 0": padded}).codes, table.codes)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (
            [STEP, END],
            r"must be <begin> \(1\), steps of 5 numbers each, and <end> \(2\); got 2 numbers, the first \[3, 2\]",
        ),
        ([BEGIN, STEP, 5, 9, 12], "<end> nowhere"),
        ([BEGIN, STEP, 5, END], "got 4 numbers"),
        ([BEGIN, STEP, 5, 9, 12, 5, END], "number 4 of step 0 of 'a' must be one of course/1; got shape/0/0"),
        ([BEGIN, 5, 5, 9, 12, 14, END], "number 0 of step 0 of 'a' must be <step>; got shape/0/0"),
        ([BEGIN, STEP, 5, 9, 12, 99, END], "must be one of course/1; got 99"),
    ],
)
def test_what_is_no_sequence_is_refused(numbers, message):
    with pytest.raises(InputError, match=message):
        SequenceVocabulary.of(tokens(1, 1)).decode({"a": torch.tensor(numbers)})


def test_tokens_of_other_codebooks_are_refused():
    other = replace(tokens(1, 1), codebook_sizes=SIZES + 1)
    with pytest.raises(InputError, match="are not those of this vocabulary"):
        SequenceVocabulary.of(tokens(1, 1)).encode(other)
