"""`spinlock generate` with a step of the user's own, named by import path."""

import numpy as np
import pytest

from spinlock.cli.app import run
from spinlock.config import GenerateConfig, load_config
from spinlock.core.errors import ConfigError, InputError
from spinlock.core.threads import one_thread
from spinlock.dynamics.rollout import simulate
from spinlock.dynamics.user_system import step_digest
from spinlock.pipeline.dataset_report import dataset_report
from spinlock.pipeline.generate import generate
from spinlock.pipeline.recipe import fingerprint_of, plan_of, recipe_of
from spinlock.pipeline.sample_block import write_block
from spinlock.store.dataset import open_dataset

TEXT = """
num_samples: 4
num_timesteps: 32
num_realizations: 2
grid_size: 8
seed: 3
output_path: {target}
initial_conditions: [gaussian_field]
systems:
  diffusion: {{}}
  mine:
    step: {step}
    channels: [height, speed]
    dt: 0.5
    dx: 2.0
    offset: 10.0
    scale: 3.0
    parameters: {{cells: [1, 3], gain: [0.9, 1.0]}}
storage: {{keep_states: float32, workers: 1, shard_size: 2}}
"""


def config(folder, *overrides, step="own_step:rotate", text=TEXT):
    path = folder / "generate.yaml"
    path.write_text(text.format(target=folder / "data.h5", step=step), encoding="utf-8")
    return load_config(path, GenerateConfig, overrides=overrides)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A data set that a worker made."""
    return generate(config(tmp_path_factory.mktemp("own")))


def test_states_are_those_of_the_step_with_its_sampled_parameters(made):
    with open_dataset(made) as dataset:
        own = [sample for sample, system in enumerate(dataset.systems) if system == "mine"]
        assert len(own) == 2
        for sample in own:
            rollout = dataset.rollout(sample)
            cells, gain = rollout.parameters["cells"], rollout.parameters["gain"]
            states = rollout.states.numpy()
            assert (rollout.dt, rollout.dx, rollout.channel_names) == (0.5, 2.0, ("height", "speed"))
            assert 1 <= cells <= 3
            assert 0.9 <= gain <= 1.0
            np.testing.assert_allclose(
                states[:, 1:], gain * np.roll(states[:, :-1], int(cells), axis=-1), rtol=1e-5, atol=1e-5
            )
            assert np.all(states[:, 0].mean(axis=(-1, -2)).round(3) == 10.0)


def test_features_know_the_gain_of_the_step(made):
    """The Jacobian of a rotation that fades has the one singular value `gain`."""
    with open_dataset(made) as dataset:
        table = dataset.feature_table()
        column = table.names.index("local_gain__mean")
        own = [sample for sample, system in enumerate(dataset.systems) if system == "mine"]
        gains = [dataset.rollout(sample).parameters["gain"] for sample in own]
    np.testing.assert_allclose(table.values[own, column].numpy(), gains, rtol=1e-3)


def test_shards_of_a_run_that_was_stopped_are_those_of_the_whole_run(made, tmp_path):
    again = config(tmp_path)
    plan = plan_of(again)
    recipe = recipe_of(again, plan)
    with one_thread():
        for plans in (plan.plans[2:], plan.plans[:2]):
            write_block(recipe, plans)
    with open_dataset(made) as first, open_dataset(generate(again)) as second:
        assert first.metadata["content_sha256"] == second.metadata["content_sha256"]


def test_a_report_does_not_run_a_step_that_a_file_names(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    trace = tmp_path / "trace"
    marks = (
        f"from pathlib import Path\n\ndef step(state):\n    Path({str(trace)!r}).touch()\n    return state\n\nstep(0)\n"
    )
    (tmp_path / "tracing_step.py").write_text(marks, encoding="utf-8")
    settings = ("storage.keep_states=none", "systems.mine.parameters={}", "num_samples=2")
    made = generate(config(tmp_path, *settings, step="tracing_step:step"))
    trace.unlink()  # generation runs the step
    written = dataset_report(made, tmp_path / "report.html")
    assert not trace.exists()
    assert written.rollouts_shown == 0
    assert "a user's own step made them" in written.rollouts_note


def test_a_step_is_tried_once_before_a_run(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    trace = tmp_path / "trace"
    marks = (
        f"def step(state):\n    with open({str(trace)!r}, 'a') as file:\n        file.write('.')\n    return state\n"
    )
    (tmp_path / "counting_step.py").write_text(marks, encoding="utf-8")
    settings = ("num_samples=1", "systems={mine: {step: counting_step:step}}", "features.operator_sensitivity=false")
    config(tmp_path, *settings)
    arguments = ["generate", "--config", str(tmp_path / "generate.yaml")]
    assert run([*arguments, *(word for setting in settings for word in ("-o", setting))]) == 0
    assert len(trace.read_text()) == 1 + 2 * 31  # two realizations of 32 saved states


def test_noise_parts_realizations_where_its_scale_is_given(tmp_path):
    def spread(*overrides):
        chosen = config(tmp_path, "num_timesteps=8", *overrides)
        plan = plan_of(chosen)
        own = [sample for sample in plan.plans if sample.system == "mine"]
        runs = simulate(own, chosen, spaces=plan.spaces)
        return next(runs).states.std(dim=0).max().item()

    assert spread() == 0
    assert spread("systems.mine.parameters.noise_scale=0.5") > 0.1


def test_data_of_another_file_of_the_step_are_other_data(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_solver.py").write_text("def step(state):\n    return state\n", encoding="utf-8")
    chosen = config(tmp_path, step="own_solver:step")
    before = fingerprint_of(chosen)
    (tmp_path / "own_solver.py").write_text("def step(state):\n    return -state\n", encoding="utf-8")
    assert fingerprint_of(chosen) != before
    assert step_digest("own_solver:step") != step_digest("no_such_module:step") == ""


@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        (
            "no_such_module:step",
            ConfigError,
            "needs the module 'no_such_module', which Python does not find; install it",
        ),
        ("own_step:rotat", ConfigError, "'own_step' of system 'mine' has no function 'rotat'. Did you mean 'rotate'?"),
        ("own_step:not_a_function", ConfigError, "has no function 'not_a_function'."),
        ("broken_module:step", ConfigError, "failed while it was imported: RuntimeError: not today"),
        ("own_step:wrong_shape", InputError, r"must return real numbers of the shape \(2, 8, 8\)"),
        ("own_step:fails", InputError, "step 'own_step:fails' failed on a state of system 'mine': ValueError: no"),
        (
            "own_step:returns_a_list",
            InputError,
            "must return an array or a tensor; on a state of system 'mine' it returned list.",
        ),
        ("own_step:takes_nothing", InputError, "takes_nothing"),
    ],
)
def test_a_mistake_is_told_in_one_sentence_before_anything_is_written(tmp_path, monkeypatch, step, error, message):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_module.py").write_text("raise RuntimeError('not today')\n", encoding="utf-8")
    parameters = "systems.mine.parameters=" + ("{cells: 1}" if "nothing" in step else "{}")
    with pytest.raises(error, match=message) as caught:
        generate(config(tmp_path, parameters, step=step))
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__") == [
        "broken_module.py",
        "generate.yaml",
    ]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("systems.mine.step=rotate", "systems.mine.step"),
        ("systems={mine: {}}", "unknown system 'mine'"),
        (
            "systems.diffusion.step=own_step:rotate",
            "'diffusion' is a system of spinlock; call your own step something else",
        ),
        ("systems.diffusion.dt=0.1", "describes a step of your own; name it with step, or leave this out"),
        ("systems.mine.parameters={2x: 1}", "'2x' is no Python name"),
        ("systems.mine.parameters={gain: [2.0, 1.0]}", "needs low <= high"),
        ("systems.mine.parameters={noise_length: 0.1}", "there is none without 'noise_scale'"),
        ("systems.mine.parameters={noise_scale: 1.0, noise_kind: pink}", "additive or multiplicative; got pink"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(tmp_path, override, message):
    with pytest.raises(ConfigError) as caught:
        config(tmp_path, override)
    assert message in str(caught.value)
