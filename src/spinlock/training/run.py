"""One training run of the learned quantiser: from its classical start to its best state on validation rows."""

import logging
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from spinlock.core.errors import InputError, reading_errors
from spinlock.core.seeds import torch_stream
from spinlock.core.spec import Stored
from spinlock.store.checkpoint_folder import Checkpoint, checkpoints, save_checkpoint
from spinlock.training.checkpoint import optimizer_tensors, prefixed, restore_optimizer, weights_of
from spinlock.training.data import TrainingData, reconstruction_mse
from spinlock.training.history import History
from spinlock.vqvae.coders.classical import ClassicalCoder
from spinlock.vqvae.coders.learned import LearnedCoder
from spinlock.vqvae.layers import use_generator
from spinlock.vqvae.model import CategoricalHierarchicalVQVAE, Losses
from spinlock.vqvae.neighbor_mixing import mix_with_neighbors
from spinlock.vqvae.part import tensors_below
from spinlock.vqvae.spec import EncoderSpec, ModelSpec

log = logging.getLogger(__name__)
MAX_GRADIENT_NORM = 1.0
OnProgress = Callable[[Mapping[str, float]], None]


class Counters(Stored):
    """How far a run is, as state.json has it."""

    epoch: int
    step: int
    stale: int
    best_mse: float
    best_epoch: int


class _Settings(Stored):
    settings: Annotated[dict[str, Any], Field(min_length=1)]


class TrainingRun:
    """A model in training with everything that its next step depends on.

    Every codeword starts as the classical one in the principal axes of its category; with `group_embedding_dim` at least the
    columns of a category, codes and sums of codewords are the classical ones before the first step. The loss is
    reconstruction + commitment_cost x commitment + weights x (orthogonality, informativeness); AdamW with warm-up and a
    cosine; rows are mixed with neighbours and get noise; the state that is best on validation rows is kept.

    Args:
        classical: where the codebooks start.
        data: training and validation rows.
        model: shape and loss weights.
        encoder: what encodes the columns.
    """

    def __init__(
        self, classical: ClassicalCoder, data: TrainingData, *, model: ModelSpec, encoder: EncoderSpec
    ) -> None:
        self.data, self.spec, self.encoder = data, data.spec, encoder
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
        trained = [p for p in network.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, lr=self.spec.learning_rate, weight_decay=self.spec.weight_decay)
        self.generator = torch_stream(self.spec.seed, "training")
        use_generator(network, self.generator)
        self.history = History()
        self.epoch = self.step = self.stale = 0
        self.best_epoch = 0
        self.best_mse = self.evaluate()
        self.best = weights_of(network)
        self.history.add(0, {"validation_mse": self.best_mse})

    @property
    def num_steps(self) -> int:
        """Steps of the whole run."""
        return self.spec.num_epochs * math.ceil(len(self.data.train.x) / self.spec.batch_size)

    @property
    def is_over(self) -> bool:
        """Whether all steps are done or patience has run out."""
        return self.step >= self.num_steps or self.stale >= self.spec.patience

    def coder(self) -> LearnedCoder:
        """The present weights as a coder."""
        return LearnedCoder.of(self.model, encoder=self.encoder, beam=self.spec.beam)

    def evaluate(self) -> float:
        """Mean squared error of the validation rows under the present weights, encoded as they will be."""
        return reconstruction_mse(self.coder(), self.data.validation, packing=self.data.packing)

    def run_epoch(self) -> dict[str, float]:
        """One pass over the training rows; the epoch's mean losses, and the validation error where it is due."""
        self.model.train()
        x, mask = self._augmented()
        batches = torch.randperm(len(x), generator=self.generator).to(x.device).split(self.spec.batch_size)
        sums = torch.zeros(len(Losses._fields), dtype=torch.float64)
        for batch in batches:
            losses = self._step(x[batch], mask[batch])
            sums += torch.stack([term.detach().double().cpu() for term in losses]) * len(batch)
        self.epoch += 1
        means = (sums / len(x)).tolist()
        if not math.isfinite(means[0]):
            raise InputError(
                f"the training loss is not finite after epoch {self.epoch}; lower `learning_rate` ({self.spec.learning_rate})."
            )
        figures = dict(zip(Losses._fields, means, strict=True))
        if self.epoch % self.spec.evaluate_every == 0 or self.step >= self.num_steps:
            figures["validation_mse"] = self._judge()
        self.history.add(self.epoch, figures)
        return figures

    def _augmented(self) -> tuple[Float[Tensor, "row column"], Bool[Tensor, "row column"]]:
        """The epoch's rows, each moved towards a random neighbour."""
        x, mask = self.data.train
        neighbors = self.data.row_neighbors
        if neighbors is None:
            return x, mask
        mixed = mix_with_neighbors(x[None], neighbors, reach=self.spec.mixing_reach, generator=self.generator)
        return mixed[0], mask

    def _step(self, x: Float[Tensor, "row column"], mask: Bool[Tensor, "row column"]) -> Losses:
        """One step of the optimiser and of the codebooks."""
        rate = learning_rate_at(
            self.step,
            num_steps=self.num_steps,
            peak=self.spec.learning_rate,
            warmup=self.spec.warmup,
            final_rate=self.spec.final_rate,
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        pack = self.data.packing.pack
        target, present = (pack(part).transpose(0, 1).contiguous() for part in (x, mask))
        noise = self.spec.input_noise * torch.randn(x.shape, generator=self.generator)
        seen = target + pack(noise.to(x)).transpose(0, 1)
        losses, statistics = self.model.losses(seen, target, present)
        self.optimizer.zero_grad()
        losses.total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), MAX_GRADIENT_NORM)
        self.optimizer.step()
        self.model.follow(statistics, generator=self.generator)
        self.step += 1
        return losses

    def _judge(self) -> float:
        """Evaluate, and keep the state if it is the best so far."""
        mse = self.evaluate()
        if mse < self.best_mse:
            self.best_mse, self.best_epoch, self.stale = mse, self.epoch, 0
            self.best = weights_of(self.model)
        else:
            self.stale += 1
        return mse

    def to_the_end(
        self, *, checkpoints: Path | None = None, resume: bool = False, on_progress: OnProgress | None = None
    ) -> LearnedCoder:
        """Run every epoch that is left; the coder of the best state.

        Args:
            checkpoints: folder for the state of the run; nowhere when not given.
            resume: go on from the newest checkpoint there, if there is one.
            on_progress: called with "epoch", "step", "num_steps" and the figures of every epoch.

        Raises:
            InputError: if the checkpoint is of a run with other settings, or the loss is not finite.
        """
        if resume and checkpoints is not None and self.resume(checkpoints):
            log.info("training goes on after epoch %d.", self.epoch)
        while not self.is_over:
            figures = self.run_epoch()
            if on_progress is not None:
                on_progress({"epoch": float(self.epoch), "step": self.step, "num_steps": self.num_steps, **figures})
            if checkpoints is not None and (self.epoch % self.spec.checkpoint_every == 0 or self.is_over):
                self.save(checkpoints)
        self.model.load_state_dict(self.best)
        return self.coder()

    def save(self, folder: Path) -> None:
        """Everything that the next step depends on, as a checkpoint."""
        tensors = prefixed("model", self.model.state_dict()) | prefixed("best", self.best)
        tensors |= prefixed("optimizer", optimizer_tensors(self.optimizer))
        tensors["generator"] = self.generator.get_state()
        state = {name: getattr(self, name) for name in Counters.model_fields}
        state |= {
            "history": self.history.to_json(),
            "settings": self._settings(),
            "num_threads": torch.get_num_threads(),
        }
        save_checkpoint(folder, step=self.step, tensors=tensors, state=state)

    def resume(self, folder: Path) -> bool:
        """Go on from the newest checkpoint; False where there is none.

        Raises:
            InputError: if the checkpoint is of a run with other settings.
        """
        for saved in checkpoints(folder):
            try:
                with reading_errors("its state"):
                    theirs, own = _Settings.read(saved.state, where="state.json").settings, self._settings()
                    differ = [key for key in own if own[key] != theirs.get(key)]
                    if not differ:
                        self._take(saved)
            except InputError as error:
                log.warning("checkpoint %s is passed over: %s", saved.path.name, error)
                continue
            if differ:
                raise InputError(
                    f"the checkpoint was made with another {differ[0]} ({theirs.get(differ[0])!r}) than this run ({own[differ[0]]!r})."
                )
            if saved.state["num_threads"] != torch.get_num_threads():
                log.warning(
                    "the checkpoint was made with %s threads, this run has %s: the weights may differ in their last bits.",
                    saved.state["num_threads"],
                    torch.get_num_threads(),
                )
            return True
        return False

    def _take(self, saved: Checkpoint) -> None:
        """Take over a state as a whole; where it is unfit, nothing is changed."""
        weights, best, moments = (tensors_below(saved.tensors, name) for name in ("model", "best", "optimizer"))
        shapes = {name: tensor.shape for name, tensor in self.model.state_dict().items()}
        for found in (weights, best):
            if {name: tensor.shape for name, tensor in found.items()} != shapes:
                raise InputError("its tensors are not those of this run's networks.")
        trained = [list(parameter.shape) for group in self.optimizer.param_groups for parameter in group["params"]]
        for name, moment in moments.items():
            number, what = name.split(".", 1)
            if list(moment.shape) != ([] if what == "step" else trained[int(number)]):
                raise InputError(f"the optimiser's {name} is not of this run's networks.")
        counters = Counters.read(saved.state, where="state.json")
        history = History.from_json(saved.state["history"])
        self.generator.set_state(saved.tensors["generator"])
        self.model.load_state_dict(weights)
        self.best, self.history = best, history
        restore_optimizer(self.optimizer, moments)
        for name in Counters.model_fields:
            setattr(self, name, getattr(counters, name))

    def _settings(self) -> dict[str, object]:
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
