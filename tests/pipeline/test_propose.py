"""`spinlock propose`: parameters for a wanted behaviour, from files."""

import json

import numpy as np
import pytest

import spinlock
from spinlock.cli.app import run
from spinlock.config import GenerateConfig, load_config
from spinlock.core.errors import InputError, UsageError
from spinlock.dynamics.systems import SYSTEMS
from spinlock.pipeline.extract_features import Source, extract_features
from spinlock.pipeline.generate import generate
from spinlock.pipeline.parameter_axes import ParameterAxis
from spinlock.pipeline.question_runs import load_runs
from spinlock.pipeline.recipe import plan_of
from spinlock.pipeline.tables import load_table
from spinlock.training.estimator import Tokenizer

CLASSICAL = {"levels": [(4, 3)], "backend": "classical"}


@pytest.fixture(scope="module")
def runs(dataset, few_tokens):
    return load_runs(dataset, few_tokens)


def seen_token(runs, system):
    """A category and the coarse token of it that the first run of a system has, and the rows of the system that have it too."""
    rows = [row for row, name in enumerate(runs.systems) if name == system]
    category = runs.tokens.category_names[0]
    token = int(runs.coarse[rows[0], 0])
    return f"{category}={token}", [row for row in rows if runs.coarse[row, 0] == token]


def test_places_of_simulated_runs_are_the_points_that_they_were_drawn_at(runs):
    """A system's parameters at their places give the parameters of the run again."""
    own = runs.of_system("gray_scott")
    assert [axis.name for axis in own.axes] == [parameter.name for parameter in SYSTEMS["gray_scott"]().parameters]
    plans = plan_of(runs.config).plans
    for row, places in zip(own.rows.tolist(), own.places, strict=True):
        drawn = plans[runs.samples[row]].parameters
        for axis, place in zip(own.axes, places.tolist(), strict=True):
            assert 0 <= place <= 1
            value = axis.value(place)
            assert value == (drawn[axis.name] if axis.is_kept else pytest.approx(drawn[axis.name]))


def test_proposals_start_from_runs_that_showed_it_and_keep_what_is_no_number(dataset, few_tokens, runs):
    want, rows = seen_token(runs, "cnn")
    found = spinlock.propose(dataset, few_tokens, want=want, system="cnn", count=5)
    assert (found.runs, found.seen) == (len(runs.of_system("cnn").rows), len(rows))
    assert found.base_rate == found.seen / found.runs
    assert len(found.proposals) == 5
    ids = {runs.tokens.ids[row]: row for row in rows}
    space = {parameter.name: parameter for parameter in SYSTEMS["cnn"]().parameters}
    for proposal in found.proposals:
        origin = runs.values[ids[proposal.from_run]]
        assert proposal.initial_condition == runs.starts[ids[proposal.from_run]]
        assert 0 <= proposal.probability <= 1
        for name, value in proposal.parameters.items():
            parameter = space.get(name)
            if parameter is None or parameter.kind == "choice" or name == "weight_seed":
                assert str(value) == str(
                    origin[name] if parameter is None else parameter_value(parameter, origin[name])
                )
            else:
                assert parameter.low <= value <= parameter.high
        assert proposal.parameters["gain"] != origin["gain"]
    chances = [proposal.probability for proposal in found.proposals]
    assert chances == sorted(chances, reverse=True)


def parameter_value(parameter, stored):
    return ParameterAxis(name=parameter.name, parameter=parameter).stored(stored)


def test_the_same_question_has_the_same_answer(dataset, few_tokens, runs):
    want, _ = seen_token(runs, "gray_scott")
    first, again, other = (
        spinlock.propose(dataset, few_tokens, want=want, system="gray_scott", count=2, seed=seed) for seed in (0, 0, 1)
    )
    assert first == again
    assert first.proposals != other.proposals


def test_a_proposal_that_is_simulated_has_the_tokens_of_that_simulation(dataset, few_tokens, runs, tmp_path, capsys):
    """One command line: the file that it writes is the answer that it prints, and the counts are those of its proposals."""
    want, _ = seen_token(runs, "advection_diffusion")
    output = tmp_path / "found.json"
    line = ["propose", str(dataset), "--tokenizer", str(few_tokens), "--want", want, "--system", "advection_diffusion"]
    assert run([*line, "-n", "3", "--simulate", "--output", str(output), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    kept = json.loads(output.read_text())
    assert kept.pop("format") == "spinlock proposals"
    assert kept == told
    hits = [proposal["showed_it"] for proposal in told["proposals"]]
    assert len(hits) == 3
    assert told["simulated"]["showed_it"] == sum(hits)
    assert told["simulated"]["success_rate"] == pytest.approx(sum(hits) / 3)
    assert told["simulated"]["base_rate"] == told["base_rate"]
    assert run([*line, "-n", "1"]) == 0
    table = capsys.readouterr().out
    assert "probability" in table
    assert "diffusivity" in table


def test_one_proposal_is_a_configuration_that_generate_takes(dataset, few_tokens, runs, tmp_path):
    want, _ = seen_token(runs, "gray_scott")
    output = tmp_path / "next.yaml"
    settings = {"want": want, "system": "gray_scott"}
    found = spinlock.propose(dataset, few_tokens, count=1, output=output, **settings)
    config = load_config(output, GenerateConfig)
    plans = plan_of(config).plans
    assert config.num_timesteps == runs.config.num_timesteps
    (proposal,) = found.proposals
    for plan in plans:
        assert plan.initial_condition == proposal.initial_condition
        for parameter in SYSTEMS["gray_scott"]().parameters:
            assert plan.parameters[parameter.name] == proposal.parameters[parameter.name]
    with pytest.raises(UsageError, match="a configuration holds one choice of parameters; got 2: give -n 1"):
        spinlock.propose(dataset, few_tokens, count=2, output=output, **settings)
    (tmp_path / "mine.yaml").write_text("mine: 1\n")
    with pytest.raises(InputError, match="is not a file of proposals, so it is kept"):
        spinlock.propose(dataset, few_tokens, count=1, output=tmp_path / "mine.yaml", **settings)


def test_what_was_never_seen_is_refused_with_what_was(dataset, few_tokens, runs):
    rows = runs.of_system("gray_scott").rows
    columns = range(len(runs.tokens.category_names))
    lacking = [(c, t) for c in columns for t in range(3) if t not in runs.coarse[rows, c]]
    category, token = lacking[0]
    name = runs.tokens.category_names[category]
    codes = runs.coarse[rows, category]
    most = int(np.bincount(codes[codes >= 0]).argmax())
    with pytest.raises(UsageError) as refused:
        spinlock.propose(dataset, few_tokens, want={name: token}, system="gray_scott")
    text = str(refused.value)
    assert text.startswith(f"none of the {len(rows)} runs of 'gray_scott' showed {name}={token}, so there is nothing")
    assert f"seen most are {name}={most} ({int((codes == most).sum())})" in text


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"want": "temporall=1"}, "the tokenizer has no category 'temporall'. Did you mean 'temporal'"),
        ({"want": "temporal=3"}, "coarse tokens of 'temporal' go from 0 to 2; got 3"),
        ({"want": "temporal"}, "what is wanted is category=token, each category once"),
        ({"want": "temporal=1 temporal=2"}, "each category once"),
        ({"want": ""}, "at least one category=token must be wanted; got none"),
        ({"want": "temporal=0", "count": 0}, "the number of proposals must be at least 1; got 0"),
        ({"want": "temporal=0", "system": "grey_scott"}, "has no run of 'grey_scott'. Did you mean 'gray_scott'"),
        ({"want": "temporal=0"}, "has runs of 4 systems: say with --system"),
    ],
)
def test_questions_that_name_nothing_are_refused(dataset, few_tokens, asked, message):
    with pytest.raises(UsageError, match=message):
        spinlock.propose(dataset, few_tokens, **asked)


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """Runs of somebody else's wave at 24 speeds and 3 counts, and a tokenizer of them."""
    folder = tmp_path_factory.mktemp("imported")
    rng = np.random.default_rng(0)
    speeds, counts = rng.uniform(0.1, 1.5, 24).round(4), rng.integers(1, 4, 24)
    time, x = np.arange(24)[:, None], 2 * np.pi * np.arange(16) / 16
    waves = [np.sin(n * x - v * time) + 0.02 * rng.normal(size=(24, 16)) for v, n in zip(speeds, counts, strict=True)]
    np.save(folder / "waves.npy", np.stack(waves)[:, :, None].astype(np.float32))
    lines = [f"{v},{n},3.5" for v, n in zip(speeds, counts, strict=True)]
    (folder / "given.csv").write_text("\n".join(["speed,count,length", *lines]) + "\n")
    source = Source(path=folder / "waves.npy", axes="ntcw", parameters=folder / "given.csv", system="my_wave")
    path = extract_features(source, output=folder / "waves.h5", workers=1).output
    Tokenizer(**CLASSICAL).fit(load_table(path).table).save_pretrained(folder / "tokenizer")
    return path, folder / "tokenizer", speeds


def test_imported_runs_are_stepped_within_the_values_that_they_have(imported):
    path, tokenizer, speeds = imported
    runs = load_runs(path, tokenizer)
    want, rows = seen_token(runs, "my_wave")
    found = spinlock.propose(path, tokenizer, want=want, count=6)
    assert (found.system, found.steps, found.seen) == ("my_wave", "ranks of the runs", len(rows))
    for proposal in found.proposals:
        assert set(proposal.parameters) == {"speed", "count", "length"}
        assert speeds.min() <= proposal.parameters["speed"] <= speeds.max()
        assert proposal.parameters["count"] in (1, 2, 3)
        assert proposal.parameters["length"] == 3.5
    assert any(proposal.parameters["speed"] not in speeds for proposal in found.proposals)


def test_imported_runs_are_not_simulated_and_make_no_configuration(imported, tmp_path):
    path, tokenizer, _ = imported
    want, _ = seen_token(load_runs(path, tokenizer), "my_wave")
    with pytest.raises(UsageError, match="the runs of 'my_wave' in .* were not simulated by spinlock"):
        spinlock.propose(path, tokenizer, want=want, simulate=True)
    with pytest.raises(UsageError, match="so no configuration of it makes them; write .json"):
        spinlock.propose(path, tokenizer, want=want, count=1, output=tmp_path / "next.yaml")


def test_a_step_of_somebodys_own_is_run_where_the_file_is_trusted(tmp_path, capsys):
    text = f"""
num_samples: 12
num_timesteps: 32
num_realizations: 2
grid_size: 8
output_path: {tmp_path / "own.h5"}
initial_conditions: [gaussian_field]
systems:
  mine: {{step: own_step:rotate, channels: [height, speed], parameters: {{cells: [1, 3], gain: [0.9, 1.0]}}}}
storage: {{workers: 1}}
"""
    (tmp_path / "own.yaml").write_text(text)
    path = generate(load_config(tmp_path / "own.yaml", GenerateConfig))
    Tokenizer(**CLASSICAL).fit(load_table(path).table).save_pretrained(tmp_path / "tokenizer")
    want, _ = seen_token(load_runs(path, tmp_path / "tokenizer"), "mine")
    line = ["propose", str(path), "--tokenizer", str(tmp_path / "tokenizer"), "--want", want, "-n", "2", "--simulate"]
    assert run(line) == 2
    assert "is not run because a file names it; if you made" in capsys.readouterr().err
    assert run([*line, "--trusted", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["simulated"]["runs"] == 2
    assert all(isinstance(proposal["parameters"]["cells"], int) for proposal in told["proposals"])


def test_ranks_of_runs_place_equal_values_alike_and_come_back():
    axis = ParameterAxis.of_runs("speed", [3.0, 1.0, 1.0, 10.0, 2.5])
    assert [axis.place(value) for value in (1.0, 2.5, 3.0, 10.0)] == [0.125, 0.5, 0.75, 1.0]
    assert [axis.value(axis.place(value)) for value in (1.0, 2.5, 3.0, 10.0)] == [1.0, 2.5, 3.0, 10.0]
    assert (axis.value(0.0), axis.value(1.0)) == (1.0, 10.0)
    assert not axis.is_kept
    assert ParameterAxis.of_runs("length", [2.0, 2.0]).is_kept
    words = ParameterAxis.of_runs("kind", ["b", "a", "b"])
    assert words.is_kept
    assert [words.place("a"), words.place("b")] == [0.25, 0.75]
