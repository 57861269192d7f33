"""How good residual codebooks are, and what they are fitted to."""

import pytest
import torch
from tokenizer_samples import HEAT, batch_of, classical_coder, columns, everywhere, packing, standard_rows

from spinlock.vqvae import residual_codebooks
from spinlock.vqvae.coders.classical import ClassicalCoder
from spinlock.vqvae.packing import Batch
from spinlock.vqvae.residual_codebooks import ResidualFit, fit_category_codebooks, fit_residual_codebooks, mixed_rows

SIZES = (8, 4, 4)


def targets(rows=60):
    return batch_of(standard_rows(rows=rows)).values.transpose(0, 1)


def held_out_error(coder):
    fresh = standard_rows(rows=400, seed=8)
    return float((columns(coder.decode(coder.encode(batch_of(fresh)))) - fresh).square().mean())


def test_each_level_lowers_the_held_out_error():
    coder, rows = classical_coder(SIZES), standard_rows(seed=7)
    codes = coder.encode(batch_of(rows))
    errors = [float((columns(coder.decode(codes, num_levels=n)) - rows).square().mean()) for n in (1, 2, 3)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] < float(rows.square().mean())


@pytest.mark.parametrize("rows", [2, 5, 20])
def test_codebooks_larger_than_the_training_set_reproduce_it(rows):
    x = standard_rows()[:rows]
    coder = classical_coder((32, 64), rows=x, how=ResidualFit(num_neighbors=0))
    torch.testing.assert_close(columns(coder.decode(coder.encode(batch_of(x)))), x, atol=1e-3, rtol=1e-3)


def test_decoded_columns_stay_within_the_training_rows():
    rows = standard_rows()
    coder = classical_coder(SIZES)
    decoded = columns(coder.decode(coder.encode(batch_of(10 * standard_rows(seed=5)))))
    assert (decoded >= rows.amin(dim=0)).all()
    assert (decoded <= rows.amax(dim=0)).all()


def test_the_range_of_a_column_is_that_of_its_present_values_and_of_the_mean_which_stands_for_missing_ones():
    rows = standard_rows() + 5.0
    mask = everywhere(rows)
    mask[:60, HEAT] = False
    wild = batch_of(torch.where(mask, rows, 1e3))
    coder = ClassicalCoder.fit(Batch(wild.values, batch_of(rows, mask).mask), sizes=torch.full((3, 2), 4))
    low, high = (packing().unpack(edge[None])[0] for edge in (coder.low, coder.high))
    present = torch.where(mask, rows, 0.0)
    torch.testing.assert_close(low, present.amin(dim=0))
    torch.testing.assert_close(high, present.amax(dim=0))


def test_mixing_with_neighbors_helps_rows_that_were_not_seen():
    x = standard_rows(rows=60)
    plain, mixed = (classical_coder((32, 64), rows=x, how=ResidualFit(num_neighbors=count)) for count in (0, 15))
    assert held_out_error(mixed) < 0.95 * held_out_error(plain)


def test_fitting_all_levels_together_helps_rows_that_were_not_seen():
    first = classical_coder((4, 4, 4))
    assert held_out_error(first.refit(batch_of(standard_rows()), how=ResidualFit(seed=1))) < held_out_error(first)


def test_rows_without_a_category_do_not_move_its_codebooks():
    x = standard_rows()
    mask = everywhere(x)
    mask[60:, HEAT] = False
    quiet = batch_of(x, mask)
    wild = Batch(batch_of(torch.where(mask, x, 1e3)).values, quiet.mask)
    one, two = (ClassicalCoder.fit(batch, sizes=torch.tensor([SIZES] * 3)) for batch in (quiet, wild))
    for first, second in zip(one.codebooks, two.codebooks, strict=True):
        assert second.codewords[1].abs().max() < 10
        assert torch.equal(first.codewords[[0, 2]], second.codewords[[0, 2]])


def test_the_same_seed_gives_the_same_codebooks_and_another_seed_others():
    batch, sizes = batch_of(standard_rows()), torch.tensor([SIZES] * 3)
    first, again, other = (
        ClassicalCoder.fit(batch, sizes=sizes, how=ResidualFit(seed=seed)).state_dict() for seed in (0, 0, 1)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["codewords.0"], other["codewords.0"])


def test_neighbors_that_were_searched_before_change_nothing():
    batch, sizes, how = batch_of(standard_rows()), torch.tensor([SIZES] * 3), ResidualFit(num_neighbors=7)
    rows = batch.values.transpose(0, 1)
    distances = torch.cdist(rows, rows) + torch.diag(torch.full((120,), torch.inf))
    neighbors = distances.topk(7, largest=False).indices
    one, two = (ClassicalCoder.fit(batch, sizes=sizes, how=how, neighbors=n) for n in (None, neighbors))
    for first, second in zip(one.codebooks, two.codebooks, strict=True):
        assert torch.equal(first.codewords, second.codewords)


def test_categories_with_codebooks_of_their_own_sizes_have_those_that_they_would_have_alone():
    rows = targets()
    present, fit = torch.ones(rows.shape[:2], dtype=torch.bool), ResidualFit(num_neighbors=5)
    sizes = torch.tensor([[8, 2], [3, 5], [8, 2]])
    books = fit_category_codebooks(rows, present, sizes=sizes, fit=fit)
    assert [book.codewords.shape[1] for book in books] == [8, 5]
    assert [book.is_used.sum(dim=1).tolist() for book in books] == [[8, 3, 8], [2, 5, 2]]
    alone = fit_residual_codebooks(rows[1:2], present[1:2], num_tokens=(3, 5), fit=fit)
    for book, own, most in zip(books, alone, (3, 5), strict=True):
        torch.testing.assert_close(book.codewords[1, :most], own.codewords[0])
        assert (book.codewords[1, most:] == 0).all()


def test_a_codebook_of_one_code_holds_the_mean_of_what_is_left():
    rows = targets() + 3.0
    present = torch.ones(rows.shape[:2], dtype=torch.bool)
    (book,) = fit_residual_codebooks(rows, present, num_tokens=(1,), fit=ResidualFit(num_neighbors=0))
    torch.testing.assert_close(book.codewords[:, 0], rows.mean(dim=1))


@pytest.mark.parametrize(
    ("changes", "num_rows"),
    [({}, 16 * 60), ({"pool_rows": 200}, 180), ({"pool_rows": 10}, 60), ({"num_neighbors": 0}, 60)],
    ids=["sixteen of each", "as many as fit in the pool", "each row once", "no mixing"],
)
def test_mixed_rows_are_the_rows_themselves_and_whole_sets_of_copies(changes, num_rows):
    rows = targets()
    present = torch.ones(rows.shape[:2], dtype=torch.bool)
    pool, exists = mixed_rows(rows, present, num_tokens=(256, 4), fit=ResidualFit(**changes))
    assert pool.shape[1] == exists.shape[1] == num_rows
    assert torch.equal(pool[:, :60], rows)


def test_codebooks_of_many_rows_are_those_of_all_rows_at_once(monkeypatch):
    rows = standard_rows()[None].double()
    present = torch.ones(rows.shape[:2], dtype=torch.bool)
    whole = fit_residual_codebooks(rows, present, num_tokens=(4, 4, 4), fit=ResidualFit(num_neighbors=0))
    monkeypatch.setattr(residual_codebooks, "ROWS_AT_ONCE", 7)
    parts = fit_residual_codebooks(rows, present, num_tokens=(4, 4, 4), fit=ResidualFit(num_neighbors=0))
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one.codewords, other.codewords)


def test_a_category_much_narrower_than_another_is_coded_as_it_is_alone():
    narrow = targets()[:1, :, :2]
    wide = torch.nn.functional.pad(narrow, (0, 18))
    both = torch.cat([wide, torch.randn(1, *wide.shape[1:], generator=torch.Generator().manual_seed(3))])
    present = torch.ones(both.shape[:2], dtype=torch.bool)
    fit = ResidualFit(num_neighbors=0)
    alone = fit_category_codebooks(narrow, present[:1], sizes=torch.tensor([[4, 2]]), fit=fit)
    beside = fit_category_codebooks(both, present, sizes=torch.tensor([[4, 2], [8, 4]]), fit=fit)
    for one, other, size in zip(alone, beside, (4, 2), strict=True):
        torch.testing.assert_close(other.codewords[0, :size, :2], one.codewords[0])
        assert (other.codewords[0, :, 2:] == 0).all()
