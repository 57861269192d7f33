import pytest
import torch
from sklearn.cluster import KMeans

from spinlock.vqvae.kmeans import kmeans, nearest


def generator():
    return torch.Generator().manual_seed(0)


def blobs(categories=2, rows=300, latent=4, centers=6, spread=0.3):
    draw = generator()
    middles = 5 * torch.randn(categories, centers, latent, generator=draw)
    which = torch.randint(centers, (categories, rows), generator=draw)
    noise = spread * torch.randn(categories, rows, latent, generator=draw)
    return middles.gather(1, which[..., None].expand(-1, -1, latent)) + noise


def inertia(rows, clusters):
    return float(nearest(rows, clusters.centers, clusters.is_used)[1].sum())


@pytest.mark.parametrize("spread", [0.3, 5.0])
def test_the_error_is_not_worse_than_sklearns(spread):
    rows = blobs(spread=spread)
    ours = inertia(rows, kmeans(rows, num_centers=6, generator=generator(), num_iterations=100))
    theirs = sum(KMeans(6, n_init=1, random_state=0).fit(one.numpy()).inertia_ for one in rows)
    assert ours <= 1.05 * theirs


def test_centers_are_the_means_of_their_rows():
    rows = blobs()
    clusters = kmeans(rows, num_centers=6, generator=generator(), num_iterations=200)
    for category in range(2):
        for center in range(6):
            own = rows[category, clusters.labels[category] == center]
            torch.testing.assert_close(clusters.centers[category, center], own.mean(dim=0), atol=1e-4, rtol=1e-4)


def test_the_nearest_center_is_the_brute_force_one():
    rows = blobs()
    centers = torch.randn(2, 9, 4, generator=generator())
    is_used = torch.ones(2, 9, dtype=torch.bool)
    is_used[0, 3] = False
    labels, errors = nearest(rows, centers, is_used)
    distances = torch.cdist(rows.double(), centers.double()).masked_fill(~is_used[:, None], torch.inf)
    assert torch.equal(labels, distances.argmin(dim=2))
    torch.testing.assert_close(errors.double(), distances.amin(dim=2) ** 2, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("rows", [1, 3, 7])
def test_more_centers_than_rows_leave_the_rest_unused(rows):
    data = torch.randn(2, rows, 3, generator=generator())
    clusters = kmeans(data, num_centers=16, generator=generator())
    assert (clusters.is_used.sum(dim=1) <= rows).all()
    assert inertia(data, clusters) < 1e-6
    assert (clusters.centers[~clusters.is_used] == 0).all()


def test_copies_of_a_row_count_as_one_row():
    data = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]).repeat(1, 20, 1)
    clusters = kmeans(data, num_centers=5, generator=generator())
    assert clusters.is_used.sum() == 2


def test_rows_of_weight_0_are_ignored():
    rows = blobs(categories=1)
    wild = torch.cat([rows, torch.full((1, 50, 4), 1e3)], dim=1)
    weights = torch.cat([torch.ones(1, 300), torch.zeros(1, 50)], dim=1)
    clusters = kmeans(wild, num_centers=6, generator=generator(), weights=weights)
    assert clusters.centers.abs().max() < 100


def test_a_category_without_rows_has_no_used_center():
    weights = torch.stack([torch.ones(300), torch.zeros(300)])
    clusters = kmeans(blobs(), num_centers=4, generator=generator(), weights=weights)
    assert clusters.is_used.tolist() == [[True] * 4, [False] * 4]


def test_the_same_generator_gives_the_same_bits():
    one, two = (kmeans(blobs(spread=3), num_centers=6, generator=generator()) for _ in range(2))
    assert torch.equal(one.centers, two.centers)
