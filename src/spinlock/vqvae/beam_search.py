"""The codes whose codewords add up closest to a target, searched with several hypotheses at once."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

ROWS_AT_ONCE = 128
MOST_SETTLING_ROUNDS = 8


class Codebook(NamedTuple):
    """The codewords of one level, in the space where levels add up.

    Below a first level of words every word has its own codewords, and a dimension "word" stands before the tokens.
    """

    codewords: Float[Tensor, "category *word token latent"]
    is_used: Bool[Tensor, "category *word token"]

    def double(self) -> "Codebook":
        """The same in float64, in which all searches are done."""
        return Codebook(self.codewords.double(), self.is_used)


class Beams(NamedTuple):
    """The best hypotheses of each row, best first.

    Attributes:
        codes: chosen so far.
        residuals: target minus the sum of the chosen codewords.
        errors: squared length of the residual; infinite for a hypothesis that does not exist.
    """

    codes: Int[Tensor, "category row beam level"]
    residuals: Float[Tensor, "category row beam latent"]
    errors: Float[Tensor, "category row beam"]


def start_beams(targets: Float[Tensor, "category row latent"]) -> Beams:
    """One hypothesis a row: nothing chosen yet."""
    categories, rows, _ = targets.shape
    codes = torch.zeros((categories, rows, 1, 0), dtype=torch.long, device=targets.device)
    return Beams(codes, targets[:, :, None, :], targets.square().sum(dim=2)[:, :, None])


def extend_beams(beams: Beams, codebook: Codebook, *, beam: int) -> Beams:
    """The `beam` best extensions of all hypotheses by one more codeword."""
    categories, rows, width, latent = beams.residuals.shape
    codewords, is_used = codebook
    tokens = codewords.shape[1]
    offsets = torch.where(is_used, codewords.square().sum(dim=2), torch.inf)
    gains = torch.baddbmm(offsets[:, None, :], beams.residuals.flatten(1, 2), codewords.mT, alpha=-2)
    scores = (gains.view(categories, rows, width, tokens) + beams.errors[..., None]).flatten(2)
    kept = min(beam, width * tokens)
    best = scores.topk(kept, dim=2, largest=False) if kept > 1 else scores.min(dim=2, keepdim=True)
    parent, code = best.indices // tokens, best.indices % tokens  # (category, row, beam)
    # Whole vectors by their place in a flat array: number by number, gathering takes three times as long.
    book = torch.arange(categories, device=codewords.device).view(-1, 1, 1)
    rows_before = torch.arange(categories * rows, device=codewords.device).view(categories, rows, 1) * width
    residuals = beams.residuals.reshape(-1, latent).index_select(0, (rows_before + parent).flatten())
    residuals -= codewords.reshape(-1, latent).index_select(0, (book * tokens + code).flatten())
    residuals = residuals.view(categories, rows, kept, latent)
    before = beams.codes.gather(2, parent[..., None].expand(-1, -1, -1, beams.codes.shape[3]))
    errors = torch.where(torch.isinf(best.values), torch.inf, residuals.square().sum(dim=3))
    return Beams(torch.cat([before, code[..., None]], dim=3), residuals, errors)


def beam_search(
    targets: Float[Tensor, "sample category latent"],
    codebooks: Sequence[Codebook],
    *,
    beam: int,
    is_nested: bool = False,
) -> Int[Tensor, "sample category level"]:
    """Codes of every category, one a level: the best of `beam` hypotheses; greedy with `beam` 1.

    Computed in float64, in blocks of rows: a row's codes are then the same alone and among others, although the order
    of summation in a matrix product depends on the block.

    Args:
        targets: what the codewords are to add up to.
        codebooks: coarse to fine.
        beam: hypotheses.
        is_nested: whether the first level's code is that of the nearest codeword, whatever comes after it; hypotheses whose sum
            has another nearest one are only taken where there is no other.
    """
    books = [book.double() for book in codebooks]
    codes = []
    for part in targets.double().transpose(0, 1).split(ROWS_AT_ONCE, dim=1):
        beams = start_beams(part)
        for level, book in enumerate(books):
            beams = extend_beams(beams, book, beam=1 if is_nested and level == 0 else beam)
        errors = beams.errors
        if is_nested:
            sums = part[:, :, None] - beams.residuals
            first = extend_beams(start_beams(sums.flatten(1, 2)), books[0], beam=1).codes.view(beams.errors.shape)
            at_home = (first == beams.codes[..., 0]) & torch.isfinite(errors)
            errors = torch.where(at_home | ~at_home.any(dim=2, keepdim=True), errors, torch.inf)
        best = errors.argmin(dim=2)
        chosen = beams.codes.gather(2, best[:, :, None, None].expand(-1, -1, 1, beams.codes.shape[3]))
        codes.append(chosen[:, :, 0].transpose(0, 1))
    return torch.cat(codes)


def settled(
    codes: Int[Tensor, "sample category level"],
    again: Callable[[Int[Tensor, "row category level"]], Int[Tensor, "row category level"]],
) -> Int[Tensor, "sample category level"]:
    """Codes such that what they stand for has these codes, near those that a search has found.

    The search may find other codes for what its codes decode to: it keeps a few hypotheses and may drop, on the way to a sum, the
    very codes that add up to it, and the edge of the range may lie nearer to other sums. Where it does, the row gets the
    codes that it finds there, and so on until they stay; of codes that go round in a circle, the smallest.

    Args:
        codes: as the search found them.
        again: codes that the search finds for what codes decode to.
    """
    codes = codes.clone()
    rows = torch.arange(len(codes), device=codes.device)
    for _ in range(MOST_SETTLING_ROUNDS):
        found = again(codes[rows])
        moved = (found != codes[rows]).flatten(1).any(dim=1)
        rows, found = rows[moved], found[moved]
        if len(rows) == 0:
            return codes
        codes[rows] = found
    circle = [codes[rows]]
    for _ in range(MOST_SETTLING_ROUNDS):
        circle.append(again(circle[-1]))
    walks = torch.stack(circle, dim=2).tolist()  # [row][category][step][level]
    codes[rows] = torch.tensor([[min(steps) for steps in row] for row in walks], device=codes.device)
    return codes


def codeword_sums(
    codes: Int[Tensor, "sample category level"], codebooks: Sequence[Codebook]
) -> Float[Tensor, "sample category latent"]:
    """Sum of the chosen codewords of the first `codes.shape[2]` levels; 0 for an absent category (code -1)."""
    categories = torch.arange(codes.shape[1], device=codes.device)
    total = codebooks[0].codewords.new_zeros((*codes.shape[:2], codebooks[0].codewords.shape[-1]))
    for level, book in enumerate(codebooks[: codes.shape[2]]):
        code = codes[..., level].clamp(min=0)
        place = (categories, codes[..., 0].clamp(min=0), code) if book.codewords.dim() == 4 else (categories, code)
        total = total + torch.where((codes[..., :1] >= 0), book.codewords[place], 0.0)
    return total
