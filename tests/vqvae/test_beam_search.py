import itertools

import pytest
import torch

from spinlock.vqvae.beam_search import Codebook, beam_search, codeword_sums, settled


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def codebooks(generator):
    return [
        Codebook(torch.randn(2, 5, 3, generator=generator) / (level + 1), torch.ones(2, 5, dtype=torch.bool))
        for level in range(3)
    ]


@pytest.fixture
def targets(generator):
    return torch.randn(300, 2, 3, generator=generator)


def errors(targets, codes, codebooks):
    return (targets - codeword_sums(codes, codebooks)).square().sum(dim=2)


def test_a_beam_of_1_is_greedy(targets, codebooks):
    residual, greedy = targets.transpose(0, 1), []
    for book in codebooks:
        code = torch.cdist(residual, book.codewords).argmin(dim=2)
        residual = residual - book.codewords.gather(1, code[..., None].expand(-1, -1, 3))
        greedy.append(code.T)
    assert torch.equal(beam_search(targets, codebooks, beam=1), torch.stack(greedy, dim=2))


def test_a_beam_as_wide_as_the_tree_finds_the_best_of_all_sums(targets, codebooks):
    every = torch.tensor(list(itertools.product(range(5), repeat=3)))
    sums = codeword_sums(every[:, None].expand(-1, 2, -1), codebooks)  # (choice, category, latent)
    best = torch.cdist(targets.transpose(0, 1), sums.transpose(0, 1)).amin(dim=2).T ** 2
    found = errors(targets, beam_search(targets, codebooks, beam=25), codebooks)
    torch.testing.assert_close(found, best, atol=1e-5, rtol=1e-4)


def test_a_wider_beam_is_better_on_average(targets, codebooks):
    means = [float(errors(targets, beam_search(targets, codebooks, beam=b), codebooks).mean()) for b in (1, 2, 4, 8)]
    assert means == sorted(means, reverse=True)


@pytest.mark.parametrize("beam", [1, 3, 8])
def test_codes_are_the_same_alone_and_among_others(targets, codebooks, beam):
    together = beam_search(targets, codebooks, beam=beam)
    alone = torch.cat([beam_search(row[None], codebooks, beam=beam) for row in targets])
    assert torch.equal(together, alone)
    assert torch.equal(beam_search(targets[7:200], codebooks, beam=beam), together[7:200])


def test_an_unused_code_is_never_chosen(targets, codebooks):
    for book in codebooks:
        book.is_used[:, 1:] = False
    codes = beam_search(targets, codebooks, beam=8)
    assert (codes == 0).all()


def test_an_absent_category_sums_to_0(codebooks):
    codes = torch.tensor([[[-1, -1, -1], [0, 1, 2]]])
    sums = codeword_sums(codes, codebooks)
    assert (sums[0, 0] == 0).all()
    expected = sum(book.codewords[1, code] for book, code in zip(codebooks, (0, 1, 2), strict=True))
    torch.testing.assert_close(sums[0, 1], expected)


def test_a_sum_of_codewords_is_found_again(codebooks, generator):
    codes = torch.randint(5, (50, 2, 3), generator=generator)
    sums = codeword_sums(codes, codebooks)
    found = beam_search(sums, codebooks, beam=25)
    assert errors(sums, found, codebooks).max() < 1e-9


@pytest.mark.parametrize("edge", [torch.inf, 0.7], ids=["anywhere", "in a narrow range"])
@pytest.mark.parametrize("beam", [1, 2])
def test_the_codes_of_a_settled_search_are_those_of_what_they_stand_for(targets, codebooks, beam, edge):
    targets = targets.clamp(-edge, edge)

    def stands_for(codes):
        return codeword_sums(codes, codebooks).clamp(-edge, edge)

    def again(codes):
        return beam_search(stands_for(codes), codebooks, beam=beam)

    found = beam_search(targets, codebooks, beam=beam)
    unsettled = (again(found) != found).any(dim=2)
    assert unsettled.any()  # a narrow search loses some of its own sums, and the edge is nearer to others
    codes = settled(found, again)
    assert torch.equal(settled(again(codes), again), codes)
    assert torch.equal(again(codes), codes)
    assert torch.equal(codes[~unsettled], found[~unsettled])


def test_codes_that_go_round_in_a_circle_settle_too(generator):
    everywhere = torch.ones(2, 4, dtype=torch.bool)
    codebooks = [
        Codebook(torch.randn(2, 4, 3, generator=generator).double() * size, everywhere) for size in (1, 0.7, 0.5)
    ]
    high = torch.full((2, 3), 0.7).double()
    targets = torch.randn(40, 2, 3, generator=generator).double().clamp(-high, high)

    def again(codes):
        return beam_search(codeword_sums(codes, codebooks).clamp(-high, high), codebooks, beam=1)

    codes = settled(beam_search(targets, codebooks, beam=1), again)
    assert not torch.equal(again(codes), codes)  # some rows never come to rest
    assert torch.equal(settled(again(codes), again), codes)
