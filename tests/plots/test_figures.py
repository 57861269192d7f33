import io
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from spinlock.core.errors import InputError
from spinlock.plots.coder_dots import coder_dots
from spinlock.plots.dendrogram import dendrogram
from spinlock.plots.images import data_uri, to_page_svg, to_svg
from spinlock.plots.reconstruction_bars import reconstruction_bars
from spinlock.plots.rollouts import animation, chosen_frames, coloured, contact_sheet, still
from spinlock.plots.theme import STYLE, VARIABLES, level_colours, nice_log_ticks
from spinlock.plots.training_curves import training_curves
from spinlock.plots.usage_heatmap import usage_heatmap

HOSTILE = '</svg><script>alert("$x_{1}$ & more")</script>'
TREE = np.array([[0.0, 1.0, 0.2, 2.0], [2.0, 3.0, 0.7, 3.0]])
WAVES = np.sin(np.linspace(0, 6, 16) + np.linspace(0, 3, 16)[:, None] + np.arange(30)[:, None, None] * 0.3)

FIGURES = {
    "curves": lambda name: training_curves({f"train_{name}": [(0, 1.0), (1, 0.1)], "validation_x": [(0, -1.0)]}),
    "usage": lambda name: usage_heatmap({name: np.array([[0.5, 1.1], [np.nan, 0.9]])}, [name, "b"], threshold=0.8),
    "bars": lambda name: reconstruction_bars(
        np.array([[0.5, 0.2], [0.4, np.nan]]), [name, "b"], lines={name: 0.3}, threshold=0.1
    ),
    "coders": lambda name: coder_dots({name: {"train": 0.1, "test": 0.2}, "b": {}}, highlighted=[name], threshold=0.1),
    "tree": lambda name: dendrogram(TREE, [name, "b", "c"], groups=[0, 0, 1]),
    "sheet": lambda name: contact_sheet([WAVES], [name]),
}


def texts(svg):
    return [
        "".join(element.itertext()) for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("text")
    ]


@pytest.mark.parametrize("kind", FIGURES)
def test_svg_is_the_same_text_on_every_run(kind):
    one, other = (to_svg(FIGURES[kind]("a"), name=kind) for _ in range(2))
    assert one == other


@pytest.mark.parametrize("kind", FIGURES)
def test_hostile_name_stays_text(kind):
    svg = to_svg(FIGURES[kind](HOSTILE), name=kind)
    assert "<script" not in svg
    assert any("alert" in text for text in texts(svg))


def test_names_in_any_script_are_written():
    assert "渦の運動 🌀" in texts(to_svg(FIGURES["bars"]("渦の運動 🌀")))


def test_ids_of_two_figures_do_not_clash():
    def ids(name):
        root = ElementTree.fromstring(to_svg(FIGURES["usage"]("a"), name=name))
        return {element.get("id") for element in root.iter() if element.get("id")}

    assert ids("one")
    assert not ids("one") & ids("two")


def test_references_inside_a_figure_lead_somewhere():
    root = ElementTree.fromstring(to_svg(FIGURES["curves"]("a"), name="one"))
    ids = {element.get("id") for element in root.iter()}
    references = [v[1:] for e in root.iter() for k, v in e.attrib.items() if k.endswith("href") and v.startswith("#")]
    clips = [v[5:-1] for e in root.iter() for k, v in e.attrib.items() if k == "clip-path"]
    assert references
    assert clips
    assert set(references + clips) <= ids


def test_page_figure_has_themed_colours_a_description_and_no_address():
    svg = to_page_svg(FIGURES["bars"]("a"), name="bars", description='errors "by" level')
    assert svg.startswith('<svg role="img" aria-label="errors &quot;by&quot; level"')
    assert "http" not in svg
    assert "var(--ink)" in svg
    assert not [colour for colour in VARIABLES if colour in svg]


def test_drawing_leaves_the_settings_of_matplotlib_alone():
    before = {key: mpl.rcParams[key] for key in STYLE}
    to_svg(FIGURES["curves"]("a"), name="x")
    assert {key: mpl.rcParams[key] for key in STYLE} == before


def test_every_number_of_the_heat_map_is_written_as_it_is():
    written = texts(to_svg(FIGURES["usage"]("a")))
    assert {"0.50", "1.10", "0.90", "none"} <= set(written)


def test_missing_error_is_said_and_not_drawn_as_a_number():
    written = texts(to_svg(FIGURES["bars"]("a")))
    assert "no figure" in written
    assert "nan" not in written


def test_splits_of_one_figure_share_a_panel():
    figure = training_curves({"train_mse": [(0, 1.0)], "validation_mse": [(0, 2.0)], "lr": [(0, 0.1)]})
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["mse", "lr"]
    assert len(figure.axes[0].lines) == 2


def test_weights_of_families_share_a_panel():
    figure = training_curves({"weight_summary": [(0, 1.0), (1, 2.0)], "weight_initial": [(0, 1.0)], "loss": [(0, 0.1)]})
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["weight", "loss"]
    assert [line.get_label() for line in figure.axes[0].lines] == ["summary", "initial"]
    assert len({line.get_color() for line in figure.axes[0].lines}) == 2


def test_curve_without_values_says_so():
    figure = training_curves({"train_mse": [], "lr": [(0, 0.1)]})
    assert [text.get_text() for text in figure.axes[0].texts] == ["no values"]
    assert not figure.axes[1].texts


def test_curves_are_drawn_point_by_point():
    points = [(0.0, 3.0), (5.0, 1.0), (7.0, 2.0)]
    line = training_curves({"loss": points}).axes[0].lines[0]
    np.testing.assert_array_equal(np.column_stack([line.get_xdata(), line.get_ydata()]), points)


def test_bars_are_as_long_as_the_errors():
    errors = np.array([[0.5, 0.2], [0.4, 0.1]])
    widths = [bar.get_width() for bar in reconstruction_bars(errors, ["a", "b"]).axes[0].patches]
    assert widths == pytest.approx(errors.T.ravel().tolist())


def test_dots_stand_at_the_errors():
    axes = coder_dots({"a": {"train": 0.1, "validation": 0.3, "test": 0.2}}).axes[0]
    assert [float(line.get_xdata()[0]) for line in axes.lines] == [0.1, 0.3, 0.2]


@pytest.mark.parametrize("num_levels", range(1, 9))
def test_last_level_has_the_strongest_colour(num_levels):
    colours = level_colours(num_levels)
    assert len(colours) == num_levels
    assert set(colours) <= set(VARIABLES)


def test_logarithmic_ticks_are_round_numbers_in_the_range():
    assert nice_log_ticks(0.09, 1.1) == [0.1, 0.2, 0.5, 1.0]
    assert nice_log_ticks(1e-6, 1.0) == pytest.approx([10.0**n for n in range(-6, 1)])


def test_smallest_value_is_darkest_and_missing_pixels_are_grey():
    frames = np.array([[[0.0, 1.0, np.nan]]])
    dark, bright, grey = coloured(frames)[0, 0]
    assert int(dark.sum()) < 20
    assert int(bright.sum()) > 600
    assert grey.tolist() == [128, 128, 128]


@pytest.mark.parametrize("value", [0.0, 5.0, np.nan])
def test_constant_frames_have_one_colour(value):
    assert len(np.unique(coloured(np.full((2, 3, 3), value)).reshape(-1, 3), axis=0)) == 1


def test_first_and_last_frame_are_shown():
    assert chosen_frames(5) == [0, 1, 2, 3, 4]
    assert chosen_frames(1) == [0]
    chosen = chosen_frames(250)
    assert (chosen[0], chosen[-1], len(chosen)) == (0, 249, 20)


def test_animation_shows_the_frames_with_repeated_pixels():
    image = Image.open(io.BytesIO(animation(WAVES, size=32)))
    assert (image.format, image.size, image.n_frames) == ("WEBP", (32, 32), 20)
    first = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(first, coloured(WAVES[chosen_frames(30)])[0].repeat(2, 0).repeat(2, 1))


def test_animation_of_noise_is_small_and_the_same_on_every_run():
    noise = np.random.default_rng(0).standard_normal((20, 64, 64))
    one, other = animation(noise), animation(noise)
    assert one == other
    assert len(one) < 150_000


def test_still_is_the_last_frame():
    image = Image.open(io.BytesIO(still(WAVES, size=16))).convert("RGB")
    np.testing.assert_array_equal(np.asarray(image), coloured(WAVES[chosen_frames(30)])[-1])


def test_animation_without_frames_is_refused():
    with pytest.raises(InputError, match="at least one frame"):
        animation(np.zeros((0, 4, 4)))


def test_data_address_holds_the_bytes():
    assert data_uri(b"abc", "image/webp") == "data:image/webp;base64,YWJj"
