import torch

from spinlock.vqvae.neighbor_mixing import mix_with_neighbors, nearest_neighbors


def rows():
    return torch.randn(2, 40, 3, generator=torch.Generator().manual_seed(0))


def test_neighbors_are_the_brute_force_ones_without_the_row_itself():
    present = torch.ones(2, 40, dtype=torch.bool)
    found = nearest_neighbors(rows(), num_neighbors=5, present=present)
    distances = torch.cdist(rows(), rows()) + torch.diag(torch.full((40,), torch.inf))
    assert torch.equal(found, distances.topk(5, largest=False).indices)


def test_a_row_that_lacks_the_category_is_nobodys_neighbor():
    present = torch.ones(2, 40, dtype=torch.bool)
    present[0, :20] = False
    assert nearest_neighbors(rows(), num_neighbors=5, present=present)[0, 20:].min() >= 20


def test_without_neighbors_a_row_is_its_own():
    present = torch.zeros(2, 40, dtype=torch.bool)
    found = nearest_neighbors(rows(), num_neighbors=5, present=present)
    assert (found == torch.arange(40)[None, :, None]).all()


def test_a_mixed_row_lies_between_the_row_and_a_neighbor():
    present = torch.ones(2, 40, dtype=torch.bool)
    neighbors = nearest_neighbors(rows(), num_neighbors=1, present=present)
    mixed = mix_with_neighbors(rows(), neighbors, reach=0.5, generator=torch.Generator().manual_seed(1))
    towards = rows().gather(1, neighbors.expand(-1, -1, 3)) - rows()
    share = ((mixed - rows()) * towards).sum(dim=2) / towards.square().sum(dim=2)
    assert share.min() >= 0
    assert share.max() <= 0.5
    torch.testing.assert_close(mixed, rows() + share[..., None] * towards, atol=1e-5, rtol=1e-4)
