import math

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, mutual_info_score
from sklearn.metrics.cluster import contingency_matrix, expected_mutual_information

from spinlock.core.errors import InputError
from spinlock.core.tokens import TokenTable
from spinlock.metrics.stability import (
    detection_f1,
    pairs_of_groups,
    reproducible_bits,
    rows_of,
    same_token_rates,
    token_agreements,
)


def tokens(codes, sizes, ids=()):
    names = tuple(f"c{i}" for i in range(codes.shape[1]))
    return TokenTable(codes=codes, category_names=names, codebook_sizes=torch.as_tensor(sizes), ids=ids)


def drawn(rows, seed):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 4, size=(rows, 1, 1)))


def test_the_same_tokens_agree_fully():
    codes = drawn(50, 0)
    (agreement,) = token_agreements(tokens(codes, [[4]]), tokens(codes, [[4]]))
    assert (agreement.within, agreement.corrected, agreement.num_samples) == (1.0, 1.0, 50)
    assert agreement.between < 1


def test_chance_is_the_agreement_over_all_pairs_of_different_samples():
    one, other = drawn(40, 1), drawn(40, 2)
    (agreement,) = token_agreements(tokens(one, [[4]]), tokens(other, [[4]]))
    pairs = (one.flatten()[:, None] == other.flatten()[None, :]).double().numpy()
    off = ~np.eye(40, dtype=bool)
    assert agreement.between == pytest.approx(pairs[off].mean())
    assert agreement.within == pytest.approx(np.diag(pairs).mean())
    assert agreement.corrected == pytest.approx((agreement.within - agreement.between) / (1 - agreement.between))


def test_unrelated_tokens_have_no_corrected_agreement():
    found = [token_agreements(tokens(drawn(400, s), [[4]]), tokens(drawn(400, 500 + s), [[4]]))[0] for s in range(30)]
    assert np.mean([entry.corrected for entry in found]) == pytest.approx(0.0, abs=0.02)
    assert np.mean([entry.within for entry in found]) == pytest.approx(0.25, abs=0.02)


def test_samples_that_lack_the_category_in_one_description_are_left_out():
    one, other = drawn(6, 3), drawn(6, 3)
    other[:2] = -1
    (agreement,) = token_agreements(tokens(one, [[4]]), tokens(other, [[4]]))
    assert (agreement.num_samples, agreement.within) == (4, 1.0)


def test_a_code_that_everything_has_says_nothing():
    nothing = torch.zeros((5, 1, 1), dtype=torch.long)
    (agreement,) = token_agreements(tokens(nothing, [[4]]), tokens(nothing, [[4]]))
    assert (agreement.within, agreement.between) == (1.0, 1.0)
    assert np.isnan(agreement.corrected)


def test_descriptions_of_other_rows_are_refused():
    with pytest.raises(InputError, match="of the same rows"):
        token_agreements(tokens(drawn(2, 0), [[4]]), tokens(drawn(2, 0), [[4]], ids=("a", "b")))


def channel(rows, num_codes, error, *, seed):
    """Codes, and the same with a share of them replaced by any other code."""
    draw = np.random.default_rng(seed)
    one = draw.integers(0, num_codes, rows)
    moved = (one + draw.integers(1, num_codes, rows)) % num_codes
    return torch.from_numpy(one), torch.from_numpy(np.where(draw.random(rows) < error, moved, one))


def test_f1_is_that_of_one_description_as_a_detector_of_the_other():
    one, other = channel(300, 6, 0.4, seed=0)
    found = detection_f1(one, other, 7)
    assert found[:6].tolist() == pytest.approx(f1_score(other, one, average=None).tolist())
    assert found[6].isnan()
    assert detection_f1(one, one, 6).tolist() == [1.0] * 6


def test_tokens_that_detect_their_replicates_are_counted():
    one, other = torch.tensor([0, 0, 1, 1, 2]), torch.tensor([0, 0, 1, 2, 1])
    (found,) = token_agreements(*(tokens(codes[:, None, None], [[5]]) for codes in (one, other)))
    assert (found.num_codes, found.num_tokens, found.num_detectors) == (5, 3, 1)


@pytest.mark.parametrize("error", [0.0, 0.1, 0.5])
def test_reproducible_bits_of_a_symmetric_channel_are_its_capacity(error):
    one, other = channel(20_000, 4, error, seed=1)
    parts = [p * math.log2(p) for p in (error, 1 - error) if p]
    capacity = 2 + sum(parts) - error * math.log2(3)
    assert reproducible_bits(one, other, 4).found == pytest.approx(capacity, abs=0.03)


def test_unrelated_tokens_have_no_reproducible_bits():
    found = [reproducible_bits(*channel(200, 16, 15 / 16, seed=s), 16).found for s in range(40)]
    assert np.mean(found) == pytest.approx(0, abs=0.02)
    assert min(found) < 0, "not cut off at 0"


def test_what_shuffles_show_is_what_permutations_are_expected_to():
    one, other = channel(150, 8, 0.3, seed=2)
    expected = expected_mutual_information(contingency_matrix(one, other, sparse=True), 150)
    bits = (mutual_info_score(one, other) - expected) / math.log(2)
    assert reproducible_bits(one, other, 8).found == pytest.approx(bits, abs=0.03)


def test_few_samples_cannot_show_all_bits_even_of_tokens_that_agree():
    one, _ = channel(100, 64, 0.0, seed=3)
    found = reproducible_bits(one, one, 64)
    assert found.found == pytest.approx(found.most)
    assert found.most < 3 < math.log2(64)
    assert all(map(math.isnan, reproducible_bits(one[:1], one[:1], 64)))


def test_tokens_of_a_level_count_alike_and_those_of_one_code_not_at_all():
    one = torch.tensor([[[0], [1], [0]], [[1], [1], [0]], [[0], [-1], [0]], [[1], [-1], [0]]])
    other = one.clone()
    other[0, 0] = 1
    sizes = [[2], [2], [1]]
    (rate,) = same_token_rates(token_agreements(tokens(one, sizes), tokens(other, sizes)), at="other realizations")
    assert (rate.level, rate.num_pairs) == (0, 6)
    assert rate.same == pytest.approx(5 / 6)
    assert rate.chance == pytest.approx((4 * 5 / 12 + 2 * 2 / 2) / 6)  # 5 of 12 and 2 of 2 pairs agree


def test_a_level_of_single_codes_has_no_rate():
    nothing = torch.zeros((5, 1, 1), dtype=torch.long)
    assert same_token_rates(token_agreements(*[tokens(nothing, [[1]])] * 2), at="other realizations") == ()


def test_identical_descriptions_have_the_rate_1():
    found = token_agreements(tokens(drawn(30, 4), [[4]]), tokens(drawn(30, 4), [[4]]))
    (rate,) = same_token_rates(found, at="other realizations")
    assert rate.same == 1.0
    assert rate.chance < 0.5


def test_each_draw_gives_one_pair_of_its_samples():
    one, other = pairs_of_groups(["a", "b", "a", "c", "a", "b"])
    assert (one.tolist(), other.tolist()) == ([0, 1], [4, 5])
    assert all(len(part) == 0 for part in pairs_of_groups(["a", "b"]))
    assert rows_of(tokens(drawn(6, 5), [[4]]), other).codes.tolist() == drawn(6, 5)[[4, 5]].tolist()
