"""What a training tells while it runs, and to whom: progress, TensorBoard, anything with two methods."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from spinlock.core.errors import InputError, UsageError
from spinlock.training.fit import FitResult
from spinlock.training.run import OnProgress


@runtime_checkable
class Callback(Protocol):
    """An object that `Tokenizer.fit(callbacks=[…])` tells how the training goes.

    Only the learned quantiser (`backend` "vqvae" or "auto") has epochs; the others are fitted at once and have an end alone. A
    training that is resumed goes on with the epoch after its checkpoint, so an epoch may be told twice.
    """

    def on_epoch(self, figures: Mapping[str, float]) -> None:
        """After every epoch: "epoch", "step", "num_steps", the losses and, when due, "validation_mse"."""

    def on_end(self, result: FitResult) -> None:
        """After everything was fitted: the tokenizer, its backend's curves, and the figures of all backends."""


class TensorBoard:
    """Curves of a training for TensorBoard: losses by epoch, and at the end the errors of every backend.

    A resumed training goes on in the same folder; what an earlier run wrote of later epochs is hidden.

    Args:
        folder: of the event files; made when the first figures come.

    Raises:
        UsageError: if tensorboard is not installed.
    """

    def __init__(self, folder: str | Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415  an optional library
        except ImportError as error:
            raise UsageError("TensorBoard needs tensorboard: pip install 'spinlock[tensorboard]'.") from error
        self.folder = Path(folder)
        self._open: Callable[..., Any] = partial(SummaryWriter, str(self.folder))
        self._writer: Any = None
        self._epoch = 0

    def on_epoch(self, figures: Mapping[str, float]) -> None:
        """Write the figures at their epoch."""
        self._epoch = int(figures["epoch"])
        self._write({name: value for name, value in figures.items() if name not in ("epoch", "step", "num_steps")})

    def on_end(self, result: FitResult) -> None:
        """Write the errors of every backend, and close the file."""
        for score in result.comparison:
            self._write(
                {f"train_mse/{score.backend}": score.train_mse, f"validation_mse/{score.backend}": score.validation_mse}
            )
        self._writer.close()
        self._writer = None

    def _write(self, figures: Mapping[str, float]) -> None:
        if self._writer is None:
            self._writer = self._open(purge_step=self._epoch)
        for name, value in figures.items():
            self._writer.add_scalar(name, value, self._epoch)
        self._writer.flush()


def tells(callbacks: Iterable[object], on_progress: OnProgress | None = None) -> OnProgress:
    """A function that tells a function and all callbacks the figures of an epoch.

    Raises:
        UsageError: if one of them lacks a method of `Callback`.
    """
    known: list[Callback] = []
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise UsageError(
                f"a callback has the methods `on_epoch(figures)` and `on_end(result)`; {type(callback).__name__} lacks one."
            )
        known.append(callback)

    def on_epoch(figures: Mapping[str, float]) -> None:
        if on_progress is not None:
            on_progress(figures)
        for callback in known:
            _told(callback, callback.on_epoch, figures, when=f"after epoch {int(figures['epoch'])}")

    return on_epoch


def tell_end(callbacks: Iterable[Callback], result: FitResult) -> None:
    """Tell all callbacks that the training is over."""
    for callback in callbacks:
        _told(callback, callback.on_end, result, when="at the end")


def _told(callback: Callback, method: Callable[[Any], None], said: Any, *, when: str) -> None:
    """Call a method of a user's object.

    Raises:
        InputError: whatever it raised, in one sentence with its name and the time.
    """
    try:
        method(said)
    except Exception as error:
        first = str(error).partition("\n")[0] or "no message"
        raise InputError(
            f"the callback {type(callback).__name__} failed {when}: {type(error).__name__}: {first}."
        ) from error
