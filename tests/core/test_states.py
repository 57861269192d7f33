"""From numbers to states: dtypes, infinities, ends and cells without a value."""

import numpy as np
import pytest

from spinlock.core.errors import InputError
from spinlock.core.states import states_of

CHANCE = np.random.default_rng(0)
SHAPE = (2, 9, 2, 4, 5)  # realization, time, channel, height, width


def waves(dtype="f8"):
    return CHANCE.normal(size=SHAPE).astype(dtype)


def of(numbers, **options):
    return states_of(numbers, where="run 7", **options)


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f4", "f8", ">f8", "i1", "u2", "i4", "i8", "?"])
def test_plain_numbers_become_float32(dtype):
    numbers = (3 * waves()).astype(dtype)
    found = of(numbers)
    assert found.states.dtype.itemsize == 4
    np.testing.assert_array_equal(found.states.numpy(), numbers.astype("f4"))
    assert (found.diverged_at, found.cut) == ((-1, -1), 0)


@pytest.mark.parametrize(
    "numbers",
    [
        101325 + 0.01 * waves(),
        10**11 + (1e6 * waves()).astype("i8"),
        2**30 + (1e3 * waves()).astype("i4"),
        1e50 * waves(),
        1e-50 * waves(),
    ],
    ids=["a level", "whole numbers", "whole numbers of 4 bytes", "beyond float32", "below float32"],
)
def test_numbers_of_which_float32_would_lose_what_varies_stay_float64(numbers):
    np.testing.assert_array_equal(of(numbers).states.numpy(), np.asarray(numbers, dtype="f8"))
    assert of(numbers).states.dtype.itemsize == 8


def test_float64_that_was_float32_is_float32():
    numbers = (101325 + 0.01 * waves()).astype("f4").astype("f8")
    assert of(numbers).states.dtype.itemsize == 4


@pytest.mark.parametrize(("dtype", "word"), [("f2", "65504"), ("f4", "beyond what its dtype holds"), ("f8", "beyond")])
@pytest.mark.parametrize("fill_masked", [False, True])
def test_an_infinite_value_in_the_first_state_is_no_mask(dtype, word, fill_masked):
    numbers = waves(dtype)
    numbers[1, 0, 0, 2, 2] = np.inf
    with pytest.raises(InputError, match=f"run 7: 1.2% of the values of the first state are infinite.*{word}"):
        of(numbers, fill_masked=fill_masked)


def test_a_run_that_becomes_infinite_has_diverged_then():
    numbers = waves("f4")
    numbers[1, 6, 0, 0, 0], numbers[1, 7:] = -np.inf, np.nan
    found = of(numbers)
    assert (found.diverged_at, found.cut) == ((-1, 6), 0)
    assert bool(found.states[1, 6:].isnan().all())
    np.testing.assert_array_equal(found.states[1, :6].numpy(), numbers[1, :6])


@pytest.mark.parametrize("lost", [np.s_[1, 6, 0, 1:3], np.s_[1, 6:]], ids=["some cells", "whole states"])
def test_a_run_that_grows_tenfold_before_it_loses_values_has_diverged(lost):
    numbers = waves("f4")
    numbers[1, 5] *= 200
    numbers[1, 6:] = np.nan if lost[1] != 6 else 1e5
    numbers[lost] = np.nan
    found = of(numbers)
    assert (found.diverged_at, found.cut) == ((-1, 6), 0)


@pytest.mark.parametrize("span", [(0, 7), (3, 9), (2, 8), (0, 1)])
def test_saved_times_without_any_value_at_the_ends_are_no_states_of_the_run(span):
    numbers = waves("f4")
    start, stop = span
    padded = np.full_like(numbers, np.nan)
    padded[:, start:stop] = numbers[:, start:stop]
    found = of(padded)
    np.testing.assert_array_equal(found.states.numpy(), numbers[:, start:stop])
    assert (found.diverged_at, found.cut) == ((-1, -1), 9 - (stop - start))


def test_a_realization_that_is_not_there_does_not_shorten_the_others():
    numbers = waves("f4")
    numbers[0], numbers[1, 6:] = np.nan, np.nan
    found = of(numbers)
    assert (found.diverged_at, found.cut, found.states.shape[1]) == ((0, -1), 3, 6)


def test_masked_cells_are_filled_at_every_time_also_of_a_run_that_is_padded():
    numbers = waves("f4")
    holed = numbers.copy()
    holed[:, :, :, 1, 1] = np.nan  # a mask
    holed[:, 4:, 0, 2:, 3] = np.nan  # cells that fall dry
    holed[:, 7:] = np.nan  # and padding
    found = of(holed, fill_masked=True)
    assert (found.diverged_at, found.cut) == ((-1, -1), 2)
    empty = np.isnan(holed[:, :7]).any(axis=1)[:, None] & np.ones((1, 7, 1, 1, 1), dtype=bool)
    kept = np.where(empty, np.nan, numbers[:, :7])
    mean = np.nanmean(kept.astype("f8"), axis=(3, 4), keepdims=True)
    np.testing.assert_allclose(found.states.numpy(), np.where(empty, mean, kept), rtol=1e-6)


def hole(*place):
    numbers = waves("f4")
    numbers[place] = np.nan
    return numbers


MOVING = waves("f4")
for time in range(9):
    MOVING[:, time, :, :, time % 5] = np.nan


@pytest.mark.parametrize(
    ("numbers", "fill_masked", "message"),
    [
        (hole(slice(None), slice(None), 0, 1, 1), False, "run 7: 2.5% of the cells have no value in the first state, as a mask"),
        (hole(0, slice(5, None), 0, 1, 1), False, "run 7: 1.2% of the cells lose their value later, from time 5 on, as a moving mask"),
        (hole(0, 4), False, "realization 0 has no value at all at time 4, but has at later ones"),
        (hole(0, slice(5, None)), False, "values over different saved times .0 to 4, 0 to 8.; give each as a sample"),
        (MOVING, True, "every cell of channel 0 has no value at some time"),
        (hole(0, slice(None), 1), True, "channel 1 has no finite value in the first state"),
    ],
)  # fmt: skip
def test_what_has_no_value_is_refused_in_one_sentence(numbers, fill_masked, message):
    with pytest.raises(InputError, match=message) as caught:
        of(numbers, fill_masked=fill_masked)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
