import pytest
import torch
from tokenizer_samples import packing, standard_rows

from spinlock.core.tokens import Level, TokenizerConfig
from spinlock.vqvae.beam_search import Codebook, codeword_sums
from spinlock.vqvae.classical import ClassicalBackend
from spinlock.vqvae.learned import LearnedBackend, build_model

WEIGHTS = {"commitment_cost": 0.5, "orthogonality_weight": 0.1, "informativeness_weight": 0.1}


def config(**changes):
    levels = (Level(latent_dim=6, num_tokens=8), Level(latent_dim=6, num_tokens=4), Level(latent_dim=2, num_tokens=4))
    return TokenizerConfig(**{"levels": levels, "group_embedding_dim": 6, "group_hidden_dim": 7, **changes})


def started(**changes):
    """A model at the classical solution, with that solution."""
    rows = standard_rows()
    mask = torch.ones_like(rows, dtype=torch.bool)
    sizes = [level.num_tokens for level in config(**changes).levels]
    classical = ClassicalBackend.fit(rows, mask, packing=packing(), num_tokens=sizes, seed=0)
    model = build_model(config(**changes), packing=packing(), seed=0)
    embedding = model.start_at_axes(packing().pack(rows).transpose(0, 1))
    axes = model.extractor.skip.detach()
    books = [Codebook(book.codewords @ axes, book.is_used) for book in classical.codebooks]
    model.levels.start_at_codebooks(books, embedding, batch_size=len(rows))
    return model, classical


def batch():
    x = packing().pack(standard_rows()).transpose(0, 1)
    return x, packing().filled[:, None].expand_as(x)


def losses(model, **changes):
    x, mask = batch()
    return model.losses(x, x, mask, **{**WEIGHTS, **changes}, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("encoder", ["MLPEncoder", "IdentityEncoder"])
def test_before_training_the_model_is_the_classical_quantiser(encoder):
    model, classical = started(encoder=encoder)
    learned = LearnedBackend.of(model, config=config(encoder=encoder), packing=packing(), beam=8)
    fresh = standard_rows(seed=5)
    mask = torch.ones_like(fresh, dtype=torch.bool)
    codes = classical.encode(fresh, mask)
    assert torch.equal(learned.encode(fresh, mask), codes)
    for level in (1, 2, 3):
        sums = packing().unpack(codeword_sums(codes[:, :, :level], classical.codebooks))
        torch.testing.assert_close(learned.decode(codes, num_levels=level), sums, atol=1e-4, rtol=1e-4)


def test_the_total_is_the_weighted_sum_of_the_terms():
    model, _ = started()
    terms = losses(model.eval())
    expected = terms.reconstruction + 0.5 * terms.commitment + 0.1 * terms.orthogonality + 0.1 * terms.informativeness
    torch.testing.assert_close(terms.total, expected)


@pytest.mark.parametrize("weight", list(WEIGHTS))
def test_every_weight_scales_a_term_that_moves_the_encoder(weight):
    gradients = []
    for value in (0.0, 1.0):
        model, _ = started()
        losses(model, **{weight: value}).total.backward()
        gradients.append(model.extractor.skip.grad.clone())
    assert (gradients[0] - gradients[1]).abs().max() > 1e-7


def test_every_level_commits_the_encoder():
    model, _ = started()
    model.eval()
    x, mask = batch()
    embedding = model.extractor(x)
    residual = embedding
    for quantizer in model.level_quantizers:
        step = quantizer(residual, mask.any(dim=2))
        (gradient,) = torch.autograd.grad(step.commitment, model.extractor.skip, retain_graph=True)
        assert gradient.abs().max() > 1e-6
        residual = residual - step.codewords.detach()


def test_reconstruction_reaches_the_encoder_straight_through():
    model, _ = started()
    losses(model, commitment_cost=0.0, orthogonality_weight=0.0, informativeness_weight=0.0).total.backward()
    assert model.extractor.skip.grad.abs().max() > 1e-6
    assert model.extractor.out.weight.grad.abs().max() > 1e-6


def test_no_codebook_is_a_parameter_unless_it_follows_gradients():
    assert not [name for name, _ in started()[0].named_parameters() if "codewords" in name]
    model, _ = started(use_ema=False)
    losses(model).total.backward()
    assert all(quantizer.codewords.grad.abs().max() > 0 for quantizer in model.level_quantizers)


def test_masked_columns_leave_the_losses_alone():
    model, _ = started()
    model.eval()
    x, mask = batch()
    mask = mask.clone()
    mask[1, :, 3] = False
    wild = x.clone()
    wild[1, :, 3] = 1e3
    one = model.losses(x, x, mask, **WEIGHTS)
    two = model.losses(x, wild, mask, **WEIGHTS)
    torch.testing.assert_close(one.total, two.total)


def test_the_decay_acts():
    words = []
    for decay in (0.9, 0.99):
        model, _ = started(decay=decay)
        losses(model.train())
        words.append(model.codebooks[0].codewords.clone())
    assert not torch.equal(*words)
