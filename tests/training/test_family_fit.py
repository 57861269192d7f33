"""Columns of a family from the tokens of all families."""

from dataclasses import replace

import pytest
import torch
from training_samples import FIT, quick_fit

from spinlock.core.errors import InputError
from spinlock.core.feature_table import FeatureTable
from spinlock.training.estimator import Tokenizer
from spinlock.training.families import FamilyTokenizer
from spinlock.training.family_fit import decoding_errors, fit_family_decoder, is_beyond_chance
from spinlock.vqvae.family_decoder import FamilyDecoder, principal_coordinates

LEVELS = [(4, 8)]


def table(seed, rows=400):
    """Two views of the same hidden factors, and a third of others."""
    draw = torch.Generator().manual_seed(seed)
    hidden, others = torch.randn(rows, 3, generator=draw), torch.randn(rows, 3, generator=draw)
    maps = torch.Generator().manual_seed(99)
    first, second, third = (torch.randn(3, width, generator=maps) for width in (6, 5, 4))
    values = {"first": hidden @ first, "second": torch.tanh(hidden) @ second, "apart": others @ third}
    return {name: FeatureTable.from_array(own, categories=["all"] * own.shape[1]) for name, own in values.items()}


TRAIN, VALIDATION, TEST = table(1), table(2, 200), table(3, 200)


@pytest.fixture(scope="module")
def tokenizers():
    changes = {"backend": "predictive", "num_centers": 30}
    return {
        name: quick_fit(train=TRAIN[name], validation=VALIDATION[name], levels=LEVELS, **changes).tokenizer
        for name in TRAIN
    }


@pytest.fixture(scope="module")
def fitted(tokenizers):
    return fit_family_decoder(tokenizers, TRAIN, VALIDATION, spec=FIT)


def as_families(tokenizers, decoder=None):
    members = {}
    for name, one in tokenizers.items():
        members[name] = Tokenizer()
        members[name].tokenizer_ = one
    return FamilyTokenizer(members, decoder)


def test_a_gain_of_few_or_noisy_rows_is_no_reason_to_correct_a_family():
    noise = torch.randn(400, generator=torch.Generator().manual_seed(0))
    noise -= noise.mean()
    error = float(noise.std()) / 20
    assert not is_beyond_chance(noise + 1.9 * error)
    assert is_beyond_chance(noise + 2.1 * error)
    assert not is_beyond_chance(torch.tensor([5.0]))
    assert not is_beyond_chance(torch.zeros(400))


def test_families_that_share_something_are_decoded_better_from_each_other_on_rows_of_their_own(tokenizers, fitted):
    errors = decoding_errors(fitted.decoder, tokenizers, TEST)
    for name in ("first", "second"):
        own, together = errors[name]
        assert together < 0.8 * own
    own, together = fitted.errors["apart"]
    assert 0.98 * own < together <= own


def test_the_correction_is_that_of_the_choices_wherever_they_were_made(tokenizers, fitted):
    again = fit_family_decoder(tokenizers, TRAIN, None, spec=FIT, choices=fitted.choices)
    one, two = (decoding_errors(each.decoder, tokenizers, TEST) for each in (fitted, again))
    assert one == {name: pytest.approx(errors, rel=1e-4) for name, errors in two.items()}
    assert again.choices == fitted.choices


def test_decoded_families_have_the_error_that_was_told_and_encode_to_the_same_tokens(tokenizers, fitted):
    families = as_families(tokenizers, fitted.decoder)
    tokens = families.encode(TEST)
    decoded = families.decode(tokens)
    again = families.encode(decoded)
    assert float((again.codes == tokens.codes).all(dim=2).float().mean()) > 0.98
    one = tokenizers["first"]
    errors = (one.normalize(TEST["first"]).x - one.normalize(decoded["first"]).x).square().mean()
    told = decoding_errors(fitted.decoder, tokenizers, TEST)["first"]
    assert float(errors) == pytest.approx(told[1], rel=0.05)
    assert float(errors) < 0.9 * told[0]


def test_rows_with_one_family_alone_are_decoded_by_it_alone(tokenizers, fitted):
    families, plain = as_families(tokenizers, fitted.decoder), as_families(tokenizers)
    some = {"first": TEST["first"], "second": TEST["second"].rows(torch.arange(50))}
    together, alone = families.decode(families.encode(some)), plain.decode(plain.encode(some))
    torch.testing.assert_close(together["first"].values[50:], alone["first"].values[50:], rtol=1e-5, atol=1e-5)
    assert not torch.allclose(together["first"].values[:50], alone["first"].values[:50], atol=1e-3)


def test_a_family_that_is_not_there_is_told_by_what_the_others_let_expect(fitted):
    decoder = fitted.decoder
    given = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
    nothing = torch.full((5, 5), torch.nan)
    inputs = decoder.coordinates({"first": given, "second": nothing, "apart": torch.full((5, 4), torch.nan)})
    assert torch.equal(inputs, decoder.coordinates({"first": given}))
    assert inputs.isfinite().all()
    assert inputs[:, decoder.axes[0].shape[1] :].abs().max() > 0.1


def test_coordinates_are_uncorrelated_and_of_variance_one_on_average():
    rows = torch.randn(300, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor([9.0, 3.0, 1.0, 0.0])
    axes, mean = principal_coordinates(torch.cat([rows, torch.full((2, 4), torch.nan)]))
    u = (rows - mean) @ axes
    covariance = u.mT @ u / len(u)
    assert axes.shape == (4, 3)
    torch.testing.assert_close(covariance, torch.diag(covariance.diagonal()), rtol=0, atol=1e-4)
    assert float(covariance.diagonal().mean()) == pytest.approx(1.0, rel=1e-4)


def test_a_decoder_comes_back_from_its_tensors_and_settings(fitted):
    again = FamilyDecoder.restored(fitted.decoder.state_dict(), fitted.decoder.settings())
    e = {name: torch.randn(7, len(mean)) for name, mean in zip(again.families, again.means, strict=True)}
    for name in again.families:
        first, second = (
            one(name, e[name], one.coordinates(e), num_levels=again.num_levels) for one in (fitted.decoder, again)
        )
        assert torch.equal(first, second)


@pytest.mark.parametrize("change", [{"decoders": ()}, {"means": ()}, {"corrected": ("fourth",)}, {"num_levels": 3}])
def test_a_decoder_whose_parts_do_not_fit_together_is_refused(fitted, change):
    with pytest.raises(ValueError, match="^needs "):
        replace(fitted.decoder, **change)


def test_a_decoder_of_other_families_is_refused(tokenizers, fitted):
    with pytest.raises(InputError, match="needs the family apart, which is not there"):
        as_families({name: tokenizers[name] for name in ("first", "second")}, fitted.decoder)
    other = replace(fitted.decoder, means=(torch.zeros(2), *fitted.decoder.means[1:]), corrected=(), decoders=())
    with pytest.raises(InputError, match="was fitted to 2 columns of first; its tokens stand for 6"):
        as_families(tokenizers, other)
    families = as_families(tokenizers)
    tokens = families.encode(TEST)
    with pytest.raises(InputError, match="`num_levels` must be between 1 and 1; got 5"):
        families.decode(tokens, 5)
