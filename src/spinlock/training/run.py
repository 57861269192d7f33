"""One training run of the learned quantiser: from its classical start to its best state on validation rows."""

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from spinlock.core.errors import InputError
from spinlock.core.seeds import torch_stream
from spinlock.core.tokens import TokenizerConfig
from spinlock.training.checkpoint import (
    Checkpoints,
    optimizer_tensors,
    part_of,
    prefixed,
    restore_optimizer,
    weights_of,
)
from spinlock.training.history import History
from spinlock.training.rows import TrainingData, reconstruction_mse
from spinlock.training.schedule import learning_rate_at
from spinlock.training.settings import TrainingSettings
from spinlock.vqvae.layers import use_generator
from spinlock.vqvae.learned import LearnedBackend
from spinlock.vqvae.model import CategoricalHierarchicalVQVAE, Losses
from spinlock.vqvae.neighbor_mixing import mix_with_neighbors, nearest_neighbors

log = logging.getLogger(__name__)
MAX_GRADIENT_NORM = 1.0


class TrainingRun:
    """A model in training with everything that its next step depends on.

    The loss is reconstruction + commitment_cost x commitment + weights x (orthogonality, informativeness); AdamW with
    warm-up and a cosine; rows are mixed with neighbours and get noise; the state that is best on validation rows is kept.

    Args:
        model: at its start.
        data: training and validation rows.
        config: loss weights.
        settings: everything else.
    """

    def __init__(
        self,
        *,
        model: CategoricalHierarchicalVQVAE,
        data: TrainingData,
        config: TokenizerConfig,
        settings: TrainingSettings,
    ) -> None:
        self.model, self.data, self.config, self.settings = model, data, config, settings
        decayed = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(decayed, lr=settings.learning_rate, weight_decay=settings.weight_decay)
        self.generator = torch_stream(settings.seed, "training")
        use_generator(model, self.generator)
        self.neighbors = self._neighbors()
        self.history = History()
        self.epoch = self.step = self.stale = 0
        self.best_epoch = 0
        self.best_mse = self.evaluate()
        self.best = weights_of(model)
        self.history.add(0, {"validation_mse": self.best_mse})

    def _neighbors(self) -> Int[Tensor, "1 row neighbor"] | None:
        if self.settings.num_neighbors == 0 or self.settings.mixing_reach == 0 or len(self.data.train.x) < 2:
            return None
        rows = self.data.train.x[None]
        everyone = torch.ones(rows.shape[:2], dtype=torch.bool)
        return nearest_neighbors(rows, num_neighbors=self.settings.num_neighbors, present=everyone)

    @property
    def steps_an_epoch(self) -> int:
        """Batches of the training rows."""
        return math.ceil(len(self.data.train.x) / self.settings.batch_size)

    @property
    def num_epochs(self) -> int:
        """Passes over the rows: as many as asked for, or whole passes that hold the steps asked for."""
        if self.settings.num_steps is None:
            return self.settings.num_epochs
        return math.ceil(self.settings.num_steps / self.steps_an_epoch)

    @property
    def num_steps(self) -> int:
        """Steps of the whole run."""
        if self.settings.num_steps is not None:
            return self.settings.num_steps
        return self.settings.num_epochs * math.ceil(len(self.data.train.x) / self.settings.batch_size)

    @property
    def is_over(self) -> bool:
        """Whether all steps are done or patience has run out."""
        return self.step >= self.num_steps or self.stale >= self.settings.patience

    def backend(self) -> LearnedBackend:
        """The present weights as a backend."""
        return LearnedBackend.of(self.model, config=self.config, packing=self.data.packing, beam=self.settings.beam)

    def evaluate(self) -> float:
        """Mean squared error of the validation rows under the present weights, encoded as they will be."""
        return reconstruction_mse(self.backend(), self.data.validation)

    def run_epoch(self) -> dict[str, float]:
        """One pass over the training rows; the epoch's mean losses, and the validation error where it is due."""
        self.model.train()
        x, mask = self._augmented()
        order = torch.randperm(len(x), generator=self.generator)
        batches = order.split(self.settings.batch_size)[: self.num_steps - self.step]
        sums = torch.zeros(len(Losses._fields), dtype=torch.float64)
        for batch in batches:
            losses = self._step(x[batch], mask[batch])
            sums += torch.stack([term.detach().double() for term in losses]) * len(batch)
        self.epoch += 1
        means = (sums / sum(map(len, batches))).tolist()
        if not math.isfinite(means[0]):
            raise InputError(
                f"the training loss is not finite after epoch {self.epoch}; lower `learning_rate` ({self.settings.learning_rate})."
            )
        figures = dict(zip(Losses._fields, means, strict=True))
        if not self.config.topographic_weight:
            del figures["topographic"]  # it was not computed
        if self.epoch % self.settings.evaluate_every == 0 or self.step >= self.num_steps:
            figures["validation_mse"] = self._judge()
        self.history.add(self.epoch, figures)
        return figures

    def _augmented(self) -> tuple[Float[Tensor, "row column"], Bool[Tensor, "row column"]]:
        """The epoch's rows, each moved towards a random neighbour."""
        x, mask = self.data.train
        if self.neighbors is None:
            return x, mask
        mixed = mix_with_neighbors(x[None], self.neighbors, reach=self.settings.mixing_reach, generator=self.generator)
        return mixed[0], mask

    def _step(self, x: Float[Tensor, "row column"], mask: Bool[Tensor, "row column"]) -> Losses:
        """One step of the optimiser and of the codebooks."""
        rate = learning_rate_at(
            self.step,
            num_steps=self.num_steps,
            peak=self.settings.learning_rate,
            warmup=self.settings.warmup,
            final_rate=self.settings.final_rate,
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        target = self.data.packing.pack(x).transpose(0, 1).contiguous()
        present = self.data.packing.pack(mask).transpose(0, 1).contiguous()
        if self.settings.category_dropout:
            drawn = torch.rand(present.shape[:2], generator=self.generator).to(present.device)
            present &= (drawn >= self.settings.category_dropout)[..., None]
        noise = self.settings.input_noise * torch.randn(x.shape, generator=self.generator)
        seen = target + self.data.packing.pack(noise.to(x)).transpose(0, 1)
        losses = self.model.losses(
            seen,
            target,
            present,
            commitment_cost=self.config.commitment_cost,
            orthogonality_weight=self.config.orthogonality_weight,
            informativeness_weight=self.config.informativeness_weight,
            topographic_weight=self.config.topographic_weight,
            generator=self.generator,
        )
        self.optimizer.zero_grad()
        losses.total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), MAX_GRADIENT_NORM)
        self.optimizer.step()
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

    def finish(self) -> None:
        """Put the best state into the model."""
        self.model.load_state_dict(self.best)

    def save(self, checkpoints: Checkpoints) -> None:
        """Everything that the next step depends on."""
        tensors = prefixed("model", self.model.state_dict()) | prefixed("best", self.best)
        tensors |= prefixed("optimizer", optimizer_tensors(self.optimizer))
        tensors["generator"] = self.generator.get_state()
        state = {name: getattr(self, name) for name in _COUNTERS}
        state |= {
            "history": self.history.to_json(),
            "settings": _comparable(asdict(self.settings)),
            "config": _comparable(asdict(self.config)),
            "num_threads": torch.get_num_threads(),
        }
        checkpoints.save(step=self.step, tensors=tensors, state=state)

    def resume(self, checkpoints: Checkpoints) -> bool:
        """Go on from the newest checkpoint; False where there is none.

        Raises:
            InputError: if the checkpoint is of a run with other settings.
        """
        saved = checkpoints.load()
        if saved is None:
            return False
        for name, mine in (("settings", self.settings), ("config", self.config)):
            theirs, own = saved.state[name], _comparable(asdict(mine))
            differ = [key for key in own if own[key] != theirs.get(key)]
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
        self.model.load_state_dict(part_of(saved.tensors, "model"))
        self.best = part_of(saved.tensors, "best")
        restore_optimizer(self.optimizer, part_of(saved.tensors, "optimizer"))
        self.generator.set_state(saved.tensors["generator"])
        for name in _COUNTERS:
            setattr(self, name, saved.state[name])
        self.history = History.from_json(saved.state["history"])
        return True


_COUNTERS = ("epoch", "step", "stale", "best_mse", "best_epoch")


def _comparable(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as JSON returns them: tuples as lists, mappings as dicts."""
    return {
        key: _comparable(value)
        if isinstance(value, Mapping)
        else [_comparable(part) if isinstance(part, Mapping) else part for part in value]
        if isinstance(value, list | tuple)
        else value
        for key, value in settings.items()
    }


def train_to_the_end(
    run: TrainingRun,
    *,
    checkpoints: Checkpoints | None,
    resume: bool,
    on_progress: Callable[[Mapping[str, float]], None] | None,
) -> None:
    """Run every epoch that is left, then put the best state into the model."""
    if resume and checkpoints is not None and run.resume(checkpoints):
        log.info("training goes on after epoch %d.", run.epoch)
    while not run.is_over:
        figures = run.run_epoch()
        if on_progress is not None:
            on_progress({"epoch": float(run.epoch), "step": run.step, "num_steps": run.num_steps, **figures})
        if checkpoints is not None and (run.epoch % run.settings.checkpoint_every == 0 or run.is_over):
            run.save(checkpoints)
    run.finish()
