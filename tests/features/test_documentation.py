"""What docstrings say of missing values is what the features do: the health report and docs/features.md rely on it."""

import re
import runpy
from pathlib import Path

import pytest
import torch
from feature_samples import smooth

from spinlock.core.rollout import Rollout
from spinlock.features.documentation import described, fewest_steps, needs_channels, needs_space, words_on_missing
from spinlock.features.extract import compute
from spinlock.features.fields import Fields
from spinlock.features.sdf import PER_TIMESTEP, PER_TRAJECTORY, SDF_FEATURES

ROOT = Path(__file__).parents[2]
ALWAYS_THERE = {"spatial_mean", "spatial_std", "gradient_magnitude"}
FORMULA = re.compile(r"[=ΣΔ√⟨|²³⁴σ→]|[\w)] ?/ ?[\w(]|log")
WITHOUT_OPERATOR = [feature for feature in PER_TRAJECTORY if feature.category != "operator_sensitivity"]
SCALES = {"length of the run", "grid spacing", "number of channels"}
STEPS = sorted({fewest_steps(feature) for feature in WITHOUT_OPERATOR} - {1})


def moving(*, steps: int, channels: int = 2, size: tuple[int, int] = (32, 32)) -> Fields:
    """A random field that moves, changes and grows; nothing about it is degenerate."""
    states = torch.stack([smooth(steps, *size, length=0.02, seed=channel) for channel in range(channels)], 1)
    for time in range(1, steps):
        states[time] = 0.8 * torch.roll(states[time - 1], 1, -1) + 0.6 * states[time]
    growth = torch.linspace(1, 2, steps, dtype=states.dtype)[:, None, None, None]
    names = tuple(f"c{channel}" for channel in range(channels))
    return Fields.from_rollout(Rollout(states=(states * growth)[None], system="test", dt=0.5, channel_names=names))


def is_missing(feature, fields: Fields) -> bool:
    return bool(compute(feature, fields).isnan().all())


@pytest.fixture(scope="module")
def whole() -> Fields:
    return moving(steps=64)


def test_no_feature_of_a_lively_field_is_missing(whole):
    assert [f.name for f in (*PER_TIMESTEP, *WITHOUT_OPERATOR) if is_missing(f, whole)] == []


def test_features_that_need_two_channels_say_so_and_no_others_do():
    one = moving(steps=64, channels=1)
    missing = {f.name for f in (*PER_TIMESTEP, *WITHOUT_OPERATOR) if is_missing(f, one)}
    assert missing == {f.name for f in SDF_FEATURES if needs_channels(f)}


@pytest.mark.parametrize("steps", STEPS)
def test_features_are_there_from_the_number_of_steps_on_that_they_name(steps):
    own = [feature for feature in WITHOUT_OPERATOR if fewest_steps(feature) == steps]
    enough, short = moving(steps=steps), moving(steps=steps - 1)
    assert [f.name for f in own if is_missing(f, enough) or not is_missing(f, short)] == []


def test_features_that_are_missing_without_extent_in_space_say_so():
    row = moving(steps=64, size=(1, 32))
    missing = {f.name for f in WITHOUT_OPERATOR if is_missing(f, row)}
    assert missing <= {f.name for f in WITHOUT_OPERATOR if needs_space(f)}
    assert "transport_y" in missing


def test_every_feature_of_the_operator_says_that_it_needs_one():
    for feature in PER_TRAJECTORY:
        assert ("step operator" in words_on_missing(feature)) == (feature.category == "operator_sensitivity")


def test_scales_are_of_three_kinds_and_no_feature_of_a_frame_has_the_length_of_the_run():
    scales = {feature: described(feature).scale.split(", ") for feature in SDF_FEATURES if described(feature).scale}
    assert {part for parts in scales.values() for part in parts} <= SCALES
    assert [feature.name for feature in PER_TIMESTEP if "length of the run" in scales.get(feature, ())] == []
    assert all("Scale:" not in described(feature).text for feature in scales)


def test_a_docstring_is_taken_apart():
    by_name = {feature.name: feature for feature in SDF_FEATURES}
    skewness = described(by_name["spatial_skewness"])
    assert skewness.definition.startswith("Third standardised moment")
    assert skewness.values == "any real number"
    assert skewness.missing.startswith("NaN where the frame is constant.")
    assert "NaN" not in skewness.text
    share = described(by_name["temporal_variance_share"])
    assert (share.values, share.missing[:4]) == ("in [0, 1]", "NaN ")
    assert described(by_name["fine_scale_power"]).scale == "grid spacing"
    assert described(by_name["spatial_std"]).scale == ""
    assert all(described(feature).definition for feature in SDF_FEATURES)


def test_the_page_is_what_the_script_writes_now():
    made = runpy.run_path(str(ROOT / "scripts" / "write_features_page.py"))["page"]()
    assert (ROOT / "docs" / "features.md").read_text(encoding="utf-8") == made, "run: scripts/write_features_page.py"


@pytest.mark.parametrize("feature", SDF_FEATURES, ids=lambda feature: feature.name)
def test_every_feature_has_its_definition_formula_unit_range_source_and_edge_cases(feature):
    text = described(feature)
    assert len(text.definition.split()) >= 4
    assert text.definition.endswith(".")
    assert FORMULA.search(text.text)
    assert text.values
    assert feature.unit
    assert feature.source == "definition" or re.search(r"\d{4}|catch22", feature.source)
    assert bool(text.missing) == (feature.name not in ALWAYS_THERE)


@pytest.mark.parametrize("category", sorted({feature.category for feature in SDF_FEATURES}))
def test_every_feature_is_tested_by_name_beside_its_category(category):
    """The tests of a category hold its features against closed forms, brute force or another library."""
    tests = (ROOT / "tests" / "features" / f"test_{category}.py").read_text(encoding="utf-8")
    features = [feature.name for feature in SDF_FEATURES if feature.category == category]
    assert [name for name in features if not re.search(rf"\b{name}\b", tests)] == []
