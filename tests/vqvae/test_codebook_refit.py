import torch

from spinlock.vqvae.beam_search import Codebook, beam_search, codeword_sums
from spinlock.vqvae.codebook_refit import refit_codebooks


def setting(rows=80):
    draw = torch.Generator().manual_seed(0)
    targets = torch.randn(2, rows, 3, generator=draw)
    books = [Codebook(torch.randn(2, 4, 3, generator=draw), torch.ones(2, 4, dtype=torch.bool)) for _ in range(2)]
    return targets, torch.ones(2, rows, dtype=torch.bool), books


def error(targets, codes, books):
    return float((targets.transpose(0, 1) - codeword_sums(codes, books)).square().sum())


def test_the_codewords_solve_the_regularised_least_squares_problem():
    targets, present, books = setting()
    codes = beam_search(targets.transpose(0, 1), books, beam=4)
    fitted = refit_codebooks(targets, present, codes, books, strength=0.5)
    one_hot = torch.cat([torch.nn.functional.one_hot(codes[:, 1, level], 4) for level in range(2)], dim=1).double()
    before = torch.cat([book.codewords[1] for book in books]).double()
    stacked = torch.cat([one_hot, 0.5**0.5 * torch.eye(8)])
    aims = torch.cat([targets[1].double(), 0.5**0.5 * before])
    expected = torch.linalg.lstsq(stacked, aims).solution
    torch.testing.assert_close(
        torch.cat([book.codewords[1] for book in fitted]).double(), expected, atol=1e-5, rtol=1e-5
    )


def test_several_threads_solve_large_codebooks_as_one_does():
    draw = torch.Generator().manual_seed(1)
    targets = torch.randn(3, 1500, 8, generator=draw)
    books = [Codebook(torch.randn(3, 256, 8, generator=draw), torch.ones(3, 256, dtype=torch.bool)) for _ in range(2)]
    codes = torch.randint(256, (1500, 3, 2), generator=draw)
    present, before = torch.ones(3, 1500, dtype=torch.bool), torch.get_num_threads()
    fitted = {}
    try:
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            fitted[threads] = torch.cat([b.codewords for b in refit_codebooks(targets, present, codes, books)])
    finally:
        torch.set_num_threads(before)
    for threads in (2, 4):
        torch.testing.assert_close(fitted[threads], fitted[1], atol=1e-5, rtol=1e-5)


def test_with_codes_fixed_the_error_falls():
    targets, present, books = setting()
    codes = beam_search(targets.transpose(0, 1), books, beam=4)
    assert error(targets, codes, refit_codebooks(targets, present, codes, books)) < error(targets, codes, books)


def test_a_code_that_no_row_chose_stays_where_it_was():
    targets, present, books = setting(rows=2)
    codes = torch.zeros(2, 2, 2, dtype=torch.long)
    fitted = refit_codebooks(targets, present, codes, books)
    torch.testing.assert_close(fitted[0].codewords[:, 1:], books[0].codewords[:, 1:])


def test_rows_that_lack_the_category_count_for_nothing():
    targets, present, books = setting()
    codes = beam_search(targets.transpose(0, 1), books, beam=4)
    present[:, 40:] = False
    some = refit_codebooks(targets[:, :40], present[:, :40], codes[:40], books)
    torch.testing.assert_close(refit_codebooks(targets, present, codes, books), some)
