"""A data set that is made in parts, on as many machines as you like, is the data set that is made at once."""

import json
import shutil
from itertools import permutations

import numpy as np
import pytest
import torch
from pipeline_runs import generate_config

from spinlock.core.errors import ConfigError, InputError, ResourceError, UsageError
from spinlock.pipeline import memory
from spinlock.pipeline.generate import Part, generate, generate_part, screening_counts
from spinlock.pipeline.memory import footprint, sample_bytes
from spinlock.pipeline.merge import merge
from spinlock.pipeline.recipe import fingerprint_of, plan_of, recipe_of
from spinlock.pipeline.sample_block import make_block
from spinlock.store.dataset import open_dataset

SMALL = (
    "num_samples=10",
    "num_timesteps=8",
    "grid_size=8",
    "systems=[gray_scott, advection_diffusion]",
    "storage.shard_size=3",
    "storage.workers=1",
    "storage.keep_states=none",
)


def footprint_of(config):
    return footprint(recipe_of(config, plan_of(config)))


def content_of(path):
    with open_dataset(path) as dataset:
        return dataset.metadata["content_sha256"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return generate(generate_config(tmp_path_factory.mktemp("whole") / "whole.h5", *SMALL))


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts")
    made = [
        generate_part(generate_config(folder / f"{number}.h5", *SMALL), Part(number=number, out_of=4))
        for number in (3, 1, 4, 2)
    ]
    assert [part.samples for part in made] == [2, 2, 3, 3]
    assert all(part.out_of == 10 for part in made)
    return [part.shards for part in made]


def test_four_parts_in_any_order_are_the_whole(whole, parts, tmp_path):
    for number, order in enumerate(list(permutations(parts))[::5]):
        assert content_of(merge(order, tmp_path / f"{number}.h5")) == content_of(whole)


def test_merging_again_and_a_folder_twice_change_nothing(whole, parts, tmp_path):
    target = merge([*parts, parts[0]], tmp_path / "again.h5")
    before = target.read_bytes()
    assert merge(parts, target).read_bytes() == before
    assert content_of(target) == content_of(whole)
    with open_dataset(target) as one, open_dataset(whole) as other:
        for name in ("configuration", "sampling_report", "extra", "channel_names", "seed"):
            assert one.metadata[name] == other.metadata[name]


def test_a_part_that_is_made_again_is_already_there(parts):
    config = generate_config(parts[0].with_suffix(""), *SMALL)
    before = sorted((path.name, path.stat().st_mtime_ns) for path in parts[0].iterdir())
    generate_part(config, Part(number=3, out_of=4))
    assert sorted((path.name, path.stat().st_mtime_ns) for path in parts[0].iterdir()) == before


def test_a_whole_run_takes_up_the_shards_of_a_part(whole, tmp_path):
    config = generate_config(tmp_path / "whole.h5", *SMALL)
    generate_part(config, Part(number=1, out_of=2))
    assert content_of(generate(config)) == content_of(whole)
    assert not (tmp_path / "whole.h5.shards").exists()


@pytest.mark.parametrize("num_samples", [1, 7, 10])
@pytest.mark.parametrize("out_of", [1, 2, 3, 7])
def test_parts_hold_every_sample_once(num_samples, out_of):
    held = [
        sample for number in range(1, out_of + 1) for sample in Part(number=number, out_of=out_of).samples(num_samples)
    ]
    assert held == list(range(num_samples))


def test_parts_that_do_not_belong_together_are_refused_and_nothing_is_written(parts, tmp_path):
    other = generate_part(generate_config(tmp_path / "other.h5", *SMALL, "seed=9"), Part(number=1, out_of=5)).shards
    target = tmp_path / "x.h5"
    with pytest.raises(InputError, match="were made from different configurations or versions; merge folders of one"):
        merge([parts[0], other], target)
    with pytest.raises(InputError, match="samples 5 to 9 are in no shard after"):
        merge([parts[1], parts[3]], target)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"has no origin.json, so it is no folder of shards"):
        merge([tmp_path / "empty"], target)
    origin = json.loads((other / "origin.json").read_text())
    for changed in ({"fingerprint": "0" * 64}, {"configuration": {"num_samples": 3}}):
        (other / "origin.json").write_text(json.dumps(origin | changed))
        with pytest.raises(InputError, match="was made by another version of spinlock; merge it with that version"):
            merge([other], target)
    (other / "origin.json").write_text("{}")
    with pytest.raises(InputError, match="is not what it should be: `format` is required"):
        merge([other], target)
    assert not target.exists()


def test_a_target_that_is_something_else_is_refused(whole, parts, tmp_path):
    other = generate(generate_config(tmp_path / "other.h5", *SMALL, "num_samples=2"))
    with pytest.raises(InputError, match="exists and was made from another configuration"):
        merge(parts, other)
    with pytest.raises(InputError, match="exists, so no part of it is missing"):
        generate_part(generate_config(whole, *SMALL), Part(number=1, out_of=2))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1", "a shard is i/n, for example 1/4; got '1'"),
        ("0/4", "from 1 to n; got 0/4"),
        ("5/4", "from 1 to n; got 5/4"),
    ],
)
def test_a_part_that_is_none_is_refused(text, words):
    with pytest.raises(UsageError, match=words):
        Part.of_text(text)


def test_more_parts_than_samples_are_refused(tmp_path):
    with pytest.raises(UsageError, match="11 shards of 10 samples would leave some empty"):
        generate_part(generate_config(tmp_path / "x.h5", *SMALL), Part.of_text("1/11"))


def test_samples_are_drawn_again_with_the_same_bytes_whatever_the_shards(tmp_path):
    loud = (
        "systems={advection_diffusion: {parameters: {noise_scale: [1.0e+2, 1.0e+5]}}}",
        "screening.policy=redraw",
        "screening.max_redraws=9",
    )
    made = [
        generate(generate_config(tmp_path / f"{size}.h5", *SMALL, *loud, f"storage.shard_size={size}"))
        for size in (3, 10)
    ]
    assert content_of(made[0]) == content_of(made[1])
    counts = screening_counts(made[0])
    assert counts.redrawn_samples > 0
    marked = generate(generate_config(tmp_path / "marked.h5", *SMALL, *loud, "screening.policy=mark"))
    assert screening_counts(marked).diverged > counts.diverged
    assert screening_counts(marked).redrawn_samples == 0


def test_a_run_that_needs_more_memory_than_there_is_is_refused_before_it_starts(tmp_path, monkeypatch):
    config = generate_config(tmp_path / "x.h5", *SMALL, "grid_size=4096", "num_timesteps=1000", "storage.workers=2")
    with pytest.raises(ResourceError, match=r"2 workers need up to .* and .* are available; use fewer workers than 2"):
        generate(config)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(memory, "available_bytes", lambda: 10**9)
    small = generate_config(tmp_path / "x.h5", *SMALL)
    assert footprint_of(small).total_bytes < 10**9
    automatic = generate_config(tmp_path / "x.h5", *SMALL, "storage.workers=auto", "grid_size=32")
    assert footprint_of(automatic).num_workers == 1


def test_the_memory_of_a_run_does_not_depend_on_the_number_of_samples(tmp_path):
    few, many = (generate_config(tmp_path / "x.h5", *SMALL, f"num_samples={n}") for n in (10, 500))
    assert footprint_of(few).total_bytes == footprint_of(many).total_bytes


@pytest.mark.parametrize("keep_states", ["none", "float16"])
def test_a_run_that_needs_more_disk_than_there_is_is_refused_before_it_starts(tmp_path, monkeypatch, keep_states):
    config = generate_config(tmp_path / "x.h5", *SMALL, f"storage.keep_states={keep_states}")
    plan = plan_of(config)
    recipe = recipe_of(config, plan)
    stored = make_block(recipe, plan.plans[:2]).arrays().values()
    assert sample_bytes(recipe) == pytest.approx(sum(array.nbytes for array in stored) / 2, rel=0.02)
    usage = type(shutil.disk_usage(tmp_path))(10**9, 10**9, int(19 * sample_bytes(recipe)))
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(ResourceError, match="x.h5 needs .* of disk and .* are free"):
        generate(config)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_device_gives_the_same_samples_but_for_rounding(tmp_path):
    made = generate(generate_config(tmp_path / "x.h5", *SMALL, "device=cuda", "systems=[advection_diffusion]"))
    here = generate(generate_config(tmp_path / "y.h5", *SMALL, "systems=[advection_diffusion]"))
    with open_dataset(made) as one, open_dataset(here) as other:
        np.testing.assert_allclose(one.numbers("inputs"), other.numbers("inputs"), rtol=1e-5, atol=1e-5)


def test_a_device_that_is_not_there_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigError, match="device is cuda, and torch sees no CUDA device here; use --device cpu"):
        generate(generate_config(tmp_path / "x.h5", *SMALL, "device=cuda"))
    assert list(tmp_path.iterdir()) == []


KEYS = {
    "num_samples": 11,
    "num_timesteps": 9,
    "num_realizations": 1,
    "grid_size": 10,
    "seed": 4,
    "systems": "[gray_scott]",
    "initial_conditions": "[noise]",
    "sampling.samples_per_group": 2,
    "screening.policy": "redraw",
    "features.operator_sensitivity": "false",
    "storage.keep_states": "float16",
}


@pytest.mark.parametrize("key", KEYS)
def test_every_key_that_shapes_the_data_changes_their_fingerprint_and_recipe(key, tmp_path):
    def made(*overrides):
        config = generate_config(tmp_path / "x.h5", *SMALL, *overrides)
        plan = plan_of(config)
        return fingerprint_of(config), (recipe_of(config, plan), plan.plans)

    before, after = made(), made(f"{key}={KEYS[key]}")
    assert before[0] != after[0]
    assert repr(before[1]).replace(before[0], "") != repr(after[1]).replace(after[0], "")


def test_keys_that_say_how_the_work_is_cut_leave_the_fingerprint(tmp_path):
    words = {
        fingerprint_of(generate_config(tmp_path / name, *SMALL, *more))
        for name, more in (("a.h5", ()), ("b.h5", ("storage.shard_size=7", "storage.workers=2")))
    }
    assert len(words) == 1
