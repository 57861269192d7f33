"""Every column from the own-category reconstructions of all categories: linear and kernel ridge regression in one."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spinlock.vqvae.part import Part

ROWS_AT_ONCE = 1024
JITTER = 1e-7
"""Added to the kernel's penalty: two centres may lie close to each other."""


@dataclass(kw_only=True, eq=False, repr=False)
class JointDecoder(Part):
    """y = e + e A + k(e) B,  k_j(e) = exp(-|e - z_j|² / h²).

    `e` are the columns as each category's own codewords give them. The correction is what the tokens of all categories
    say beyond that. (A, B) minimise  mean |x - y|² + linear_penalty |A|² + kernel_penalty tr(Bᵀ K B),  K_ij = k_j(z_i).

    Source: Saunders, Gammerman & Vovk 1998, ICML (kernel ridge regression); Williams & Seeger 2000, NIPS (few centres).
    """

    linear: Float[Tensor, "column column"]
    kernel: Float[Tensor, "center column"]
    centers: Float[Tensor, "center column"]
    squared_width: Float[Tensor, ""]

    def forward(self, e: Float[Tensor, "sample column"]) -> Float[Tensor, "sample column"]:
        """All columns, corrected; computed in float64, so that a row decodes the same alone and among others."""
        return torch.cat([self._decode(part.double()) for part in e.split(ROWS_AT_ONCE)]).to(e.dtype)

    def _decode(self, e: Float[Tensor, "sample column"]) -> Float[Tensor, "sample column"]:
        decoded = e + e @ self.linear.double()
        if len(self.centers):
            decoded = decoded + kernel(e, self.centers.double(), self.squared_width.double()) @ self.kernel.double()
        return decoded


def kernel(
    e: Float[Tensor, "sample column"], centers: Float[Tensor, "center column"], squared_width: Float[Tensor, ""]
) -> Float[Tensor, "sample center"]:
    """exp(-|e - z|² / h²) of every row and centre."""
    distances = e.square().sum(dim=1, keepdim=True) - 2 * e @ centers.mT + centers.square().sum(dim=1)
    return torch.exp(-distances.clamp(min=0.0) / squared_width)


def fit_joint_decoder(
    e: Float[Tensor, "sample column"],
    x: Float[Tensor, "sample column"],
    mask: Bool[Tensor, "sample column"],
    *,
    penalties: Sequence[tuple[float, float]],
    num_centers: int,
    width: float,
) -> list[JointDecoder]:
    """The decoder of every pair of penalties.

    Args:
        e: own-category reconstructions of the rows to regress on.
        x: what they are to become.
        mask: True where `x` is present; elsewhere it asks for no correction.
        penalties: of the linear part, in units of a standardised column's variance, and of the kernel part.
        num_centers: rows that become centres, evenly taken; fewer where there are fewer rows; 0 for no kernel part.
        width: h² in units of the mean squared distance between rows and centres.
    """
    columns = e.shape[1]
    missed = torch.where(mask, x - e, 0.0)
    count = min(num_centers, len(e))
    place = torch.arange(count, device=e.device) * len(e) // max(1, count)
    centers = e[place]
    spread = e.var(dim=0, unbiased=False).sum() + centers.var(dim=0, unbiased=False).sum() if count else e.new_ones(())
    squared_width = (width * spread).clamp(min=torch.finfo(e.dtype).tiny)
    size = columns + count
    gram = torch.zeros((size, size), dtype=torch.float64, device=e.device)
    products = torch.zeros((size, columns), dtype=torch.float64, device=e.device)
    for some, target in zip(e.split(ROWS_AT_ONCE), missed.split(ROWS_AT_ONCE), strict=True):
        inputs = torch.cat([some, kernel(some, centers, squared_width)], dim=1) if count else some
        gram += (inputs.mT @ inputs).double()
        products += (inputs.mT @ target).double()
    gram, products = gram / len(e), products / len(e)
    among = kernel(centers.double(), centers.double(), squared_width.double())
    among.diagonal().add_(JITTER / min((pair[1] for pair in penalties), default=1.0))
    decoders = []
    for linear_penalty, kernel_penalty in penalties:
        system = gram.clone()
        system[:columns, :columns].diagonal().add_(linear_penalty)
        system[columns:, columns:] += kernel_penalty * among
        weights = torch.linalg.solve(system, products).to(e.dtype)
        decoders.append(
            JointDecoder(
                linear=weights[:columns], kernel=weights[columns:], centers=centers, squared_width=squared_width
            )
        )
    return decoders


def no_correction(like: Float[Tensor, "sample column"]) -> JointDecoder:
    """The decoder that leaves every category of rows like these as its own codes give it."""
    columns = like.shape[1]
    nothing = like.new_zeros(0, columns)
    return JointDecoder(
        linear=like.new_zeros(columns, columns), kernel=nothing, centers=nothing, squared_width=like.new_ones(())
    )
