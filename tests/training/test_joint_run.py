"""Networks of several families in one run."""

import sys
from importlib.util import find_spec

import pytest
import torch
from training_samples import ENCODER, FIT, MODEL, changed, sample_table

from spinlock.core.category_map import CategoryMap
from spinlock.core.errors import InputError, UsageError
from spinlock.core.feature_table import FeatureTable
from spinlock.training.coupling import Coupling, CrossTerm
from spinlock.training.fit import fit_tokenizer, fitting
from spinlock.training.run import TrainingRun
from spinlock.training.spec import CrossSpec, JointSpec
from spinlock.training.weighting import Weighting

QUICK = changed(FIT, num_epochs=6, evaluate_every=2, checkpoint_every=2, joint_decoding=False)
CROSS = CrossSpec(predict="other", sources=("one", "two"), weight=2.0)


class Killed(Exception):
    """Raised in the middle of a run."""


def second(table):
    """Another view of the same rows: fewer of them, other columns."""
    kept = table.rows(torch.arange(len(table) * 4 // 5))
    return FeatureTable(
        values=kept.values[:, [3, 1, 0, 7, 8, 5]].cos(),
        registry=FeatureTable.from_array(torch.zeros(1, 6), categories=["wave"] * 2 + ["heat"] * 4).registry,
        ids=kept.ids,
        groups=kept.groups,
    )


def rows_of(name):
    tables = sample_table(), sample_table(rows=60, seed=7)
    return tables if name == "one" else tuple(map(second, tables))


def settings(name, fit=QUICK):
    train, validation = rows_of(name)
    categories = CategoryMap.from_registry(train.registry)
    model = changed(MODEL, backend="vqvae")
    return (train, validation), {"category_map": categories, "model": model, "encoder": ENCODER, "fit": fit}


def planted(problems):
    """What the first column of the first family says in three words, as tokens to predict."""
    target = {}
    for split in (0, 1):
        one = problems["one"]
        rows = (one.data.train, one.data.validation)[split]
        for name, row in zip(one.ids[split], rows.x, strict=True):
            target[name] = torch.bucketize(row[:1], torch.tensor([-0.5, 0.5]))
    return CrossTerm(problems, fixed={}, target=target, sizes=[3])


def together(joint, *, folder=None, resume=False, kill_after=None, fit=QUICK):
    """Both families in one run: their results, and the run."""
    steps = {}
    for name in ("one", "two"):
        rows, own = settings(name, fit)
        steps[name] = fitting(*rows, **own)
    problems = {name: next(own) for name, own in steps.items()}
    run = TrainingRun(problems, Coupling(problems, joint, planted(problems) if joint.cross else None))

    def progress(figures):
        if figures["epoch"] == kill_after:
            raise Killed

    run.to_the_end(checkpoints=folder, resume=resume, on_progress=progress)
    results = {}
    for name, own in steps.items():
        with pytest.raises(StopIteration) as ended:
            next(own)
        results[name] = ended.value.value
    return results, run


@pytest.fixture(scope="module")
def coupled():
    return together(JointSpec(weighting="uncertainty", cross=CROSS))


def weights(results):
    return {
        f"{name}.{key}": tensor for name, one in results.items() for key, tensor in one.tokenizer.state_dict().items()
    }


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("stops", [False, True], ids=["all epochs", "patience"])
def test_without_a_coupling_joint_training_is_training_one_by_one(stops):
    fit = changed(QUICK, patience=1, learning_rate=0.3) if stops else QUICK
    joint = together(JointSpec(), fit=fit)[0]
    for name in ("one", "two"):
        rows, own = settings(name, fit)
        alone = fit_tokenizer(*rows, **own)
        for key, tensor in alone.tokenizer.state_dict().items():
            torch.testing.assert_close(joint[name].tokenizer.state_dict()[key], tensor, rtol=0, atol=1e-6)
        assert joint[name].history.curves["total"] == alone.history.curves["total"]


@pytest.mark.parametrize("kill_after", [3, 5])
def test_a_coupled_run_that_was_killed_and_resumed_has_the_bits_of_an_unbroken_one(tmp_path, coupled, kill_after):
    joint = JointSpec(weighting="uncertainty", cross=CROSS)
    with pytest.raises(Killed):
        together(joint, folder=tmp_path, kill_after=kill_after)
    resumed, run = together(joint, folder=tmp_path, resume=True)
    assert same(weights(resumed), weights(coupled[0]))
    assert same(run.coupling.state_dict(), coupled[1].coupling.state_dict())
    assert all(resumed[name].history == coupled[0][name].history for name in resumed)


def test_a_checkpoint_of_another_coupling_is_refused(tmp_path):
    with pytest.raises(Killed):
        together(JointSpec(), folder=tmp_path, kill_after=3)
    with pytest.raises(InputError, match=r"another joint\.weighting \('fixed'\) than this run \('uncertainty'\)"):
        together(JointSpec(weighting="uncertainty"), folder=tmp_path, resume=True)


def test_a_coupling_moves_the_networks_and_learns_what_it_predicts(coupled):
    curves = coupled[0]["one"].history.curves
    assert curves["validation_cross"][-1][1] < 0.9 * curves["validation_cross"][0][1]
    assert not same(weights(coupled[0]), weights(together(JointSpec(weighting="uncertainty"))[0]))


def test_uncertain_losses_weigh_less_than_certain_ones_and_fixed_weights_stay(coupled):
    curves = coupled[0]["one"].history.curves
    assert {name for name in curves if name.startswith("weight_")} == {"weight_one", "weight_two", "weight_cross"}
    assert curves["weight_one"][-1][1] > curves["weight_one"][0][1] > 1.0  # a loss below 1
    fixed = together(JointSpec(weights={"two": 3.0}))[0]["one"].history.curves
    assert {value for _, value in fixed["weight_two"]} == {3.0}


def test_the_uncertainty_of_a_loss_settles_at_the_loss():
    weighting = Weighting("uncertainty", {"a": 1.0, "b": 2.0})
    optimizer = torch.optim.SGD(weighting.parameters(), lr=0.1)
    for _ in range(400):
        optimizer.zero_grad()
        weighting.total({"a": torch.tensor(0.5), "b": torch.tensor(3.0)}, []).backward()
        optimizer.step()
    torch.testing.assert_close(weighting.log_variances.detach().exp(), torch.tensor([0.5, 6.0]), rtol=1e-3, atol=0)


def test_gradients_that_are_not_against_each_other_are_weighed_as_preferred_and_others_are_projected():
    pytest.importorskip("torchjd")
    x = torch.zeros(2, requires_grad=True)

    def gradient(first, other):
        losses = {"a": x @ torch.tensor(first), "b": x @ torch.tensor(other)}
        return torch.autograd.grad(Weighting("balanced", {"a": 1.0, "b": 2.0}).total(losses, [x]), x)[0]

    torch.testing.assert_close(gradient([1.0, 0.0], [0.0, 1.0]), torch.tensor([1.0, 2.0]), rtol=1e-4, atol=1e-4)
    # [1, 0] and [-1, 1] each projected to where the other does not grow: [.5, .5] and 2 x [0, 1].
    torch.testing.assert_close(gradient([1.0, 0.0], [-1.0, 1.0]), torch.tensor([0.5, 2.5]), rtol=1e-3, atol=1e-3)


def test_balancing_without_its_package_names_the_extra(monkeypatch):
    if find_spec("torchjd"):
        monkeypatch.setitem(sys.modules, "torchjd.aggregation", None)
    with pytest.raises(UsageError, match=r"weighting: balanced needs the package torchjd.*install spinlock\[balance\]"):
        Weighting("balanced", {"a": 1.0})
