"""Enrichment: what comes together by construction is found and confirmed, and what does not is not."""

import numpy as np
import pytest
from scipy.stats import fisher_exact

from spinlock.core.seeds import stream
from spinlock.metrics.enrichment import enriched_parameters, enriched_systems


def draws(count: int = 400, seed: int = 0):
    """Tokens 0 to 3 of two categories; token 2 of the first only in "wave", where it also takes a high speed."""
    chance = stream(seed, "draws")
    systems = chance.choice(["burgers", "heat", "wave"], count)
    speed = np.where(systems == "wave", chance.random(count), np.nan)
    tokens = chance.integers(0, 2, (count, 2))
    tokens[(systems == "wave") & (speed > 0.6), 0] = 2
    other = np.where(systems == "wave", chance.random(count), np.nan)
    held_out = chance.random(count) < 0.3
    return tokens, systems.tolist(), {("wave", "speed"): speed, ("wave", "colour"): other}, held_out


def test_a_system_that_a_token_never_leaves_is_found_with_its_share_and_confirmed():
    tokens, systems, _, held_out = draws()
    (found,) = (one for one in enriched_systems(tokens, systems, held_out=held_out) if one.token == 2)
    assert (found.category, found.system, found.share) == (0, "wave", 1.0)
    of_wave = np.array(systems) == "wave"
    assert found.expected == pytest.approx(of_wave[~held_out].mean())
    assert found.held_out == pytest.approx(1 / of_wave[held_out].mean())
    assert found.is_confirmed


def test_a_single_pair_has_the_probability_of_fishers_exact_test():
    tokens = np.array([[0]] * 12 + [[1]] * 30)
    systems = ["a"] * 10 + ["b"] * 2 + ["a"] * 8 + ["b"] * 22
    found = enriched_systems(tokens, systems, held_out=np.zeros(42, dtype=bool))
    p = [fisher_exact([[10, 2], [8, 22]], "greater").pvalue, fisher_exact([[22, 8], [2, 10]], "greater").pvalue]
    assert {(one.token, one.system) for one in found} == {(0, "a"), (1, "b")}
    assert found[0].q == pytest.approx(2 * max(p))  # the two are the same table read twice
    assert found[0].held_out is None
    assert found[0].is_confirmed is None


def test_a_parameter_that_decides_about_a_token_is_found_with_its_direction():
    tokens, _, parameters, held_out = draws()
    found = {(one.token, one.parameter): one for one in enriched_parameters(tokens, parameters, held_out=held_out)}
    assert {parameter for _, parameter in found} == {"speed"}
    assert found[2, "speed"].above == 1.0
    assert found[2, "speed"].held_out == 1.0
    assert found[2, "speed"].is_confirmed
    assert found[0, "speed"].above < 0.5


def test_permuted_systems_are_seldom_enriched():
    tokens, systems, parameters, held_out = draws()
    discoveries = 0
    for seed in range(20):
        order = stream(seed, "permutation").permutation(len(tokens))
        mixed = [systems[row] for row in order]
        speed = {
            key: np.where(np.array(systems) == "wave", values[order], np.nan) for key, values in parameters.items()
        }
        discoveries += bool(enriched_systems(tokens, mixed, held_out=held_out))
        discoveries += bool(enriched_parameters(tokens[order[::-1]], speed, held_out=held_out))
    assert discoveries <= 5  # of 40, at a rate of 5 %: 2 are expected, more than 5 come in 1 of 70


def test_rare_tokens_and_constant_parameters_are_not_tested():
    tokens = np.array([[0]] * 4 + [[1]] * 40)
    constant = {("a", "x"): np.ones(44)}
    assert enriched_systems(tokens, ["a"] * 4 + ["b"] * 40, held_out=np.zeros(44, dtype=bool)) != ()
    assert all(
        one.token == 1 for one in enriched_systems(tokens, ["a"] * 4 + ["b"] * 40, held_out=np.zeros(44, dtype=bool))
    )
    assert enriched_parameters(tokens, constant, held_out=np.zeros(44, dtype=bool)) == ()
