"""The recipe of the project's first document, on vector-quantize-pytorch: parallel levels, trained from a random start.

An encoder a category (two hidden layers, batch normalisation, dropout), an embedding of 64, and levels side by side: each projects
the embedding to a latent of its own, looks it up in a codebook that follows moving averages, and projects it back. What the
first levels stand for together is decoded by a network a category; what all stand for, by networks of all categories too.
Codebooks start at k-means of the untrained encoder's first batch; one that starts at random keeps most of its codes unused.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from vector_quantize_pytorch import VectorQuantize

from spinlock.vqvae.losses import orthogonality
from spinlock.vqvae.packing import Rows

LATENT_DIMS = (32, 16, 8)
EMBEDDING, HIDDEN = 64, 128
EPOCHS, BATCH, RATE = 410, 1024, 7e-4
COMMITMENT, DECAY = 0.45, 0.99
ORTHOGONALITY, INFORMATIVENESS = 0.1, 0.1


class Category(nn.Module):
    """Encoder, codebooks and decoders of one category."""

    def __init__(self, width: int, level_bits: Sequence[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in ((width, 256), (256, HIDDEN)):
            layers += [nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU(), nn.Dropout(0.1)]
        layers += [nn.Linear(HIDDEN, EMBEDDING), nn.Linear(EMBEDDING, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, EMBEDDING)]
        self.encoder = nn.Sequential(*layers)
        self.levels = nn.ModuleList(
            VectorQuantize(
                dim=EMBEDDING,
                codebook_dim=latent,
                codebook_size=2**bits,
                decay=DECAY,
                commitment_weight=COMMITMENT,
                kmeans_init=True,
                rotation_trick=False,
            )
            for latent, bits in zip(LATENT_DIMS, level_bits, strict=True)
        )
        self.decoders = nn.ModuleList(
            nn.Sequential(nn.Linear(EMBEDDING, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, width)) for _ in level_bits
        )

    def forward(self, x: Tensor) -> tuple[list[Tensor], Tensor, Tensor, Tensor]:
        """Decoded columns of every number of levels, what all stand for, the first latent, and the commitment loss."""
        embedding = self.encoder(x)
        quantized = [level(embedding) for level in self.levels]
        sums = list(torch.stack([words for words, _, _ in quantized]).cumsum(0))
        decoded = [decoder(total) for decoder, total in zip(self.decoders, sums, strict=True)]
        commitment = torch.stack([loss.sum() for _, _, loss in quantized]).mean()
        return decoded, sums[-1], self.levels[0].project_in(embedding), commitment


class FirstRecipe(nn.Module):
    """All categories.

    Args:
        groups: columns of each category.
        level_bits: of every category, coarse to fine.
    """

    def __init__(self, groups: Sequence[Sequence[int]], level_bits: Sequence[int]) -> None:
        super().__init__()
        self.groups = [list(group) for group in groups]
        self.back = torch.tensor([column for group in groups for column in group]).argsort()
        self.categories = nn.ModuleList(Category(len(group), level_bits) for group in groups)
        wide = EMBEDDING * len(groups)
        self.joint = nn.Sequential(nn.Linear(wide, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, len(self.back)))

    def forward(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Decoded rows of every number of levels, and the losses beside their errors."""
        parts = [category(x[:, group]) for category, group in zip(self.categories, self.groups, strict=True)]
        decoded, totals, latents, commitments = zip(*parts, strict=True)
        prefixes = [torch.cat(one, dim=1) for one in zip(*decoded, strict=True)]
        together = torch.cat(totals, dim=1)
        prefixes[-1] = prefixes[-1] + self.joint(together)
        losses = torch.stack(commitments).mean() + ORTHOGONALITY * orthogonality(torch.stack(latents, dim=1))
        return [prefix[:, self.back] for prefix in prefixes], losses

    @torch.no_grad()
    def reconstruct(self, x: Tensor) -> Tensor:
        """Rows after coding."""
        return self.eval()(x)[0][-1]

    def step(self, optimizer: torch.optim.Optimizer, x: Tensor, mask: Tensor) -> None:
        """One step of training."""
        prefixes, losses = self(x)
        errors = [(prefix - x)[mask].square().mean() for prefix in prefixes]
        loss = errors[-1] + INFORMATIVENESS * torch.stack(errors[:-1]).mean() + losses
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters(), 1.0)
        optimizer.step()


def trained_by_first_recipe(
    rows: Rows, groups: Sequence[Sequence[int]], *, level_bits: Sequence[int], seed: int
) -> FirstRecipe:
    """The model after all epochs; whatever the last one left is kept, as in the document."""
    torch.manual_seed(seed)
    model = FirstRecipe(groups, level_bits)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(rows.x)).chunk(math.ceil(len(rows.x) / BATCH)):
            model.step(optimizer, rows.x[batch], rows.mask[batch])
    return model
