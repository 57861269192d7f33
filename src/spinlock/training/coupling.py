"""What couples the families of a joint run: weights, and a term that predicts one family's tokens from others."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from spinlock.core.seeds import torch_stream
from spinlock.core.tokens import MISSING
from spinlock.training.checkpoint import prefixed
from spinlock.training.problem import Batch, Problem
from spinlock.training.spec import JointSpec
from spinlock.training.weighting import Weighting
from spinlock.vqvae.layers import CategoricalLinear
from spinlock.vqvae.part import tensors_below

CROSS = "cross"
"""Name of the coupling term among the families'."""
HIDDEN = 128


class CrossTerm(nn.Module):
    """Cross-entropy of a family's coarse tokens, predicted from the quantised vectors of other families.

    Its gradient moves the encoders of these families; the tokens that it predicts are fixed, and so are vectors of families
    without a network. What a sample lacks is 0 among the vectors, and not counted among the tokens.

    Args:
        sources: families with a network, by name.
        fixed: of families without: for every sample by its id the vector of its tokens.
        target: the first-level tokens of every sample by its id, -1 where there is none.
        sizes: codes of each of these tokens.
    """

    def __init__(
        self,
        sources: Mapping[str, Problem],
        *,
        fixed: Mapping[str, Float[Tensor, " number"]],
        target: Mapping[str, Int[Tensor, " category"]],
        sizes: Sequence[int],
    ) -> None:
        super().__init__()
        self.sources, self.sizes = dict(sources), list(sizes)
        spec = next(iter(self.sources.values())).spec
        self.generator = torch_stream(spec.seed, CROSS)
        self.batch_size = spec.batch_size
        self.rows, self.fixed, self.target = [], [], []
        for split in (0, 1):  # training, validation
            ids = tuple(dict.fromkeys(name for one in self.sources.values() for name in one.ids[split]))
            self.rows.append({name: _places(ids, one.ids[split]) for name, one in self.sources.items()})
            width = len(next(iter(fixed.values()), ()))
            none, unknown = torch.zeros(width), torch.full((len(self.sizes),), MISSING)
            self.fixed.append(torch.stack([torch.nan_to_num(fixed.get(name, none)) for name in ids]))
            self.target.append(torch.stack([target.get(name, unknown) for name in ids]))
        num_inputs = self.fixed[0].shape[1] + sum(
            one.data.packing.num_categories * one.model.spec.group_embedding_dim for one in self.sources.values()
        )
        generator = torch_stream(spec.seed, "cross weights")
        self.hidden = CategoricalLinear(num_categories=1, input_dim=num_inputs, output_dim=HIDDEN, generator=generator)
        self.logits = CategoricalLinear(num_categories=1, input_dim=HIDDEN, output_dim=sum(self.sizes))
        self.chunks: tuple[Tensor, ...] = ()
        for one in self.sources.values():
            one.steps_per_epoch = -(-len(self.target[0]) // self.batch_size)

    def shuffled(self) -> dict[str, list[Batch]]:
        """The epoch's batches of every source: rows of the same samples in the same steps."""
        order = torch.randperm(len(self.target[0]), generator=self.generator)
        self.chunks = order.split(self.batch_size)
        batches = {}
        for name, one in self.sources.items():
            one.model.train()
            x, mask = one.augmented()
            rows = [(own := self.rows[0][name][chunk])[own >= 0] for chunk in self.chunks]
            batches[name] = [Batch(len(some), some, x[some], mask[some]) for some in rows]
        return batches

    def loss(self, quantised: Mapping[str, Float[Tensor, "category row latent"]], number: int) -> Float[Tensor, ""]:
        """Mean over samples and their tokens of -log p, in nats.

        Args:
            quantised: of the sources' batches of this step.
            number: of the step in the epoch.
        """
        return self._entropy({name: z.transpose(0, 1) for name, z in quantised.items()}, self.chunks[number], split=0)

    @torch.no_grad()
    def validation_loss(self) -> float:
        """The same of the validation samples, from the tokens that the present networks give them."""
        vectors = {}
        for name, one in self.sources.items():
            coder, data = one.coder(), one.data
            vectors[name] = coder.embed(coder.encode(data.packing.batch(data.validation)))
        everyone = torch.arange(len(self.target[1]))
        return float(self._entropy(vectors, everyone, split=1))

    def _entropy(
        self, vectors: Mapping[str, Float[Tensor, "row category latent"]], chunk: Int[Tensor, " sample"], *, split: int
    ) -> Float[Tensor, ""]:
        told = [self.fixed[split][chunk]]
        for name, own in vectors.items():
            there = self.rows[split][name][chunk] >= 0
            rows = own.flatten(1).to(self.fixed[split].device)
            rows = rows if split == 0 else rows[self.rows[split][name][chunk][there]]
            told.append(rows.new_zeros(len(chunk), rows.shape[1]).index_copy(0, there.nonzero().squeeze(1), rows))
        hidden = torch.nn.functional.silu(self.hidden(torch.cat(told, dim=1)[None]))
        logits = self.logits(hidden)[0].split(self.sizes, dim=1)
        wrong = [
            torch.nn.functional.cross_entropy(own, codes, ignore_index=MISSING, reduction="sum")
            for own, codes in zip(logits, self.target[split][chunk].T, strict=True)
        ]
        return torch.stack(wrong).sum() / (self.target[split][chunk] != MISSING).sum().clamp(min=1)


class Coupling(nn.Module):
    """Weights of the families' losses, and the term that couples them, if there is one.

    Args:
        problems: the families in training.
        spec: the weighting.
        cross: the coupling term.
    """

    def __init__(self, problems: Mapping[str, Problem], spec: JointSpec, cross: CrossTerm | None = None) -> None:
        super().__init__()
        weights = {name: spec.weights.get(name, 1.0) for name in problems}
        if cross is not None and spec.cross is not None:
            weights[CROSS] = spec.cross.weight
        self.spec, self.cross = spec, cross
        self.weighting = Weighting(spec.weighting, weights)
        self.sums: dict[str, list[float]] = {}
        self.best_head: dict[str, Tensor] = {}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """What is trained beside the families."""
        groups: list[dict[str, Any]] = []
        if self.spec.weighting == "uncertainty":
            groups.append({"params": [self.weighting.log_variances], "weight_decay": 0.0})
        if self.cross is not None:
            groups.append({"params": list(self.cross.parameters())})
        return groups

    def shuffled(self, active: Mapping[str, Problem]) -> dict[str, list[Batch]]:
        """The epoch's batches of the families that a term couples; those of others are their own."""
        self.sums = {}
        if self.cross is None or not set(self.cross.sources) <= set(active):
            return {}
        return self.cross.shuffled()

    def total(
        self,
        losses: Mapping[str, Float[Tensor, ""]],
        quantised: Mapping[str, Float[Tensor, "category row latent"]],
        parameters: Mapping[str, list[Tensor]],
        number: int,
    ) -> Float[Tensor, ""]:
        """The loss to descend.

        Args:
            losses: of the families that have rows in this step.
            quantised: their vectors.
            parameters: theirs.
            number: of the step in the epoch.
        """
        terms, shared = dict(losses), []
        if self.cross is not None and set(self.cross.sources) <= set(losses):
            terms[CROSS] = self.cross.loss({name: quantised[name] for name in self.cross.sources}, number)
            shared = [part for name in self.cross.sources for part in parameters[name]]
            self.sums.setdefault("train_cross", []).append(float(terms[CROSS].detach()))
        total = self.weighting.total(terms, shared)
        for name in terms:
            self.sums.setdefault(f"weight_{name}", []).append(self.weighting.present[name])
        return total

    def end_epoch(self) -> dict[str, float]:
        """Means over the epoch's steps: the weight of every term, and the coupling term."""
        return {name: sum(values) / len(values) for name, values in self.sums.items()}

    def judged(self, due: Mapping[str, Problem], errors: Mapping[str, float]) -> dict[str, dict[str, float]]:
        """Figures of the coupled families, whose best state is the one with the least sum of their errors and the term.

        Args:
            due: the families that are judged now.
            errors: their validation errors.
        """
        if self.cross is None or not set(self.cross.sources) <= set(due) or self.spec.cross is None:
            return {}
        loss = self.cross.validation_loss()
        together = sum(self.spec.weights.get(name, 1.0) * errors[name] for name in self.cross.sources)
        together += self.spec.cross.weight * loss
        if together < next(iter(self.cross.sources.values())).best_mse:
            self.best_head = {name: tensor.clone() for name, tensor in self.cross.state_dict().items()}
        return dict.fromkeys(self.cross.sources, {"validation_cross": loss, "validation_coupled": together})

    def start(self) -> None:
        """The figures of the families as they are before the first step."""
        if self.cross is None:
            return
        errors = {name: one.best_mse for name, one in self.cross.sources.items()}
        for name, figures in self.judged(self.cross.sources, errors).items():
            self.cross.sources[name].best_mse = figures["validation_coupled"]
            self.cross.sources[name].history.add(0, figures)
        self.best_head = {name: tensor.clone() for name, tensor in self.cross.state_dict().items()}

    def tensors(self) -> dict[str, Tensor]:
        """Of the state, for a checkpoint."""
        found = prefixed("now", self.state_dict())
        if self.cross is not None:
            found |= prefixed("best", self.best_head) | {"generator": self.cross.generator.get_state()}
        return found

    def take(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over a state."""
        self.load_state_dict(tensors_below(tensors, "now"))
        if self.cross is not None:
            self.best_head = tensors_below(tensors, "best")
            self.cross.generator.set_state(tensors["generator"])

    def settings(self) -> dict[str, object]:
        """What the next step depends on besides the state, fit for JSON."""
        return {f"joint.{key}": value for key, value in self.spec.model_dump(mode="json").items()}


def _places(ids: Sequence[str], among: Sequence[str]) -> Int[Tensor, " sample"]:
    """Row of each sample; -1 where it has none."""
    place = {name: row for row, name in enumerate(among)}
    return torch.tensor([place.get(name, -1) for name in ids])
