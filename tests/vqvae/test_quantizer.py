import torch

from spinlock.vqvae.beam_search import Codebook
from spinlock.vqvae.quantizer import CategoricalQuantizer

CATEGORIES, TOKENS, EMBEDDING, ROWS = 2, 4, 3, 64


def generator():
    return torch.Generator().manual_seed(0)


def started(*, latent_dim=EMBEDDING, use_ema=True, restart_threshold=0.05, decay=0.9):
    quantizer = CategoricalQuantizer(
        num_categories=CATEGORIES,
        num_tokens=TOKENS,
        embedding_dim=EMBEDDING,
        latent_dim=latent_dim,
        decay=decay,
        use_ema=use_ema,
        restart_threshold=restart_threshold,
    )
    words = torch.randn(CATEGORIES, TOKENS, EMBEDDING, generator=generator())
    axes = torch.eye(EMBEDDING)[:, :latent_dim].repeat(CATEGORIES, 1, 1)
    book = Codebook(words, torch.ones(CATEGORIES, TOKENS, dtype=torch.bool))
    quantizer.start_at(book, axes=axes, batch_size=ROWS)
    return quantizer


def residuals():
    return torch.randn(CATEGORIES, ROWS, EMBEDDING, generator=torch.Generator().manual_seed(1))


def everyone():
    return torch.ones(CATEGORIES, ROWS, dtype=torch.bool)


def test_counts_start_at_the_mean_use_of_a_code():
    assert (started().counts == ROWS / TOKENS).all()


def test_the_nearest_codeword_is_chosen():
    quantizer = started().eval()
    codes = quantizer(residuals(), everyone()).codes
    assert torch.equal(codes, torch.cdist(residuals(), quantizer.codewords).argmin(dim=2))


def test_codes_are_looked_up_in_the_latent_space():
    quantizer = started(latent_dim=1).eval()
    codes = quantizer(residuals(), everyone()).codes
    expected = torch.cdist(residuals()[..., :1], quantizer.codewords[..., :1]).argmin(dim=2)
    assert torch.equal(codes, expected)


def test_an_unused_code_is_not_chosen():
    quantizer = started().eval()
    quantizer.is_used[:, 1:] = False
    assert (quantizer(residuals(), everyone()).codes == 0).all()


def test_one_step_of_the_moving_averages_is_the_formula():
    quantizer = started(restart_threshold=0.0)
    words = quantizer.codewords.clone()
    codes = quantizer(residuals(), everyone()).codes
    one_hot = torch.nn.functional.one_hot(codes, TOKENS).float()
    counts = 0.9 * ROWS / TOKENS + 0.1 * one_hot.sum(dim=1)
    sums = 0.9 * words * ROWS / TOKENS + 0.1 * one_hot.mT @ residuals()
    torch.testing.assert_close(quantizer.counts, counts)
    torch.testing.assert_close(quantizer.sums, sums)
    torch.testing.assert_close(quantizer.codewords, sums / counts[..., None], rtol=1e-4, atol=1e-4)


def test_smoothing_leaves_the_counts_themselves_alone():
    quantizer = started(restart_threshold=0.0)
    for _ in range(20):
        quantizer(residuals(), everyone())
    torch.testing.assert_close(quantizer.counts.sum(dim=1), torch.full((CATEGORIES,), float(ROWS)))


def test_a_code_that_nothing_chooses_keeps_a_finite_codeword():
    quantizer = started(restart_threshold=0.0, decay=0.1)
    quantizer.codewords[:, 0] = 100.0
    quantizer.sums[:, 0] = 100.0 * quantizer.counts[:, 0, None]
    for _ in range(200):
        quantizer(residuals(), everyone())
    assert torch.isfinite(quantizer.codewords).all()


def test_codebooks_move_in_training_mode_only():
    quantizer = started().eval()
    before = {name: tensor.clone() for name, tensor in quantizer.state_dict().items()}
    quantizer(residuals(), everyone(), generator=generator())
    assert all(torch.equal(before[name], tensor) for name, tensor in quantizer.state_dict().items())
    quantizer.train()(residuals(), everyone(), generator=generator())
    assert not torch.equal(before["codewords"], quantizer.codewords)


def test_a_restart_sets_vector_sum_and_count():
    quantizer = started(restart_threshold=0.5)
    quantizer.codewords[:, 0] = 1e3
    quantizer.counts[:, 0] = 1e-4
    quantizer.sums[:, 0] = 0.1
    quantizer(residuals(), everyone(), generator=generator())
    assert (quantizer.counts[:, 0] == ROWS / TOKENS).all()
    torch.testing.assert_close(quantizer.sums[:, 0], quantizer.codewords[:, 0] * ROWS / TOKENS, rtol=1e-3, atol=1e-3)
    closest = torch.cdist(quantizer.codewords[:, :1], residuals()).amin(dim=2)
    assert closest.max() < 1e-3
    moved = quantizer.codewords[:, 0].clone()
    quantizer(residuals(), everyone(), generator=generator())
    assert (quantizer.codewords[:, 0] - moved).norm(dim=1).max() < 1.0  # the next step does not undo it


def test_the_restart_threshold_is_a_share_of_the_mean_use():
    for rows in (16, 64):
        quantizer = started(restart_threshold=0.05, decay=0.5)
        quantizer.counts[:] = 0.04 * rows / TOKENS
        quantizer.sums[:] = quantizer.codewords * quantizer.counts[..., None]
        part = residuals()[:, :1].expand(-1, rows, -1)  # all rows choose one code
        chosen = quantizer(part, everyone()[:, :rows], generator=generator()).codes[:, 0]
        others = torch.ones(CATEGORIES, TOKENS, dtype=torch.bool).scatter_(1, chosen[:, None], False)
        assert (quantizer.counts[others] == rows / TOKENS).all()


def test_rows_that_lack_the_category_move_nothing():
    quantizer, other = started(), started()
    present = everyone()
    present[:, 32:] = False
    wild = residuals()
    wild[:, 32:] = 1e3
    one = quantizer(wild, present, generator=generator())
    two = other(residuals(), present, generator=generator())
    torch.testing.assert_close(quantizer.codewords, other.codewords)
    torch.testing.assert_close(one.commitment, two.commitment)


def test_codewords_that_follow_averages_are_no_parameters():
    assert not list(started().parameters())
    assert [name for name, _ in started(use_ema=False).named_parameters()] == ["codewords"]


def test_codewords_without_averages_get_a_gradient_and_the_encoder_does_not_through_it():
    quantizer = started(use_ema=False)
    inputs = residuals().requires_grad_()
    step = quantizer(inputs, everyone(), generator=generator())
    step.codebook_loss.backward()
    assert quantizer.codewords.grad.abs().sum() > 0
    assert inputs.grad is None


def test_commitment_moves_the_residuals_towards_their_codewords():
    quantizer = started().eval()
    inputs = residuals().requires_grad_()
    step = quantizer(inputs, everyone())
    step.commitment.backward()
    expected = 2 * (inputs - step.codewords).detach() / inputs.numel()
    torch.testing.assert_close(inputs.grad, expected)
    torch.testing.assert_close(step.commitment, (inputs - step.codewords).square().mean())
