from dataclasses import replace

import pytest
import torch
from training_samples import CONFIG, SETTINGS, sample_table

from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import InputError
from spinlock.training.checkpoint import CheckpointFolder
from spinlock.training.fit import fit_tokenizer

VQVAE = replace(CONFIG, backend="vqvae", levels=CONFIG.levels)


class Killed(Exception):
    """Raised in the middle of a run."""


def fit(folder=None, *, resume=False, settings=SETTINGS, config=VQVAE, kill_after=None):
    def progress(figures):
        if figures["epoch"] == kill_after:
            raise Killed

    return fit_tokenizer(
        sample_table(),
        sample_table(rows=60, seed=7),
        category_map=CategoryMap.from_registry(sample_table().registry),
        config=config,
        settings=settings,
        checkpoints=None if folder is None else CheckpointFolder(folder=folder),
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
    config = replace(VQVAE, use_ema=use_ema)
    unbroken = finished[0] if use_ema else fit(config=config)
    with pytest.raises(Killed):
        fit(tmp_path, kill_after=kill_after, config=config)
    resumed = fit(tmp_path, resume=True, config=config)
    first, second = unbroken.tokenizer.tensors(), resumed.tokenizer.tensors()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert resumed.history == unbroken.history
    assert resumed.comparison == unbroken.comparison


def test_checkpoints_are_written_when_they_are_due_and_at_the_end(tmp_path, finished):
    assert CheckpointFolder(folder=finished[1]).load().state["epoch"] == 12
    with pytest.raises(Killed):
        fit(tmp_path, kill_after=9)
    assert CheckpointFolder(folder=tmp_path).load().state["epoch"] == 5


def test_resuming_a_finished_run_changes_nothing(finished):
    first = finished[0].tokenizer.tensors()
    second = fit(finished[1], resume=True).tokenizer.tensors()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_resuming_without_a_checkpoint_starts_at_the_beginning(tmp_path):
    short = replace(SETTINGS, num_epochs=2)
    assert [epoch for epoch, _ in fit(tmp_path, resume=True, settings=short).history.curves["total"]] == [1, 2]


def test_a_checkpoint_of_other_settings_is_refused(finished):
    with pytest.raises(InputError, match=r"another learning_rate \(0.003\) than this run \(0.1\)"):
        fit(finished[1], resume=True, settings=replace(SETTINGS, learning_rate=0.1))
    with pytest.raises(InputError, match="another commitment_cost"):
        fit(finished[1], resume=True, config=replace(VQVAE, commitment_cost=9.0))


def test_patience_counts_on_after_a_resume(tmp_path):
    settings = replace(SETTINGS, num_epochs=60, patience=2, learning_rate=0.5, checkpoint_every=1)
    unbroken = fit(settings=settings)
    last = len(unbroken.history.curves["total"])
    with pytest.raises(Killed):
        fit(tmp_path, settings=settings, kill_after=last - 1)
    assert fit(tmp_path, settings=settings, resume=True).history == unbroken.history
