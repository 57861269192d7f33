"""What features declare to need is what they need: verdicts on data sets and docs/features.md are made from it."""

import runpy
from functools import lru_cache
from pathlib import Path

import pytest
import torch
from feature_samples import noise, smooth
from torch import Tensor

from spinlock.core.needs import Setting
from spinlock.core.rollout import Rollout
from spinlock.features.extract import compute
from spinlock.features.fields import Fields
from spinlock.features.sdf import PER_TIMESTEP, SDF, SDF_FEATURES

ROOT = Path(__file__).parents[2]
STEPS = sorted({spec.needs.steps for spec in SDF.specs} - {1})
SIDES = sorted({spec.needs.longer_side for spec in SDF.specs} - {1})


def stirred(u: Tensor) -> Tensor:
    """A step operator that nothing is degenerate about, and that keeps all states bounded."""
    return torch.sin(1.3 * u.roll(1, -1)) + 0.1 * u.roll((1, 1), (-2, -1))


def fields_of(states: Tensor, *, periodic: bool = True, operator: bool = True) -> Fields:
    names = tuple(f"c{channel}" for channel in range(states.shape[2]))
    step = stirred if operator else None
    return Fields.from_rollout(
        Rollout(states=states, system="test", dt=0.5, periodic=periodic, step=step, channel_names=names)
    )


def missing(fields: Fields) -> set[str]:
    """Features without a value in some realization (and, of a time step, at any time)."""
    values = {feature.name: compute(feature, fields) for feature in SDF_FEATURES}
    return {
        name
        for name, value in values.items()
        if bool(value.isnan().flatten(1).all(1).any() if value.ndim > 1 else value.isnan().any())
    }


@lru_cache
def missing_of_a_lively_field(
    *,
    steps: int = 64,
    channels: int = 2,
    size: tuple[int, int] = (16, 16),
    periodic: bool = True,
    operator: bool = True,
) -> frozenset[str]:
    """A random field that moves, is renewed, swings and grows; nothing about it is degenerate but what the arguments make so."""
    states = torch.stack([smooth(steps, *size, length=0.02, seed=channel) for channel in range(channels)], 1)
    for time in range(1, steps):
        states[time] = 0.8 * torch.roll(states[time - 1], 1, -1) + 0.6 * states[time]
    time = torch.arange(steps, dtype=states.dtype)[:, None, None, None]
    states = (states + torch.sin(time * 0.9)) * (1 + time / 64)
    return frozenset(missing(fields_of(states[None], periodic=periodic, operator=operator)))


def unmet(**setting) -> set[str]:
    """Features that have no value in a setting, by what they declare."""
    there = Setting(
        **{"steps": 64, "channels": 2, "height": 16, "width": 16, "wraps": True, "operator": True} | setting
    )
    return {spec.name for spec in SDF.specs if any(spec.needs.unmet(there).values())}


def test_no_feature_of_a_lively_field_is_missing():
    assert missing_of_a_lively_field() == set()


@pytest.mark.parametrize(
    ("field", "setting"),
    [
        ({"channels": 1}, {"channels": 1}),
        ({"operator": False}, {"operator": False}),
        ({"periodic": False}, {"wraps": False}),
        ({"size": (16, 12)}, {"width": 12}),
        ({"size": (1, 16)}, {"height": 1}),
        ({"size": (16, 1)}, {"width": 1}),
        ({"size": (1, 1)}, {"height": 1, "width": 1}),
        ({"channels": 1, "periodic": False, "steps": 20}, {"channels": 1, "wraps": False, "steps": 20}),
    ],
    ids=str,
)
def test_exactly_the_features_that_declare_a_need_are_missing_without_it(field, setting):
    assert missing_of_a_lively_field(**field) == unmet(**setting)
    assert unmet(**setting)


@pytest.mark.parametrize("steps", sorted({*STEPS, *(steps - 1 for steps in STEPS)}))
def test_features_are_there_from_the_number_of_steps_on_that_they_need(steps):
    assert missing_of_a_lively_field(steps=steps) == unmet(steps=steps)


@pytest.mark.parametrize("side", range(1, max(SIDES) + 1))
def test_features_are_there_from_the_number_of_cells_on_that_they_need(side):
    smallest = {"steps": 64, "size": (side, side)}
    # Of so few cells, if their number is odd, all waves are long: there is no high-passed field.
    by_value = {name for name in SDF.names if name.startswith("high_")} if side % 2 else set()
    assert missing_of_a_lively_field(**smallest) == unmet(height=side, width=side) | by_value


def test_features_that_need_a_plane_are_one_number_in_one_dimension_and_no_others_are():
    fields = fields_of(noise(2, 8, 2, 1, 32))
    values = {feature.name: compute(feature, fields) for feature in PER_TIMESTEP}
    constant = {name for name, value in values.items() if not value.isnan().all() and value.max() - value.min() < 1e-6}
    assert constant == {spec.name for spec in SDF.specs if spec.needs.plane}


def degenerate() -> list[Tensor]:
    """Fields (1, 64, 2, 16, 16) of which one thing or another cannot be said."""
    u = noise(1, 64, 2, 16, 16)
    fade = torch.logspace(0, -30, 64, dtype=u.dtype)[:, None, None, None]
    return [
        torch.zeros_like(u),
        torch.full_like(u, 3.7),
        u[:, :1].expand_as(u),
        u[..., :1, :1].expand_as(u),
        u * fade,
        u * fade.pow(-14 / 30),
        (u > 0).to(u.dtype),
        torch.where(torch.arange(64)[:, None, None, None] == 20, 0, u),
    ]


def test_features_that_name_no_states_without_a_value_have_one_in_every_state_and_all_others_have_not():
    found = set().union(*(missing(fields_of(states.contiguous())) for states in degenerate()))
    assert found == {spec.name for spec in SDF.specs if spec.undefined}


def test_when_a_value_is_missing_is_told_from_what_is_needed():
    assert SDF["spatial_mean"].missing == ""
    assert SDF["mass_drift"].missing == "with one saved time"
    assert (
        SDF["granger_channels"].missing == "with one channel, with fewer than 16 saved times, or where no block changes"
    )
    assert SDF["correlation_length_y"].missing == "with one row of cells, or where the frame is constant"
    assert SDF["burstiness"].scale == ("length of the run",)


def test_no_feature_of_a_frame_is_in_units_of_the_length_of_the_run():
    assert [feature.name for feature in PER_TIMESTEP if "length of the run" in feature.spec.scale] == []
    assert {part for spec in SDF.specs for part in spec.scale} == {
        "length of the run",
        "grid spacing",
        "number of channels",
        "level of the field",
    }


def test_the_page_is_what_the_script_writes_now():
    page = runpy.run_path(str(ROOT / "scripts" / "write_features_page.py"))["page"]()
    assert (ROOT / "docs" / "features.md").read_text(encoding="utf-8") == page, "run: scripts/write_features_page.py"
    for spec in SDF.specs:
        section = page.partition(f"### `{spec.name}`\n")[2].partition("\n### ")[0].replace("\\", "")
        assert f"missing: {spec.missing or 'never'} ·" in section
        assert all(part in section for part in spec.scale)
