import pytest
import torch

from spinlock.vqvae.losses import informativeness, orthogonality, reconstruction


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_orthogonality_has_the_gradient_of_finite_differences():
    assert torch.autograd.gradcheck(orthogonality, normal(7, 3, 2).requires_grad_())


def test_categories_that_say_the_same_one_thing_have_orthogonality_1():
    column = normal(500, 1, 1).expand(-1, 3, -1)
    assert float(orthogonality(column)) == pytest.approx(1.0, abs=1e-4)


def test_unrelated_categories_have_orthogonality_near_0():
    assert float(orthogonality(normal(5000, 3, 4))) < 1e-3


def test_orthogonality_is_the_mean_squared_correlation_between_categories():
    embeddings = normal(50, 3, 2)
    correlation = torch.corrcoef(embeddings.flatten(1).T).square()
    owner = torch.arange(3).repeat_interleave(2)
    between = correlation[owner[:, None] != owner[None, :]]
    assert float(orthogonality(embeddings)) == pytest.approx(float(between.mean()), rel=1e-4)


def test_orthogonality_does_not_depend_on_scales_nor_on_correlation_within_a_category():
    embeddings = normal(200, 2, 3)
    scaled = embeddings * torch.tensor([1.0, 50.0, 3.0]) + 7
    torch.testing.assert_close(orthogonality(scaled), orthogonality(embeddings), rtol=1e-4, atol=1e-6)
    alike = embeddings.clone()
    alike[:, 0] = alike[:, 0, :1]
    alike[:, 1] = normal(200, 3, seed=9)
    assert float(orthogonality(alike)) < 0.03


@pytest.mark.parametrize("categories", [1])
def test_a_single_category_has_orthogonality_0(categories):
    assert float(orthogonality(normal(10, categories, 3))) == 0.0


def test_a_coordinate_that_does_not_vary_correlates_with_nothing():
    embeddings = normal(100, 2, 2)
    embeddings[:, 0] = 3.0
    assert float(orthogonality(embeddings)) == 0.0


def test_masked_entries_do_not_count():
    target, mask = normal(2, 5, 3), torch.ones(2, 5, 3, dtype=torch.bool)
    mask[0, 2] = False
    decoded = target.clone()
    decoded[0, 2] = 1e6
    assert float(reconstruction(decoded, target, mask)) == 0.0
    decoded[1] += 2.0
    assert float(reconstruction(decoded, target, mask)) == pytest.approx(4.0 * 15 / 27)


def test_informativeness_is_the_mean_error_of_the_prefixes():
    target, mask = normal(2, 5, 3), torch.ones(2, 5, 3, dtype=torch.bool)
    assert float(informativeness([target + 1, target + 3], target, mask)) == pytest.approx(5.0)
    assert float(informativeness([], target, mask)) == 0.0


def test_informativeness_has_the_gradient_of_finite_differences():
    target, mask = normal(2, 3, 2), torch.rand(2, 3, 2, generator=torch.Generator().manual_seed(1)) > 0.3

    def loss(first, second):
        return informativeness([first, second], target, mask)

    parts = normal(2, 3, 2, seed=2).requires_grad_(), normal(2, 3, 2, seed=3).requires_grad_()
    assert torch.autograd.gradcheck(loss, parts)
