import json
import math
from dataclasses import replace

import pytest

from spinlock.core.errors import InputError
from spinlock.core.repeatability import NOT_LOOKED, Replicates, SameToken, good_for
from spinlock.core.report import Report, SplitFigures

OTHER_RUNS = SameToken(at="other realizations", level=0, num_pairs=900, same=0.93, chance=0.1)
OTHER_START = SameToken(at="another initial condition", level=0, num_pairs=900, same=0.7, chance=0.1)
REPLICATES = Replicates(num_samples=900, r2=(0.0, 0.5, 0.6, 0.6), gain_errors=(0.1, 0.01, 0.01), useful_levels=2)


def said(*same, replicates=REPLICATES, found=31.2, most=71.0, num_levels=3):
    return good_for(
        same,
        replicates,
        bits=72.0,
        reproducible_bits=found,
        most_reproducible_bits=most,
        num_levels=num_levels,
    )


def test_the_sentence_says_how_often_how_much_and_how_far():
    fine = replace(OTHER_RUNS, level=1, same=0.5)
    assert said(fine, OTHER_RUNS, OTHER_START) == (
        "A coarse token is the same at other realizations in 93 % of cases (by chance 10 %), at another initial condition in 70 % of "
        "cases (by chance 10 %); 31 of 72 bits are reproducible; beyond the second level bits code noise."
    )


def test_the_sentence_says_what_few_samples_can_show():
    assert "31 of 72 bits are reproducible (900 samples can show 40 at most);" in said(OTHER_RUNS, most=40.0)


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        (0, "not even the first level says anything of a replicate"),
        (3, "every level says more of a replicate than those before it"),
        (-1, "from which level on bits code noise cannot be said of one draw alone, or where no column has signal"),
    ],
)
def test_the_sentence_says_how_many_levels_are_useful(levels, words):
    found = said(OTHER_RUNS, OTHER_START, replicates=replace(REPLICATES, useful_levels=levels))
    assert found.endswith(f"; {words}.")


def test_the_sentence_says_what_cannot_be_said():
    nothing = math.nan
    assert said(OTHER_START, replicates=Replicates(num_samples=0), found=nothing, most=nothing) == (
        "A coarse token is the same at another initial condition in 70 % of cases (by chance 10 %); what of tokens is noise cannot be "
        "said, as no judged sample has two realizations whose features were kept."
    )
    assert said(replicates=Replicates(num_samples=0), found=nothing, most=nothing) == (
        "What of tokens is noise cannot be said, as no judged sample has two realizations whose features were kept; what another "
        "initial condition changes cannot be said, as no two judged samples share their draw of parameters."
    )


def figures(**changes):
    values = {
        "num_samples": 1,
        "mse": 0.1,
        "r2": 0.9,
        "mse_by_level": (1.0, 0.1),
        "level_gains": (0.9,),
        "category_mse": {},
        "category_r2": {},
        "column_r2": {},
        "usage": (),
        "bits_by_level": (0.0, 3.0),
        "entropy_bits_by_level": (0.0, 2.0),
        "collisions": 0.0,
        "code_length_bits": 3.0,
    }
    return SplitFigures(**(values | changes))


def text_of(split):
    return Report(splits={"test": split}, category_names=("a",), codebook_sizes=((8,),), bits=3.0).to_json()


def test_a_report_keeps_what_comes_again():
    split = figures(
        same_tokens=(OTHER_RUNS,),
        replicates=replace(REPLICATES, column_noise={"x": 0.5, "y": 2.0}, noise_by_aggregation={"mean": 0.5}),
    )
    read = Report.from_json(text_of(split)).figures("test")
    assert math.isnan(read.replicates.ceiling)
    assert replace(read.replicates, ceiling=0.0) == replace(split.replicates, ceiling=0.0)
    assert (read.same_tokens[0].at, read.same_tokens[0].same) == ("other realizations", 0.93)


def test_a_report_of_a_version_that_did_not_look_is_read_as_not_measured():
    plain = json.loads(text_of(figures()))
    for name in ("replicates", "same_tokens"):
        del plain["splits"]["test"][name]
    read = Report.from_json(json.dumps(plain)).figures("test")
    assert read.good_for == NOT_LOOKED
    assert math.isnan(read.useful_bits)
    assert math.isnan(read.r2_replicate)


def test_a_report_with_an_unknown_comparison_is_refused():
    plain = json.loads(text_of(figures(same_tokens=(OTHER_RUNS,))))
    plain["splits"]["test"]["same_tokens"][0]["at"] = "full moon"
    with pytest.raises(InputError, match=r"same_tokens\[0\].at must be other realizations or .*; got 'full moon'"):
        Report.from_json(json.dumps(plain))
