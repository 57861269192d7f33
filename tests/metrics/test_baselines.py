import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin

from spinlock.core.category_map import CategoryMap
from spinlock.core.masked import masked_mse
from spinlock.metrics.baselines import (
    ColumnMean,
    PCAScalar,
    ResidualKMeans,
    allot_bits,
    fit_baselines,
    fit_residual_codebooks,
    residual_search,
)

LLOYD_MAX = {0: 1.0, 1: 1 - 2 / np.pi, 2: 0.11748, 3: 0.03454, 4: 0.009497}
"""Distortion of the best scalar quantiser of a unit Gaussian by bits (Max 1960, table I)."""

TWO = CategoryMap(group_indices={"a": (0, 1, 2), "b": (3, 4)}, feature_names=tuple("vwxyz"))
SIZES = torch.tensor([[6, 4], [5, 3]])


def rows(count, *, seed=0, columns=5):
    generator = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).standard_normal((columns, columns))
    return torch.as_tensor(generator.standard_normal((count, columns)) @ mixing, dtype=torch.float32)


def present(x):
    return torch.ones_like(x, dtype=torch.bool)


def one_category(columns):
    return CategoryMap(
        group_indices={"all": tuple(range(columns))}, feature_names=tuple(f"f{i}" for i in range(columns))
    )


def test_column_mean_leaves_the_variance():
    x = rows(50)
    mean = ColumnMean(x, present(x))
    assert mean.bits == 0
    assert masked_mse(x, mean.reconstruct(x, present(x)), present(x)) == pytest.approx(
        float(x.var(0, correction=0).mean())
    )


def test_bits_go_to_the_components_as_reverse_water_filling_says():
    variances = np.array([64.0, 16.0, 4.0, 1.0, 0.25])
    allotted = allot_bits(variances, bits=6, most=10)
    # The real-valued solution: θ = (64·16·4 / 4^6)^(1/3) = 1, so b = ½ log₂(σ²) = 3, 2, 1, 0, 0.
    assert allotted.tolist() == [3, 2, 1, 0, 0]


def test_bits_never_exceed_what_a_component_may_have():
    assert allot_bits(np.array([1e9, 1.0, 0.0]), bits=9, most=4).tolist() == [4, 4, 0]


def test_distortion_of_a_gaussian_is_lloyd_and_maxs():
    deviations = np.array([8.0, 4.0, 2.0, 1.0])
    rotation, _ = np.linalg.qr(np.random.default_rng(1).standard_normal((4, 4)))
    x = np.random.default_rng(0).standard_normal((20000, 4)) * deviations @ rotation
    x = torch.as_tensor(x)
    coder = PCAScalar(x, present(x), bits=6.0)
    expected = np.mean([d**2 * LLOYD_MAX[b] for d, b in zip(deviations, (3, 2, 1, 0), strict=True)])
    assert coder.bits == 6
    assert masked_mse(x, coder.reconstruct(x, present(x)), present(x)) == pytest.approx(expected, rel=0.03)


def test_one_level_of_residual_k_means_is_sklearns():
    x = rows(200)
    fitted = fit_residual_codebooks(
        x, present(x), category_map=one_category(5), codebook_sizes=torch.tensor([[7]]), seed=4
    )
    back = ResidualKMeans(fitted, name="k-means").reconstruct(x, present(x))
    centred = (x - x.double().mean(0)).float().numpy()
    reference = KMeans(7, n_init=1, max_iter=100, random_state=4).fit(centred)
    nearest = reference.cluster_centers_[pairwise_distances_argmin(centred, reference.cluster_centers_)]
    np.testing.assert_allclose(back, nearest + x.double().mean(0).numpy(), atol=1e-5)


def test_wide_beam_finds_the_best_sum():
    generator = torch.Generator().manual_seed(0)
    books = [torch.randn(4, 3, generator=generator) for _ in range(3)]
    x = torch.randn(40, 3, generator=generator)
    every = sum(b.reshape([1] * level + [4] + [1] * (2 - level) + [3]) for level, b in enumerate(books)).reshape(-1, 3)
    best = every[torch.cdist(x, every).argmin(1)]
    torch.testing.assert_close(residual_search(x, books, beam=64)[:, 0], best)


def test_narrow_beam_is_greedy():
    generator = torch.Generator().manual_seed(1)
    books = [torch.randn(5, 3, generator=generator) for _ in range(3)]
    x = torch.randn(20, 3, generator=generator)
    left = x.clone()
    for book in books:
        left = left - book[torch.cdist(left, book).argmin(1)]
    torch.testing.assert_close(residual_search(x, books, beam=1)[:, 0], x - left)


def test_each_level_and_a_beam_lower_the_training_error():
    x = rows(300)
    mask = present(x)

    def error(sizes, beam):
        fitted = fit_residual_codebooks(x, mask, category_map=TWO, codebook_sizes=torch.tensor(sizes))
        return masked_mse(x, ResidualKMeans(fitted, name="k", beam=beam).reconstruct(x, mask), mask)

    one, two = error([[8], [8]], 1), error([[8, 8], [8, 8]], 1)
    assert two < one
    assert error([[8, 8], [8, 8]], 8) < two


def test_baselines_spend_the_tokenizers_bits_and_no_more():
    x = rows(120)
    coders = fit_baselines(x, present(x), category_map=TWO, codebook_sizes=SIZES)
    bits = float(SIZES.double().log2().sum())
    assert [coder.bits for coder in coders] == pytest.approx([0, np.floor(bits), bits, bits, bits])


def test_baselines_are_judged_on_rows_they_were_not_fitted_on():
    train, test = rows(120), rows(80, seed=7)
    coders = fit_baselines(train, present(train), category_map=TWO, codebook_sizes=SIZES)
    by_name = {
        coder.name: {
            name: masked_mse(x, coder.reconstruct(x, present(x)), present(x))
            for name, x in (("train", train), ("test", test))
        }
        for coder in coders
    }
    greedy = by_name["residual k-means, greedy"]
    assert greedy["train"] < greedy["test"] < by_name["column mean"]["test"]
    assert by_name["residual k-means, beam 8"]["train"] <= greedy["train"]


def test_baselines_do_not_see_what_stands_in_a_gap():
    x = rows(60)
    mask = torch.as_tensor(np.random.default_rng(3).random(x.shape) < 0.8)
    results = []
    for filler in (np.nan, 1e9):
        filled = torch.where(mask, x, filler)
        coders = fit_baselines(filled, mask, category_map=TWO, codebook_sizes=SIZES)
        results.append([coder.reconstruct(filled, mask) for coder in coders])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_more_codes_than_rows_remember_the_rows():
    x = rows(6)
    fitted = fit_residual_codebooks(x, present(x), category_map=TWO, codebook_sizes=torch.tensor([[32, 8], [32, 8]]))
    back = ResidualKMeans(fitted, name="k").reconstruct(x, present(x))
    torch.testing.assert_close(back, x, atol=1e-5, rtol=0)


def test_columns_that_do_not_vary_come_back():
    x = torch.full((20, 5), 2.5)
    for coder in fit_baselines(x, present(x), category_map=TWO, codebook_sizes=SIZES):
        torch.testing.assert_close(coder.reconstruct(x, present(x)), x)
