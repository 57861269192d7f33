"""Several families in one run, and each decoded from the tokens of all."""

import json

import pytest
import torch
from pipeline_runs import train_config

from spinlock.config.train import TrainConfig
from spinlock.core.errors import ConfigError, InputError
from spinlock.core.views import in_memory
from spinlock.pipeline.run_parameters import run_parameters
from spinlock.pipeline.tables import family_path, load_table
from spinlock.pipeline.train import train
from spinlock.store.family_folder import NAMES
from spinlock.store.manifest import MANIFEST, with_manifest
from spinlock.training.estimator import Tokenizer
from spinlock.training.families import FamilyTokenizer
from spinlock.training.family_fit import fit_family_decoder
from spinlock.training.spec import FitSpec

CHOSEN = ("summary", "initial")
CROSS = {"predict": "summary", "from": ["parameters", "initial"], "weight": 0.5}


def joint_config(dataset, folder, families=(*CHOSEN, "parameters"), **training) -> TrainConfig:
    quick = (
        "model.metric=columns",
        "model.coarse=codebook",
        "training.num_centers=10",
        "training.num_epochs=4",
        "training.evaluate_every=2",
        "training.checkpoint_every=2",
        "training.refit_rounds=1",
        "training.category_assignment=semantic",
    )
    values = train_config(dataset, folder, *quick).model_dump()
    own = dict.fromkeys(families, {}) if not isinstance(families, dict) else families
    return TrainConfig(**{**values, "families": own, "training": {**values["training"], **training}})


@pytest.fixture(scope="module")
def trained(dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("joint") / "families"
    return train(joint_config(dataset, folder, joint={"weighting": "uncertainty", "cross": CROSS}))


@pytest.fixture(scope="module")
def tables(dataset):
    found = {name: load_table(dataset, family_path(name)).table for name in CHOSEN}
    return found | {"parameters": run_parameters(dataset)}


@pytest.fixture(scope="module")
def decoding(trained, tables, tmp_path_factory):
    """The same families with a decoder across them for the summary, by whichever penalty, saved and read back."""
    families = FamilyTokenizer.from_pretrained(trained.folder).families
    members = {name: one.tokenizer_ if isinstance(one, Tokenizer) else one for name, one in families.items()}
    rows = {name: in_memory(one) if name in CHOSEN else one for name, one in tables.items()}
    levels = members["summary"].codebook_sizes.shape[1]
    choices = {"summary": (2,) * levels, "initial": (None,) * levels}
    fit = fit_family_decoder(members, rows, None, spec=FitSpec(num_centers=10), choices=choices)
    folder = tmp_path_factory.mktemp("decoding") / "families"
    FamilyTokenizer(families, fit.decoder).save_pretrained(folder)
    return FamilyTokenizer.from_pretrained(folder)


def same(one, other) -> bool:
    return torch.allclose(one.values, other.values, rtol=1e-4, atol=1e-5, equal_nan=True)


def test_networks_of_all_families_are_trained_in_one_run(trained):
    assert (trained.folder / "checkpoints" / "LATEST").is_file()
    assert not (trained.folder / "initial" / "checkpoints").exists()
    curves = Tokenizer.from_pretrained(trained.folder / "initial").record_.curves
    assert {f"weight_{name}" for name in (*CHOSEN, "cross")} <= set(curves)
    assert {"train_cross", "validation_cross"} <= set(curves)


def test_a_family_is_taken_as_it_is_and_another_may_be_missing(dataset, tmp_path, trained):
    families = {"initial": {}, "summary": {"frozen": trained.folder / "summary"}}
    cross = {**CROSS, "from": ["initial"]}
    again = train(joint_config(dataset, tmp_path / "two", families, joint={"cross": cross}))
    assert (again.folder / "summary" / "weights.safetensors").read_bytes() == (
        trained.folder / "summary" / "weights.safetensors"
    ).read_bytes()
    splits = [Tokenizer.from_pretrained(again.folder / name).record_.splits for name in families]
    assert splits[0] == splits[1] == Tokenizer.from_pretrained(trained.folder / "summary").record_.splits
    with pytest.raises(
        InputError, match=r"families\.initial\.frozen: .*summary was fitted to .*; give the folder of initial"
    ):
        train(
            joint_config(
                dataset, tmp_path / "three", {"initial": {"frozen": trained.folder / "summary"}, "summary": {}}
            )
        )


def test_decoding_across_families_is_saved_and_used(tables, decoding):
    tokens = decoding.encode(tables)
    alone = FamilyTokenizer(decoding.families).decode(tokens)
    together = decoding.decode(tokens)
    for name in CHOSEN:
        assert torch.equal(together[name].mask, alone[name].mask)
        assert same(together[name], alone[name]) == (name == "initial")
    single = decoding.encode({"summary": tables["summary"]})
    assert same(decoding.decode(single)["summary"], alone["summary"])


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"joint": {"weighting": "fair"}}, "must be one of 'fixed', 'uncertainty' or 'balanced'"),
        (
            {"joint": {"weights": {"initail": 2.0}}},
            r"names the family 'initail', which is not among families\. Did you mean",
        ),
        ({"joint": {"cross": {**CROSS, "from": ["trajectory"]}}}, "names the family 'trajectory', which is not among"),
        ({"joint": {"cross": {**CROSS, "predict": "rates"}}}, "names the family 'rates'"),
        ({"joint": {"cross": {**CROSS, "from": ["parameters"]}}}, "needs a family with a network beside parameters"),
        (
            {"joint": {"cross": {**CROSS, "predict": "initial"}}},
            "must be a family with codebooks that is not among from",
        ),
    ],
)
def test_unknown_names_of_a_joint_run_are_refused(dataset, tmp_path, training, message):
    with pytest.raises(ConfigError, match=message):
        joint_config(dataset, tmp_path, **training)


def test_one_family_is_no_joint_run(dataset, tmp_path):
    with pytest.raises(ConfigError, match="trains several families in one run"):
        joint_config(dataset, tmp_path, ("initial",), joint={})


def test_a_coupling_without_any_network_is_refused(dataset, tmp_path):
    values = joint_config(dataset, tmp_path / "none", joint={"cross": CROSS}).model_dump()
    config = TrainConfig(**{**values, "model": {**values["model"], "backend": "classical"}})
    with pytest.raises(InputError, match=r"none of parameters, initial has a network to learn from it"):
        train(config)


def test_a_decoder_of_other_tokens_or_a_damaged_one_is_refused(tmp_path, decoding):
    decoding.save_pretrained(tmp_path / "copy")
    file = json.loads((tmp_path / "copy" / NAMES).read_text())

    def changed(change):
        kept = json.loads(json.dumps(file))
        change(kept)
        names = [path.name for path in (tmp_path / "copy").iterdir() if path.is_file() and path.name != MANIFEST]
        data = {name: (tmp_path / "copy" / name).read_bytes() for name in names} | {NAMES: json.dumps(kept).encode()}
        for name, content in with_manifest(data, kind="families").items():
            (tmp_path / "copy" / name).write_bytes(content)
        return FamilyTokenizer.from_pretrained(tmp_path / "copy")

    with pytest.raises(InputError, match="was fitted to other tokens of initial than its folder now gives"):
        changed(lambda kept: kept["decoder"]["made_for"].update(initial="0"))
    with pytest.raises(InputError, match="what decodes across families is not readable"):
        changed(lambda kept: kept["decoder"]["settings"].pop("num_levels"))
    (tmp_path / "copy" / "decoder.safetensors").unlink()
    with pytest.raises(InputError, match=r"has no decoder\.safetensors"):
        changed(lambda kept: kept.update(families=file["families"]))
