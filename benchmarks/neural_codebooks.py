"""Residual quantisation whose codewords depend on what has been decoded so far: a QINCo-like coder of whole vectors.

At every level each codeword c of a codebook becomes a candidate by a network that also sees the sum x̂ of the levels before:

    candidate = c + W relu(A c + B x̂ + b),      x̂ ← x̂ + the chosen candidate.

With W = 0 this is plain residual quantisation, which is where training starts. Its networks have one hidden layer where the
source's have blocks of several, so that the nearest of all candidates is found exactly without forming them.

Source: Huijben, Douze, Muckley, van Sloun & Verbeek 2024, "Residual quantization with implicit neural codebooks", ICML,
section 3, arXiv:2401.14732.
"""

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from spinlock.core.masked import masked_mse
from spinlock.vqvae.packing import Rows

ROWS_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class Training:
    """How the coder is trained.

    Attributes:
        hidden: width of the networks.
        rate, weight_decay: of AdamW; codebooks do not decay.
        epochs: at most.
        patience: epochs without a lower error of validation rows that end the training.
        batch: rows a step.
        beam: sums kept in the search for codes while training.
        test_beam: sums kept for validation and test rows.
    """

    hidden: int = 32
    rate: float = 1e-3
    weight_decay: float = 0.01
    epochs: int = 60
    patience: int = 4
    batch: int = 128
    beam: int = 1
    test_beam: int = 5


class NeuralCodebooks(nn.Module):
    """Codebooks of all levels and the networks that adapt them.

    Args:
        codebooks: (level, code, column), of a plain residual quantiser.
        hidden: width of the networks.
        generator: of their random weights.
    """

    def __init__(self, codebooks: Tensor, *, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        levels, _, columns = codebooks.shape
        scale = 1 / math.sqrt(2 * columns)
        self.codebooks = nn.Parameter(codebooks.clone())
        self.of_code = nn.Parameter(scale * torch.randn((levels, columns, hidden), generator=generator))
        self.of_sum = nn.Parameter(scale * torch.randn((levels, columns, hidden), generator=generator))
        self.bias = nn.Parameter(torch.zeros(levels, hidden))
        self.out = nn.Parameter(torch.zeros(levels, hidden, columns))

    def sums(self, codes: Tensor) -> list[Tensor]:
        """What codes (sample, level) stand for after each level: (sample, column) each."""
        sums, total = [], torch.zeros(())
        for level, chosen in enumerate(codes.T):
            word = self.codebooks[level][chosen]
            hidden = word @ self.of_code[level] + (total @ self.of_sum[level] if level else 0) + self.bias[level]
            total = total + word + hidden.relu() @ self.out[level]
            sums.append(total)
        return sums

    @torch.no_grad()
    def codes(self, x: Tensor, *, beam: int) -> Tensor:
        """Codes (sample, level) of the best sum that a search with a beam finds."""
        return torch.cat([self._codes(rows, beam) for rows in x.split(ROWS_AT_ONCE)])

    def _codes(self, x: Tensor, beam: int) -> Tensor:
        totals = torch.zeros_like(x)[:, None]  # (sample, kept, column)
        codes = torch.zeros((len(x), 1, 0), dtype=torch.long)  # (sample, kept, level)
        for level in range(len(self.codebooks)):
            distances = self._distances(level, x[:, None] - totals, totals)
            best = distances.flatten(1).topk(min(beam, distances[0].numel()), largest=False).indices
            parent, code = best // distances.shape[2], best % distances.shape[2]
            codes = torch.cat([torch.take_along_dim(codes, parent[..., None], dim=1), code[..., None]], dim=2)
            totals = torch.take_along_dim(totals, parent[..., None], dim=1)
            word = self.codebooks[level][code]
            hidden = word @ self.of_code[level] + totals @ self.of_sum[level] + self.bias[level]
            totals = totals + word + hidden.relu() @ self.out[level]
        return codes[:, 0]

    def _distances(self, level: int, left: Tensor, totals: Tensor) -> Tensor:
        """Squared distances (sample, kept, code) of what is left to every candidate.

        With u = relu(A c + B x̂ + b):  |r - c - W u|² = |r|² - 2 r·c + |c|² + u·(WᵀW u + 2 Wᵀc - 2 Wᵀr).
        """
        words, out = self.codebooks[level], self.out[level]
        plain = left.square().sum(-1, keepdim=True) - 2 * left @ words.T + words.square().sum(-1)
        hidden = (totals @ self.of_sum[level] + self.bias[level])[:, :, None] + words @ self.of_code[level]
        hidden = hidden.relu_()  # (sample, kept, code, hidden)
        slope = hidden @ (out @ out.T) + 2 * (words @ out.T) - 2 * (left @ out.T)[:, :, None]
        return plain + (hidden * slope).sum(-1)

    @torch.no_grad()
    def reconstruct(self, x: Tensor, *, beam: int) -> Tensor:
        """Rows after coding."""
        return self.sums(self.codes(x, beam=beam))[-1]

    @torch.no_grad()
    def restart(self, x: Tensor, codes: Tensor, generator: torch.Generator) -> None:
        """Codewords that none of the codes (sample, level) uses become what is left of random rows."""
        left = x
        for level, total in enumerate(self.sums(codes)):
            unused = torch.bincount(codes[:, level], minlength=self.codebooks.shape[1]) == 0
            drawn = torch.randint(len(x), (int(unused.sum()),), generator=generator)
            self.codebooks[level][unused] = left[drawn]
            left = x - total


def trained_codebooks(
    train: Rows, validation: Rows, codebooks: Tensor, *, how: Training, seed: int
) -> tuple[NeuralCodebooks, list[float]]:
    """The coder of the epoch with the lowest error of validation rows, and that error before training and after each epoch.

    All parameters follow AdamW on the sum over levels of the mean squared errors, with codes searched anew in every step. After
    an epoch, codewords that none of its rows used start again at what is left of random rows, if that lowers the error of
    validation rows: with few rows a code, what no training row uses still serves others.
    """
    generator = torch.Generator().manual_seed(seed)
    model = NeuralCodebooks(codebooks, hidden=how.hidden, generator=generator)
    networks = [value for name, value in model.named_parameters() if name != "codebooks"]
    groups = [{"params": [model.codebooks], "weight_decay": 0.0}, {"params": networks}]
    optimizer = torch.optim.AdamW(groups, lr=how.rate, weight_decay=how.weight_decay)
    best, errors = copy.deepcopy(model), [_error(model, validation, how.test_beam)]
    for _ in range(how.epochs):
        seen, used = torch.randperm(len(train.x), generator=generator), []
        for chosen in seen.split(how.batch):
            rows = train.x[chosen]
            used.append(model.codes(rows, beam=how.beam))
            loss = torch.stack([(total - rows).square().mean() for total in model.sums(used[-1])]).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        restarted = copy.deepcopy(model)
        restarted.restart(train.x[seen], torch.cat(used), generator)
        both = [_error(one, validation, how.test_beam) for one in (model, restarted)]
        if both[1] < both[0]:
            model.load_state_dict(restarted.state_dict())
        errors.append(min(both))
        if errors[-1] == min(errors):
            best = copy.deepcopy(model)
        elif len(errors) - 1 - errors.index(min(errors)) >= how.patience:
            break
    return best, errors


def _error(model: NeuralCodebooks, rows: Rows, beam: int) -> float:
    return masked_mse(rows.x, model.reconstruct(rows.x, beam=beam), rows.mask)
