"""One family's part of a training run: its network, its rows, how far it is, and its best state on validation rows."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.core import ranks
from spinlock.core.errors import InputError
from spinlock.core.masked import squared_errors
from spinlock.core.seeds import torch_stream
from spinlock.core.spec import Stored
from spinlock.training.checkpoint import prefixed, weights_of
from spinlock.training.data import TrainingData, decoded
from spinlock.training.history import History
from spinlock.vqvae.coders.classical import ClassicalCoder
from spinlock.vqvae.coders.learned import LearnedCoder
from spinlock.vqvae.layers import use_generator
from spinlock.vqvae.model import CategoricalHierarchicalVQVAE, Forward
from spinlock.vqvae.neighbor_mixing import mix_with_neighbors
from spinlock.vqvae.packing import Rows
from spinlock.vqvae.part import tensors_below
from spinlock.vqvae.spec import EncoderSpec, ModelSpec


class Counters(Stored):
    """How far a family is, as state.json has it."""

    epoch: int
    step: int
    stale: int
    best_mse: float
    best_epoch: int


class Batch(NamedTuple):
    """Rows of a step, of which each process has a part.

    Attributes:
        num_rows: of the parts of all processes.
        rows: numbers of these ones among the training rows.
        x: standardised and moved towards neighbours.
        mask: True where a value was present.
    """

    num_rows: int
    rows: Int[Tensor, " row"]
    x: Float[Tensor, "row column"]
    mask: Bool[Tensor, "row column"]


class Problem:
    """A model in training with everything that its next step depends on, but for the optimiser.

    Every codeword starts as the classical one in the principal axes of its category; with `group_embedding_dim` at least the
    columns of a category, codes and sums of codewords are the classical ones before the first step. The loss is
    reconstruction + commitment_cost x commitment + weights x (orthogonality, informativeness); rows are mixed with neighbours
    and get noise; the state that is best on validation rows is kept.

    Args:
        classical: where the codebooks start.
        data: training and validation rows.
        model: shape and loss weights.
        encoder: what encodes the columns.
        ids: of the training and of the validation rows, which tell them apart from those of other families.
    """

    def __init__(
        self,
        classical: ClassicalCoder,
        data: TrainingData,
        *,
        model: ModelSpec,
        encoder: EncoderSpec,
        ids: tuple[tuple[str, ...], tuple[str, ...]],
    ) -> None:
        self.classical, self.data, self.spec, self.encoder, self.ids = classical, data, data.spec, encoder, ids
        rows = data.batch.values.transpose(0, 1)
        network = CategoricalHierarchicalVQVAE(
            num_categories=len(rows),
            width=rows.shape[2],
            spec=model,
            encoder=encoder,
            generator=torch_stream(self.spec.seed, "weights"),
        ).to(rows.device)
        network.start_at(rows, classical.codebooks, batch_size=min(self.spec.batch_size, rows.shape[1]))
        self.model = network
        self.generator = torch_stream(self.spec.seed, "training")
        use_generator(network, self.generator)
        self.history = History()
        self.epoch = self.step = self.stale = 0
        self.best_epoch = 0
        self.steps_per_epoch = math.ceil(len(data.train.x) / self.spec.batch_size)
        self.best_mse = self.evaluate()
        self.best = weights_of(network)
        self.history.add(0, {"validation_mse": self.best_mse})

    @property
    def num_steps(self) -> int:
        """Steps of the whole run."""
        return self.spec.num_epochs * self.steps_per_epoch

    @property
    def is_over(self) -> bool:
        """Whether all steps are done or patience has run out."""
        return self.step >= self.num_steps or self.stale >= self.spec.patience

    @property
    def is_due(self) -> bool:
        """Whether validation rows are to be looked at after this epoch."""
        return self.epoch % self.spec.evaluate_every == 0 or self.step >= self.num_steps

    @property
    def rate(self) -> float:
        """The rate of the next step."""
        spec = self.spec
        return learning_rate_at(
            self.step,
            num_steps=self.num_steps,
            peak=spec.learning_rate,
            warmup=spec.warmup,
            final_rate=spec.final_rate,
        )

    def parameters(self) -> list[Tensor]:
        """What is trained."""
        return [parameter for parameter in self.model.parameters() if parameter.requires_grad]

    def coder(self) -> LearnedCoder:
        """The present weights as a coder."""
        return LearnedCoder.of(self.model, encoder=self.encoder, beam=self.spec.beam)

    def evaluate(self) -> float:
        """Mean squared error of the validation rows under the present weights, encoded as they will be."""
        rows = Rows(*map(ranks.own, self.data.validation))
        with ranks.part_of(len(self.data.validation.x)):
            errors = squared_errors(rows.x, decoded(self.coder(), rows, packing=self.data.packing), rows.mask)
            squares, entries = ranks.summed(errors.sum(), rows.mask.sum())
        return float(squares / entries)

    def shuffled(self) -> list[Batch]:
        """The epoch's rows, each moved towards a random neighbour, in batches of a random order, as one process would draw it."""
        self.model.train()
        x, mask = self.augmented()
        order = torch.randperm(len(x), generator=self.generator).to(x.device).split(self.spec.batch_size)
        parts = [(len(rows), ranks.own(rows)) for rows in order]
        return [Batch(num_rows, rows, x[rows], mask[rows]) for num_rows, rows in parts]

    def augmented(self) -> tuple[Float[Tensor, "row column"], Bool[Tensor, "row column"]]:
        """The training rows, each moved towards a random neighbour."""
        x, mask = self.data.train
        neighbors = self.data.row_neighbors
        if neighbors is None:
            return x, mask
        mixed = mix_with_neighbors(x[None], neighbors, reach=self.spec.mixing_reach, generator=self.generator)
        return mixed[0], mask

    def forward(self, batch: Batch) -> Forward:
        """The losses of some rows, seen through noise."""
        pack = self.data.packing.pack
        target, present = (pack(part).transpose(0, 1).contiguous() for part in (batch.x, batch.mask))
        drawn = torch.randn((batch.num_rows, batch.x.shape[1]), generator=self.generator)
        noise = self.spec.input_noise * ranks.own(drawn)
        with ranks.part_of(batch.num_rows):
            return self.model.losses(target + pack(noise.to(batch.x)).transpose(0, 1), target, present)

    def follow(self, batch: Batch, told: Forward) -> None:
        """Let the codebooks take a step towards what the batch said."""
        with ranks.part_of(batch.num_rows):
            self.model.follow(told.statistics, generator=self.generator)
        self.step += 1

    def judge(self, mse: float) -> bool:
        """Keep the state if it is the best so far.

        Args:
            mse: what is to be small: the validation error, or that and what families are coupled by.
        """
        is_better = mse < self.best_mse
        if is_better:
            self.best_mse, self.best_epoch, self.stale = mse, self.epoch, 0
            self.best = weights_of(self.model)
        else:
            self.stale += 1
        return is_better

    def check_finite(self, loss: float) -> None:
        """Refuse to go on after a loss that is not finite."""
        if not math.isfinite(loss):
            raise InputError(
                f"the training loss is not finite after epoch {self.epoch}; lower `learning_rate` ({self.spec.learning_rate})."
            )

    def finish(self) -> None:
        """Take the best state."""
        self.model.load_state_dict(self.best)

    def tensors(self) -> dict[str, Tensor]:
        """Of the state, for a checkpoint."""
        weights = prefixed("model", self.model.state_dict()) | prefixed("best", self.best)
        return weights | {"generator": self.generator.get_state()}

    def state(self) -> dict[str, Any]:
        """Numbers of the state, for a checkpoint."""
        return {name: getattr(self, name) for name in Counters.model_fields} | {"history": self.history.to_json()}

    def check(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Refuse a state that is not one of this network.

        Raises:
            InputError: if tensors are of other shapes, or numbers are none.
        """
        shapes = {name: tensor.shape for name, tensor in self.model.state_dict().items()}
        for part in ("model", "best"):
            if {name: tensor.shape for name, tensor in tensors_below(tensors, part).items()} != shapes:
                raise InputError("its tensors are not those of this run's networks.")
        Counters.read(state, where="state.json")
        History.from_json(state["history"])
        torch.Generator().set_state(tensors["generator"])

    def take(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Take over a state that was checked."""
        self.generator.set_state(tensors["generator"])
        self.model.load_state_dict(tensors_below(tensors, "model"))
        self.best, self.history = tensors_below(tensors, "best"), History.from_json(state["history"])
        for name, value in Counters.read(state, where="state.json"):
            if name in Counters.model_fields:
                setattr(self, name, value)

    @property
    def rows(self) -> dict[str, object]:
        """What tells these rows and columns from others."""
        return {"ids": self.ids, "columns": self.data.packing.columns.tolist()}

    def settings(self) -> dict[str, object]:
        """What the next step depends on besides the state, fit for JSON."""
        spec = {name: value for name, value in self.spec.model_dump(mode="json").items() if name not in _ELSEWHERE}
        return spec | self.model.spec.model_dump(mode="json") | self.encoder.model_dump(mode="json")


_ELSEWHERE = ("checkpoint_dir", "resume_from", "category_mapping_file", "device", "refit")
"""Settings that may differ between a run and the one that goes on with it: files, the device, and what comes afterwards."""


def learning_rate_at(step: int, *, num_steps: int, peak: float, warmup: float, final_rate: float) -> float:
    """The rate of step 0, 1, …: linear from 0 to `peak`, then along a half cosine to `peak` x `final_rate`.

    Args:
        step: number of steps taken so far.
        num_steps: of the whole run.
        peak: the highest rate.
        warmup: share of the steps that rise.
        final_rate: the last rate as a share of the peak.
    """
    rising = warmup * num_steps
    if step < rising:
        return peak * (step + 1) / (math.floor(rising) + 1)
    done = min(1.0, (step - rising) / max(1.0, num_steps - rising))
    return peak * (final_rate + (1 - final_rate) * 0.5 * (1 + math.cos(math.pi * done)))
