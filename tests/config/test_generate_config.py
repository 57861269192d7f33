"""The forms of a generation file, and what contradicts itself."""

import pytest
from config_texts import GENERATE, written

from spinlock.config import GenerateConfig, load_config
from spinlock.core.errors import ConfigError
from spinlock.dynamics.sampling import plan_samples
from spinlock.dynamics.systems import SYSTEMS


def load(tmp_path, *overrides):
    return load_config(written(tmp_path, GENERATE), GenerateConfig, overrides=overrides)


def test_all_is_every_system_of_the_table(tmp_path):
    assert tuple(load(tmp_path, "systems=all").systems) == tuple(SYSTEMS)


def test_all_is_every_system_that_runs_on_a_line_where_there_is_one_dimension(tmp_path):
    named = tuple(load(tmp_path, "systems=all", "spatial_dimensions=1").systems)
    assert named == tuple(name for name in SYSTEMS if 1 in SYSTEMS[name]().dimensions)
    assert "kuramoto_sivashinsky" in named


def test_a_list_of_systems_has_equal_weights(tmp_path):
    config = load(tmp_path, "systems=[gray_scott, swift_hohenberg]")
    assert {name: system.weight for name, system in config.systems.items()} == {
        "gray_scott": 1.0,
        "swift_hohenberg": 1.0,
    }


@pytest.mark.parametrize(
    ("written_as", "override"),
    [
        ("0.03", 0.03),
        ("{value: 0.03}", 0.03),
        ("[0.03, 0.04]", (0.03, 0.04)),
        ("{low: 0.03, high: 0.04}", (0.03, 0.04)),
        ("{high: 0.04, low: 0.03}", (0.03, 0.04)),
        ("{choices: [0.03, 0.04]}", (0.03, 0.04)),
    ],
)
def test_every_form_of_a_parameter_narrows_what_is_sampled(tmp_path, written_as, override):
    name = SYSTEMS["gray_scott"]().parameters[0].name
    config = load(tmp_path, f"systems={{gray_scott: {{weight: 2, parameters: {{{name}: {written_as}}}}}}}")
    parameters = {system: entry.parameters for system, entry in config.systems.items()}
    assert parameters == {"gray_scott": {name: override}}
    plan = plan_samples(num_samples=4, seed=0, systems=tuple(config.systems), parameters=parameters)
    ends = override if isinstance(override, tuple) else (override, override)
    assert all(ends[0] <= sample.parameters[name] <= ends[1] for sample in plan.plans)


def test_kinds_of_frame_0_may_be_a_list(tmp_path):
    config = load(tmp_path, "initial_conditions=[blobs, front]")
    assert config.initial_conditions == {"blobs": 1.0, "front": 1.0}


def test_a_system_that_needs_two_dimensions_is_named(tmp_path):
    words = "systems.navier_stokes_decaying: system 'navier_stokes_decaying' runs in 2 spatial dimensions only; got 1"
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, "systems=[navier_stokes_decaying, burgers]", "spatial_dimensions=1")
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("systems=[]", "systems: needs at least 1"),
        ("systems=[gray_scott, gray_scott]", "systems: names gray_scott twice"),
        ("systems=everything", "systems: must be a mapping of names to values [got 'everything']"),
        ("systems=[3]", "systems: must be a mapping of names to values [got a list of 1]"),
        ("systems=[grey_scott]", "systems.grey_scott: unknown system 'grey_scott'. Did you mean 'gray_scott'?"),
        ("systems={gray_scott: 3}", "systems.gray_scott: must be a mapping of keys to values [got 3]"),
        (
            "systems={gray_scott: {parameters: {fed: 1}}}",
            "system 'gray_scott' has no parameter 'fed'. Did you mean 'feed'?",
        ),
        ("systems={gray_scott: {parameters: {feed: {low: 1}}}}", "systems.gray_scott.parameters.feed: takes one value"),
        ("systems={gray_scott: {parameters: {feed: [3, 1]}}}", "parameter 'feed' needs low <= high; got 3 and 1"),
        ("systems={gray_scott: {parameters: {feed: a}}}", "parameter 'feed' takes one number or [low, high]; got 'a'"),
        ("systems={gray_scott: {parameters: {feed: null}}}", "systems.gray_scott.parameters.feed: takes one value"),
        ("precision=float16", "precision: must be one of 'float32' or 'bfloat16' (did you mean 'bfloat16')"),
        ("spatial_dimensions=3", "spatial_dimensions: must be one of 1 or 2 [got 3]"),
        ("initial_conditions=[blob]", "unknown initial condition 'blob'. Did you mean 'blobs'?"),
        ("initial_conditions={blobs: 0}", "initial_conditions.blobs: must be greater than 0 [got 0]"),
        ("grid_size=17", "grid_size: must be a multiple of 2 [got 17]"),
        ("grid_size=16.0", "grid_size: must be a whole number [got 16.0]"),
        ("num_samples='8'", "num_samples: must be a whole number [got '8']"),
        ("num_samples=true", "num_samples: must be a whole number [got true]"),
        ("num_timesteps=1", "num_timesteps: must be at least 2 [got 1]"),
        ("seed=-1", "seed: must be at least 0 [got -1]"),
        ("storage.workers=0", "storage.workers: must be auto or a whole number from 1 to 1024 [got 0]"),
        ("storage.workers=many", "storage.workers: must be auto or a whole number from 1 to 1024 [got 'many']"),
        ("sampling.samples_per_group=9", "sampling.samples_per_group: must be at most num_samples, which is 8"),
        ("features.operator_sensitivity=1", "features.operator_sensitivity: must be true or false [got 1]"),
        ("output_path=''", "output_path: must be a path, not empty [got '']"),
        (
            "systems={mine: {step: solver}}",
            "step: must name a module and its function, as my_package.solver:step [got 'solver']",
        ),
        ('output_path="a\\0b"', "output_path: must be a path without control characters"),
    ],
)
def test_a_wrong_value_is_refused_with_the_rule(tmp_path, override, words):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, override)
    assert f"-o {override}: " in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("systems", "is_refused"),
    [
        ("[cnn]", False),
        ("[gray_scott, u_afno]", False),
        ("{cnn: {parameters: {num_channels: 16}}}", False),
        ("{cnn: {parameters: {num_channels: 8}}, u_afno: {parameters: {base_channels: [4, 8]}}}", True),
        ("[gray_scott]", True),
        ("{mine: {step: own.module:function}}", True),
    ],
)
def test_bfloat16_is_refused_where_it_would_act_on_nothing(tmp_path, systems, is_refused):
    overrides = (f"systems={systems}", "precision=bfloat16")
    if not is_refused:
        assert load(tmp_path, *overrides).precision == "bfloat16"
        return
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, *overrides)
    words = "precision: bfloat16 acts on 'cnn' and 'u_afno' with 16 channels and more, and none is sampled here"
    assert words in str(caught.value)
