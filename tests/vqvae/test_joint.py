"""Joint decoding: tokens of each category alone, columns from all tokens."""

from dataclasses import replace

import pytest
import torch
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from tokenizer_samples import (
    HEAT,
    batch_of,
    classical_coder,
    columns,
    everywhere,
    joint_coder,
    learned_coder,
    packing,
    standard_rows,
    uncorrected,
)

from spinlock.vqvae.beam_search import Codebook, beam_search
from spinlock.vqvae.coders.classical import ClassicalCoder
from spinlock.vqvae.consistency import project_to_cells
from spinlock.vqvae.imputation import RIDGE, fill_absent
from spinlock.vqvae.joint_decoder import fit_joint_decoder, no_correction

SIZES = ((16, 4), (32, 8), (8, 1))


@pytest.fixture(scope="module")
def coder():
    """On residual codebooks: the predictive backend."""
    return joint_coder(classical_coder(SIZES))


@pytest.fixture(scope="module")
def on_learned():
    return joint_coder(learned_coder((8, 4)))


@pytest.fixture(params=["coder", "on_learned"])
def either(request):
    return request.getfixturevalue(request.param)


def test_it_is_named_after_the_backend_that_it_is(coder, on_learned):
    assert (coder.name, on_learned.name) == ("predictive", "vqvae")


def test_codes_and_embeddings_are_those_of_its_own_coder(either):
    batch = batch_of(standard_rows(seed=4))
    codes = either.encode(batch)
    assert torch.equal(codes, either.own.encode(batch))
    assert torch.equal(either.embed(codes), either.own.embed(codes))
    assert torch.equal(either.codebook_sizes, either.own.codebook_sizes)


def test_codebooks_have_the_sizes_of_their_category(coder):
    codes = coder.encode(batch_of(standard_rows(seed=4)))
    assert coder.codebook_sizes.tolist() == [list(sizes) for sizes in SIZES]
    assert (codes < coder.codebook_sizes).all()
    assert (codes >= 0).all()


@pytest.mark.parametrize("own", [classical_coder, learned_coder])
@pytest.mark.parametrize("num_levels", [1, 2])
def test_without_a_correction_it_decodes_as_its_own_coder_within_the_training_rows(own, num_levels):
    plain = uncorrected(own((8, 4)))
    codes = plain.encode(batch_of(standard_rows(seed=4)))
    codes[::3, 1] = -1
    expected = columns(plain.own.decode(codes, num_levels=num_levels).clamp(plain.low, plain.high))
    found = columns(plain.decode(codes, num_levels=num_levels))
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("name", ["coder", "on_learned"])
def test_without_one_category_the_others_still_decode_better_together_than_by_themselves(name, request):
    coder = request.getfixturevalue(name)
    rows = standard_rows(seed=3, rows=400)
    codes = coder.encode(batch_of(rows))
    kept = [0, 1, 2, 3, 10, 11, 12, 13, 14]

    def error(decoded):
        return (columns(decoded) - rows)[:, kept].square().mean()

    whole, by_themselves = error(coder.decode(codes)), error(coder.own.decode(codes))
    codes[:, 1] = -1
    assert whole < error(coder.decode(codes)) < 0.9 * by_themselves


def test_decoding_together_helps_rows_that_were_not_seen(coder):
    rows = standard_rows(seed=8, rows=500)
    codes = coder.encode(batch_of(rows))
    together, alone = (columns(one.decode(codes)) - rows for one in (coder, coder.own))
    assert together.square().mean() < 0.97 * alone.square().mean()


def searching(books, beam):
    """An encoder's search among codebooks of columns."""
    return lambda rows, _: beam_search(rows, books, beam=beam)


def test_only_settled_rows_have_their_codes_again_and_they_differ_by_the_projection_alone(coder):
    codes = coder.encode(batch_of(standard_rows(seed=9, rows=500)))
    settled, free = coder.decode(codes), coder.decode(codes, is_settled=False)
    assert torch.equal(coder.encode(batch_of(columns(settled))), codes)
    assert not torch.equal(coder.encode(batch_of(columns(free))), codes)  # the law needs the projection
    books, beam = coder.own.codebooks, coder.own.beam
    projected = project_to_cells(free, codes, books, search=searching(books, beam), low=coder.low, high=coder.high)
    assert torch.equal(projected.to(free.dtype), settled)
    assert torch.equal(replace(coder, is_consistent=False).decode(codes), free)
    moved = (settled != free).any(dim=2)
    assert 0.01 < moved.float().mean() < 0.9


def test_where_nothing_can_be_projected_settling_changes_nothing(on_learned):
    codes = on_learned.encode(batch_of(standard_rows(seed=9)))
    assert torch.equal(on_learned.decode(codes), on_learned.decode(codes, is_settled=False))


def test_decoded_columns_stay_within_the_training_rows(either):
    rows = standard_rows()
    codes = either.encode(batch_of(10 * standard_rows(seed=5)))
    for num_levels in (1, 2):
        decoded = columns(either.decode(codes, num_levels=num_levels))
        assert (decoded >= rows.amin(dim=0)).all()
        assert (decoded <= rows.amax(dim=0)).all()


def test_projecting_to_the_cell_brings_a_row_nearer_to_what_was_encoded():
    draw = torch.Generator().manual_seed(0)
    book = Codebook(torch.randn(2, 6, 3, generator=draw).double(), torch.ones(2, 6, dtype=torch.bool))
    x = torch.randn(200, 2, 3, generator=draw).double()
    y = x + 0.7 * torch.randn(200, 2, 3, generator=draw).double()
    codes = beam_search(x, [book], beam=1)
    edge = torch.full((2, 3), 10.0).double()
    projected = project_to_cells(y, codes, [book], search=searching([book], 1), low=-edge, high=edge)
    assert torch.equal(beam_search(projected, [book], beam=1), codes)
    moved = (projected != y).any(dim=2)
    assert 0.1 < moved.double().mean() < 0.9
    nearer = (projected - x).square().sum(dim=2) - (y - x).square().sum(dim=2)
    assert (nearer < 1e-3).all()
    assert nearer[moved].mean() < -0.05


def test_the_linear_part_alone_is_ridge_regression():
    draw = torch.Generator().manual_seed(0)
    e, x = torch.randn(60, 5, generator=draw), torch.randn(60, 5, generator=draw)
    decoder = fit_joint_decoder(e, x, everywhere(x), penalties=[(0.3, 1.0)], num_centers=0, width=1.0)[0]
    expected = Ridge(alpha=0.3 * 60, fit_intercept=False).fit(e.numpy(), (x - e).numpy()).predict(e.numpy())
    torch.testing.assert_close(decoder(e) - e, torch.from_numpy(expected), atol=1e-4, rtol=1e-4)


def test_with_a_centre_at_every_row_the_kernel_part_is_kernel_ridge_regression():
    draw = torch.Generator().manual_seed(0)
    e, x = torch.randn(40, 3, generator=draw), torch.randn(40, 3, generator=draw)
    decoder = fit_joint_decoder(e, x, everywhere(x), penalties=[(1e9, 0.02)], num_centers=40, width=1.0)[0]
    reference = KernelRidge(alpha=0.02 * 40, kernel="rbf", gamma=1 / float(decoder.squared_width))
    expected = reference.fit(e.numpy(), (x - e).numpy()).predict(e.numpy())
    torch.testing.assert_close(decoder(e) - e, torch.from_numpy(expected).float(), atol=1e-3, rtol=1e-3)


def test_every_pair_of_penalties_has_the_decoder_that_it_has_alone():
    draw = torch.Generator().manual_seed(0)
    e, x = torch.randn(60, 4, generator=draw), torch.randn(60, 4, generator=draw)
    pairs = [(0.1, 0.1), (0.01, 1.0)]
    together = fit_joint_decoder(e, x, everywhere(x), penalties=pairs, num_centers=9, width=1.0)
    for pair, decoder in zip(pairs, together, strict=True):
        (alone,) = fit_joint_decoder(e, x, everywhere(x), penalties=[pair], num_centers=9, width=1.0)
        torch.testing.assert_close(decoder(e), alone(e), atol=1e-4, rtol=1e-4)
    assert fit_joint_decoder(e, x, everywhere(x), penalties=[], num_centers=9, width=1.0) == []


def test_missing_entries_ask_for_no_correction():
    draw = torch.Generator().manual_seed(0)
    e, x = torch.randn(60, 4, generator=draw), torch.randn(60, 4, generator=draw)
    mask = everywhere(x)
    mask[:, 2] = False
    for wild in (x, torch.where(mask, x, 1e6)):
        decoder = fit_joint_decoder(e, wild, mask, penalties=[(0.1, 0.1)], num_centers=9, width=1.0)[0]
        assert torch.equal(decoder(e)[:, 2], e[:, 2])


def test_no_correction_changes_nothing():
    e = torch.randn(7, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(no_correction(e)(e), e)


def test_absent_columns_are_filled_with_their_conditional_mean():
    draw = torch.Generator().manual_seed(0)
    mixing = torch.randn(4, 4, generator=draw)
    covariance = mixing @ mixing.T
    e = torch.randn(3, 4, generator=draw)
    present = torch.tensor([[True] * 4, [True, False, True, False], [False] * 4])
    filled = fill_absent(e, present, covariance)
    assert torch.equal(filled[0], e[0])
    assert torch.equal(filled[2], torch.zeros(4))
    among = covariance[[0, 2]][:, [0, 2]] + RIDGE * torch.eye(2)
    expected = covariance[[1, 3]][:, [0, 2]] @ torch.linalg.inv(among) @ e[1, [0, 2]]
    torch.testing.assert_close(filled[1, [1, 3]], expected, atol=1e-4, rtol=1e-4)


def test_an_absent_category_is_expected_of_the_others_by_the_covariance_of_what_is_decoded(coder):
    rows = standard_rows(seed=3)
    codes = coder.encode(batch_of(rows))
    codes[:, 1] = -1
    e = columns(coder.own.decode(codes))
    expected = fill_absent(e, everywhere(e) & ~torch.isnan(e), coder.covariance)
    assert torch.equal(coder.own_columns(codes), expected)
    assert float((expected[:, HEAT] - rows[:, HEAT]).square().mean()) < float(rows[:, HEAT].square().mean())


def test_the_laws_hold_for_a_coder_that_was_made_anew_from_its_parts(coder):
    assert isinstance(coder.own, ClassicalCoder)
    other = replace(coder, own=replace(coder.own, beam=1), packing=packing())
    codes = other.encode(batch_of(standard_rows(seed=9)))
    assert not torch.equal(codes, coder.encode(batch_of(standard_rows(seed=9))))
    assert torch.equal(other.encode(batch_of(columns(other.decode(codes)))), codes)
