"""The coder with networks that `benchmarks/rate_distortion.py` compares the tokenizer with (`benchmarks/neural_codebooks.py`)."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from spinlock.metrics.baselines import residual_search
from spinlock.vqvae.packing import Rows

PATH = Path(__file__).parents[2] / "benchmarks/neural_codebooks.py"
LEVELS, CODES, COLUMNS = 3, 8, 5


@pytest.fixture(scope="module")
def neural():
    spec = importlib.util.spec_from_file_location("neural_codebooks", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def rows_of(x):
    return Rows(x, torch.ones_like(x, dtype=torch.bool))


def random_rows(number):
    return torch.randn((number, COLUMNS), generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def model_of(neural, *, networks):
    generator = torch.Generator().manual_seed(1)
    codebooks = torch.randn((LEVELS, CODES, COLUMNS), generator=generator)
    model = neural.NeuralCodebooks(codebooks, hidden=4, generator=generator).double()
    if networks:
        with torch.no_grad():
            model.out.normal_(generator=generator)
            model.bias.normal_(generator=generator)
    return model


@pytest.mark.parametrize("beam", [1, 5])
def test_with_networks_that_say_nothing_it_is_the_residual_quantiser(neural, beam):
    model, x = model_of(neural, networks=False), random_rows(100)
    expected = residual_search(x, list(model.codebooks.detach()), beam=beam)[:, 0]
    torch.testing.assert_close(model.reconstruct(x, beam=beam), expected)


def test_each_level_takes_the_candidate_that_is_nearest_to_what_is_left(neural):
    model, x = model_of(neural, networks=True), random_rows(20)
    codes = model.codes(x, beam=1)
    for level in range(LEVELS):
        tried = [torch.cat([codes[:, :level], torch.full((20, 1), code)], dim=1) for code in range(CODES)]
        errors = torch.stack([(x - model.sums(one)[-1].detach()).square().sum(1) for one in tried])
        assert torch.equal(errors.argmin(0), codes[:, level])


def test_a_search_that_keeps_all_sums_finds_the_best_of_all(neural):
    model, x = model_of(neural, networks=True), random_rows(20)
    every = torch.cartesian_prod(*[torch.arange(CODES)] * LEVELS)
    distances = torch.cdist(x, model.sums(every)[-1].detach())
    assert torch.equal(every[distances.argmin(1)], model.codes(x, beam=CODES**LEVELS))


def test_codes_that_nothing_chose_start_again_at_what_is_left_of_a_row(neural):
    model, x = model_of(neural, networks=True), random_rows(3)
    codes = torch.tensor([[0, 1, 2], [0, 1, 3], [4, 1, 2]])
    before, sums = model.codebooks.detach().clone(), [total.detach() for total in model.sums(codes)]
    model.restart(x, codes, torch.Generator().manual_seed(0))
    left = [x, x - sums[0], x - sums[1]]
    for level, used in enumerate(({0, 4}, {1}, {2, 3})):
        for code, word in enumerate(model.codebooks[level].detach()):
            if code in used:
                assert torch.equal(word, before[level, code])
            else:
                assert any(torch.equal(word, row) for row in left[level])


@pytest.mark.slow
def test_training_learns_a_codebook_that_depends_on_the_codes_before(neural):
    # Two clusters; within one the rows are at ±1 along the second axis, within the other along the third.
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randint(2, (2, 400), generator=generator).mul(2).sub(1)
    x = torch.stack([4.0 * first, second * (first > 0), second * (first < 0)], dim=1).float()
    x += 0.05 * torch.randn(x.shape, generator=generator)
    mean = x[first > 0].mean(0), x[first < 0].mean(0)
    start = torch.stack([torch.stack(mean), torch.tensor([[0.0, 0.5, 0.5], [0.0, -0.5, -0.5]])])
    how = neural.Training(hidden=8, rate=0.02, batch=100, epochs=12, patience=12, beam=1, test_beam=2)
    model, errors = neural.trained_codebooks(rows_of(x[:300]), rows_of(x[300:]), start, how=how, seed=0)
    assert errors[0] > 0.16  # (½² + ½²) / 3 is what two words for both clusters leave
    assert min(errors) < 0.02
    kept = (x[300:] - model.reconstruct(x[300:], beam=2)).square().mean()
    assert float(kept) == pytest.approx(min(errors), rel=1e-4)
