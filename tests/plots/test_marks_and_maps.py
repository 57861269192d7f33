from dataclasses import replace
from io import BytesIO
from itertools import combinations

import numpy as np
import pytest
from page_samples import full
from PIL import Image

from spinlock.plots import render_page
from spinlock.plots.images import data_uri
from spinlock.plots.marks import MOST_CLASSES, SHAPES, by_class, by_value
from spinlock.plots.rollouts import STRIP_CELLS, STRIP_FRAMES, film_strip
from spinlock.plots.run_map import HEIGHT, MARGIN, WIDTH, Axis
from spinlock.plots.theme import SERIES

# Machado, Oliveira and Fernandes 2009, IEEE TVCG 15, 6: complete lack of one kind of cone, linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "red": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "green": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "blue": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def linear(colour):
    values = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def oklab(values):
    """Ottosson 2020: differences are as large as they look."""
    cones = np.cbrt(
        np.array([[0.41222, 0.53633, 0.05145], [0.21190, 0.68070, 0.10740], [0.08830, 0.28172, 0.62998]])
        @ values.clip(0, 1)
    )
    return 100 * (
        np.array([[0.21045, 0.79362, -0.00407], [1.97800, -2.42859, 0.45059], [0.02590, 0.78277, -0.80868]]) @ cones
    )


@pytest.mark.parametrize(("kind", "least"), [("none", 10), ("red", 10), ("green", 10), ("blue", 7)])
def test_series_are_told_apart_with_any_kind_of_colour_blindness(kind, least):
    seen = [oklab(BLINDNESS[kind] @ linear(colour)) for colour in SERIES]
    assert min(np.linalg.norm(one - other) for one, other in combinations(seen, 2)) >= least


def test_the_most_frequent_class_comes_first_and_equals_by_name():
    found = by_class(["b", "a", "", "c", "c", "b"], kind="Word", label="x", text=str.upper)
    assert [(entry.text, entry.size) for entry in found.entries] == [("B", 2), ("C", 2), ("A", 1)]
    assert found.of == (0, 2, -1, 1, 1, 0)
    assert found.encoded == "AC.BBA"
    assert found.entry(2).shape == "dot"


def test_no_two_classes_have_the_same_mark_and_what_is_beyond_is_others():
    found = by_class([f"{number:02}" for number in range(MOST_CLASSES + 3)], kind="Word", label="x")
    assert len({(entry.shape, entry.fill) for entry in found.entries}) == MOST_CLASSES
    assert {entry.shape for entry in found.entries} == set(SHAPES)
    assert found.of[-3:] == (-1, -1, -1)


def test_values_have_shades_of_equally_many_runs_from_light_to_dark():
    values = np.append(np.random.default_rng(0).permutation(np.arange(12.0)), np.nan)
    found = by_value(values, kind="Parameter", label="x")
    assert [entry.size for entry in found.entries] == [2] * 6
    assert [entry.text for entry in found.entries][:2] == ["0 to 1", "2 to 3"]
    assert [entry.fill for entry in found.entries] == [f"level-{shade}" for shade in range(6)]
    assert [number for number in found.of] == [*(values[:-1] // 2).astype(int).tolist(), -1]


def test_few_values_have_few_shades_that_still_span_light_and_dark():
    found = by_value(np.array([-1.0, -1.0, 2.0]), kind="Parameter", label="x")
    assert [(entry.text, entry.fill) for entry in found.entries] == [("−1", "level-0"), ("2", "level-5")]
    assert by_value(np.array([3.0, 3.0, np.nan]), kind="Parameter", label="x") is None


def test_an_axis_is_logarithmic_where_its_draws_are_evenly_spread_over_powers():
    assert Axis("x", tuple(np.geomspace(1e-3, 1, 9))).is_logarithmic
    assert np.allclose(Axis("x", tuple(np.geomspace(1e-3, 1, 9))).places, np.linspace(0, 1, 9))
    assert not Axis("x", tuple(np.linspace(1e-3, 1, 9))).is_logarithmic
    assert not Axis("x", (-1.0, 0.0, 9.0)).is_logarithmic
    assert Axis("x", (-0.25, 2.0)).ends == ("−0.25", "2")


def test_a_map_keeps_its_margins_and_grows_with_many_runs():
    few = full().run_map
    assert few.places == ((f"{MARGIN}.0", f"{MARGIN}.0"), (f"{WIDTH - MARGIN}.0", f"{HEIGHT - MARGIN}.0"))
    assert few._replace(runs=few.runs * 300).size[0] > few.size[0] == WIDTH
    assert len(few.data["runs"]) == 2
    assert few.data["runs"][1]["film"] == ""


@pytest.mark.parametrize(("times", "cells"), [(1, 8), (5, 33), (40, 64)])
def test_a_film_strip_has_eight_small_frames(times, cells):
    frames = np.random.default_rng(0).random((times, cells, cells))
    strip = film_strip(frames)
    with Image.open(BytesIO(strip)) as image:
        width, height = image.size
    assert width == STRIP_FRAMES * height
    assert height <= STRIP_CELLS
    assert film_strip(frames) == strip
    assert data_uri(strip, "image/webp").startswith("data:image/webp;base64,UklGR")


def test_a_map_of_fewer_runs_than_there_are_says_so():
    assert "2 of 48 runs are shown" in render_page(full())
    assert "1 of the runs have a film" in render_page(full())
    page = full()
    assert "runs are shown" not in render_page(replace(page, run_map=page.run_map._replace(num_runs=2)))
