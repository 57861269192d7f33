"""Settings that their parts own: made in Python, a mistake is one sentence that names the key, the rule and the value."""

import json
from typing import Annotated

import pytest
from pydantic import Field, ValidationError

from spinlock.core.errors import ConfigError, SpinlockError
from spinlock.core.spec import Count, FilePath, Flag, ImportPath, Positive, Seed, Share, Spec, Whole, Word
from spinlock.vqvae.spec import EncoderSpec, Level, ModelSpec, QuantizerSpec

PAIR = [(8, 16), (4, 2)]
LEVELS = (Level(latent_dim=8, num_tokens=16), Level(latent_dim=4, num_tokens=2))


class Inner(Spec):
    size: Count
    share: Share = 0.5


class Sample(Spec):
    """One key of every kind."""

    seed: Seed = 0
    rate: Positive = 0.5
    rounds: Whole = 3
    is_on: Flag = True
    name: Word = "one"
    step: ImportPath = "package.module:step"
    path: FilePath = "a/b"
    inner: Inner | None = None
    many: tuple[Inner, ...] = ()
    by_name: dict[Word, Inner] = {}
    few: Annotated[list[Count], Field(min_length=1, max_length=2)] = [1]


def refusal(spec, **values):
    with pytest.raises(ConfigError) as caught:
        spec(**values)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"seed": -1}, "`seed` must be at least 0; got -1."),
        ({"seed": 2**63}, "`seed` must be less than 9223372036854775808; got 9223372036854775808."),
        ({"seed": True}, "`seed` must be a whole number; got true."),
        ({"rate": 0}, "`rate` must be greater than 0; got 0."),
        ({"rate": "1"}, "`rate` must be a number; got '1'."),
        ({"rate": float("nan")}, "`rate` must be finite; got nan."),
        ({"rounds": 2.5}, "`rounds` must be a whole number; got 2.5."),
        ({"rounds": None}, "`rounds` must be a whole number; got nothing."),
        ({"is_on": 1}, "`is_on` must be true or false; got 1."),
        ({"name": "a\nb"}, "`name` must be a word; got 'a b'."),
        ({"name": 3}, "`name` must be text; got 3."),
        ({"step": "module"}, "`step` must name a module and its function, as my_package.solver:step; got 'module'."),
        ({"path": " "}, "`path` must be a path, not empty; got ' '."),
        ({"path": "a\0b"}, "`path` must be a path without control characters; got 'a b'."),
        ({"inner": {}}, "`inner.size` is required."),
        ({"inner": 3}, "`inner` must be a mapping of keys to values; got 3."),
        ({"many": [{"size": 1}, {"size": 0}]}, "`many.1.size` must be at least 1; got 0."),
        ({"by_name": {"a": {"size": 1, "share": 1}}}, "`by_name.a.share` must be less than 1; got 1."),
        ({"by_name": {"a\nb": {"size": 1}}}, "`by_name.a b` must be a word."),
        ({"by_name": [1, 2]}, "`by_name` must be a mapping of names to values; got a list of 2."),
        ({"few": []}, "`few` needs at least 1; got a list of 0."),
        ({"few": [1, 2, 3]}, "`few` takes at most 2; got a list of 3."),
        ({"few": 3}, "`few` must be a list; got 3."),
    ],
)
def test_a_mistake_names_the_key_the_rule_and_the_value(values, message):
    assert refusal(Sample, **values) == message


def test_every_mistake_is_reported_at_once():
    assert refusal(Sample, rate=-1.0, rounds=-1, few=[0]) == (
        "`rate` must be greater than 0; got -1.0; `rounds` must be at least 0; got -1; `few.0` must be at least 1; got 0."
    )


def test_a_long_value_is_cut_short():
    assert refusal(Sample, rate="x" * 100) == f"`rate` must be a number; got '{'x' * 56}...."


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sed": 1}, "unknown setting 'sed'. Did you mean 'seed'? Known: seed, rate, rounds,"),
        (
            {"inner": {"size": 1, "shares": 0.1}},
            "unknown setting 'inner.shares'. Did you mean 'share'? Known: size, share.",
        ),
        ({"many": [{"size": 1, "zzz": 0}]}, "unknown setting 'many.0.zzz'. Known: size, share."),
        ({"by_name": {"b": {"size": 1, "siz": 0}}}, "unknown setting 'by_name.b.siz'. Did you mean 'size'?"),
    ],
)
def test_an_unknown_setting_gets_the_names_that_are_known_where_it_stands(values, message):
    assert message in refusal(Sample, **values)


def test_a_mistake_made_in_python_is_a_mistake_of_the_user_and_a_value_error():
    for kind in (SpinlockError, ValueError):
        with pytest.raises(kind):
            Sample(seed=-1)


def test_a_file_is_validated_with_every_place_instead():
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate({"inner": {"size": 0}, "few": [1, 0]})
    assert [error["loc"] for error in caught.value.errors()] == [("inner", "size"), ("few", 1)]


def test_a_spec_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        Sample().seed = 3


@pytest.mark.parametrize("spec", [Level, ModelSpec, EncoderSpec, QuantizerSpec])
def test_every_setting_is_described(spec):
    assert all(field.description for field in spec.model_fields.values())


@pytest.mark.parametrize(
    "levels",
    [
        LEVELS,
        list(LEVELS),
        PAIR,
        tuple(PAIR),
        [[8, 16], [4, 2]],
        [{"latent_dim": 8, "num_tokens": 16}, {"latent_dim": 4, "num_tokens": 2}],
        [LEVELS[0], (4, 2)],
        [{"latent_dim": 8, "num_tokens": 16}, LEVELS[1]],
    ],
    ids=str,
)
def test_levels_are_levels_pairs_or_mappings(levels):
    assert ModelSpec(levels=levels).levels == LEVELS


def test_levels_are_left_to_the_data_unless_they_are_given():
    assert ModelSpec().levels is None
    assert ModelSpec(levels="auto") == ModelSpec()


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        (None, "`levels` must be a list of levels or 'auto'; got nothing."),
        ("aut", "`levels` must be a list; got 'aut'."),
        (3, "`levels` must be a list; got 3."),
        ([], "`levels` needs at least 1; got a list of 0."),
        ([(1, 2)] * 17, "`levels` takes at most 16; got a list of 17."),
        ([(1, 2), (3,)], "`levels.1` must be a mapping of keys to values; got a list of 1."),
        ([(1, 2, 3)], "`levels.0` must be a mapping of keys to values; got a list of 3."),
        ([(0, 1)], "`levels.0.latent_dim` must be at least 1; got 0; `levels.0.num_tokens` must be at least 2; got 1."),
        ([(2.0, 4)], "`levels.0.latent_dim` must be a whole number; got 2.0."),
        ([(8, 65_537)], "`levels.0.num_tokens` must be at most 65536; got 65537."),
        (
            [{"latent_dim": 3, "num_token": 4}],
            "`levels.0.num_tokens` is required; unknown setting 'levels.0.num_token'. Did you mean 'num_tokens'? "
            "Known: latent_dim, num_tokens.",
        ),
    ],
)
def test_levels_that_are_none_are_refused(levels, message):
    assert refusal(ModelSpec, levels=levels) == message


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"levels": PAIR, "bits": 24},
            "`bits` contradicts levels, whose sizes are given; remove it, or set levels: auto.",
        ),
        ({"category_tokens": {"heat": (4,)}}, "`category_tokens` contradicts levels: auto; give levels, or remove it."),
        ({"backend": "vqvae"}, "`backend` vqvae needs levels with sizes; give them, or choose another backend."),
        (
            {"levels": PAIR, "category_tokens": {"heat": (4, 4)}, "backend": "vqvae"},
            "`category_tokens` the vqvae backend has one size for all categories; remove it, or choose another backend.",
        ),
        (
            {"levels": PAIR, "category_tokens": {"heat": (4,)}},
            "`category_tokens.heat` must have one size for each of the 2 levels; got 1.",
        ),
        (
            {"levels": PAIR, "bits": 8, "category_tokens": {"heat": (4, 4), "wave": (2, 2, 2)}},
            "`bits` contradicts levels, whose sizes are given; remove it, or set levels: auto; "
            "`category_tokens.wave` must have one size for each of the 2 levels; got 3.",
        ),
    ],
)
def test_sizes_that_contradict_each_other_are_refused_with_the_remedy(values, message):
    assert refusal(ModelSpec, **values) == message


@pytest.mark.parametrize(
    "values",
    [
        {"bits": 24},
        {"bits": 24, "backend": "predictive"},
        {"levels": PAIR, "backend": "vqvae"},
        {"levels": PAIR, "category_tokens": {"heat": (4, 1)}, "backend": "classical"},
    ],
)
def test_sizes_that_agree_are_taken(values):
    spec = ModelSpec(**values)
    assert (spec.bits, spec.backend) == (values.get("bits"), values.get("backend", "auto"))
    assert spec.category_tokens == values.get("category_tokens", {})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"decay": 1}, "`decay` must be less than 1; got 1."),
        ({"decay": 0.0}, "`decay` must be greater than 0; got 0.0."),
        ({"use_ema": "yes"}, "`use_ema` must be true or false; got 'yes'."),
        ({"restart_threshold": 1.5}, "`restart_threshold` must be at most 1; got 1.5."),
        ({"backend": "vqva"}, "`backend` must be one of 'auto', 'vqvae', 'classical' or 'predictive'; got 'vqva'."),
        ({"bits": 0}, "`bits` must be at least 1; got 0."),
        ({"group_embedding_dim": 0}, "`group_embedding_dim` must be at least 1; got 0."),
        ({"orthogonality_weight": float("inf")}, "`orthogonality_weight` must be finite; got inf."),
        ({"category_tokens": {"heat": (4, 0)}, "levels": PAIR}, "`category_tokens.heat.1` must be at least 1; got 0."),
    ],
)
def test_a_shape_out_of_range_is_refused(values, message):
    assert refusal(ModelSpec, **values) == message


def test_an_unknown_setting_of_the_model_gets_the_one_that_was_meant():
    assert refusal(ModelSpec, decai=0.9).startswith(
        "unknown setting 'decai'. Did you mean 'decay'? Known: commitment_cost,"
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"encoder": "MLPEncode"}, "`encoder` unknown encoder 'MLPEncode'. Did you mean 'MLPEncoder'?"),
        (
            {"encoder_params": {"hiden_dims": [3]}},
            "`encoder_params.hiden_dims` encoder 'MLPEncoder' has no parameter 'hiden_dims'. Did you mean 'hidden_dims'?",
        ),
        (
            {"encoder_params": {"hidden_dims": [3, "a"], "output_dim": 2.5}},
            "`encoder_params.hidden_dims.1` must be a whole number [got 'a']; "
            "`encoder_params.output_dim` must be a whole number [got 2.5].",
        ),
        ({"encoder_params": {"activation": "rely"}}, "unknown activation 'rely'. Did you mean 'relu'?"),
        ({"encoder_params": {"output_dim": 0}}, "`hidden_dims` and `output_dim` must be greater than 0"),
        ({"encoder_params": {"input_dim": 3}}, "encoder 'MLPEncoder' has no parameter 'input_dim'"),
        ({"encoder": "IdentityEncoder", "encoder_params": {"dropout": 0.1}}, "has no parameter 'dropout'"),
        ({"encoder_params": 3}, "`encoder_params` must be a mapping of names to values; got 3."),
    ],
)
def test_an_encoder_that_cannot_be_made_is_refused(values, message):
    assert message in refusal(EncoderSpec, **values)


def test_an_encoder_of_any_width_is_checked_without_being_made():
    parameters = {"hidden_dims": (1_000_000_000, 1_000_000_000)}
    assert EncoderSpec(encoder_params=parameters).encoder_params == parameters


@pytest.mark.parametrize(
    "spec",
    [
        ModelSpec(),
        ModelSpec(levels=PAIR, category_tokens={"heat": (4, 1)}, decay=0.5),
        ModelSpec(bits=12, backend="predictive"),
        EncoderSpec(encoder_params={"hidden_dims": [3], "batch_norm": False}),
        QuantizerSpec(use_ema=False),
    ],
    ids=repr,
)
def test_a_spec_comes_back_from_json(spec):
    assert type(spec)(**json.loads(json.dumps(spec.model_dump(mode="json")))) == spec


def test_auto_is_written_as_it_is_read():
    assert ModelSpec().model_dump()["levels"] == "auto"
    assert ModelSpec(levels=PAIR).model_dump()["levels"] == [
        {"latent_dim": 8, "num_tokens": 16},
        {"latent_dim": 4, "num_tokens": 2},
    ]
