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
    """y = e + u A + k(u) B,  k_j(u) = exp(-|u - z_j|² / h²).

    `e` are the columns as each category's own codewords give them, and `u` what else is known of the row: `e` itself where
    nothing is said. The correction is what the tokens of all categories say beyond `e`. (A, B) minimise
    mean |x - y|² + linear_penalty |A|² + kernel_penalty tr(Bᵀ K B),  K_ij = k_j(z_i).

    Source: Saunders, Gammerman & Vovk 1998, ICML (kernel ridge regression); Williams & Seeger 2000, NIPS (few centres).
    """

    linear: Float[Tensor, "input column"]
    kernel: Float[Tensor, "center column"]
    centers: Float[Tensor, "center input"]
    squared_width: Float[Tensor, ""]

    def forward(
        self, e: Float[Tensor, "sample column"], inputs: Float[Tensor, "sample input"] | None = None
    ) -> Float[Tensor, "sample column"]:
        """All columns, corrected; computed in float64, so that a row decodes the same alone and among others."""
        u = e if inputs is None else inputs
        parts = zip(e.split(ROWS_AT_ONCE), u.split(ROWS_AT_ONCE), strict=True)
        return torch.cat([self._decode(own.double(), known.double()) for own, known in parts]).to(e.dtype)

    def _decode(
        self, e: Float[Tensor, "sample column"], u: Float[Tensor, "sample input"]
    ) -> Float[Tensor, "sample column"]:
        decoded = e + u @ self.linear.double()
        if len(self.centers):
            decoded = decoded + kernel(u, self.centers.double(), self.squared_width.double()) @ self.kernel.double()
        return decoded


def kernel(
    u: Float[Tensor, "sample input"], centers: Float[Tensor, "center input"], squared_width: Float[Tensor, ""]
) -> Float[Tensor, "sample center"]:
    """exp(-|u - z|² / h²) of every row and centre."""
    distances = u.square().sum(dim=1, keepdim=True) - 2 * u @ centers.mT + centers.square().sum(dim=1)
    return torch.exp(-distances.clamp(min=0.0) / squared_width)


def fit_joint_decoder(
    e: Float[Tensor, "sample column"],
    x: Float[Tensor, "sample column"],
    mask: Bool[Tensor, "sample column"],
    *,
    penalties: Sequence[tuple[float, float]],
    num_centers: int,
    width: float,
    inputs: Float[Tensor, "sample input"] | None = None,
) -> list[JointDecoder]:
    """The decoder of every pair of penalties.

    Args:
        e: own-category reconstructions of the rows to regress on.
        x: what they are to become.
        mask: True where `x` is present; elsewhere it asks for no correction.
        penalties: of the linear part, in units of a standardised column's variance, and of the kernel part.
        num_centers: rows that become centres, evenly taken; fewer where there are fewer rows; 0 for no kernel part.
        width: h² in units of the mean squared distance between rows and centres.
        inputs: what else is known of the rows, standardised alike; `e` when not given.
    """
    u = e if inputs is None else inputs
    columns = u.shape[1]
    missed = torch.where(mask, x - e, 0.0)
    count = min(num_centers, len(u))
    place = torch.arange(count, device=u.device) * len(u) // max(1, count)
    centers = u[place]
    spread = u.var(dim=0, unbiased=False).sum() + centers.var(dim=0, unbiased=False).sum() if count else u.new_ones(())
    squared_width = (width * spread).clamp(min=torch.finfo(e.dtype).tiny)
    size = columns + count
    gram = torch.zeros((size, size), dtype=torch.float64, device=e.device)
    products = torch.zeros((size, e.shape[1]), dtype=torch.float64, device=e.device)
    for some, target in zip(u.split(ROWS_AT_ONCE), missed.split(ROWS_AT_ONCE), strict=True):
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


def no_correction(
    like: Float[Tensor, "sample column"], inputs: Float[Tensor, "sample input"] | None = None
) -> JointDecoder:
    """The decoder that leaves every category of rows like these as its own codes give it."""
    known = like if inputs is None else inputs
    return JointDecoder(
        linear=like.new_zeros(known.shape[1], like.shape[1]),
        kernel=like.new_zeros(0, like.shape[1]),
        centers=known.new_zeros(0, known.shape[1]),
        squared_width=like.new_ones(()),
    )
