"""The predictive backend: tokens of each category alone, columns from all tokens."""

from dataclasses import replace

import pytest
import torch
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from tokenizer_samples import packing, standard_rows

from spinlock.vqvae.beam_search import Codebook, beam_search
from spinlock.vqvae.classical import ClassicalBackend
from spinlock.vqvae.conditional_mean import RIDGE
from spinlock.vqvae.predictive.absent import fill_absent
from spinlock.vqvae.predictive.backend import PredictiveBackend
from spinlock.vqvae.predictive.consistency import project_to_cells
from spinlock.vqvae.predictive.joint_decoder import fit_joint_decoder, no_correction

SIZES = ((16, 4), (32, 8), (8, 1))


def everywhere(rows):
    return torch.ones_like(rows, dtype=torch.bool)


@pytest.fixture(scope="module")
def backend():
    rows = standard_rows()
    mask = everywhere(rows)
    own = ClassicalBackend.fit(rows, mask, packing=packing(), num_tokens=torch.tensor(SIZES), seed=0)
    plain = PredictiveBackend.of(own, rows, mask)
    codes = own.encode(rows, mask)
    decoders = [
        fit_joint_decoder(
            plain.own_columns(codes[:, :, :level]), rows, mask, penalties=[(0.02, 0.01)], num_centers=40, width=1.0
        )[0]
        for level in (1, 2)
    ]
    return replace(plain, decoders=tuple(decoders))


def test_codebooks_have_the_sizes_of_their_category(backend):
    codes = backend.encode(standard_rows(seed=4), everywhere(standard_rows()))
    assert backend.codebook_sizes.tolist() == [list(sizes) for sizes in SIZES]
    assert (codes < backend.codebook_sizes).all()
    assert (codes >= 0).all()


def test_codes_are_the_same_alone_and_among_others(backend):
    rows = standard_rows(seed=3, rows=150)
    together = backend.encode(rows, everywhere(rows))
    alone = torch.cat([backend.encode(row[None], everywhere(row[None])) for row in rows[:40]])
    assert torch.equal(together[:40], alone)
    torch.testing.assert_close(backend.decode(together)[:7], backend.decode(together[:7]))


def test_an_absent_category_is_missing_and_the_others_keep_their_codes(backend):
    rows = standard_rows(seed=3)
    mask = everywhere(rows)
    whole = backend.encode(rows, mask)
    mask[:50, 4:10] = False
    codes = backend.encode(torch.where(mask, rows, 0.0), mask)
    assert (codes[:50, 1] == -1).all()
    assert torch.equal(codes[:, [0, 2]], whole[:, [0, 2]])
    decoded = backend.decode(codes)
    assert torch.isnan(decoded[0]).tolist() == [False] * 4 + [True] * 6 + [False] * 5


def test_without_one_category_the_others_still_decode_better_together_than_by_themselves(backend):
    rows = standard_rows(seed=3, rows=400)
    codes = backend.encode(rows, everywhere(rows))
    kept = [0, 1, 2, 3, 10, 11, 12, 13, 14]

    def error(decoded):
        return (decoded - rows)[:, kept].square().mean()

    whole, by_themselves = error(backend.decode(codes)), error(backend.own.decode(codes))
    codes[:, 1] = -1
    assert whole < error(backend.decode(codes)) < 0.9 * by_themselves


def test_decoding_together_helps_rows_that_were_not_seen(backend):
    rows = standard_rows(seed=8, rows=500)
    codes = backend.encode(rows, everywhere(rows))
    assert (backend.decode(codes) - rows).square().mean() < 0.97 * (backend.own.decode(codes) - rows).square().mean()


def test_decoded_rows_encode_to_the_codes_they_came_from(backend):
    rows = standard_rows(seed=9, rows=500)
    codes = backend.encode(rows, everywhere(rows))
    decoded = backend.decode(codes)
    assert torch.equal(backend.encode(decoded, everywhere(decoded)), codes)
    free = replace(backend, is_consistent=False).decode(codes)
    assert not torch.equal(backend.encode(free, everywhere(free)), codes)  # the laws need the projection


def test_projecting_to_the_cell_brings_a_row_nearer_to_what_was_encoded():
    draw = torch.Generator().manual_seed(0)
    book = Codebook(torch.randn(2, 6, 3, generator=draw).double(), torch.ones(2, 6, dtype=torch.bool))
    x = torch.randn(200, 2, 3, generator=draw).double()
    y = x + 0.7 * torch.randn(200, 2, 3, generator=draw).double()
    codes = beam_search(x, [book], beam=1)
    edge = torch.full((2, 3), 10.0).double()
    projected = project_to_cells(y, codes, [book], beam=1, low=-edge, high=edge)
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
    assert torch.equal(no_correction(4)(e), e)


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


def test_settings_and_tensors_bring_the_backend_back(backend):
    again = PredictiveBackend.from_tensors(backend.tensors(), backend.settings(), packing=packing())
    rows = standard_rows(seed=4)
    codes = backend.encode(rows, everywhere(rows))
    assert torch.equal(again.encode(rows, everywhere(rows)), codes)
    for level in (1, 2):
        assert torch.equal(again.decode(codes, num_levels=level), backend.decode(codes, num_levels=level))
    assert torch.equal(again.embed(codes), backend.embed(codes))
    assert again.codebook_sizes.tolist() == backend.codebook_sizes.tolist()
    assert again.is_consistent


def test_a_prefix_decodes_without_the_deeper_codes(backend):
    codes = backend.encode(standard_rows(), everywhere(standard_rows()))
    other = codes.clone()
    other[:, :, 1] = 0
    assert torch.equal(backend.decode(codes, num_levels=1), backend.decode(other, num_levels=1))
    torch.testing.assert_close(backend.decode(codes, num_levels=2), backend.decode(codes))


def test_decoded_columns_stay_within_the_training_rows(backend):
    codes = backend.encode(10 * standard_rows(seed=5), everywhere(standard_rows()))
    decoded = backend.decode(codes, num_levels=1)
    assert (decoded >= backend.own.low).all()
    assert (decoded <= backend.own.high).all()
