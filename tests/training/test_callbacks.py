"""What a training tells while it runs."""

import pytest
from training_samples import QUICK, sample_table

from spinlock.core.errors import InputError, UsageError
from spinlock.training.callbacks import TensorBoard, tells
from spinlock.training.estimator import Tokenizer


class Heard:
    """Keeps what it is told; fails at an epoch, or at the end with -1."""

    def __init__(self, fail_at=None):
        self.epochs, self.result, self.fail_at = [], None, fail_at

    def on_epoch(self, figures):
        self.epochs.append(figures)
        if figures["epoch"] == self.fail_at:
            raise KeyError("my\nkey")

    def on_end(self, result):
        self.result = result
        if self.fail_at == -1:
            raise ValueError


def fitted(backend="vqvae", **others):
    return Tokenizer([(5, 8), (2, 4)], backend=backend, **QUICK).fit(sample_table(), **others)


def test_epochs_are_told_in_order_with_the_figures_of_the_record_and_then_the_result():
    heard, plainly = Heard(), []
    tokenizer = fitted(callbacks=[heard], on_progress=plainly.append)
    assert plainly == heard.epochs
    assert [figures["epoch"] for figures in heard.epochs] == list(range(1, 13))
    assert heard.epochs[-1]["step"] == heard.epochs[-1]["num_steps"]
    told = [(figures["epoch"], figures["validation_mse"]) for figures in heard.epochs if "validation_mse" in figures]
    assert told == tokenizer.record_.curves["validation_mse"][1:]
    assert heard.result is tokenizer.result_


def test_listening_changes_nothing():
    assert fitted(callbacks=[Heard()]).record_.curves == fitted().record_.curves


def test_a_callback_that_fails_is_named_with_its_time_and_the_training_goes_on_from_its_checkpoint(tmp_path):
    with pytest.raises(InputError, match=r"^the callback Heard failed after epoch 7: KeyError: 'my\\nkey'\.$"):
        fitted(callbacks=[Heard(7)], checkpoints=tmp_path)
    heard = Heard()
    resumed = fitted(callbacks=[heard], checkpoints=tmp_path, resume=True)
    assert [figures["epoch"] for figures in heard.epochs] == list(range(6, 13))
    assert resumed.record_.curves == fitted().record_.curves
    with pytest.raises(InputError, match="the callback Heard failed at the end: ValueError: no message"):
        fitted("classical", callbacks=[Heard(-1)])


def test_what_is_no_callback_is_refused_before_the_training():
    with pytest.raises(UsageError, match=r"`on_epoch\(figures\)` and `on_end\(result\)`; list lacks one"):
        tells([[]])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_has_the_curves_and_hides_what_a_resumed_training_does_again(tmp_path):
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with pytest.raises(InputError):
        fitted(callbacks=[TensorBoard(tmp_path / "board"), Heard(7)], checkpoints=tmp_path / "run")
    resumed = fitted(callbacks=[TensorBoard(tmp_path / "board")], checkpoints=tmp_path / "run", resume=True)
    board = reading.EventAccumulator(str(tmp_path / "board")).Reload()
    curve = [(event.step, event.value) for event in board.Scalars("total")]
    assert curve == [(epoch, pytest.approx(value)) for epoch, value in resumed.record_.curves["total"]]
    (last,) = board.Scalars("validation_mse/vqvae")
    assert last.value == pytest.approx(resumed.record_.backend_mse["vqvae"])
