import pytest
import torch
from tokenizer_samples import batch_of, classical_coder, columns, packing, standard_rows

from spinlock.vqvae.beam_search import codeword_sums
from spinlock.vqvae.coders.learned import LearnedCoder
from spinlock.vqvae.losses import informativeness, orthogonality, reconstruction
from spinlock.vqvae.model import CategoricalHierarchicalVQVAE
from spinlock.vqvae.spec import EncoderSpec, ModelSpec

LEVELS = ((6, 8), (6, 4), (2, 4))
WEIGHTS = {"commitment_cost": 0.5, "orthogonality_weight": 0.2, "informativeness_weight": 0.3}
ENCODER = EncoderSpec(encoder_params={"hidden_dims": (9,), "output_dim": 8, "dropout": 0.0})


def started(*, encoder=ENCODER, **changes):
    """A model at the classical solution, with that solution."""
    shape = {"levels": LEVELS, "group_embedding_dim": 6, "group_hidden_dim": 7, "decay": 0.9}
    spec = ModelSpec(**{**shape, **WEIGHTS, **changes})
    classical = classical_coder([level.num_tokens for level in spec.levels])
    generator = torch.Generator().manual_seed(0)
    model = CategoricalHierarchicalVQVAE(num_categories=3, width=6, spec=spec, encoder=encoder, generator=generator)
    rows, _ = batch()
    model.start_at(rows, classical.codebooks, batch_size=rows.shape[1])
    return model, classical


def batch():
    x, mask = batch_of(standard_rows())
    return x.transpose(0, 1), mask.transpose(0, 1)


def losses(model):
    x, mask = batch()
    return model.losses(x, x, mask)


def trained(model, *, steps=1, mask=None, x=None):
    """A model whose codebooks have followed a few batches."""
    rows, present = batch()
    for _ in range(steps):
        statistics = model.train().losses(rows if x is None else x, rows, present if mask is None else mask).statistics
        model.follow(statistics, generator=torch.Generator().manual_seed(1))
    return model


@pytest.mark.parametrize("encoder", [ENCODER, EncoderSpec(encoder="IdentityEncoder")], ids=lambda spec: spec.encoder)
def test_before_training_the_model_is_the_classical_quantiser(encoder):
    model, classical = started(encoder=encoder)
    learned = LearnedCoder.of(model, encoder=encoder, beam=8)
    codes = classical.encode(batch_of(standard_rows(seed=5)))
    assert torch.equal(learned.encode(batch_of(standard_rows(seed=5))), codes)
    for level in (1, 2, 3):
        sums = columns(codeword_sums(codes[:, :, :level], classical.codebooks))
        torch.testing.assert_close(columns(learned.decode(codes, num_levels=level)), sums, atol=1e-4, rtol=1e-4)


def test_the_total_is_the_weighted_sum_of_the_terms():
    terms = losses(started()[0].eval()).losses
    expected = terms.reconstruction + 0.5 * terms.commitment + 0.2 * terms.orthogonality + 0.3 * terms.informativeness
    torch.testing.assert_close(terms.total, expected)


def test_the_terms_are_those_of_every_prefix_of_the_levels():
    model, _ = started()
    terms = losses(trained(model, steps=3).eval()).losses
    x, mask = batch()
    embedding = residual = model.extractor(x)
    total, decoded, commitments = torch.zeros_like(embedding), [], []
    for quantizer, decoder in zip(model.level_quantizers, model.decoders, strict=True):
        step = quantizer(residual, mask.any(dim=2))
        residual, total = residual - step.codewords, total + step.codewords
        decoded.append(decoder(total))
        commitments.append(step.commitment)
    torch.testing.assert_close(terms.reconstruction, reconstruction(decoded[-1], x, mask))
    torch.testing.assert_close(terms.informativeness, informativeness(decoded[:-1], x, mask))
    torch.testing.assert_close(terms.commitment, torch.stack(commitments).mean())
    coarse = (embedding @ model.level_quantizers[0].axes).transpose(0, 1)
    torch.testing.assert_close(terms.orthogonality, orthogonality(coarse))


@pytest.mark.parametrize("weight", list(WEIGHTS))
def test_every_weight_scales_a_term_that_moves_the_encoder(weight):
    gradients = []
    for value in (0.0, 1.0):
        model, _ = started(**{weight: value})
        losses(model)[0].total.backward()
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
    model, _ = started(commitment_cost=0.0, orthogonality_weight=0.0, informativeness_weight=0.0)
    losses(model)[0].total.backward()
    assert model.extractor.skip.grad.abs().max() > 1e-6
    assert model.extractor.out.weight.grad.abs().max() > 1e-6


def test_losses_leave_the_codebooks_as_they_are_bit_for_bit():
    model, _ = started()
    before = {name: tensor.clone() for name, tensor in model.quantizers.state_dict().items()}
    losses(model.train())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.quantizers.state_dict().items())
    trained(model)
    assert not torch.equal(before["0.codewords"], model.codebooks[0].codewords)


def test_every_level_follows_what_the_levels_before_it_left_over():
    model, _ = started(restart_threshold=0.0)
    one, _ = started(restart_threshold=0.0)
    statistics = losses(model.train()).statistics
    model.follow(statistics, generator=None)
    x, mask = batch()
    residual = one.train().extractor(x).detach()
    for quantizer, moved in zip(one.level_quantizers, model.level_quantizers, strict=True):
        step = quantizer(residual, mask.any(dim=2))
        quantizer.follow(step.statistics)
        torch.testing.assert_close(moved.codewords, quantizer.codewords)
        residual = residual - step.codewords


def test_outside_of_training_there_is_nothing_to_follow():
    assert losses(started()[0].eval())[1] == [None] * 3


def test_no_codebook_is_a_parameter_unless_it_follows_gradients():
    assert not [name for name, _ in started()[0].named_parameters() if "codewords" in name]
    model, _ = started(use_ema=False)
    terms, statistics, _ = losses(model)
    assert statistics == [None] * 3
    terms.total.backward()
    assert all(quantizer.codewords.grad.abs().max() > 0 for quantizer in model.level_quantizers)
    before = [book.codewords.clone() for book in model.codebooks]
    model.follow(statistics, generator=None)
    assert all(torch.equal(word, book.codewords) for word, book in zip(before, model.codebooks, strict=True))


def test_masked_columns_leave_the_losses_alone():
    model, _ = started()
    model.eval()
    x, mask = batch()
    mask = mask.clone()
    mask[1, :, 3] = False
    wild = x.clone()
    wild[1, :, 3] = 1e3
    (one, *_), (two, *_) = model.losses(x, x, mask), model.losses(x, wild, mask)
    torch.testing.assert_close(one.total, two.total)


def test_an_absent_category_moves_no_codebook_and_no_loss_of_reconstruction():
    x, mask = batch()
    mask = mask.clone()
    mask[1, 10:] = False
    wild = x.clone()
    wild[1, 10:] = 1e3
    models = [
        trained(started(encoder=EncoderSpec(encoder="IdentityEncoder"))[0], mask=mask, x=one) for one in (x, wild)
    ]
    for first, second in zip(*(model.codebooks for model in models), strict=True):
        torch.testing.assert_close(first.codewords, second.codewords)
    terms = [models[0].eval().losses(one, x, mask)[0] for one in (x, wild)]
    for name in ("reconstruction", "commitment", "informativeness"):
        torch.testing.assert_close(getattr(terms[0], name), getattr(terms[1], name))


def test_the_decay_acts():
    slow, fast = (trained(started(decay=decay)[0]).codebooks[0].codewords for decay in (0.99, 0.9))
    assert not torch.equal(slow, fast)


def test_a_coder_keeps_the_weights_that_the_model_had():
    model, _ = started()
    coder = LearnedCoder.of(model, encoder=ENCODER, beam=8)
    codes = coder.encode(batch_of(standard_rows(seed=5)))
    trained(model, steps=3)
    torch.nn.init.ones_(model.extractor.out.weight)
    assert model.training
    assert next(model.parameters()).requires_grad
    assert torch.equal(coder.encode(batch_of(standard_rows(seed=5))), codes)
    assert not coder.model.training
    assert not any(parameter.requires_grad for parameter in coder.parameters())


@pytest.mark.parametrize("changes", [{"levels": "auto"}, {"category_tokens": {"heat": (4, 4, 4)}}])
def test_a_shape_without_one_size_a_level_is_refused(changes):
    spec = ModelSpec(**{"levels": LEVELS, **changes})
    with pytest.raises(ValueError, match="needs `levels` of one codebook size for all categories"):
        CategoricalHierarchicalVQVAE(
            num_categories=3, width=packing().width, spec=spec, encoder=ENCODER, generator=torch.Generator()
        )
