import pytest
import torch

from spinlock.vqvae.beam_search import Codebook
from spinlock.vqvae.quantizer import CategoricalQuantizer
from spinlock.vqvae.spec import Level, QuantizerSpec

CATEGORIES, TOKENS, EMBEDDING, ROWS = 2, 4, 3, 64


def generator():
    return torch.Generator().manual_seed(0)


def started(*, latent_dim=EMBEDDING, **spec):
    quantizer = CategoricalQuantizer(
        num_categories=CATEGORIES,
        level=Level(latent_dim=latent_dim, num_tokens=TOKENS),
        embedding_dim=EMBEDDING,
        spec=QuantizerSpec(**{"decay": 0.9, **spec}),
    )
    words = torch.randn(CATEGORIES, TOKENS, EMBEDDING, generator=generator())
    axes = torch.eye(EMBEDDING)[:, :latent_dim].repeat(CATEGORIES, 1, 1)
    book = Codebook(words, torch.ones(CATEGORIES, TOKENS, dtype=torch.bool))
    quantizer.start_at(book, axes=axes, batch_size=ROWS)
    return quantizer


def residuals(seed=1):
    return torch.randn(CATEGORIES, ROWS, EMBEDDING, generator=torch.Generator().manual_seed(seed))


def everyone():
    return torch.ones(CATEGORIES, ROWS, dtype=torch.bool)


def state_of(quantizer):
    return {name: tensor.clone() for name, tensor in quantizer.state_dict().items()}


def assert_unchanged(quantizer, before):
    assert all(torch.equal(before[name], tensor) for name, tensor in quantizer.state_dict().items())


def stepped(quantizer, rows, present, *, restarts=None):
    """A step of training: forward, then follow."""
    step = quantizer.train()(rows, present)
    quantizer.follow(step.statistics, generator=restarts)
    return step


def test_counts_start_at_the_mean_use_of_a_code():
    assert (started().counts == ROWS / TOKENS).all()


def test_the_nearest_codeword_is_chosen():
    quantizer = started().eval()
    step = quantizer(residuals(), everyone())
    assert torch.equal(step.codes, torch.cdist(residuals(), quantizer.codewords).argmin(dim=2))
    chosen = quantizer.codewords.gather(1, step.codes[..., None].expand(-1, -1, EMBEDDING))
    assert torch.equal(step.codewords, chosen)


def test_codes_are_looked_up_in_the_latent_space():
    quantizer = started(latent_dim=1).eval()
    codes = quantizer(residuals(), everyone()).codes
    expected = torch.cdist(residuals()[..., :1], quantizer.codewords[..., :1]).argmin(dim=2)
    assert torch.equal(codes, expected)


def test_the_latent_space_is_no_larger_than_the_embedding():
    level = Level(latent_dim=99, num_tokens=TOKENS)
    spec = QuantizerSpec()
    quantizer = CategoricalQuantizer(num_categories=CATEGORIES, level=level, embedding_dim=EMBEDDING, spec=spec)
    assert torch.equal(quantizer.axes, torch.eye(EMBEDDING).repeat(CATEGORIES, 1, 1))


def test_an_unused_code_is_not_chosen():
    quantizer = started().eval()
    quantizer.is_used[:, 1:] = False
    assert (quantizer(residuals(), everyone()).codes == 0).all()


def test_a_codebook_moves_only_when_it_is_told_to_follow():
    quantizer = started()
    before = state_of(quantizer)
    outside = quantizer.eval()(residuals(), everyone())
    assert outside.statistics is None
    first, second = (quantizer.train()(residuals(), everyone()) for _ in range(2))
    assert_unchanged(quantizer, before)
    assert all(torch.equal(one, other) for one, other in zip(first.statistics, second.statistics, strict=True))
    quantizer.follow(first.statistics)
    assert not torch.equal(before["codewords"], quantizer.codewords)


def test_statistics_are_the_counts_and_sums_of_the_rows_that_chose_a_code():
    quantizer = started().train()
    present = everyone()
    present[1, ::3] = False
    step = quantizer(residuals(), present)
    for category in range(CATEGORIES):
        for code in range(TOKENS):
            own = residuals()[category, (step.codes[category] == code) & present[category]]
            assert step.statistics.counts[category, code] == len(own)
            torch.testing.assert_close(step.statistics.sums[category, code], own.sum(dim=0))


def test_steps_of_the_moving_averages_are_the_formula():
    """N ← γ N + (1 - γ) n,  m ← γ m + (1 - γ) Σ x,  e = m / N: van den Oord et al. 2017, appendix A.1."""
    quantizer = started(restart_threshold=0.0).double()
    words = quantizer.codewords.clone()
    counts = torch.full((CATEGORIES, TOKENS), ROWS / TOKENS).double()
    sums = words * counts[..., None]
    for seed in range(1, 6):
        rows = residuals(seed).double()
        stepped(quantizer, rows, everyone())
        for category in range(CATEGORIES):
            codes = torch.cdist(rows[category], words[category]).argmin(dim=1)
            for code in range(TOKENS):
                own = rows[category, codes == code]
                counts[category, code] = 0.9 * counts[category, code] + (1 - 0.9) * len(own)
                sums[category, code] = 0.9 * sums[category, code] + (1 - 0.9) * own.sum(dim=0)
        words = sums / counts[..., None]
        torch.testing.assert_close(quantizer.counts, counts)
        torch.testing.assert_close(quantizer.sums, sums)
        torch.testing.assert_close(quantizer.codewords, words, rtol=1e-5, atol=1e-5)  # but for the smoothing of N


def test_a_step_is_that_of_vector_quantize_pytorch():
    oracle = pytest.importorskip("vector_quantize_pytorch", reason="`pip install -e '.[oracles]'` brings it")
    quantizer = started(restart_threshold=0.0)
    theirs = []
    for words, counts in zip(quantizer.codewords, quantizer.counts, strict=True):
        one = oracle.VectorQuantize(dim=EMBEDDING, codebook_size=TOKENS, decay=0.9, threshold_ema_dead_code=0).train()
        one._codebook.embed.data.copy_(words)
        one._codebook.cluster_size.data.copy_(counts)
        one._codebook.embed_avg.data.copy_(words * counts[:, None])
        theirs.append(one)
    for seed in range(1, 6):
        step = stepped(quantizer, residuals(seed), everyone())
        found = [one(rows[None]) for one, rows in zip(theirs, residuals(seed), strict=True)]
        assert torch.equal(step.codes, torch.stack([codes[0] for _, codes, _ in found]))
        torch.testing.assert_close(step.commitment, torch.stack([loss.squeeze() for _, _, loss in found]).mean())
        for ours, one in zip(quantizer.codewords, theirs, strict=True):
            torch.testing.assert_close(ours, one._codebook.embed[0], rtol=1e-5, atol=1e-5)


def test_smoothing_leaves_the_counts_themselves_alone():
    quantizer = started(restart_threshold=0.0)
    for _ in range(20):
        stepped(quantizer, residuals(), everyone())
    torch.testing.assert_close(quantizer.counts.sum(dim=1), torch.full((CATEGORIES,), float(ROWS)))


def test_a_code_that_nothing_chooses_keeps_a_finite_codeword():
    quantizer = started(restart_threshold=0.0, decay=0.1)
    quantizer.codewords[:, 0] = 100.0
    quantizer.sums[:, 0] = 100.0 * quantizer.counts[:, 0, None]
    for _ in range(200):
        stepped(quantizer, residuals(), everyone())
    assert torch.isfinite(quantizer.codewords).all()


def test_without_a_generator_no_code_is_restarted():
    quantizer = started(restart_threshold=1.0)
    quantizer.codewords[:, 0] = quantizer.sums[:, 0] = 1e3
    quantizer.counts[:, 0] = 1e-4
    stepped(quantizer, residuals(), everyone())
    assert quantizer.codewords[:, 0].norm(dim=1).min() > 1e3


def test_a_restart_sets_vector_sum_and_count():
    quantizer = started(restart_threshold=0.5)
    quantizer.codewords[:, 0] = 1e3
    quantizer.counts[:, 0] = 1e-4
    quantizer.sums[:, 0] = 0.1
    stepped(quantizer, residuals(), everyone(), restarts=generator())
    assert (quantizer.counts[:, 0] == ROWS / TOKENS).all()
    torch.testing.assert_close(quantizer.sums[:, 0], quantizer.codewords[:, 0] * ROWS / TOKENS, rtol=1e-3, atol=1e-3)
    closest = torch.cdist(quantizer.codewords[:, :1], residuals()).amin(dim=2)
    assert closest.max() < 1e-3
    moved = quantizer.codewords[:, 0].clone()
    stepped(quantizer, residuals(), everyone(), restarts=generator())
    assert (quantizer.codewords[:, 0] - moved).norm(dim=1).max() < 1.0  # the next step does not undo it


def test_a_restart_brings_an_unused_code_into_use():
    quantizer = started()
    quantizer.is_used[:, 2:] = False
    stepped(quantizer, residuals(), everyone(), restarts=generator())
    assert quantizer.is_used.all()


def test_the_restart_threshold_is_a_share_of_the_mean_use():
    for rows in (16, 64):
        quantizer = started(restart_threshold=0.05, decay=0.5)
        quantizer.counts[:] = 0.04 * rows / TOKENS
        quantizer.sums[:] = quantizer.codewords * quantizer.counts[..., None]
        part = residuals()[:, :1].expand(-1, rows, -1)  # all rows choose one code
        chosen = stepped(quantizer, part, everyone()[:, :rows], restarts=generator()).codes[:, 0]
        others = torch.ones(CATEGORIES, TOKENS, dtype=torch.bool).scatter_(1, chosen[:, None], False)
        assert (quantizer.counts[others] == rows / TOKENS).all()


def test_rows_that_lack_the_category_move_nothing():
    quantizer, other = started(restart_threshold=0.9), started(restart_threshold=0.9)
    present = everyone()
    present[:, 32:] = False
    wild = residuals()
    wild[:, 32:] = 1e3
    one = stepped(quantizer, wild, present, restarts=generator())
    two = stepped(other, residuals(), present, restarts=generator())
    torch.testing.assert_close(quantizer.codewords, other.codewords)
    torch.testing.assert_close(one.commitment, two.commitment)
    assert quantizer.codewords.abs().max() < 10


def test_a_category_that_no_row_has_is_followed_without_harm():
    quantizer = started()
    present = everyone()
    present[1] = False
    step = stepped(quantizer, residuals(), present, restarts=generator())
    assert torch.isfinite(step.commitment)
    assert torch.isfinite(quantizer.codewords).all()


def test_codewords_that_follow_averages_are_no_parameters():
    assert not list(started().parameters())
    assert [name for name, _ in started(use_ema=False).named_parameters()] == ["codewords"]


def test_codewords_without_averages_get_a_gradient_and_the_encoder_does_not_through_it():
    quantizer = started(use_ema=False)
    inputs = residuals().requires_grad_()
    step = quantizer.train()(inputs, everyone())
    assert step.statistics is None
    step.codebook_loss.backward()
    assert inputs.grad is None
    one_hot = torch.nn.functional.one_hot(step.codes, TOKENS).float()
    towards = one_hot.sum(dim=1)[..., None] * quantizer.codewords - one_hot.mT @ residuals()
    torch.testing.assert_close(quantizer.codewords.grad, 2 * towards.detach() / inputs.numel())


def test_commitment_moves_the_residuals_towards_their_codewords():
    quantizer = started().eval()
    inputs = residuals().requires_grad_()
    step = quantizer(inputs, everyone())
    step.commitment.backward()
    expected = 2 * (inputs - step.codewords).detach() / inputs.numel()
    torch.testing.assert_close(inputs.grad, expected)
    torch.testing.assert_close(step.commitment, (inputs - step.codewords).square().mean())
    assert step.codebook_loss == 0
