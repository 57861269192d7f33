"""Effects of operations: exact where the world is simple, and nothing where there is nothing."""

from typing import NamedTuple

import numpy as np
import pytest

from spinlock.questions.functors import Changes, FunctorCodebook, agreements, effects, has_effect

AXES = 5


class At(NamedTuple):
    """Where a change is looked at; each look has noise of its own."""

    base: np.ndarray
    operation: str
    rng: np.random.Generator


def changes(values, systems, bases, operations):
    return Changes(values=np.array(values), systems=tuple(systems), bases=tuple(bases), operations=tuple(operations))


def toy(change, *, num_bases=8, num_initial=6, operations=("p", "q", "p&q"), seed=0):
    """Changes of a system by a function of base and operation, under each of several initial conditions."""
    rng = np.random.default_rng(seed)
    bases = rng.normal(size=(num_bases, AXES))
    keys = [(base, operation) for base in range(num_bases) for operation in operations]
    values = [[change(At(bases[b], o, rng)) for _ in range(num_initial)] for b, o in keys]
    names = [f"base {b}" for b, _ in keys]
    return changes(values, ["toy"] * len(keys), names, [o for _, o in keys])


STEPS = {"p": np.array([3.0, 0, 0, 0, 0]), "q": np.array([0, 2.0, 1.0, 0, 0])}
STEPS["p&q"] = STEPS["p"] + STEPS["q"]


def figure(found, name, system="all"):
    return next(one for one in found if (one.figure, one.system) == (name, system))


def test_in_a_linear_world_effects_add_up_and_are_the_same_everywhere():
    found = agreements(toy(lambda at: STEPS[at.operation]), num_directions=3)
    for name, count in (("portability", 24), ("additivity", 8), ("transfer", 16)):
        one = figure(found, name)
        assert one.effects == count
        assert one.error == pytest.approx(0, abs=1e-24)
        assert one.noise == pytest.approx(0, abs=1e-24)
        assert one.same_token == 1


def test_effects_that_depend_on_the_base_alone_are_portable_and_not_those_of_another_base():
    found = agreements(toy(lambda at: at.base * (1 + len(at.operation))), num_directions=8)
    one = figure(found, "portability")
    assert one.error == pytest.approx(0, abs=1e-24)
    assert 1 < one.error_at_other_base < 3
    assert one.same_token == 1
    assert one.same_at_other_base < 0.6


def test_what_initial_conditions_do_alone_is_an_error_of_two_and_no_effect():
    nothing = toy(lambda at: at.rng.normal(size=AXES), num_bases=100)
    one = figure(agreements(nothing), "portability")
    assert one.error == pytest.approx(2, abs=0.2)
    assert one.noise == pytest.approx(2, abs=0.2)
    assert one.error_at_other_base == pytest.approx(2, abs=0.2)
    assert has_effect(nothing.values).mean() < 0.15


def test_interaction_is_an_error_beyond_noise():
    """Where both operations at once do twice the sum of what each does, a quarter of the squared effect is not the sum's."""
    found = agreements(toy(lambda at: STEPS[at.operation] * (1 + (at.operation == "p&q"))))
    assert figure(found, "additivity").error == pytest.approx(0.25)
    assert figure(found, "additivity").noise == pytest.approx(0, abs=1e-24)


def test_an_effect_is_the_mean_over_the_initial_conditions_that_are_there():
    values = np.array([[[1.0, 0.0], [3.0, 2.0], [np.nan, np.nan]], [[np.nan] * 2] * 3])
    assert effects(values)[0].tolist() == [2.0, 1.0]
    assert np.isnan(effects(values)[1]).all()
    assert not has_effect(values)[1]


def test_no_change_is_no_effect_and_a_steady_small_one_is():
    still, small = np.zeros((1, 4, AXES)), np.full((1, 4, AXES), 1e-3)
    assert not has_effect(still).any()
    assert has_effect(small).all()


def test_tokens_are_direction_and_size():
    rng = np.random.default_rng(1)
    axes = np.eye(3)[rng.integers(0, 3, 120)] * np.geomspace(1, 9, 120)[:, None]
    values = np.repeat(axes[:, None], 4, axis=1)
    book = FunctorCodebook.fit(values, num_directions=3, seed=5)
    codes = book.encode(values)
    directions = axes.argmax(1)
    assert len({(a, b) for a, b in zip(directions.tolist(), codes[:, 0].tolist(), strict=True)}) == 3
    assert codes[:, 1].tolist() == [1] * 30 + [2] * 30 + [3] * 30 + [4] * 30
    assert book.encode(np.zeros((1, 4, 3))).tolist() == [[0, 0]]
    values[0, :2] = np.nan
    assert book.encode(values[:1]).tolist() == [[-1, -1]]


def test_a_codebook_of_no_effects_encodes_as_none():
    book = FunctorCodebook.fit(np.zeros((4, 3, AXES)))
    assert book.encode(np.zeros((2, 3, AXES))).tolist() == [[0, 0]] * 2


def test_the_same_seed_gives_the_same_figures():
    found = toy(lambda at: at.base + at.rng.normal(size=AXES))
    assert str(agreements(found, seed=4)) == str(agreements(found, seed=4))


def test_systems_are_told_apart():
    one = toy(lambda at: STEPS[at.operation])
    two = toy(lambda at: at.rng.normal(size=AXES), seed=1)
    both = changes(
        np.concatenate([one.values, two.values]),
        ["linear"] * len(one) + ["noise"] * len(two),
        [f"a {base}" for base in one.bases] + [f"b {base}" for base in two.bases],
        one.operations + two.operations,
    )
    found = agreements(both)
    assert figure(found, "portability", "linear").error == pytest.approx(0, abs=1e-24)
    assert figure(found, "portability", "noise").error > 1
    assert {entry.system for entry in found} == {"linear", "noise", "all"}
