"""`spinlock pairs` and `spinlock functors`: data sets of base and operated runs, and what the operations do in them."""

import json

import numpy as np
import pytest
import torch

import spinlock
from spinlock.cli.app import run
from spinlock.config import GenerateConfig, load_config
from spinlock.core.errors import ConfigError, InputError, UsageError
from spinlock.pipeline.functors import load_pairing
from spinlock.pipeline.generate import Part, generate, generate_part
from spinlock.pipeline.recipe import counted
from spinlock.pipeline.tables import load_table
from spinlock.store.dataset import open_dataset

OPERATIONS = "feed+0.3 feed+0 later"
FILE = """
num_samples: 4
num_timesteps: 16
num_realizations: 1
grid_size: 16
seed: 5
output_path: "{path}"
systems: [gray_scott]
storage: {{shard_size: 4, workers: 1}}
"""


def config_of(folder, *, name="pairs.h5", operations=OPERATIONS, overrides=(), **pairs):
    file = folder / "some.yaml"
    file.write_text(FILE.format(path=folder / name))
    options = {"--operations": ("pairs.operations", operations), "--bases": ("pairs.bases", 2)}
    options |= {f"--{key}": (f"pairs.{key}", value) for key, value in pairs.items()}
    return load_config(file, GenerateConfig, overrides=overrides, options=options)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return generate(counted(config_of(tmp_path_factory.mktemp("pairs"), initial_conditions=3)))


@pytest.fixture(scope="module")
def found(pairs, tmp_path_factory):
    output = tmp_path_factory.mktemp("functors") / "tokens.csv"
    return spinlock.functors(pairs, "behaviour-1", directions=2, output=output), output


def test_pairs_made_in_parts_are_the_same_to_the_byte(pairs, tmp_path):
    config = counted(config_of(tmp_path, initial_conditions=3))
    generate_part(config, Part(number=2, out_of=3))
    checksums = []
    for path in (pairs, generate(config)):
        with open_dataset(path) as opened:
            checksums.append(opened.metadata["content_sha256"])
    assert checksums[0] == checksums[1]


def test_pairs_are_found_again_in_the_file(pairs):
    view = load_table(pairs).table
    pairing = load_pairing(pairs, view)
    assert pairing.base[0].tolist() == [0, 4, 8]
    assert pairing.operated[0].tolist() == [1, 5, 9]
    assert pairing.operations == ("feed+0.3", "feed+0", "later") * 2
    assert pairing.groups == ("0",) * 3 + ("1",) * 3
    same = [row for row, operation in enumerate(pairing.operations) if operation == "feed+0"]
    values = view.rows(torch.arange(len(view))).values
    assert torch.equal(
        values[pairing.base[same].ravel()].nan_to_num(), values[pairing.operated[same].ravel()].nan_to_num()
    )


def test_an_operation_that_changes_nothing_has_no_effect(found):
    answer, _ = found
    nothing = next(one for one in answer.operations if one.operation == "feed+0")
    assert (nothing.size, nothing.with_effect, nothing.direction) == (0, 0, 0)
    assert nothing.words == "nothing that is steady"
    assert max(one.size for one in answer.operations) > 1


def test_effects_have_tokens_in_a_file(found):
    answer, output = found
    tokens = spinlock.load_tokens(output)
    assert tokens.column_names == ("functors__direction__level0", "functors__size__level0")
    assert tokens.ids[:3] == ("0/feed+0.3", "0/feed+0", "0/later")
    codes = tokens.codes[:, :, 0].numpy()
    assert answer.effects == len(codes) == 6
    assert (codes[1::3] == 0).all()
    assert answer.with_effect == np.count_nonzero(codes[:, 0] > 0) == np.count_nonzero(codes[:, 1] > 0)
    assert tokens.codebook_sizes.flatten().tolist() == [3, 5]


def test_command_line(pairs, tmp_path, capsys):
    output = tmp_path / "made.h5"
    file = tmp_path / "some.yaml"
    config_of(tmp_path)
    words = ["pairs", "--config", str(file), "--operations", OPERATIONS, "--bases", "2", "--initial-conditions", "3"]
    assert run([*words, "--output", str(output), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["dataset"], told["runs"]) == (str(output), 24)
    assert run(["functors", str(pairs), "--directions", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["runs"], told["bases"], told["initial_conditions"]) == (24, 2, 3)
    assert {one["figure"] for one in told["figures"]} == {"portability"}
    assert run(["functors", str(pairs), "--directions", "2"]) == 0
    assert "feed+0.3" in capsys.readouterr().out


def test_what_is_not_pairs_is_refused(pairs, dataset, tmp_path):
    with pytest.raises(InputError, match="has no pairs of base and operated runs; make them with `spinlock pairs`"):
        spinlock.functors(dataset, "behaviour-1")
    with pytest.raises(UsageError, match="at least 2; got 1"):
        spinlock.functors(pairs, "behaviour-1", directions=1)
    with pytest.raises(ConfigError, match="num_samples must be 24, .* got 4"):
        generate(config_of(tmp_path, initial_conditions=3))
    with pytest.raises(ConfigError, match="initial_conditions: must be at least 3"):
        config_of(tmp_path, initial_conditions=2)
    with pytest.raises(ConfigError, match=r"sampling.samples_per_group: must be 1 with pairs"):
        config_of(tmp_path, overrides=["sampling.samples_per_group=2"])
    with pytest.raises(ConfigError, match=r"screening.policy: must be mark with pairs"):
        config_of(tmp_path, overrides=["screening.policy=redraw"])
