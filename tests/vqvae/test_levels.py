import pytest
import torch
from tokenizer_samples import packing, standard_rows

from spinlock.core.errors import ConfigError
from spinlock.core.tokens import Level, TokenizerConfig
from spinlock.vqvae.learned import LearnedBackend, build_model
from spinlock.vqvae.levels import HIERARCHIES, ParallelLevels

LEVELS = (Level(latent_dim=4, num_tokens=8), Level(latent_dim=2, num_tokens=4))


WHOLE = tuple(Level(latent_dim=5, num_tokens=level.num_tokens) for level in LEVELS)
"""Levels that look up in the whole embedding, as the search that encodes does."""


def made(name="parallel", *, seed=0, **changes):
    settings = {"levels": LEVELS, "decay": 0.9, "use_ema": True, "restart_threshold": 0.0, **changes}
    generator = torch.Generator().manual_seed(seed)
    levels = HIERARCHIES.build(name, num_categories=3, embedding_dim=5, generator=generator, **settings)
    for quantizer in levels.level_quantizers:
        quantizer.start_uniform(generator=generator, batch_size=20)
        with torch.no_grad():
            quantizer.codewords.mul_(8.0)
            quantizer.sums.mul_(8.0)
    return levels


def rows(count=30, *, seed=1):
    return torch.randn(3, count, 5, generator=torch.Generator().manual_seed(seed))


def everywhere(embedding):
    return torch.ones(embedding.shape[:2], dtype=torch.bool)


def test_parallel_codes_are_the_nearest_codewords_of_each_projection():
    levels, embedding = made(), rows()
    codes = levels.encode(embedding.transpose(0, 1), beam=4)
    for level, (quantizer, down) in enumerate(zip(levels.level_quantizers, levels.down, strict=True)):
        expected = torch.cdist(embedding @ down, quantizer.codewords).argmin(dim=2)
        assert torch.equal(codes[:, :, level].T, expected)


def test_parallel_levels_do_not_depend_on_each_other():
    one, other = made(), made()
    with torch.no_grad():
        other.down[0].normal_(generator=torch.Generator().manual_seed(5))
    first, second = (levels.encode(rows().transpose(0, 1), beam=1) for levels in (one, other))
    assert torch.equal(first[:, :, 1], second[:, :, 1])
    assert not torch.equal(first[:, :, 0], second[:, :, 0])


@pytest.mark.parametrize("name", sorted(HIERARCHIES))
def test_prefixes_are_the_sums_of_what_the_codes_stand_for(name):
    levels, embedding = made(name, levels=WHOLE).eval(), rows()
    found = levels(embedding, everywhere(embedding))
    codes = levels.encode(embedding.transpose(0, 1), beam=1)
    words = [
        book.codewords.gather(1, codes[:, :, level].T[..., None].expand(-1, -1, 5))
        for level, book in enumerate(levels.codebooks)
    ]
    torch.testing.assert_close(found.embeddings[0], words[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.embeddings[1], words[0] + words[1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", sorted(HIERARCHIES))
def test_an_absent_category_stands_for_nothing_and_moves_no_codebook(name):
    present = everywhere(rows())
    present[1, 10:] = False
    wild = rows()
    wild[1, 10:] = 1e3
    after = []
    for embedding in (rows(), wild):
        levels = made(name).train()
        found = levels(embedding, present)
        assert all((prefix[1, 10:] == 0).all() for prefix in found.embeddings)
        after.append(levels.codebooks[0].codewords)
    torch.testing.assert_close(*after)


def test_the_gradient_of_parallel_levels_reaches_encoder_and_projections():
    levels, embedding = made(), rows().requires_grad_()
    levels(embedding, everywhere(embedding)).embeddings[-1].square().sum().backward()
    for part in (embedding, *levels.down, *levels.up):
        assert part.grad.abs().max() > 0
    # Straight through: the derivative of the latent is 1, so that of level l is up_lᵀ applied to the loss's gradient.
    fresh = rows().requires_grad_()
    direction = rows(seed=2)
    (levels(fresh, everywhere(fresh)).embeddings[0] * direction).sum().backward()
    torch.testing.assert_close(fresh.grad, direction @ levels.up[0].mT @ levels.down[0].mT)


def test_gradient_codebooks_of_parallel_levels_follow_their_loss():
    levels, embedding = made(use_ema=False), rows()
    levels(embedding, everywhere(embedding)).codebook_loss.backward()
    assert all(quantizer.codewords.grad.abs().max() > 0 for quantizer in levels.level_quantizers)


def test_a_start_at_rows_projects_on_principal_axes_and_clusters_the_projections():
    embedding = rows(200) * torch.tensor([5.0, 3.0, 1.0, 0.3, 0.1])
    levels = made()
    assert isinstance(levels, ParallelLevels)
    levels.eval()
    levels.start_at_rows(embedding, everywhere(embedding), batch_size=200, generator=torch.Generator().manual_seed(0))
    for down, up in zip(levels.down, levels.up, strict=True):
        torch.testing.assert_close(up @ down, torch.eye(down.shape[2]).expand(3, -1, -1), atol=1e-5, rtol=0)
    spread = torch.stack([(embedding @ down).square().mean() for down in levels.down]).mean()
    assert levels(embedding, everywhere(embedding)).commitment.detach() < 0.5 * spread.detach()


def test_uniform_codewords_lie_within_one_over_the_number_of_tokens():
    levels = made("residual")
    quantizer = levels.level_quantizers[0]
    quantizer.start_uniform(generator=torch.Generator().manual_seed(3), batch_size=20)
    assert float(quantizer.codewords.abs().max()) <= 1 / 8
    assert float(quantizer.codewords.std()) == pytest.approx(1 / 8 / 3**0.5, rel=0.1)
    assert (quantizer.counts == 20 / 8).all()


@pytest.mark.parametrize("hierarchy", sorted(HIERARCHIES))
def test_a_backend_of_either_hierarchy_comes_back_from_its_tensors(hierarchy):
    config = TokenizerConfig(levels=LEVELS, hierarchy=hierarchy, group_embedding_dim=5, group_hidden_dim=6)
    model = build_model(config, packing=packing(), seed=0)
    model.start_at_random(generator=torch.Generator().manual_seed(1), batch_size=50)
    backend = LearnedBackend.of(model, config=config, packing=packing(), beam=2)
    again = LearnedBackend.from_tensors(backend.tensors(), backend.settings(), packing=packing())
    x = standard_rows()
    codes = backend.encode(x, torch.ones_like(x, dtype=torch.bool))
    assert torch.equal(again.encode(x, torch.ones_like(x, dtype=torch.bool)), codes)
    assert torch.equal(again.decode(codes), backend.decode(codes))


def test_a_random_start_has_no_linear_path_that_could_be_trained():
    config = TokenizerConfig(levels=LEVELS, group_embedding_dim=5, group_hidden_dim=6)
    model = build_model(config, packing=packing(), seed=0)
    model.start_at_random(generator=torch.Generator().manual_seed(1), batch_size=50)
    linear = [model.extractor.skip, *(decoder.linear for decoder in model.prefix_decoders)]
    assert all((path == 0).all() and not path.requires_grad for path in linear)
    assert model.extractor.out.weight.abs().max() > 0


def test_an_unknown_hierarchy_is_refused():
    with pytest.raises(ConfigError, match="unknown hierarchy 'paralel'. Did you mean 'parallel'"):
        made("paralel")
