import numpy as np
import pytest
import torch

from spinlock.core.errors import InputError
from spinlock.core.tokens import TokenTable
from spinlock.metrics.stability import token_agreements


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
