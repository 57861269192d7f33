"""A training run of the learned quantiser, of one family or of several at once: one optimiser, one loop, one checkpoint."""

import logging
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import torch
from pydantic import Field
from torch import Tensor

from spinlock.core import ranks
from spinlock.core.errors import InputError, reading_errors
from spinlock.core.spec import Stored
from spinlock.store.checkpoint_folder import checkpoints, save_checkpoint
from spinlock.store.json_file import from_exact_json, to_exact_json
from spinlock.store.tensor_bytes import tensor_bytes, tensors_from_bytes
from spinlock.training.checkpoint import optimizer_tensors, prefixed, restore_optimizer
from spinlock.training.coupling import Coupling
from spinlock.training.problem import Batch, Problem
from spinlock.vqvae.model import Losses
from spinlock.vqvae.part import tensors_below

log = logging.getLogger(__name__)
MAX_GRADIENT_NORM = 1.0
OnProgress = Callable[[Mapping[str, float]], None]
T = TypeVar("T")
Fitting = Generator[Problem, None, T]
"""A fit that hands out its network where it is to be trained, goes on with its best state, and ends with its result."""


class _Settings(Stored):
    settings: Annotated[dict[str, Any], Field(min_length=1)]


class TrainingRun:
    """Networks in training: AdamW with a group of parameters a family, each with its own warm-up, cosine, rows and patience.

    With several processes (`core.ranks`) each takes its part of every batch, all go through the same states, and the first one's
    checkpoints are those of the run. Nothing in the loop mixes families: trained together they become what they would become alone, unless something couples them.

    Args:
        problems: by family; "" where there is one alone.
        coupling: how the losses of families are weighed, and what they share; each counts once when not given.
    """

    def __init__(self, problems: Mapping[str, Problem], coupling: Coupling | None = None) -> None:
        self.problems, self.coupling = dict(problems), coupling
        spec = next(iter(self.problems.values())).spec
        groups = [{"params": one.parameters()} for one in self.problems.values()]
        groups += [] if coupling is None else coupling.parameter_groups()
        if coupling is not None:
            coupling.start()
        self.optimizer = torch.optim.AdamW(groups, lr=spec.learning_rate, weight_decay=spec.weight_decay)

    @property
    def active(self) -> dict[str, Problem]:
        """The families that are not over."""
        return {name: one for name, one in self.problems.items() if not one.is_over}

    @property
    def epoch(self) -> int:
        """Passes over the rows that are done."""
        return max(one.epoch for one in self.problems.values())

    @property
    def step(self) -> int:
        """Steps that are done."""
        return max(one.step for one in self.problems.values())

    def run_epoch(self) -> dict[str, float]:
        """One pass over the training rows; the epoch's mean losses, and validation errors where they are due.

        Of several families, all figures are named `<family>_<figure>`.
        """
        active = self.active
        batches = {} if self.coupling is None else self.coupling.shuffled(active)
        batches |= {name: one.shuffled() for name, one in active.items() if name not in batches}
        sums = {name: torch.zeros(len(Losses._fields), dtype=torch.float64) for name in active}
        for number in range(max(map(len, batches.values()))):
            here = {name: own[number] for name, own in batches.items() if number < len(own)}
            for name, losses in self._step(here, number).items():
                sums[name] += torch.stack([term.detach().double().cpu() for term in losses]) * here[name].num_rows
        shared = {} if self.coupling is None else self.coupling.end_epoch()
        figures: dict[str, dict[str, float]] = {}
        for name, one in active.items():
            one.epoch += 1
            means = (sums[name] / sum(batch.num_rows for batch in batches[name])).tolist()
            one.check_finite(means[0])
            figures[name] = dict(zip(Losses._fields, means, strict=True)) | shared
        for name, judged in self._judge({name: one for name, one in active.items() if one.is_due}).items():
            figures[name] |= judged
        for name, own in figures.items():
            self.problems[name].history.add(self.problems[name].epoch, own)
        return {f"{name}_{key}" if name else key: value for name, own in figures.items() for key, value in own.items()}

    def _step(self, batches: Mapping[str, Batch], number: int) -> dict[str, Losses]:
        """One step of the optimiser and of the codebooks."""
        rates = [one.rate for one in self.problems.values()]
        for place, group in enumerate(self.optimizer.param_groups):
            group["lr"] = rates[place] if place < len(rates) else max(rates)
        told = {name: self.problems[name].forward(batch) for name, batch in batches.items()}
        totals = {name: one.losses.total for name, one in told.items()}
        if self.coupling is None:
            total = torch.stack(list(totals.values())).sum()
        else:
            shared = {name: self.problems[name].parameters() for name in told}
            total = self.coupling.total(totals, {name: one.quantised for name, one in told.items()}, shared, number)
        self.optimizer.zero_grad()
        total.backward()
        ranks.average_gradients(part for group in self.optimizer.param_groups for part in group["params"])
        for name in told:
            torch.nn.utils.clip_grad_norm_(self.problems[name].parameters(), MAX_GRADIENT_NORM)
        self.optimizer.step()
        for name, one in told.items():
            self.problems[name].follow(batches[name], one)
        return {name: one.losses for name, one in told.items()}

    def _judge(self, due: Mapping[str, Problem]) -> dict[str, dict[str, float]]:
        """Validation errors, and the best states kept: of coupled families together, of others each its own."""
        errors = {name: one.evaluate() for name, one in due.items()}
        figures = {name: {"validation_mse": error} for name, error in errors.items()}
        coupled = {} if self.coupling is None else self.coupling.judged(due, errors)
        for name, one in due.items():
            one.judge(coupled.get(name, {}).get("validation_coupled", errors[name]))
            figures[name] |= coupled.get(name, {})
        return figures

    def to_the_end(
        self, *, checkpoints: Path | None = None, resume: bool = False, on_progress: OnProgress | None = None
    ) -> None:
        """Run every epoch that is left; every network then has its best state.

        Args:
            checkpoints: folder for the state of the run; nowhere when not given.
            resume: go on from the newest checkpoint there, if there is one.
            on_progress: called with "epoch", "step", "num_steps" and the figures of every epoch.

        Raises:
            InputError: if the checkpoint is of a run with other settings, or the loss is not finite.
        """
        if resume and checkpoints is not None and self.resume(checkpoints):
            log.info("training goes on after epoch %d.", self.epoch)
        self._start_alike()
        every = next(iter(self.problems.values())).spec.checkpoint_every
        while self.active:
            figures = self.run_epoch()
            if on_progress is not None:
                num_steps = max(one.num_steps for one in self.problems.values())
                on_progress({"epoch": float(self.epoch), "step": self.step, "num_steps": num_steps, **figures})
            if checkpoints is not None and (self.epoch % every == 0 or not self.active) and ranks.is_first():
                self.save(checkpoints)
        for one in self.problems.values():
            one.finish()

    def save(self, folder: Path) -> None:
        """Everything that the next step depends on, as a checkpoint."""
        tensors, state = self._state()
        save_checkpoint(folder, step=self.step, tensors=tensors, state=state)

    def _state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors = prefixed("optimizer", optimizer_tensors(self.optimizer))
        state: dict[str, Any] = {"settings": self._settings()}
        state |= {"num_threads": torch.get_num_threads(), "num_processes": ranks.world()}
        for name, one in self.problems.items():
            tensors |= prefixed(name, one.tensors()) if name else one.tensors()
            state |= {name: one.state()} if name else one.state()
        if self.coupling is not None:
            tensors |= prefixed("coupling", self.coupling.tensors())
        return tensors, state

    def _start_alike(self) -> None:
        """Let every process have the state of the first one, which may come from a checkpoint.

        Raises:
            InputError: if they have other rows or settings.
        """
        if ranks.world() == 1:
            return
        tensors, state = self._state()
        about = to_exact_json({"rows": [one.rows for one in self.problems.values()], "settings": state["settings"]})
        parts = (about.encode(), tensor_bytes(tensors), to_exact_json(state).encode())
        first = [ranks.told(part) for part in parts]
        if first[0] != parts[0]:
            raise InputError(
                f"process {ranks.rank() + 1} of {ranks.world()} has other rows, columns or settings than the first; give all of them "
                "the same data set and configuration."
            )
        where = Path("the first process")
        self._take(tensors_from_bytes(first[1], path=where), from_exact_json(first[2].decode(), path=where))

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
                        self._take(saved.tensors, saved.state)
            except InputError as error:
                log.warning("checkpoint %s is passed over: %s", saved.path.name, error)
                continue
            if differ:
                raise InputError(
                    f"the checkpoint was made with another {differ[0]} ({theirs.get(differ[0])!r}) than this run ({own[differ[0]]!r})."
                )
            now = {"threads": torch.get_num_threads(), "processes": ranks.world()}
            for what, number in now.items():
                before = saved.state.get(f"num_{what}", 1)
                if before != number:
                    log.warning(
                        "the checkpoint was made with %s %s, this run has %s: the weights may differ in their last bits.",
                        before,
                        what,
                        number,
                    )
            return True
        return False

    def _take(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Take over a state as a whole; where it is unfit, nothing is changed."""
        moments = tensors_below(tensors, "optimizer")
        parts = {
            name: (tensors_below(tensors, name), state[name]) if name else (tensors, state) for name in self.problems
        }
        trained = [list(parameter.shape) for group in self.optimizer.param_groups for parameter in group["params"]]
        for name, moment in moments.items():
            number, what = name.split(".", 1)
            if list(moment.shape) != ([] if what == "step" else trained[int(number)]):
                raise InputError(f"the optimiser's {name} is not of this run's networks.")
        for name, part in parts.items():
            self.problems[name].check(*part)
        if self.coupling is not None:
            self.coupling.take(tensors_below(tensors, "coupling"))
        for name, part in parts.items():
            self.problems[name].take(*part)
        restore_optimizer(self.optimizer, moments)

    def _settings(self) -> dict[str, object]:
        """What the next step depends on besides the state, fit for JSON."""
        own = {
            f"{name}.{key}" if name else key: value
            for name, one in self.problems.items()
            for key, value in one.settings().items()
        }
        return own if self.coupling is None else own | self.coupling.settings()


def trained_alone(
    fitting: Fitting[T],
    *,
    checkpoints: Path | None = None,
    resume: bool = False,
    on_progress: OnProgress | None = None,
) -> T:
    """The result of a fit whose network, where it has one, is trained by itself."""
    try:
        while True:
            run = TrainingRun({"": next(fitting)})
            run.to_the_end(checkpoints=checkpoints, resume=resume, on_progress=on_progress)
    except StopIteration as end:
        return end.value


def train_along(fitting: Fitting[object]) -> None:
    """Take part in the training of a fit's network as a process other than the first, which alone goes on with the result."""
    TrainingRun({"": next(fitting)}).to_the_end()
    fitting.close()
