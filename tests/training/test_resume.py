import pytest
import torch
from training_samples import ENCODER, FIT, MODEL, changed, sample_table

from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import InputError
from spinlock.store.checkpoint_folder import load_latest_checkpoint, save_checkpoint
from spinlock.training.fit import fit_tokenizer


class Killed(Exception):
    """Raised in the middle of a run."""


def fit(folder=None, *, resume=False, kill_after=None, **changes):
    def progress(figures):
        if figures["epoch"] == kill_after:
            raise Killed

    return fit_tokenizer(
        sample_table(),
        sample_table(rows=60, seed=7),
        category_map=CategoryMap.from_registry(sample_table().registry),
        model=changed(MODEL, backend="vqvae", **changes),
        encoder=ENCODER,
        fit=changed(FIT, **changes),
        checkpoints=folder,
        resume=resume,
        on_progress=progress,
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run that ended, and the folder of its checkpoints; not to be written to."""
    folder = tmp_path_factory.mktemp("finished")
    return fit(folder), folder


@pytest.mark.parametrize(("use_ema", "kill_after"), [(True, 6), (True, 11), (False, 6)])
def test_a_run_that_was_killed_and_resumed_has_the_bits_of_an_unbroken_one(tmp_path, finished, use_ema, kill_after):
    unbroken = finished[0] if use_ema else fit(use_ema=False)
    with pytest.raises(Killed):
        fit(tmp_path, kill_after=kill_after, use_ema=use_ema)
    resumed = fit(tmp_path, resume=True, use_ema=use_ema)
    first, second = unbroken.tokenizer.state_dict(), resumed.tokenizer.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert resumed.history == unbroken.history
    assert resumed.comparison == unbroken.comparison


def test_checkpoints_are_written_when_they_are_due_and_at_the_end(tmp_path, finished):
    assert load_latest_checkpoint(finished[1]).state["epoch"] == 12
    with pytest.raises(Killed):
        fit(tmp_path, kill_after=9)
    assert load_latest_checkpoint(tmp_path).state["epoch"] == 5


def test_resuming_a_finished_run_changes_nothing(finished):
    first = finished[0].tokenizer.state_dict()
    second = fit(finished[1], resume=True).tokenizer.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_resuming_without_a_checkpoint_starts_at_the_beginning(tmp_path):
    assert [epoch for epoch, _ in fit(tmp_path, resume=True, num_epochs=2).history.curves["total"]] == [1, 2]


def test_a_checkpoint_of_other_settings_is_refused(finished):
    with pytest.raises(InputError, match=r"another learning_rate \(0.003\) than this run \(0.1\)"):
        fit(finished[1], resume=True, learning_rate=0.1)
    with pytest.raises(InputError, match="another commitment_cost"):
        fit(finished[1], resume=True, commitment_cost=9.0)


def test_patience_counts_on_after_a_resume(tmp_path):
    settings = {"num_epochs": 60, "patience": 2, "learning_rate": 0.5, "checkpoint_every": 1}
    unbroken = fit(**settings)
    last = len(unbroken.history.curves["total"])
    with pytest.raises(Killed):
        fit(tmp_path, kill_after=last - 1, **settings)
    assert fit(tmp_path, resume=True, **settings).history == unbroken.history


@pytest.mark.parametrize(
    "spoil",
    [
        lambda state, tensors: (state | {"epoch": "five"}, tensors),
        lambda state, tensors: (state | {"history": 3}, tensors),
        lambda _, tensors: ({"settings": []}, tensors),
        lambda state, tensors: (state, {name: tensor for name, tensor in tensors.items() if name != "generator"}),
        lambda state, tensors: (state, tensors | {"generator": torch.zeros(3, dtype=torch.uint8)}),
        lambda state, tensors: (state, {name: torch.zeros(2, 2) for name in tensors}),
        lambda state, tensors: (state, tensors | {"optimizer.0.exp_avg": torch.zeros(1)}),
        lambda state, tensors: (state, tensors | {"optimizer.x": torch.zeros(1)}),
    ],
    ids=["counter", "history", "settings", "lacks", "generator", "shapes", "moments", "names"],
)
def test_a_newest_checkpoint_of_wrong_contents_is_passed_over(tmp_path, finished, caplog, spoil):
    with pytest.raises(Killed):
        fit(tmp_path, kill_after=6)
    sound = load_latest_checkpoint(tmp_path)
    state, tensors = spoil(dict(sound.state), dict(sound.tensors))
    save_checkpoint(tmp_path, step=sound.step + 1, tensors=tensors, state=state)
    resumed = fit(tmp_path, resume=True)
    assert f"step-{sound.step + 1:09d} is passed over" in caplog.text
    first, second = finished[0].tokenizer.state_dict(), resumed.tokenizer.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
